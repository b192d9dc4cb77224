//! The kernel's files, under the boot that the directories were made under: nothing of them is a reboot's doing.
use std::io;
use std::path::Path;
use std::sync::Arc;

use dataflowkit::sys::LockError;
use dataflowkit::sys::disk::{Disk, DiskFile, Held, Listed, RealDisk, SimulatedDisk};

#[derive(Debug)]
pub struct SameBoot;

impl Disk for SameBoot {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        RealDisk.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        RealDisk.free(dir)
    }

    fn boot_id(&self) -> String {
        SimulatedDisk::new(0).boot_id()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, LockError> {
        RealDisk.lock(path)
    }
}
