//! The frame reader, on any bytes: it never panics, and every byte is a frame's, a bad span's, or a zero at the end.
#![no_main]
use std::io::{self, IoSlice};

use dataflowkit::store::log::frame::{HEAD, Head};
use dataflowkit::store::log::{Seen, scan};
use dataflowkit::sys::disk::DiskFile;
use libfuzzer_sys::fuzz_target;

/// A file that is only read.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl DiskFile for Bytes {
    fn write_at(&self, _: &[IoSlice<'_>], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let left = self.0.get(at as usize..).unwrap_or_default();
        let read = left.len().min(buf.len());
        buf[..read].copy_from_slice(&left[..read]);
        Ok(read)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Random bytes never have a right checksum: wherever a head could stand that asks for it, the sums are made right.
fn sealed(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.windows(4).position(|four| four == b"DFKe")) {
        at += found;
        let Some(head) = bytes.get(at..at + HEAD).map(<[u8]>::to_vec) else { break };
        let word = |off: usize| u32::from_le_bytes(head[off..off + 4].try_into().expect("four bytes")) as usize;
        let (meta, body) = (word(36), word(40));
        let wants = head[5] & 0x80 == 0;
        let end = (at + HEAD).saturating_add(meta).saturating_add(body);
        if wants && end <= bytes.len() {
            let cut = at + HEAD + meta;
            let sums = [crc32c(&bytes[at + HEAD..cut]), crc32c(&bytes[cut..end])];
            bytes[at + 44..at + 48].copy_from_slice(&sums[0].to_le_bytes());
            bytes[at + 48..at + 52].copy_from_slice(&sums[1].to_le_bytes());
        }
        if wants {
            let sum = crc32c(&bytes[at..at + 52]);
            bytes[at + 52..at + 56].copy_from_slice(&sum.to_le_bytes());
        }
        at += 4;
    }
    bytes
}

fn crc32c(bytes: &[u8]) -> u32 {
    dataflowkit::store::log::frame::checksum(&[bytes])
}

fuzz_target!(|data: &[u8]| {
    let bytes = sealed(data);
    let mut covered = vec![0u8; bytes.len()];
    let mut cover = |from: u64, to: u64| covered[from as usize..to as usize].iter_mut().for_each(|c| *c += 1);
    let file = Bytes(bytes.clone());
    let bad = scan(&file, 0, None, &mut |seen| match seen {
        Seen::Frame { head, at, meta, body } => {
            assert_eq!(Head::decode(&bytes[at as usize..]), Some(head));
            assert_eq!(head.verify(&bytes[at as usize..]), Some((meta, body)));
            cover(at, at + head.size() as u64);
        }
        Seen::Remains { head, at, meta } => {
            assert_eq!(head.verified_meta(&bytes[at as usize..]), Some(meta));
        }
    });
    for bad in bad.expect("nothing here fails to be read") {
        assert!(bad.from < bad.to);
        covered[bad.from as usize..bad.to as usize].iter_mut().for_each(|c| *c += 1);
    }
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    assert!(covered[..end].iter().all(|count| *count == 1), "a byte is nobody's, or counted twice");
});
