//! The files that are followed, found by inode and by name, and who of them is to be read next.
//!
//! Invariants: all maps hold the same slots; a slot is given once; a file waits in the queue at most once.
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Instant;

use crate::tail::follow::Followed;
use crate::tail::listing::Key;

/// Descriptors kept open for files that are read to their end.
const OPEN: usize = 128;

/// A followed file and the name that leads to it.
pub struct File {
    pub followed: Followed,
    /// The group whose pattern its name matched.
    pub group: usize,
    pub name: OsString,
    /// Since when its name is no candidate any more.
    pub nameless: Option<Instant>,
    /// Waits in the queue of files to read.
    pub queued: bool,
}

/// All files of a source.
#[derive(Default)]
pub struct Files {
    all: HashMap<u64, File>,
    by_inode: HashMap<Key, u64>,
    by_name: HashMap<(usize, OsString), u64>,
    /// Files that may have a descriptor.
    open: BTreeSet<u64>,
    queue: VecDeque<u64>,
    next: u64,
}

impl Files {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &File> {
        self.all.values()
    }

    pub fn get_mut(&mut self, slot: u64) -> Option<&mut File> {
        self.all.get_mut(&slot)
    }

    pub fn slots(&self, which: impl Fn(&File) -> bool) -> Vec<u64> {
        self.all.iter().filter(|(_, file)| which(file)).map(|(slot, _)| *slot).collect()
    }

    pub fn of_inode(&self, key: Key) -> Option<u64> {
        self.by_inode.get(&key).copied()
    }

    pub fn of_name(&self, dir: usize, name: &OsStr) -> Option<u64> {
        self.by_name.get(&(dir, name.to_os_string())).copied()
    }

    /// Files that may have a descriptor.
    pub fn open(&self) -> impl Iterator<Item = (u64, &File)> {
        self.open.iter().filter_map(|slot| Some((*slot, self.all.get(slot)?)))
    }

    /// Asks for a file to be read.
    pub fn enqueue(&mut self, slot: u64) {
        if let Some(file) = self.all.get_mut(&slot).filter(|file| !file.queued) {
            file.queued = true;
            self.queue.push_back(slot);
        }
    }

    pub fn dequeue(&mut self) -> Option<u64> {
        self.queue.pop_front()
    }

    /// How many files wait to be read.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes a file in, and asks for it to be read if there is something to read.
    pub fn adopt(&mut self, dir: usize, mut file: File) {
        let slot = self.next;
        self.next += 1;
        self.by_inode.insert(file.followed.key(), slot);
        if let Some(older) = self.by_name.insert((dir, file.name.clone()), slot)
            && let Some(older) = self.all.get_mut(&older)
        {
            older.nameless.get_or_insert_with(Instant::now);
        }
        let quiet = file.followed.is_done() && file.nameless.is_none();
        if quiet && self.open.len() >= OPEN {
            file.followed.close();
        } else {
            self.open.insert(slot);
        }
        self.all.insert(slot, file);
        if !quiet {
            self.enqueue(slot);
        }
    }

    /// The same file under another name, a candidate of this group.
    pub fn rename(&mut self, slot: u64, dir: usize, path: &Path, name: &OsStr, group: usize) {
        let Some(file) = self.all.get_mut(&slot) else { return };
        file.followed.renamed(path);
        self.by_name.remove(&(dir, std::mem::replace(&mut file.name, name.to_os_string())));
        file.nameless = None;
        file.group = group;
        self.by_name.insert((dir, name.to_os_string()), slot);
    }

    /// A file is no candidate any more: renamed to `now`, moved away or deleted. It is read to its end all the same.
    pub fn lose_name(&mut self, slot: u64, dir: usize, now: Option<(&Path, &OsStr)>) {
        let Some(file) = self.all.get_mut(&slot) else { return };
        file.nameless = Some(Instant::now());
        let old = (dir, file.name.clone());
        if self.by_name.get(&old) == Some(&slot) {
            self.by_name.remove(&old);
        }
        if let Some((path, name)) = now {
            file.followed.renamed(path);
            file.name = name.to_os_string();
            self.by_name.insert((dir, name.to_os_string()), slot);
        }
        self.open.insert(slot);
        self.enqueue(slot);
    }

    /// A file was read to its end: it keeps its descriptor while there are few, or while it is in need of it.
    pub fn rest(&mut self, slot: u64) {
        self.open.insert(slot);
        if self.open.len() > OPEN
            && self.all.get(&slot).is_some_and(|file| file.followed.held == 0 && file.nameless.is_none())
        {
            self.close(slot);
        }
    }

    pub fn close(&mut self, slot: u64) {
        if let Some(file) = self.all.get_mut(&slot) {
            file.followed.close();
        }
        self.open.remove(&slot);
    }

    /// Lets go of a file.
    pub fn remove(&mut self, slot: u64) -> Option<File> {
        let file = self.all.remove(&slot)?;
        self.by_inode.retain(|_, other| *other != slot);
        self.by_name.retain(|_, other| *other != slot);
        self.open.remove(&slot);
        Some(file)
    }

    /// The next generation of a file takes its place; where `again` fails, the file is let go.
    pub fn replace<E>(
        &mut self,
        slot: u64,
        again: impl FnOnce(Followed, usize) -> Result<Followed, E>,
    ) -> Result<(), E> {
        let Some(File { followed, group, name, nameless, .. }) = self.all.remove(&slot) else {
            return Ok(());
        };
        match again(followed, group) {
            Ok(followed) => {
                self.all.insert(slot, File { followed, group, name, nameless, queued: false });
                self.enqueue(slot);
                Ok(())
            }
            Err(error) => {
                self.by_inode.retain(|_, other| *other != slot);
                self.by_name.retain(|_, other| *other != slot);
                self.open.remove(&slot);
                Err(error)
            }
        }
    }
}
