//! The first 128 bytes of a segment.
//!
//! Shape, little-endian: magic "DFKLOG\0" + version u8, log id u64, segment u64, number of its first frame u64, salt
//! [16], cipher u8 (0 none, 1 AES-GCM, 2 AES-CTR), length of the key's alias u8, alias [64], proof of the key [8], zeros,
//! crc32c of bytes 0..124. A segment whose header is damaged is read all the same; only encrypted ones need it.
const MAGIC: [u8; 8] = *b"DFKLOG\0\x01";
pub const HEADER: usize = 128;
const ALIAS: usize = 64;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub log: u64,
    pub segment: u64,
    pub first: u64,
    pub salt: [u8; 16],
    /// 0: not encrypted.
    pub cipher: u8,
    pub alias: String,
    /// Tells whether a key is the one it was encrypted by.
    pub proof: [u8; 8],
}

impl Header {
    /// The bytes; the alias is at most 64 bytes long.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        for (at, number) in [(8, self.log), (16, self.segment), (24, self.first)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes[32..48].copy_from_slice(&self.salt);
        bytes[48] = self.cipher;
        bytes[49] = self.alias.len() as u8;
        bytes[50..50 + self.alias.len()].copy_from_slice(self.alias.as_bytes());
        bytes[114..122].copy_from_slice(&self.proof);
        let sum = crc32c::crc32c(&bytes[..124]);
        bytes[124..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header at the start of `bytes`, if it verifies.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER)?;
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let sum = u32::from_le_bytes(bytes[124..].try_into().expect("four bytes"));
        let alias = usize::from(bytes[49]);
        if bytes[..8] != MAGIC || sum != crc32c::crc32c(&bytes[..124]) || alias > ALIAS {
            return None;
        }
        Some(Header {
            log: long(8),
            segment: long(16),
            first: long(24),
            salt: bytes[32..48].try_into().expect("16 bytes"),
            cipher: bytes[48],
            alias: std::str::from_utf8(&bytes[50..50 + alias]).ok()?.to_string(),
            proof: bytes[114..122].try_into().expect("eight bytes"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_of_a_header() {
        let header = Header {
            log: 1,
            segment: 2,
            first: 3,
            salt: [4; 16],
            cipher: 2,
            alias: "key-0".into(),
            proof: [6; 8],
        };
        let mut golden = b"DFKLOG\0\x01".to_vec();
        for number in [1u64, 2, 3] {
            golden.extend(number.to_le_bytes());
        }
        golden.extend([4; 16]);
        golden.extend(b"\x02\x05key-0");
        golden.resize(114, 0);
        golden.extend([6; 8]);
        golden.resize(124, 0);
        golden.extend(crc32c::crc32c(&golden).to_le_bytes());
        assert_eq!(header.encode()[..], golden);
        assert_eq!(Header::decode(&golden), Some(header));
        golden[20] ^= 1;
        assert_eq!(Header::decode(&golden), None);
    }
}
