//! The disk as the channel sees it: between a call's beginning and its end other threads do their work.
//!
//! Why: the simulation has one thread. What a source or a sink does while the writer waits for the disk is done here, by
//! the same thread, from within the call; a lock that is held then shows as well.
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::life::Life;
use super::world::World;
use crate::sys::LockError;
use crate::sys::disk::{Disk, DiskFile, Held, Listed, SimulatedDisk};

thread_local! {
    static LIFE: RefCell<Option<Rc<Life>>> = const { RefCell::new(None) };
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// Who acts during the calls from now on.
pub fn set_life(life: Option<Rc<Life>>) {
    drop(LIFE.replace(life));
}

/// Whose history the calls belong to, if it is told.
pub fn set_world(world: Option<Rc<World>>) {
    drop(WORLD.replace(world));
}

fn meanwhile(call: &str) {
    let life = LIFE.with_borrow(Clone::clone);
    if let Some(life) = life {
        life.meanwhile(call);
    }
}

/// Tells a call, where a history is told.
fn told<T>(call: &str, on: impl std::fmt::Debug, result: io::Result<T>) -> io::Result<T> {
    WORLD.with_borrow(|world| {
        if let Some(world) = world {
            let how = result.as_ref().err().map(|error| format!(": {error}")).unwrap_or_default();
            world.say(|| format!("    {call} {on:?}{how}"));
        }
    });
    result
}

#[derive(Debug)]
pub struct Watched {
    pub disk: SimulatedDisk,
    /// A deliberate bug: every boot looks the same.
    pub one_boot: bool,
}

#[derive(Debug)]
struct WatchedFile(Arc<dyn DiskFile>, PathBuf);

fn watched(path: &Path) -> impl Fn(Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
    |file| Arc::new(WatchedFile(file, path.into()))
}

impl Disk for Watched {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        told("create", path, self.disk.create(path)).map(watched(path))
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        told("open", path, self.disk.open(path)).map(watched(path))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        self.disk.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        told("rename", (from, to), self.disk.rename(from, to))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        meanwhile("remove");
        told("remove", path, self.disk.remove(path))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        told("sync directory", dir, self.disk.sync_dir(dir))
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
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        told("write", (&self.1, at, bytes), self.0.write_at(parts, at))
    }
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        told("read", (&self.1, at, buf.len()), self.0.read_at(buf, at))
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        told("set length", (&self.1, len), self.0.set_len(len))
    }
    fn allocate(&self, len: u64) -> io::Result<()> {
        told("allocate", (&self.1, len), self.0.allocate(len))
    }
    fn sync(&self) -> io::Result<()> {
        meanwhile("sync");
        let synced = told("sync", &self.1, self.0.sync());
        meanwhile("synced");
        synced
    }
}
