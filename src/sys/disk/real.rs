//! The kernel's files.
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::{FallocateFlags, Flock, PosixFadviseAdvice, fallocate, posix_fadvise};
use nix::sys::statvfs::statvfs;
use nix::sys::uio::pwritev;

use super::super::{LockError, lock_file, sync_dir};
use super::{Disk, DiskFile, Held, Listed};

/// Files as the kernel keeps them.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
pub(super) struct RealFile(pub(super) File);

impl Held for Flock<File> {}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(meta) if meta.is_file() => all.push(Listed { name: entry.file_name(), len: meta.len() }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_dir(dir)
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        let free = statvfs(dir)?;
        Ok(free.blocks_available() * free.fragment_size())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, LockError> {
        Ok(Box::new(lock_file(path)?))
    }
}

impl DiskFile for RealFile {
    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        let at = i64::try_from(at).map_err(io::Error::other)?;
        Ok(pwritev(&self.0, parts, at)?)
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buf, at)
    }

    fn will_read(&self) {
        // Advice: whether it is followed shows in the time alone.
        let _ = posix_fadvise(&self.0, 0, 0, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let len = i64::try_from(len).map_err(io::Error::other)?;
        Ok(fallocate(&self.0, FallocateFlags::empty(), 0, len)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
