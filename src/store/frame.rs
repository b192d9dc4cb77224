//! One checksummed unit of a journal.
//!
//! Shape, little-endian, back to back after an 8-byte file header `DFKJ` + version u32:
//! `[magic u32 "DFKf"][len u32][crc32c u32 over len and payload][payload; len bytes]`.
//! The magic is what a reader looks for behind damage. Truth: this page; the golden bytes in `tests` hold it.

pub const FILE_HEADER: [u8; 8] = *b"DFKJ\x01\0\0\0";
pub const MAGIC: [u8; 4] = *b"DFKf";
pub const HEAD: usize = 12;
/// No frame is longer: a damaged length is not believed beyond it.
pub const LONGEST: usize = 64 << 20;

/// Appends a frame to `out`.
pub fn encode(payload: &[u8], out: &mut Vec<u8>) {
    assert!(payload.len() <= LONGEST, "callers write a snapshot as many frames");
    let len = (payload.len() as u32).to_le_bytes();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&len);
    out.extend_from_slice(&checksum(len, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// The payload of the frame at the start of `bytes`, if it verifies.
pub fn decode(bytes: &[u8]) -> Option<&[u8]> {
    let head = bytes.get(..HEAD)?;
    let len: [u8; 4] = head[4..8].try_into().expect("four bytes");
    let sum = u32::from_le_bytes(head[8..12].try_into().expect("four bytes"));
    let size = u32::from_le_bytes(len) as usize;
    if head[..4] != MAGIC || size > LONGEST {
        return None;
    }
    let payload = bytes.get(HEAD..HEAD + size)?;
    (checksum(len, payload) == sum).then_some(payload)
}

/// Where the next frame that verifies begins, at or behind `from`.
pub fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.windows(4).position(|w| w == MAGIC) {
        at += found;
        if decode(&bytes[at..]).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Whether a frame seems to begin anywhere in these bytes.
pub fn has_magic(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == MAGIC)
}

fn checksum(len: [u8; 4], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&len), payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_of_a_frame() {
        let mut bytes = Vec::new();
        encode(b"marks", &mut bytes);
        assert_eq!(bytes, *b"DFKf\x05\0\0\0\xec%SSmarks");
        assert_eq!(decode(&bytes), Some(&b"marks"[..]));
    }

    #[test]
    fn a_frame_with_any_bit_flipped_does_not_verify() {
        let mut bytes = Vec::new();
        encode(b"marks", &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
    }
}
