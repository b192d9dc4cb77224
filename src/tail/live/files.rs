//! The files that are followed, found by inode and by name, and who of them is to be read next.
//!
//! Invariants: all maps hold the same slots; a slot is given once; a file waits in the queue at most once.
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::tail::follow::Followed;
use crate::tail::listing::Key;

/// How long a file is looked for: a look that is under way while files are renamed may see one under neither of its
/// names.
pub const MISSED: Duration = Duration::from_secs(1);
/// Descriptors kept open for files that are read to their end.
const OPEN: usize = 128;

/// A followed file.
pub struct File {
    pub followed: Followed,
    /// The group whose pattern its name matched.
    pub group: usize,
    /// Since when its name is no candidate any more.
    pub nameless: Option<Instant>,
    /// Waits in the queue of files to read.
    pub queued: bool,
}

impl File {
    /// How long it is kept without a name. One that is closed is only found again by name, so that looks have to miss it
    /// for a while.
    pub fn patience(&self, late: Duration) -> Duration {
        if self.followed.is_open() { late } else { late.max(MISSED) }
    }

    /// The name that leads to it.
    pub fn name(&self) -> Option<&OsStr> {
        self.followed.path.file_name()
    }
}

/// All files of a source.
#[derive(Default)]
pub struct Files {
    /// Boxed, since a table of 10,000 is up to half empty.
    all: HashMap<u64, Box<File>>,
    by_inode: HashMap<Key, u64>,
    by_name: HashMap<Arc<Path>, u64>,
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
        self.all.values().map(|file| &**file)
    }

    pub fn get_mut(&mut self, slot: u64) -> Option<&mut File> {
        self.all.get_mut(&slot).map(|file| &mut **file)
    }

    pub fn slots(&self, which: impl Fn(&File) -> bool) -> Vec<u64> {
        self.all.iter().filter(|(_, file)| which(file)).map(|(slot, _)| *slot).collect()
    }

    pub fn of_inode(&self, key: Key) -> Option<u64> {
        self.by_inode.get(&key).copied()
    }

    pub fn of_path(&self, path: &Path) -> Option<u64> {
        self.by_name.get(path).copied()
    }

    /// Files that may have a descriptor.
    pub fn open(&self) -> impl Iterator<Item = (u64, &File)> {
        self.open.iter().filter_map(|slot| Some((*slot, &**self.all.get(slot)?)))
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
    pub fn adopt(&mut self, mut file: File) {
        let slot = self.next;
        self.next += 1;
        self.by_inode.insert(file.followed.key(), slot);
        if let Some(older) = self.by_name.insert(file.followed.path.clone(), slot)
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
        self.all.insert(slot, Box::new(file));
        if !quiet {
            self.enqueue(slot);
        }
    }

    /// The same file under another name, a candidate of this group.
    pub fn rename(&mut self, slot: u64, path: &Path, group: usize) {
        let Some(file) = self.all.get_mut(&slot) else { return };
        self.by_name.remove(&file.followed.path);
        file.followed.renamed(path);
        file.nameless = None;
        file.group = group;
        self.by_name.insert(file.followed.path.clone(), slot);
    }

    /// A file is no candidate any more: renamed to `now`, moved away or deleted. It is read to its end all the same.
    pub fn lose_name(&mut self, slot: u64, now: Option<&Path>) {
        let Some(file) = self.all.get_mut(&slot) else { return };
        file.nameless = Some(Instant::now());
        if self.by_name.get(&file.followed.path) == Some(&slot) {
            self.by_name.remove(&file.followed.path);
        }
        if let Some(path) = now {
            file.followed.renamed(path);
            self.by_name.insert(file.followed.path.clone(), slot);
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
        let file = *self.all.remove(&slot)?;
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
        let Some(file) = self.all.remove(&slot) else { return Ok(()) };
        let File { followed, group, nameless, .. } = *file;
        match again(followed, group) {
            Ok(followed) => {
                self.all.insert(slot, Box::new(File { followed, group, nameless, queued: false }));
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
