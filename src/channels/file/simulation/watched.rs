//! The disk as the channel sees it: between a call's beginning and its end other threads do their work.
//!
//! Why: the simulation has one thread. What a source or a sink does while the writer waits for the disk is done here, by
//! the same thread, from within the call; a lock that is held then shows as well.
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::life::Life;
use crate::sys::LockError;
use crate::sys::disk::{Disk, DiskFile, Held, Listed, SimulatedDisk};

thread_local! {
    static LIFE: RefCell<Option<Rc<Life>>> = const { RefCell::new(None) };
}

/// Who acts during the calls from now on.
pub fn set_life(life: Option<Rc<Life>>) {
    drop(LIFE.replace(life));
}

fn meanwhile(call: &str) {
    let life = LIFE.with_borrow(Clone::clone);
    if let Some(life) = life {
        life.meanwhile(call);
    }
}

#[derive(Debug)]
pub struct Watched {
    pub disk: SimulatedDisk,
    /// A deliberate bug: every boot looks the same.
    pub one_boot: bool,
}

#[derive(Debug)]
struct WatchedFile(Arc<dyn DiskFile>);

fn watched(file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
    Arc::new(WatchedFile(file))
}

impl Disk for Watched {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(path).map(watched)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(path).map(watched)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        self.disk.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        meanwhile("remove");
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn free(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free(dir)
    }
    fn boot_id(&self) -> String {
        if self.one_boot { "always".into() } else { self.disk.boot_id() }
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, LockError> {
        self.disk.lock(path)
    }
}

impl DiskFile for WatchedFile {
    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        meanwhile("write");
        self.0.write_at(parts, at)
    }
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buf, at)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.allocate(len)
    }
    fn sync(&self) -> io::Result<()> {
        meanwhile("sync");
        let synced = self.0.sync();
        meanwhile("synced");
        synced
    }
}
