//! A second copy of the marks, in the checkpoint directory: a hint that may be deleted.
//!
//! Why: the marks of a quiet stream are nowhere but in the newest segment's beginning once older segments are gone. If
//! just these bytes are damaged, the copy has them.
//! Shape: one frame of the log, kind snapshot, numbered like the beginning it is a copy of; meta are all entries.
use std::path::{Path, PathBuf};

use crate::store::log::frame::{HEAD, Head};
use crate::store::log::{Kind, Log};
use crate::sys::disk::{Disk, read_up_to, replace};

/// The file in the checkpoint directory.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("marks.dfk")
}

/// Replaces the copy.
pub fn write(disk: &dyn Disk, path: &Path, log: &Log, entries: &[Vec<u8>]) -> std::io::Result<()> {
    let meta = entries.concat();
    let head = Head {
        kind: Kind::Snapshot,
        packing: 0,
        number: log.next_number(),
        log: log.id(),
        durable: log.durable(),
        events: 0,
        meta: meta.len() as u32,
        body: 0,
        meta_sum: crc32c::crc32c(&meta),
        body_sum: 0,
    };
    replace(disk, path, &[&head.encode()[..], &meta].concat())
}

/// The copy: which frames it speaks for, of which log, and its entries. `None`: there is none that verifies.
pub fn read(disk: &dyn Disk, path: &Path) -> Option<(Head, Vec<u8>)> {
    let file = disk.open(path).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().ok()?).ok()?];
    let read = read_up_to(&*file, &mut bytes, 0).ok()?;
    let head = Head::decode(&bytes[..read]).filter(|head| head.kind == Kind::Snapshot)?;
    head.verify(&bytes[..read])?;
    Some((head, bytes[HEAD..HEAD + head.meta as usize].to_vec()))
}
