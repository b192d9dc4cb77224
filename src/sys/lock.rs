//! One owner per file: an exclusive `flock` that ends with its process, however that ends.
//!
//! A file may be replaced by rename while somebody waits for its lock; so the lock counts only if the path still
//! leads to the locked inode.
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Why a file could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it; its id, if the kernel tells.
    Owned(Option<u32>),
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        LockError::Io(error)
    }
}

/// Opens (creating it if need be) and locks a file for reading and writing.
pub fn lock_file(path: &Path) -> Result<Flock<File>, LockError> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let inode = file.metadata()?.ino();
        let locked = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => locked,
            Err((_, Errno::EWOULDBLOCK)) => return Err(LockError::Owned(owner_of(inode))),
            Err((_, errno)) => return Err(LockError::Io(errno.into())),
        };
        match fs::metadata(path) {
            Ok(now) if now.ino() == inode => return Ok(locked),
            _ => continue,
        }
    }
}

/// The process that holds a lock on a file, without touching the lock.
pub fn lock_owner(path: &Path) -> Option<u32> {
    owner_of(fs::metadata(path).ok()?.ino())
}

/// The process that holds a lock on an inode, by `/proc/locks` (proc(5)).
fn owner_of(inode: u64) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let holds =
        |line: &&str| line.split_whitespace().nth(5).is_some_and(|f| f.ends_with(&format!(":{inode}")));
    locks.lines().find(holds)?.split_whitespace().nth(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k2_the_second_to_lock_is_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let first = lock_file(&path).unwrap();
        assert_eq!(lock_owner(&path), Some(std::process::id()));
        match lock_file(&path) {
            Err(LockError::Owned(pid)) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert_eq!(lock_owner(&path), None);
        lock_file(&path).unwrap();
    }
}
