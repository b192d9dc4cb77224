//! The kernel's files, for whoever only looks: nothing can be created, written, renamed, removed or locked.
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::LockError;
use super::real::{RealDisk, RealFile};
use super::{Disk, DiskFile, Held, Listed};

/// Files as the kernel keeps them, opened for reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOnlyDisk;

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for ReadOnlyDisk {
    fn create(&self, _: &Path) -> io::Result<Arc<dyn DiskFile>> {
        refused()
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(File::open(path)?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        RealDisk.list(dir)
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        RealDisk.free(dir)
    }

    fn lock(&self, _: &Path) -> Result<Box<dyn Held>, LockError> {
        Ok(refused()?)
    }
}
