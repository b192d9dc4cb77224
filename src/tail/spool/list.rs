//! Lists the directory: who waits to be read, and what the first of two looks saw.
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Spool;
use super::candidate::{Candidate, Look};
use crate::flow::Known;
use crate::tail::desk::Halt;
use crate::tail::follow::{Followed, shift_of};
use crate::tail::listing::{self, Name, Places};
use crate::tail::memory;
use crate::tail::next::Order;
use crate::tail::retire::Retire;

impl Spool<'_> {
    /// A new listing, where one is due.
    pub(super) fn list(&mut self) -> Result<(), Halt> {
        let Some(names) = self.names_if_due() else { return Ok(()) };
        self.listed = Instant::now();
        let mut found = self.find(names);
        if std::mem::take(&mut self.first) {
            let look = || self.folder.names(&self.desk).map(|names| self.find(names));
            found = listing::settled(look, |found| places(found)).unwrap_or(found);
            self.look_for_known(&found)?;
        }
        self.waiting = found;
        self.remember_looks();
        Ok(())
    }

    /// Our own renames must not cause a listing per file.
    fn names_if_due(&mut self) -> Option<Vec<Name>> {
        let fresh = self.listed.elapsed() < Duration::from_secs(1) && !self.waiting.is_empty();
        if !self.first && fresh && self.settings.ready.is_none() {
            return None;
        }
        let second_look = |ready| self.looks.values().any(|(_, since)| since.elapsed() >= ready);
        let due = self.settings.ready.is_some_and(second_look);
        if due || !self.parked.is_empty() || !self.waiting.is_empty() {
            self.folder.names(&self.desk)
        } else {
            self.folder.changed_names(&self.desk)
        }
    }

    /// Candidates, in the order of reading.
    fn find(&self, names: Vec<Name>) -> Vec<Candidate> {
        let mut found = Vec::new();
        for name in names {
            self.meet(&self.settings.dir.join(&name.name), &mut found);
        }
        let busy = self.finished.inodes();
        found.retain(|candidate| !busy.contains(&candidate.key));
        let age = |a: &Candidate, b: &Candidate| match self.settings.order {
            Order::Youngest => b.look.modified.cmp(&a.look.modified),
            _ => a.look.modified.cmp(&b.look.modified),
        };
        if self.settings.order != Order::Random {
            found.sort_by(|a, b| age(a, b).then_with(|| a.path.file_name().cmp(&b.path.file_name())));
        }
        found
    }

    fn meet(&self, path: &Path, found: &mut Vec<Candidate>) {
        let Some(name) = path.file_name() else { return };
        // A link to a directory is not followed: it may lead to where we are.
        if self.settings.recursive && path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            let ignore = self.settings.candidates.ignore.as_ref();
            let pruned = ignore.is_some_and(|ignore| ignore.is_match(name.as_bytes()));
            if !name.as_bytes().starts_with(b".") && !pruned {
                for name in listing::names(path).unwrap_or_default() {
                    self.meet(&path.join(&name.name), found);
                }
            }
            return;
        }
        if !self.settings.candidates.takes(name) || self.settings.retire.is_marked(path) {
            return;
        }
        match listing::regular(path) {
            Ok(Some(meta)) => {
                let (key, look) = (listing::key(&meta), Look::of(&meta));
                found.push(Candidate { path: path.into(), key, look });
            }
            Ok(None) => {}
            Err(error) => self.desk.cannot_read(path, &error),
        }
    }

    /// The first of two looks, kept as long as the second finds the same.
    fn remember_looks(&mut self) {
        if self.settings.ready.is_none() {
            return;
        }
        let mut looks = HashMap::new();
        for candidate in &self.waiting {
            let kept = self.looks.get(&candidate.key).filter(|(look, _)| *look == candidate.look);
            looks.insert(candidate.key, kept.copied().unwrap_or((candidate.look, Instant::now())));
        }
        self.looks = looks;
    }

    /// At the start: known files that are no candidates. Renamed by us just before the stop, or gone.
    fn look_for_known(&mut self, found: &[Candidate]) -> Result<(), Halt> {
        let known: Vec<_> = self.memory.unclaimed().cloned().collect();
        for known in known {
            let inode = known.attributes.number("inode").unwrap_or(0);
            if found.iter().any(|candidate| candidate.key.1 == inode) {
                continue;
            }
            self.memory.remove(&known);
            let path = self.where_it_would_be(&known);
            let file = File::open(&path).ok();
            let same =
                file.as_ref().map(|file| memory::is_same(&known, file)).transpose().map_err(Halt::Read)?;
            let same = same == Some(true) && shift_of(&known) == self.settings.manner.framing.shape.shift();
            match file.filter(|_| same) {
                Some(file) => {
                    let manner = &self.settings.manner;
                    let followed = Followed::resumed(&self.desk, manner, &path, file, &known)?;
                    self.finished.add_retired(followed);
                }
                None if self.settings.retire == Retire::Delete => self.leaving.add(known.id, known.high),
                None => self.leaving.tell_gone(&self.desk, &known),
            }
        }
        Ok(())
    }

    /// The path of a file that was retired right before the stop.
    fn where_it_would_be(&self, known: &Known) -> PathBuf {
        let old = known.attributes.get("path").unwrap_or_default();
        match &self.settings.retire {
            Retire::Rename(suffix) => PathBuf::from(format!("{old}{suffix}")),
            _ => PathBuf::from(old),
        }
    }
}

fn places(found: &[Candidate]) -> Places {
    found.iter().map(|candidate| (candidate.path.clone(), candidate.key)).collect()
}
