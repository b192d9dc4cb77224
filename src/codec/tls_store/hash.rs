//! Hashes by their identifiers, and what PKCS#12 makes of a password with them.
//!
//! Shape of [`Hash::derived`]: a block filled with what the bytes are for, the salt and the password, both repeated to
//! whole blocks, are hashed again and again; for more bytes, that hash is added to each block of the latter two first.
//! The password is UTF-16BE with two zeros at its end.
//! Truth: RFC 7292, appendix B.2; RFC 8018, section 5.2 (PBKDF2).
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// What derived bytes are for.
#[derive(Clone, Copy)]
pub enum Purpose {
    Key = 1,
    Vector = 2,
    Mac = 3,
}

impl Hash {
    /// By the content of its object identifier: 1.3.14.3.2.26 or 2.16.840.1.101.3.4.2.n.
    pub fn by_oid(oid: &[u8]) -> Option<Hash> {
        match oid {
            [0x2b, 14, 3, 2, 26] => Some(Hash::Sha1),
            [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last] => match last {
                1 => Some(Hash::Sha256),
                2 => Some(Hash::Sha384),
                3 => Some(Hash::Sha512),
                4 => Some(Hash::Sha224),
                _ => None,
            },
            _ => None,
        }
    }

    /// By that of the HMAC made of it: 1.2.840.113549.2.n.
    pub fn by_hmac_oid(oid: &[u8]) -> Option<Hash> {
        match oid.strip_prefix(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2])? {
            [7] => Some(Hash::Sha1),
            [8] => Some(Hash::Sha224),
            [9] => Some(Hash::Sha256),
            [10] => Some(Hash::Sha384),
            [11] => Some(Hash::Sha512),
            _ => None,
        }
    }

    pub fn hmac(self, key: &[u8], content: &[u8]) -> Vec<u8> {
        fn by<M: Mac + KeyInit>(key: &[u8], content: &[u8]) -> Vec<u8> {
            let mac = <M as KeyInit>::new_from_slice(key).expect("a key of an HMAC is of any length");
            mac.chain_update(content).finalize().into_bytes().to_vec()
        }
        match self {
            Hash::Sha1 => by::<Hmac<Sha1>>(key, content),
            Hash::Sha224 => by::<Hmac<Sha224>>(key, content),
            Hash::Sha256 => by::<Hmac<Sha256>>(key, content),
            Hash::Sha384 => by::<Hmac<Sha384>>(key, content),
            Hash::Sha512 => by::<Hmac<Sha512>>(key, content),
        }
    }

    /// A key by PBKDF2.
    pub fn pbkdf2(self, password: &str, salt: &[u8], rounds: u32, length: usize) -> Vec<u8> {
        let mut key = vec![0; length];
        let password = password.as_bytes();
        let made = match self {
            Hash::Sha1 => pbkdf2::pbkdf2::<Hmac<Sha1>>(password, salt, rounds, &mut key),
            Hash::Sha224 => pbkdf2::pbkdf2::<Hmac<Sha224>>(password, salt, rounds, &mut key),
            Hash::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, rounds, &mut key),
            Hash::Sha384 => pbkdf2::pbkdf2::<Hmac<Sha384>>(password, salt, rounds, &mut key),
            Hash::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, rounds, &mut key),
        };
        made.expect("a key of an HMAC is of any length");
        key
    }

    /// `length` bytes by PKCS#12's own way.
    pub fn derived(
        self,
        purpose: Purpose,
        password: &str,
        salt: &[u8],
        rounds: u32,
        length: usize,
    ) -> Vec<u8> {
        let block = self.block();
        let password: Vec<u8> = password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
        let head = vec![purpose as u8; block];
        let mut seed = [whole_blocks(salt, block), whole_blocks(&password, block)].concat();
        let mut derived = Vec::new();
        while derived.len() < length {
            let mut hash = self.of(&[&head, &seed]);
            for _ in 1..rounds {
                hash = self.of(&[&hash]);
            }
            seed.chunks_exact_mut(block).for_each(|part| add(part, &hash));
            derived.extend(hash);
        }
        derived.truncate(length);
        derived
    }

    /// Bytes that it gives.
    pub fn length(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha224 => 28,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// Bytes that it takes at once.
    fn block(self) -> usize {
        match self {
            Hash::Sha1 | Hash::Sha224 | Hash::Sha256 => 64,
            Hash::Sha384 | Hash::Sha512 => 128,
        }
    }

    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn by<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            parts.iter().fold(D::new(), |hash, part| hash.chain_update(part)).finalize().to_vec()
        }
        match self {
            Hash::Sha1 => by::<Sha1>(parts),
            Hash::Sha224 => by::<Sha224>(parts),
            Hash::Sha256 => by::<Sha256>(parts),
            Hash::Sha384 => by::<Sha384>(parts),
            Hash::Sha512 => by::<Sha512>(parts),
        }
    }
}

/// The bytes again and again, up to the end of a block.
fn whole_blocks(bytes: &[u8], block: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(bytes.len().next_multiple_of(block)).collect()
}

/// Adds the hash, repeated, and one to a big-endian number, which keeps its length.
fn add(number: &mut [u8], hash: &[u8]) {
    let mut carry = 1;
    for (at, byte) in number.iter_mut().enumerate().rev() {
        let sum = u16::from(*byte) + u16::from(hash[at % hash.len()]) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Against `openssl kdf`; the first is also the example of many libraries.
    #[test]
    fn passwords_are_hashed_as_openssl_does() {
        let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];
        let key = Hash::Sha1.derived(Purpose::Key, "smeg", &salt, 1, 24);
        assert_eq!(hex(&key), "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
        let key = Hash::Sha512.derived(Purpose::Mac, "smeg", &salt, 3, 80);
        assert_eq!(
            hex(&key),
            "f1208c3d89ea381d3641f9cc8203229e4a116261296c330449d00cb77cfb8492fda3d578a04d2242d43d807b6e17bd527d3360fc7516deb180528161a2a46f4329ac558290033c20586e5829a8ada0cf"
        );
        let key = Hash::Sha384.pbkdf2("smég", &salt, 3, 32);
        assert_eq!(hex(&key), "a9a98770eb37ca2288a284ba9d0d7525865d5bd0a7b2d7daa8c6d608a8932573");
    }
}
