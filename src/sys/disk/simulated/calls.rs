//! The traits, on the simulated disk.
use std::fmt;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::super::LockError;
use super::super::{Disk, DiskFile, Held, Listed};
use super::faults::Call;
use super::names::{Ino, tidy};
use super::world::{Turn, World};
use super::{SimulatedDisk, locked};

/// Something that one life opened.
struct Handle {
    world: Arc<Mutex<World>>,
    ino: Ino,
    life: u64,
}

struct SimulatedFile(Handle);
struct SimulatedLock(Handle);

impl SimulatedDisk {
    fn call<T>(
        &self,
        call: Call,
        act: impl FnOnce(&mut World, Turn) -> io::Result<T>,
    ) -> io::Result<(T, u64)> {
        let mut world = locked(&self.world);
        let life = self.life.unwrap_or(world.life);
        world.call(call, life, act).map(|done| (done, life))
    }

    fn handle(&self, ino: Ino, life: u64) -> Handle {
        Handle { world: Arc::clone(&self.world), ino, life }
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (ino, life) = self.call(Call::Create, |world, _| {
            let ino = world.create(tidy(path))?;
            world.inode(ino).handles += 1;
            Ok(ino)
        })?;
        Ok(Arc::new(SimulatedFile(self.handle(ino, life))))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (ino, life) = self.call(Call::Open, |world, _| {
            let ino = world.names.find(&tidy(path))?;
            world.inode(ino).handles += 1;
            Ok(ino)
        })?;
        Ok(Arc::new(SimulatedFile(self.handle(ino, life))))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        Ok(self.call(Call::List, |world, _| world.list(&tidy(dir)))?.0)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        Ok(self.call(Call::CreateDirectories, |world, _| world.names.create_directories(&tidy(dir)))?.0)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(self.call(Call::Rename, |world, _| world.rename(tidy(from), tidy(to)))?.0)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Ok(self.call(Call::Remove, |world, _| world.remove(tidy(path)))?.0)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Ok(self.call(Call::SyncDirectory, |world, _| world.sync_directory(tidy(dir)))?.0)
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        let free = |world: &mut World, _| {
            world.names.check_directory(&tidy(dir))?;
            Ok(world.capacity.saturating_sub(world.used()))
        };
        Ok(self.call(Call::Free, free)?.0)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Held>, LockError> {
        match self.call(Call::Lock, |world, _| world.lock(tidy(path)))? {
            (Some(ino), life) => Ok(Box::new(SimulatedLock(self.handle(ino, life)))),
            (None, _) => Err(LockError::Owned(Some(std::process::id()))),
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
