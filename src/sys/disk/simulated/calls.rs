//! The traits, on the simulated disk.
use std::fmt;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::faults::Call;
use super::names::{Ino, tidy};
use super::world::{Turn, World};
use super::{SimulatedDisk, locked};
use crate::sys::LockError;
use crate::sys::disk::{Disk, DiskFile, Held, Listed};

/// Something that one life opened.
struct Handle {
    world: Arc<Mutex<World>>,
    ino: Ino,
    life: u64,
}

struct SimulatedFile(Handle);
struct SimulatedLock(Handle);

impl SimulatedDisk {
    fn call<T>(&self, call: Call, act: impl FnOnce(&mut World, Turn) -> io::Result<T>) -> io::Result<T> {
        let mut world = locked(&self.world);
        let life = self.life.unwrap_or(world.life);
        world.call(call, life, act)
    }

    /// Opens what a call finds or makes.
    fn opened(&self, call: Call, find: impl FnOnce(&mut World) -> io::Result<Ino>) -> io::Result<Handle> {
        let (ino, life) = self.call(call, |world, _| {
            let ino = find(world)?;
            world.inode(ino).handles += 1;
            Ok((ino, world.life))
        })?;
        Ok(self.handle(ino, life))
    }

    fn handle(&self, ino: Ino, life: u64) -> Handle {
        Handle { world: Arc::clone(&self.world), ino, life }
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let opened = self.opened(Call::Create, |world| world.create(tidy(path)))?;
        Ok(Arc::new(SimulatedFile(opened)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let opened = self.opened(Call::Open, |world| world.names.find(&tidy(path)))?;
        Ok(Arc::new(SimulatedFile(opened)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        self.call(Call::List, |world, _| world.list(&tidy(dir)))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.call(Call::CreateDirectories, |world, _| world.names.create_directories(&tidy(dir)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, |world, _| world.rename(tidy(from), tidy(to)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, |world, _| world.remove(tidy(path)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(Call::SyncDirectory, |world, _| world.sync_directory(tidy(dir)))
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        let free = |world: &mut World, _| {
            world.names.check_directory(&tidy(dir))?;
            Ok(world.capacity.saturating_sub(world.used()))
        };
        self.call(Call::Free, free)
    }

    fn boot_id(&self) -> String {
        format!("boot {}", locked(&self.world).cuts)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, LockError> {
        match self.call(Call::Lock, |world, _| Ok(world.lock(tidy(path))?.map(|ino| (ino, world.life))))? {
            Some((ino, life)) => Ok(Box::new(SimulatedLock(self.handle(ino, life)))),
            None => Err(LockError::Owned(Some(std::process::id()))),
        }
    }
}

impl Handle {
    fn call<T>(&self, call: Call, act: impl FnOnce(&mut World, Ino, Turn) -> io::Result<T>) -> io::Result<T> {
        locked(&self.world).call(call, self.life, |world, turn| act(world, self.ino, turn))
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        self.0.call(Call::Write, |world, ino, turn| world.write(ino, parts, at, turn))
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.call(Call::Read, |world, ino, turn| world.read(ino, buf, at, turn))
    }

    fn len(&self) -> io::Result<u64> {
        self.0.call(Call::Length, |world, ino, _| Ok(world.inode(ino).live().len()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.call(Call::SetLength, |world, ino, _| world.set_len(ino, len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.call(Call::Allocate, |world, ino, _| world.allocate(ino, len))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.call(Call::Sync, |world, ino, turn| world.sync(ino, turn))
    }
}

impl Held for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut world = locked(&self.0.world);
        if world.life == self.0.life
            && let Some(at) = world.locks.iter().position(|ino| *ino == self.0.ino)
        {
            world.locks.swap_remove(at);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut world = locked(&self.world);
        if world.life == self.life {
            world.inode(self.ino).handles -= 1;
            world.let_go(self.ino);
        }
    }
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated file {} of life {}", self.0.ino, self.0.life)
    }
}

impl fmt::Debug for SimulatedLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated lock {} of life {}", self.0.ino, self.0.life)
    }
}
