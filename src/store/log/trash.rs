//! Segments that are needed no more, on their way out.
//!
//! Why: a file system that discards what it frees takes 90 ms for 64 MiB, and no sync returns meanwhile. So a segment
//! leaves the log with its name, which costs one sync of the directory, and its blocks are freed piece by piece.
//! Invariant: what has such a name is no part of the log; whoever opens the log next destroys what was left over.
use std::io;
use std::path::{Path, PathBuf};

use crate::sys::disk::Disk;

const DONE: &str = ".done";
/// Freed by one call.
const PIECE: u64 = 4 << 20;

/// Takes a segment's file out of the log, durably; where it is now.
pub fn leave(disk: &dyn Disk, path: &Path) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_os_string();
    name.push(DONE);
    let left = PathBuf::from(name);
    disk.rename(path, &left)?;
    Ok(left)
}

/// What an earlier process did not get to destroy.
pub fn found(disk: &dyn Disk, dirs: &[PathBuf]) -> Vec<PathBuf> {
    let is_ours = |name: &str| {
        let segment = name.strip_suffix(DONE).map(Path::new);
        segment.is_some_and(|segment| super::survey::number_of(segment).is_some())
    };
    let in_dir = |dir: &PathBuf| {
        let listed = disk.list(dir).unwrap_or_default();
        let ours = listed.into_iter().filter(|entry| entry.name.to_str().is_some_and(is_ours));
        ours.map(|entry| dir.join(entry.name)).collect::<Vec<_>>()
    };
    dirs.iter().flat_map(in_dir).collect()
}

/// Frees the file piece by piece and removes it; `rest` is called between two pieces, and says whether there is time for
/// that.
pub fn destroy(disk: &dyn Disk, path: &Path, rest: &mut dyn FnMut() -> bool) -> io::Result<()> {
    let file = disk.open(path)?;
    let mut length = file.len()?;
    while length > PIECE && rest() {
        length -= PIECE;
        file.set_len(length)?;
    }
    drop(file);
    disk.remove(path)
}
