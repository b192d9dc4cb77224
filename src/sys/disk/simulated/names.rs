//! Directories and names: what a reader sees, what the disk surely has, and the changes in between.
//!
//! Invariants: a change is atomic, however many names it sets; changes of one name reach the disk in their order, those
//! of different names in any. `sync_dir` takes along the earlier changes that those of its directory build on.
//! A new directory is durable once it or its parent was synced (as on ext4, xfs and btrfs). Directories are neither
//! renamed nor removed.
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use super::random::Random;

/// The number of an inode.
pub(super) type Ino = u64;

/// Names that change in one step.
#[derive(Clone, Debug)]
struct Change {
    sequence: u64,
    sets: Vec<(PathBuf, Option<Ino>)>,
}

impl Change {
    fn touches(&self, wanted: impl Fn(&Path) -> bool) -> bool {
        self.sets.iter().any(|(path, _)| wanted(path))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Ino>) {
        for (path, ino) in &self.sets {
            match ino {
                Some(ino) => drop(names.insert(path.clone(), *ino)),
                None => drop(names.remove(path)),
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    live: BTreeMap<PathBuf, Ino>,
    durable: BTreeMap<PathBuf, Ino>,
    unsynced: Vec<Change>,
    directories: BTreeSet<PathBuf>,
    durable_directories: BTreeSet<PathBuf>,
}

/// A path without `.`, so that one file has one path.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

impl Names {
    pub fn live(&self) -> &BTreeMap<PathBuf, Ino> {
        &self.live
    }

    pub fn find(&self, path: &Path) -> io::Result<Ino> {
        match self.live.get(path) {
            Some(ino) => Ok(*ino),
            None if self.is_directory(path) => Err(Errno::EISDIR.into()),
            None => Err(self.missing(parent(path))),
        }
    }

    /// Why nothing is found below a path.
    fn missing(&self, path: &Path) -> io::Error {
        let below_file = path.ancestors().any(|part| self.live.contains_key(part));
        if below_file { Errno::ENOTDIR } else { Errno::ENOENT }.into()
    }

    /// Whether a name can be made here.
    pub fn vacant(&self, path: &Path) -> io::Result<()> {
        match self.find(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.check_directory(parent(path)),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(error),
            _ => Err(Errno::EEXIST.into()),
        }
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.parent().is_none() || self.directories.contains(path)
    }

    pub fn check_directory(&self, path: &Path) -> io::Result<()> {
        if self.is_directory(path) {
            return Ok(());
        }
        Err(self.missing(path))
    }

    /// The inode to rename to a name that may be replaced; `None`: it has that name already.
    pub fn renamable(&self, from: &Path, to: &Path) -> io::Result<Option<Ino>> {
        self.check_directory(parent(from))?;
        self.check_directory(parent(to))?;
        let ino = self.find(from)?;
        if from.starts_with(to) && from != to {
            return Err(Errno::ENOTEMPTY.into());
        }
        if self.is_directory(to) {
            return Err(Errno::EISDIR.into());
        }
        Ok((self.live.get(to) != Some(&ino)).then_some(ino))
    }

    pub fn create_directories(&mut self, path: &Path) -> io::Result<()> {
        if path.ancestors().any(|part| self.live.contains_key(part)) {
            return Err(Errno::EEXIST.into());
        }
        add(&mut self.directories, path);
        Ok(())
    }

    pub fn set(&mut self, sequence: u64, sets: Vec<(PathBuf, Option<Ino>)>) {
        let change = Change { sequence, sets };
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    /// Gives a file a name that no power cut takes.
    pub fn set_durably(&mut self, path: &Path, ino: Ino) {
        add(&mut self.directories, parent(path));
        add(&mut self.durable_directories, parent(path));
        self.settle(u64::MAX, |other| other == path);
        self.live.insert(path.to_owned(), ino);
        self.durable.insert(path.to_owned(), ino);
    }

    pub fn sync_directory(&mut self, dir: &Path, before: u64) {
        add(&mut self.durable_directories, dir);
        let children = self.directories.iter().filter(|child| child.parent() == Some(dir));
        self.durable_directories.extend(children.cloned());
        self.settle(before, |path| parent(path) == dir);
    }

    /// Makes durable the changes of some names, and those before them that they build on.
    pub fn settle(&mut self, before: u64, wanted: impl Fn(&Path) -> bool) {
        let mut needed = BTreeSet::new();
        let mut chosen = Vec::new();
        for (index, change) in self.unsynced.iter().enumerate().rev() {
            let asked = change.sequence < before && change.touches(&wanted);
            if asked || change.touches(|path| needed.contains(path)) {
                needed.extend(change.sets.iter().map(|(path, _)| path.clone()));
                chosen.push(index);
            }
        }
        for index in chosen.iter().rev() {
            self.unsynced[*index].apply(&mut self.durable);
        }
        for index in chosen {
            self.unsynced.remove(index);
        }
    }

    /// Whether a name leads to an inode, or may after a power cut.
    pub fn lead_to(&self, ino: Ino) -> bool {
        let sets = self.unsynced.iter().flat_map(|change| &change.sets);
        let mut named = self.live.values().chain(self.durable.values());
        named.any(|named| *named == ino) || sets.filter_map(|(_, named)| *named).any(|named| named == ino)
    }

    /// Keeps what a power cut leaves; all of it is durable then.
    pub fn cut_power(&mut self, random: &mut Random) {
        let changes = std::mem::take(&mut self.unsynced);
        let (kind, prefix) = (random.below(4), random.below(changes.len() as u64 + 1));
        let mut missing = BTreeSet::new();
        for (index, change) in changes.iter().enumerate() {
            let reached = match kind {
                0 => false,
                1 => true,
                2 => (index as u64) < prefix,
                _ => random.coin(),
            };
            if reached && !change.touches(|path| missing.contains(path)) {
                change.apply(&mut self.durable);
            } else {
                missing.extend(change.sets.iter().map(|(path, _)| path.clone()));
            }
        }
        self.live = self.durable.clone();
        self.cut_directories(random);
    }

    fn cut_directories(&mut self, random: &mut Random) {
        let mut left = std::mem::take(&mut self.durable_directories);
        self.live.keys().for_each(|path| add(&mut left, parent(path)));
        for dir in std::mem::take(&mut self.directories) {
            if random.coin() {
                add(&mut left, &dir);
            }
        }
        self.directories = left.clone();
        self.durable_directories = left;
    }
}

/// Adds a directory and those above it.
fn add(directories: &mut BTreeSet<PathBuf>, path: &Path) {
    let missing: Vec<_> = path.ancestors().take_while(|dir| !directories.contains(*dir)).collect();
    directories.extend(missing.into_iter().map(Path::to_owned));
}
