//! A new file per period, the newest is live: reads one after the other and retires what is over.
//!
//! Rules: a file is over when a newer candidate was seen, its end was reached after that, and size and mtime have not
//! moved for `quiet`. A name that contains the present period is never over. Late lines are shipped from the retired
//! file. What vanished under its name is looked for by inode, then by content.
use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::desk::{Desk, Halt};
use super::due::Due;
use super::finished::Finished;
use super::folder::Folder;
use super::follow::{Followed, Manner, Turn};
use super::identity::{Face, Inode, is_copy};
use super::leaving::Leaving;
use super::listing::{self, Candidates, Key, Name, Places};
use super::memory::{self, Memory};
use super::period::Period;
use super::retire::Retire;
use super::times::Times;
use crate::codec::records::Close;
use crate::flow::{Known, Outlet, Stop};

/// Which finished file comes first; the newest, which may be live, is always last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Oldest,
    Youngest,
    /// As the directory lists them; where files follow each other, the oldest.
    Random,
}

/// How the source was set.
#[derive(Clone)]
pub struct Settings {
    pub dir: PathBuf,
    pub candidates: Candidates,
    pub manner: Manner,
    pub batch: usize,
    pub retire: Retire,
    pub order: Order,
    pub period: Option<Period>,
    pub quiet: Duration,
    pub times: Times,
    /// A position from the plug-in's own state, for the first start.
    pub imported: Option<std::sync::Arc<crate::tail::import::Imported>>,
    /// Where that state is.
    pub tracker: PathBuf,
    /// What was imported from there before.
    pub memo: PathBuf,
}

/// A file that may be read.
struct Candidate {
    path: PathBuf,
    meta: Metadata,
}

impl Candidate {
    fn key(&self) -> Key {
        listing::key(&self.meta)
    }
}

/// What one look saw.
struct Seen {
    names: Vec<Name>,
    /// Oldest first.
    found: Vec<Candidate>,
}

impl Seen {
    fn places(&self) -> Places {
        self.found.iter().map(|candidate| (candidate.path.clone(), candidate.key())).collect()
    }
}

/// The file being read.
struct Current {
    followed: Followed,
    /// A newer file is there.
    newer: bool,
    /// Its name is gone.
    vanished: bool,
}

pub struct Next<'a> {
    desk: Desk<'a>,
    settings: &'a Settings,
    folder: Folder,
    memory: Memory,
    leaving: Leaving,
    finished: Finished,
    current: Option<Current>,
    waiting: Vec<Candidate>,
    /// Files that are copies of known ones whose inode is gone.
    copies: HashMap<Key, Known>,
    /// Inodes that were there when the present file was chosen.
    there: HashSet<Key>,
    first: bool,
    moved: Instant,
    /// A file could not be read; all are offered again then.
    retry_at: Option<Instant>,
}

impl<'a> Next<'a> {
    pub fn new(out: &'a Outlet, stop: &'a Stop, settings: &'a Settings) -> Next<'a> {
        Next {
            desk: Desk::new(out, stop, settings.batch),
            settings,
            folder: Folder::new(settings.dir.clone(), settings.times.rescan),
            memory: Memory::of(out),
            leaving: Leaving::default(),
            finished: Finished::new(settings.retire.clone(), settings.times.late),
            current: None,
            waiting: Vec::new(),
            copies: HashMap::new(),
            there: HashSet::new(),
            first: true,
            moved: Instant::now(),
            retry_at: None,
        }
    }

    /// Reads until the stop, or until a drained run has ended.
    pub fn run(&mut self) -> Result<(), Halt> {
        while !self.desk.stop.is_told() {
            let busy = self.round()?;
            if busy {
                self.moved = Instant::now();
                continue;
            }
            if self.desk.out.until_drained() && self.is_drained() {
                return Ok(());
            }
            let due = self.due();
            self.folder.wait(&self.desk, due);
        }
        Ok(())
    }

    fn is_drained(&self) -> bool {
        let held_back = self.waiting.len() > usize::from(self.current.is_none());
        !self.first
            && !held_back
            && self.finished.is_settled()
            && self.moved.elapsed() >= self.settings.times.drain
    }

    fn round(&mut self) -> Result<bool, Halt> {
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.retry_at = None;
            self.folder.look_again();
        }
        if self.folder.may_have_changed()
            && let Some(seen) = self.look()
        {
            self.take_over(seen)?;
        }
        let mut busy = self.finished.look(&self.desk, &mut self.leaving)?;
        self.leaving.settle(self.desk.out).map_err(Halt::Broken)?;
        if self.current.is_none() {
            busy |= self.choose()?;
        }
        Ok(self.read()? || busy)
    }

    fn due(&self) -> Duration {
        let mut due = Due::within(self.finished.due().unwrap_or(Duration::from_secs(3600)));
        due.leaving(&self.leaving);
        if let Some(at) = self.retry_at {
            due.after(at.saturating_duration_since(Instant::now()));
        }
        if let Some(current) = &self.current {
            if current.newer || current.vanished {
                due.after(self.settings.quiet.saturating_sub(current.followed.quiet_for()));
            }
            due.silence(&self.settings.times, &current.followed);
        }
        due.drained(&self.desk, &self.settings.times, self.moved);
        due.time()
    }

    fn look(&mut self) -> Option<Seen> {
        let look = || {
            let names = self.folder.names(&self.desk)?;
            Some(Seen { found: self.find(&names), names })
        };
        listing::settled(look, Seen::places)
    }

    /// Candidates, oldest first.
    fn find(&mut self, names: &[Name]) -> Vec<Candidate> {
        let mut found = Vec::new();
        for name in names.iter().filter(|name| self.settings.candidates.takes(&name.name)) {
            let path = self.settings.dir.join(&name.name);
            match listing::regular(&path) {
                Ok(Some(meta)) => found.push(Candidate { path, meta }),
                Ok(None) => {}
                Err(error) => self.trouble(&path, &error),
            }
        }
        found.sort_by(|a, b| {
            let key = |c: &Candidate| listing::modified(&c.meta);
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
        found
    }

    /// Takes a look over: who waits, who is newer, who has gone.
    fn take_over(&mut self, seen: Seen) -> Result<(), Halt> {
        let Seen { names, mut found } = seen;
        self.finished.follow_names(&self.settings.dir, &names, &mut self.leaving);
        for (device, inode, size) in self.finished.changed_kept() {
            if let Some(followed) = self.finished.take_changed((device, inode), size) {
                self.finished.add(followed);
            }
        }
        let finished = self.finished.inodes();
        found.retain(|candidate| !finished.contains(&candidate.key()));
        if std::mem::take(&mut self.first) {
            self.look_for_known(&names, &found)?;
        }
        self.judge_current(&found, &names);
        if let Some(current) = &self.current {
            let own = current.followed.key();
            found.retain(|candidate| candidate.key() != own);
        }
        self.waiting = found;
        Ok(())
    }

    fn judge_current(&mut self, found: &[Candidate], names: &[Name]) {
        let Some(current) = &mut self.current else { return };
        let inode = current.followed.face.inode;
        let key = current.followed.key();
        let at = found.iter().position(|candidate| candidate.key() == key);
        match at {
            Some(at) if *found[at].path != *current.followed.path => {
                current.followed.renamed(&found[at].path)
            }
            Some(_) => {}
            None => {
                current.vanished = true;
                if let Some(name) = names.iter().find(|name| name.inode == inode.number) {
                    current.followed.renamed(&self.settings.dir.join(&name.name));
                }
            }
        }
        let later = |candidate: &Candidate| !self.there.contains(&candidate.key());
        let newer = found.iter().enumerate().any(|(index, candidate)| {
            candidate.key() != key && (at.is_none_or(|at| index > at) || later(candidate))
        });
        current.newer = newer;
    }

    /// Opens the next file: one that is being read already, else by order; the newest is always last.
    fn choose(&mut self) -> Result<bool, Halt> {
        if self.waiting.is_empty() {
            return Ok(false);
        }
        let begun = self.waiting.iter().position(|candidate| self.memory.may_know(candidate.meta.ino()));
        let older = self.waiting.len() - 1;
        let index = begun.unwrap_or(match self.settings.order {
            Order::Youngest if older > 0 => older - 1,
            _ => 0,
        });
        let candidate = self.waiting.remove(index);
        let newer = index < self.waiting.len();
        match self.open(&candidate) {
            Ok(None) => {
                self.folder.look_again();
                Ok(!self.waiting.is_empty())
            }
            Ok(Some(followed)) => {
                self.there = self.waiting.iter().map(Candidate::key).collect();
                self.current = Some(Current { followed, newer, vanished: false });
                Ok(true)
            }
            Err(Halt::Read(error)) => {
                // It is offered again with the next listing; others go on.
                self.trouble(&candidate.path, &error);
                Ok(!self.waiting.is_empty())
            }
            Err(halt) => Err(halt),
        }
    }

    /// `None`: it is not there any more under this name.
    fn open(&mut self, candidate: &Candidate) -> Result<Option<Followed>, Halt> {
        let Some(file) = listing::open(&candidate.path, candidate.key()).map_err(Halt::Read)? else {
            return Ok(None);
        };
        let (path, copy) = (&candidate.path, self.copies.remove(&candidate.key()));
        let imported = self.settings.imported.as_ref();
        let begin = imported.and_then(|imported| imported.begin(path));
        let start = |_: &Face, size: u64, known: Option<u64>| match known {
            Some(_) => None,
            None => copy.as_ref().map(|copy| copy.from).or(begin).filter(|at| *at <= size),
        };
        let manner = &self.settings.manner;
        let followed =
            Followed::open(&self.desk, &mut self.memory, &mut self.leaving, manner, path, file, start)?;
        if let Some(imported) = imported {
            imported.opened(path, self.desk.out.source());
        }
        Ok(Some(followed))
    }

    /// Reads the present file; true if there may be more to do at once.
    fn read(&mut self) -> Result<bool, Halt> {
        let Some(current) = &mut self.current else { return Ok(false) };
        let close = current.followed.close_by_silence(&self.settings.times);
        let at = current.followed.reader.at();
        match current.followed.turn(&self.desk, close, u64::MAX) {
            Ok(Turn::More) => return Ok(true),
            Ok(Turn::Quiet) => {}
            Ok(Turn::Truncated) => return self.begin_again().map(|()| true),
            Ok(Turn::Replaced) => {
                self.current = None;
                self.folder.look_again();
                return Ok(true);
            }
            Ok(Turn::Undecodable) => {
                current.followed.reader.forgive = true;
                return Ok(true);
            }
            Err(Halt::Read(error)) => {
                let path = current.followed.path.clone();
                self.trouble(&path, &error);
                return Ok(false);
            }
            Err(halt) => return Err(halt),
        }
        if current.followed.reader.at() != at {
            self.moved = Instant::now();
        }
        if self.is_over() {
            self.finish()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn begin_again(&mut self) -> Result<(), Halt> {
        let Some(current) = self.current.take() else { return Ok(()) };
        current.followed.tell_loss(&self.desk);
        let followed = current.followed.again(&self.desk, &mut self.leaving, &self.settings.manner)?;
        self.current = Some(Current { followed, ..current });
        Ok(())
    }

    /// Whether the present file, read to its end, is over.
    fn is_over(&mut self) -> bool {
        let quiet = self.settings.quiet;
        let Some(current) = &mut self.current else { return false };
        if !current.newer && !current.vanished {
            return false;
        }
        let name = current.followed.path.file_name().unwrap_or_default().to_string_lossy();
        if !current.vanished
            && self.settings.period.as_ref().is_some_and(|period| period.is_present_in(&name))
        {
            return false;
        }
        let at_end = current.followed.reader.at() + current.followed.held;
        let Ok(Some(file)) = current.followed.file() else { return false };
        let Ok(meta) = file.metadata() else { return false };
        meta.len() == at_end && still_for(&meta, current.followed.quiet_for()) >= quiet
    }

    /// Ships the unterminated rest and hands the file over.
    fn finish(&mut self) -> Result<(), Halt> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        while current.followed.turn(&self.desk, Close::All, u64::MAX)? == Turn::More {}
        if current.vanished {
            self.finished.add_retired(current.followed);
        } else {
            self.finished.add(current.followed);
        }
        self.folder.look_again();
        Ok(())
    }

    /// At the start: known files that are no candidates now. Renamed by us or others, copied, or gone.
    fn look_for_known(&mut self, names: &[Name], found: &[Candidate]) -> Result<(), Halt> {
        let left: Vec<Known> = self.memory.unclaimed().cloned().collect();
        for known in left {
            let Some(face) = Face::told(&known.attributes) else { continue };
            if found.iter().any(|candidate| Inode::of(&candidate.meta).is_like(&face.inode)) {
                continue;
            }
            self.memory.remove(&known);
            let named = names.iter().find(|name| name.inode == face.inode.number);
            if let Some(name) = named
                && self.resume_renamed(&known, &self.settings.dir.join(&name.name))?
            {
                continue;
            }
            let copy = found.iter().find(|candidate| is_copy_of(&candidate.path, &known));
            match copy {
                Some(candidate) => {
                    self.leaving.add(known.id, known.high);
                    self.copies.insert(candidate.key(), known);
                }
                None => self.leaving.tell_gone(&self.desk, &known),
            }
        }
        Ok(())
    }

    fn resume_renamed(&mut self, known: &Known, path: &Path) -> Result<bool, Halt> {
        let Ok(file) = File::open(path) else { return Ok(false) };
        if !matches!(memory::is_same(known, &file), Ok(true)) {
            return Ok(false);
        }
        let followed = Followed::resumed(&self.desk, &self.settings.manner, path, file, known)?;
        self.finished.add_retired(followed);
        Ok(true)
    }

    fn trouble(&mut self, path: &Path, error: &std::io::Error) {
        self.retry_at.get_or_insert_with(|| Instant::now() + Duration::from_secs(1));
        self.desk.cannot_read(path, error);
    }
}

/// How long size and mtime have not moved: by the clock of the file, but no longer than bytes came by ours where the
/// file's lies in the future.
pub fn still_for(meta: &Metadata, observed: Duration) -> Duration {
    match meta.modified().map(|at| SystemTime::now().duration_since(at)) {
        Ok(Ok(age)) => age,
        _ => observed,
    }
}

fn is_copy_of(path: &Path, known: &Known) -> bool {
    let Some(face) = Face::told(&known.attributes) else { return false };
    let same = File::open(path).and_then(|file| is_copy(&file, &face, known.checks.below(known.from)));
    known.from > 0 && matches!(same, Ok(true))
}
