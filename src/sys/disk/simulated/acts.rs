//! What the calls do, once it is clear that they happen.
use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::faults::Fault;
use super::inode::Inode;
use super::lies::Lie;
use super::names::Ino;
use super::random::Random;
use super::world::{Synced, Turn, World};
use crate::sys::disk::Listed;

/// Where a write must end, since a file's bytes are kept in memory.
const LONGEST: u64 = 1 << 32;
/// Bytes that `Lie::AllocateGivesGarbage` spoils.
const SPOILT: u64 = 64 << 10;

impl World {
    pub fn inode(&mut self, ino: Ino) -> &mut Inode {
        self.inodes.get_mut(&ino).expect("a handle or a name keeps it")
    }

    pub fn create(&mut self, path: PathBuf) -> io::Result<Ino> {
        self.names.vacant(&path)?;
        self.make_room(1)?;
        let ino = self.next();
        self.inodes.insert(ino, Inode::default());
        self.names.set(ino, vec![(path, Some(ino))]);
        Ok(ino)
    }

    pub fn list(&mut self, dir: &Path) -> io::Result<Vec<Listed>> {
        self.names.check_directory(dir)?;
        let here = self.names.live().iter().filter(|(path, _)| path.parent() == Some(dir));
        let listed = here.filter_map(|(path, ino)| {
            let len = self.inodes.get(ino)?.live().len();
            Some(Listed { name: path.file_name()?.to_owned(), len })
        });
        let mut all: Vec<_> = listed.collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    pub fn rename(&mut self, from: PathBuf, to: PathBuf) -> io::Result<()> {
        let Some(ino) = self.names.renamable(&from, &to)? else { return Ok(()) };
        let (new, old) = ((to.clone(), Some(ino)), (from, None));
        let steps = match self.told(Lie::RenameIsTorn) {
            false => vec![vec![new, old]],
            true => vec![vec![(to, None)], vec![new], vec![old]],
        };
        for step in steps {
            let sequence = self.next();
            self.names.set(sequence, step);
        }
        Ok(())
    }

    pub fn remove(&mut self, path: PathBuf) -> io::Result<()> {
        let ino = self.names.find(&path)?;
        if self.told(Lie::AllocateGivesGarbage) {
            self.garbage = self.inode(ino).live().to_vec();
        }
        let sequence = self.next();
        self.names.set(sequence, vec![(path.clone(), None)]);
        self.removed_at = sequence;
        if self.told(Lie::RemoveOvertakesSyncs) {
            self.names.settle(u64::MAX, |other| other == path);
        }
        self.let_go(ino);
        Ok(())
    }

    pub fn sync_directory(&mut self, dir: PathBuf) -> io::Result<()> {
        self.names.check_directory(&dir)?;
        self.figures.directory_syncs += 1;
        if !self.told(Lie::SyncDirectoryDoesNothing) {
            let now = self.next();
            self.settle(now, Synced::Directory(dir));
            let names = &self.names;
            self.inodes.retain(|ino, inode| inode.handles > 0 || names.lead_to(*ino));
        }
        Ok(())
    }

    /// Space taken by files that have a name or are open.
    pub fn used(&self) -> u64 {
        let named: BTreeSet<Ino> = self.names.live().values().copied().collect();
        let seen = self.inodes.iter().filter(|(ino, inode)| inode.handles > 0 || named.contains(*ino));
        seen.map(|(_, inode)| inode.taken()).sum()
    }

    /// How many of some more bytes there is space for; an error if for none.
    fn make_room(&self, more: u64) -> io::Result<u64> {
        if more == 0 {
            return Ok(0);
        }
        match self.capacity.saturating_sub(self.used()).min(more) {
            0 => Err(Errno::ENOSPC.into()),
            room => Ok(room),
        }
    }

    pub fn write(&mut self, ino: Ino, parts: &[IoSlice<'_>], at: u64, turn: Turn) -> io::Result<usize> {
        let mut bytes = parts.iter().map(|part| &**part).collect::<Vec<_>>().concat();
        let asked = bytes.len();
        let end = at.checked_add(asked as u64).filter(|end| *end <= LONGEST).ok_or(Errno::EFBIG)?;
        let taken = self.inode(ino).taken();
        let more = end.saturating_sub(taken.max(at)).min(asked as u64);
        let hole = if more > 0 { at.saturating_sub(taken) } else { 0 };
        let room = self.make_room(more + hole)?;
        let fits = asked as u64 - more + room.saturating_sub(hole).min(more);
        if fits == 0 && asked > 0 {
            return Err(Errno::ENOSPC.into());
        }
        bytes.truncate(part(fits as usize, turn));
        let written = bytes.len();
        if written > 0 {
            self.figures.bytes_written += written as u64;
            let sequence = self.next();
            self.inode(ino).write(sequence, at, bytes);
        }
        Ok(if self.told(Lie::ShortWritesAreHidden) { asked } else { written })
    }

    pub fn read(&mut self, ino: Ino, buf: &mut [u8], at: u64, turn: Turn) -> io::Result<usize> {
        let len = part(buf.len(), turn);
        Ok(self.inode(ino).live().read(at, &mut buf[..len]))
    }

    pub fn set_len(&mut self, ino: Ino, len: u64) -> io::Result<()> {
        let sequence = self.next();
        self.inode(ino).set_len(sequence, len);
        Ok(())
    }

    pub fn allocate(&mut self, ino: Ino, len: u64) -> io::Result<()> {
        if len == 0 {
            return Err(Errno::EINVAL.into());
        }
        let (taken, end) = (self.inode(ino).taken(), self.inode(ino).live().len());
        let more = len.saturating_sub(taken);
        if self.make_room(more)? < more {
            return Err(Errno::ENOSPC.into());
        }
        let sequence = self.next();
        self.inode(ino).allocate(sequence, len);
        if self.told(Lie::AllocateGivesGarbage) && len > end {
            let garbage = self.garbage((len - end).min(SPOILT));
            let sequence = self.next();
            self.inode(ino).write(sequence, end, garbage);
        }
        Ok(())
    }

    fn garbage(&self, len: u64) -> Vec<u8> {
        let mut noise = Random::new(len);
        let mut bytes = self.garbage.clone();
        bytes.truncate(len as usize);
        bytes.resize_with(len as usize, || noise.draw() as u8);
        bytes
    }

    pub fn sync(&mut self, ino: Ino, turn: Turn) -> io::Result<()> {
        if let Turn::Fails(fault) = turn {
            return self.sync_failed(ino, fault);
        }
        self.figures.syncs += 1;
        self.figures.bytes_synced += self.inode(ino).dirty();
        if self.skips_sync_of(ino) {
            return Ok(());
        }
        let now = self.next();
        let previous = std::mem::replace(&mut self.inode(ino).synced_at, now);
        let before = if self.told(Lie::SyncIsOneBehind) { previous } else { now };
        self.settle(before, Synced::File(ino));
        Ok(())
    }

    fn sync_failed(&mut self, ino: Ino, fault: Fault) -> io::Result<()> {
        self.settle_all();
        self.inode(ino).sync_failed();
        match fault.error() {
            Some(error) if !self.told(Lie::SyncHidesErrors) => Err(error),
            _ => Ok(()),
        }
    }

    fn skips_sync_of(&self, ino: Ino) -> bool {
        let mut names = self.names.live().iter().filter(|(_, other)| **other == ino);
        let name = names.find_map(|(path, _)| path.file_name()).unwrap_or_default().to_string_lossy();
        self.lies.iter().any(|lie| lie.skips_sync_of(&name))
    }

    /// `None`: somebody has it.
    pub fn lock(&mut self, path: PathBuf) -> io::Result<Option<Ino>> {
        let ino = match self.names.find(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(path)?,
            found => found?,
        };
        if self.locks.contains(&ino) && !self.told(Lie::LockIsShared) {
            return Ok(None);
        }
        self.locks.push(ino);
        self.inode(ino).handles += 1;
        Ok(Some(ino))
    }
}

/// A part of some bytes: at least one, and not all if there are two.
fn part(len: usize, turn: Turn) -> usize {
    match turn {
        Turn::Part(choice) if len > 1 => 1 + (choice % (len as u64 - 1)) as usize,
        _ => len,
    }
}
