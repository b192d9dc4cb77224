//! Looks into directories: which files are new, renamed, or without a name.
//!
//! Why by inode: a name may lead to another file at each look. What the channels know and no candidate is was renamed
//! while nobody looked, or is gone.
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{File, MISSED};
use super::{Live, Met, StartAt};
use crate::flow::{Counter, Known};
use crate::sys::Change;
use crate::tail::desk::Halt;
use crate::tail::follow::Followed;
use crate::tail::identity::{Face, Inode};
use crate::tail::listing::{self, Name};
use crate::tail::memory;

/// A candidate of a listing.
struct Found<'a> {
    name: &'a OsStr,
    group: usize,
    inode: Inode,
    size: u64,
    modified: i128,
}

impl<'a> Found<'a> {
    fn of(name: &'a OsStr, group: usize, meta: &Metadata) -> Found<'a> {
        Found { name, group, inode: Inode::of(meta), size: meta.len(), modified: listing::modified(meta) }
    }
}

impl Live<'_> {
    /// Takes over what inotify has to say.
    pub(super) fn hear(&mut self) {
        let (mut names, mut contents, mut lost) = (Vec::new(), Vec::new(), false);
        self.dirs.watcher.changes(|change| match change {
            Change::Content { dir, name } => contents.push((dir, name)),
            Change::Names { dir, name } => names.push((dir, name)),
            Change::Gone { dir } => names.push((dir, OsString::new())),
            Change::Lost => lost = true,
        });
        if lost {
            self.dirs.doubt_all();
        }
        for (dir, name) in contents {
            match self.files.of_path(&self.dirs.all[dir].path.join(&name)) {
                Some(slot) => self.files.enqueue(slot),
                None => self.dirs.all[dir].stale |= self.group_of(dir, &name).is_some(),
            }
        }
        for (dir, name) in names {
            if name.is_empty() {
                self.dirs.is_gone(dir);
                continue;
            }
            let path = self.dirs.all[dir].path.join(&name);
            if self.files.of_path(&path).is_some() || self.group_of(dir, &name).is_some() {
                self.dirs.all[dir].stale = true;
            }
        }
    }

    fn group_of(&self, dir: usize, name: &OsStr) -> Option<usize> {
        let path = &self.dirs.all[dir].path;
        self.groups.iter().position(|group| group.dir == *path && group.candidates.takes(name))
    }

    /// Looks at every name of a directory.
    pub(super) fn look_through(&mut self, dir: usize, start: &mut StartAt<'_>) -> Result<(), Halt> {
        // The watch comes first, so that nothing falls between it and the listing.
        self.dirs.watch(dir);
        let names = listing::names(&self.dirs.all[dir].path).unwrap_or_else(|error| {
            self.dirs.failed(dir, self.desk, &error);
            Vec::new()
        });
        let seen_into = self.dirs.all[dir].watched || !names.is_empty();
        if seen_into {
            self.dirs.recovered(dir, self.desk);
            self.desk.forget_missing();
        }
        let mut seen = HashSet::new();
        for found in self.candidates(dir, &names) {
            seen.extend(self.met(dir, &found, start)?);
        }
        let path = self.dirs.all[dir].path.clone();
        let gone = self.files.slots(|file| file.nameless.is_none() && self.groups[file.group].dir == path);
        for slot in gone.into_iter().filter(|slot| !seen.contains(slot)) {
            self.lost_its_name(dir, slot, &names);
        }
        if seen_into {
            self.look_for_known(dir, &names)?;
        }
        Ok(())
    }

    /// Oldest first, as Flume reads them.
    fn candidates<'n>(&self, dir: usize, names: &'n [Name]) -> Vec<Found<'n>> {
        let mut found = Vec::with_capacity(names.len());
        for Name { name, .. } in names {
            let Some(group) = self.group_of(dir, name) else { continue };
            let path = self.dirs.all[dir].path.join(name);
            match listing::regular(&path) {
                Ok(Some(meta)) => found.push(Found::of(name, group, &meta)),
                Ok(None) => {}
                Err(error) => self.desk.cannot_read(&path, &error),
            }
        }
        found.sort_unstable_by(|a, b| a.modified.cmp(&b.modified).then_with(|| a.name.cmp(b.name)));
        found
    }

    /// A candidate: followed already, perhaps under another name, or new. The slot that follows it, if one does.
    fn met(&mut self, dir: usize, found: &Found<'_>, start: &mut StartAt<'_>) -> Result<Option<u64>, Halt> {
        let Found { name, group, inode, size, .. } = found;
        let path = self.dirs.all[dir].path.join(name);
        let Some(slot) = self.files.of_inode(inode.key()) else { return self.open_new(&path, found, start) };
        let file = self.files.get_mut(slot).expect("all maps hold the same slots");
        if !file.followed.face.inode.is_like(inode) {
            // The inode belongs to a new file; the old one ended while its descriptor was closed.
            self.forget(slot);
            return self.open_new(&path, found, start);
        }
        let unread = *size != file.followed.size || !file.followed.is_done() && file.followed.held == 0;
        if file.name() != Some(name) || file.nameless.is_some() {
            self.files.rename(slot, &path, *group);
        }
        if unread {
            self.files.enqueue(slot);
        }
        Ok(Some(slot))
    }

    fn open_new(
        &mut self,
        path: &Path,
        found: &Found<'_>,
        start: &mut StartAt<'_>,
    ) -> Result<Option<u64>, Halt> {
        let Found { group, inode, .. } = found;
        let (first, manner) = (self.first, &self.groups[*group].manner);
        let at = |face: &Face, size, known| start(Met { path, face, size, first, known });
        let (memory, leaving) = (&mut self.memory, &mut self.leaving);
        let opened = listing::open(path, inode.key()).map_err(Halt::Read).and_then(|file| {
            file.map(|file| Followed::open(self.desk, memory, leaving, manner, path, file, at)).transpose()
        });
        match opened {
            Ok(None) => {
                // Renamed since the listing: another file has the name, or none.
                self.dirs.look_within(Duration::ZERO);
                Ok(None)
            }
            Ok(Some(followed)) => {
                self.adopt(*group, followed, None);
                Ok(self.files.of_inode(inode.key()))
            }
            Err(Halt::Read(error)) => {
                self.desk.cannot_read(path, &error);
                Ok(None)
            }
            Err(halt) => Err(halt),
        }
    }

    fn adopt(&mut self, group: usize, followed: Followed, nameless: Option<Instant>) {
        self.files.adopt(File { followed, group, nameless, queued: false });
        self.desk.out.pulse().set(Counter::FilesOpen, self.files.len() as u64);
    }

    fn lost_its_name(&mut self, dir: usize, slot: u64, names: &[Name]) {
        let Some(file) = self.files.get_mut(slot) else { return };
        let inode = file.followed.face.inode.number;
        let now = names.iter().find(|name| name.inode == inode);
        let path = now.map(|now| self.dirs.all[dir].path.join(&now.name));
        self.files.lose_name(slot, path.as_deref());
    }

    /// Known files that no candidate is: renamed to another name while nobody looked, or gone.
    fn look_for_known(&mut self, dir: usize, names: &[Name]) -> Result<(), Halt> {
        let folder = self.dirs.all[dir].path.clone();
        let here = |known: &&Known| {
            known.attributes.get("path").is_some_and(|old| Path::new(old).parent() == Some(&folder))
        };
        let left: Vec<Known> = self.memory.unclaimed().filter(here).cloned().collect();
        self.missed.retain(|stream, _| left.iter().any(|known| known.id == *stream));
        for known in left {
            let inode = known.attributes.number("inode").unwrap_or(0);
            let old = known.attributes.get("path").and_then(|old| Path::new(old).file_name());
            let group = old.and_then(|old| self.group_of(dir, old));
            match (names.iter().find(|name| name.inode == inode), group) {
                (Some(now), Some(group)) => self.resume_renamed(dir, &now.name, group, &known)?,
                _ => self.is_missing(&known),
            }
        }
        Ok(())
    }

    /// Only a file that is recognised is followed here; any other is none of ours.
    fn resume_renamed(&mut self, dir: usize, name: &OsStr, group: usize, known: &Known) -> Result<(), Halt> {
        let path = self.dirs.all[dir].path.join(name);
        let Ok(file) = std::fs::File::open(&path) else { return Ok(()) };
        if !matches!(memory::is_same(known, &file), Ok(true)) {
            self.is_missing(known);
            return Ok(());
        }
        self.memory.remove(known);
        let followed = Followed::resumed(self.desk, &self.groups[group].manner, &path, file, known)?;
        self.adopt(group, followed, Some(Instant::now()));
        Ok(())
    }

    /// Gone is what is still missed a while after the first look that missed it.
    fn is_missing(&mut self, known: &Known) {
        let since = *self.missed.entry(known.id).or_insert_with(Instant::now);
        if since.elapsed() < MISSED {
            self.dirs.look_within(MISSED);
            return;
        }
        self.missed.remove(&known.id);
        self.memory.remove(known);
        self.leaving.tell_gone(self.desk, known);
    }
}
