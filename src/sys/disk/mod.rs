//! The file layer of the channel log: the few calls it makes, behind a trait, so that crashes, torn sectors, full disks
//! and failing syncs can be simulated from a seed.
//!
//! Invariants: what was written counts as durable once `sync` of its file has returned, and the file's name once
//! `sync_dir` of its directory has. Calls may write less than asked and may be interrupted; `write_all_at` and
//! `read_up_to` are what callers use.
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use super::LockError;

mod read_only;
mod real;
pub mod simulated;

pub use read_only::ReadOnlyDisk;
pub use real::RealDisk;
pub use simulated::{SimulatedDisk, is_crash};

/// A file of a directory, as `list` finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: OsString,
    /// Bytes.
    pub len: u64,
}

/// Keeps a lock as long as it lives.
pub trait Held: Send + Sync + fmt::Debug {}

/// Directories and names.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that must not exist, for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that exists, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// The regular files of a directory, sorted by name.
    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>>;

    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Replaces what has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that an unprivileged process may still write there.
    fn free(&self, dir: &Path) -> io::Result<u64>;

    /// The boot under which its page cache lives: what was written under it and not synced is gone under another.
    fn boot_id(&self) -> String {
        super::boot_id()
    }

    /// Locks a file, creating it if need be; K2: one owner, who ends with its process.
    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, LockError>;
}

/// One open file; shared by threads, without a position.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Writes some of the parts, in order, and says how many bytes.
    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize>;

    /// Reads some bytes; 0 at the end.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;

    /// All of it is going to be read: the kernel may begin to fetch it.
    fn will_read(&self) {}

    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Takes space for `len` bytes ahead; what is new reads as zeros and counts to the length.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// Slices that one call takes at most (`IOV_MAX`).
const MOST_PARTS: usize = 1024;

/// Writes all parts at `at`, whatever each call takes.
pub fn write_all_at(file: &dyn DiskFile, parts: &mut [IoSlice<'_>], mut at: u64) -> io::Result<()> {
    let mut left = parts;
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_at(&left[..left.len().min(MOST_PARTS)], at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                at += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer from `at` on, or up to the end of the file; how many bytes were there.
pub fn read_up_to(file: &dyn DiskFile, buf: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], at + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Replaces a file in one step, durably: a reader sees the old content or the new one, also after a power cut.
pub fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_os_string();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    match disk.remove(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(temporary)?;
    write_all_at(&*file, &mut [IoSlice::new(content)], 0)?;
    file.sync()?;
    disk.rename(temporary, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}
