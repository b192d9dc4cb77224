//! Compression of the bodies of a frame.
//!
//! Shape: `None`: as they are. `Lz4`: u32 little-endian length, then one LZ4 block. `Zstd`: the same length, then one
//! zstd frame.
//! Invariants: what does not become smaller is not packed, so a frame never grows; nothing longer than `max` is
//! unpacked or allocated, whatever the bytes say.
//! Errors: foreign bytes give `InvalidData` and never panic.
use std::io;

/// How the bodies of a frame are packed; the number is what a frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    #[default]
    None = 0,
    Lz4 = 1,
    Zstd = 2,
}

/// Level 3 takes half as long again and packs log lines no tighter.
const ZSTD_LEVEL: i32 = 1;
/// An LZ4 block cannot say more than this many bytes by one of its own.
const LZ4_MOST: usize = 255;
/// The length before the packed bytes.
const HEAD: usize = 4;

impl Packing {
    pub fn of(code: u8) -> Option<Packing> {
        [Packing::None, Packing::Lz4, Packing::Zstd].into_iter().find(|packing| *packing as u8 == code)
    }
}

/// Appends the bodies to `out`, packed. Returns how they really are: plain, where packing gains nothing.
pub fn pack(packing: Packing, bodies: &[&[u8]], out: &mut Vec<u8>) -> Packing {
    let len: usize = bodies.iter().map(|body| body.len()).sum();
    let start = out.len();
    let gathered;
    let plain: &[u8] = match bodies {
        _ if packing == Packing::None => &[],
        [one] => one,
        _ => {
            gathered = joined(bodies, len);
            &gathered
        }
    };
    if let (Ok(told), true) = (u32::try_from(len), len > HEAD) {
        // Room for one byte less than plain: what does not fit gains nothing.
        out.extend_from_slice(&told.to_le_bytes());
        out.resize(start + len - 1, 0);
        let room = &mut out[start + HEAD..];
        let packed = match packing {
            Packing::None => None,
            Packing::Lz4 => lz4(plain, room),
            Packing::Zstd => zstd::bulk::compress_to_buffer(plain, room, ZSTD_LEVEL).ok(),
        };
        if let Some(packed) = packed {
            out.truncate(start + HEAD + packed);
            return packing;
        }
    }
    out.truncate(start);
    bodies.iter().for_each(|body| out.extend_from_slice(body));
    Packing::None
}

/// The compressors want one piece.
fn joined(bodies: &[&[u8]], len: usize) -> Vec<u8> {
    let mut joined = Vec::with_capacity(len);
    bodies.iter().for_each(|body| joined.extend_from_slice(body));
    joined
}

/// The compressor wants room for the worst case, so it writes elsewhere first.
fn lz4(plain: &[u8], room: &mut [u8]) -> Option<usize> {
    let packed = lz4_flex::block::compress(plain);
    room.get_mut(..packed.len())?.copy_from_slice(&packed);
    Some(packed.len())
}

/// The bodies as they were, at most `max` bytes of them.
pub fn unpack(packing: Packing, bytes: &[u8], max: usize) -> io::Result<Vec<u8>> {
    if packing == Packing::None {
        return if bytes.len() > max { Err(invalid("too long")) } else { Ok(bytes.to_vec()) };
    }
    let (head, packed) = bytes.split_first_chunk::<HEAD>().ok_or_else(|| invalid("too short"))?;
    let len = u32::from_le_bytes(*head) as usize;
    if len > max {
        return Err(invalid("too long"));
    }
    let plain = match packing {
        Packing::Lz4 if len > packed.len().saturating_mul(LZ4_MOST) => return Err(invalid("too long")),
        Packing::Lz4 => lz4_flex::block::decompress(packed, len).map_err(|_| invalid("damaged"))?,
        _ => zstd::bulk::decompress(packed, len).map_err(|_| invalid("damaged"))?,
    };
    if plain.len() == len { Ok(plain) } else { Err(invalid("of another length than it says")) }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the packed bodies of a frame are {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Packing; 3] = [Packing::None, Packing::Lz4, Packing::Zstd];

    fn log_lines() -> Vec<u8> {
        let line = |n| format!("2024-10-01 12:00:{:02} INFO request {n} took {} ms\n", n % 60, n * 7 % 100);
        (0..2000).flat_map(|n| line(n).into_bytes()).collect()
    }

    #[test]
    fn logs_become_smaller_and_come_back() {
        let lines = log_lines();
        let slices = [&lines[..999], &lines[999..]];
        for packing in ALL {
            let mut out = b"before".to_vec();
            assert_eq!(pack(packing, &slices, &mut out), packing);
            assert_eq!(unpack(packing, &out[6..], lines.len()).unwrap(), lines);
            if packing != Packing::None {
                assert!(out.len() < lines.len() / 2, "{packing:?}: {}", out.len());
                assert!(unpack(packing, &out[6..], lines.len() - 1).is_err());
            }
            assert_eq!(Packing::of(packing as u8), Some(packing));
        }
    }

    #[test]
    fn golden_bytes_of_an_lz4_frame() {
        let mut out = Vec::new();
        assert_eq!(pack(Packing::Lz4, &[&[b'a'; 40]], &mut out), Packing::Lz4);
        assert_eq!(out, b"\x28\0\0\0\x1fa\x01\0\x0e\x60aaaaaa");
    }

    #[test]
    fn a_length_that_lies_allocates_nothing() {
        let mut bytes = u32::MAX.to_le_bytes().to_vec();
        bytes.extend([0; 20]);
        assert!(unpack(Packing::Lz4, &bytes, usize::MAX).is_err());
        assert!(unpack(Packing::Zstd, &bytes, 1 << 20).is_err());
    }

    proptest! {
        #[test]
        fn all_bytes_come_back(parts in prop::collection::vec(prop::collection::vec(0u8..4, 0..200), 0..4)) {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            for packing in ALL {
                let mut out = Vec::new();
                let packed = pack(packing, &slices, &mut out);
                prop_assert!(out.len() <= parts.concat().len());
                prop_assert_eq!(unpack(packed, &out, 1 << 20).unwrap(), parts.concat());
            }
        }

        #[test]
        fn foreign_bytes_never_panic(
            foreign in prop::collection::vec(any::<u8>(), 0..40),
            at in 0usize..300,
            lz4 in any::<bool>(),
        ) {
            let packing = if lz4 { Packing::Lz4 } else { Packing::Zstd };
            let mut out = Vec::new();
            pack(packing, &[&log_lines()[..4000]], &mut out);
            let at = at.min(out.len());
            out.splice(at..(at + 7).min(out.len()), foreign.iter().copied());
            let _ = (unpack(packing, &out, 1 << 20), unpack(packing, &foreign, 1 << 20));
        }
    }
}
