//! Files that are finished before they are read: one at a time, whole, then retired.
//!
//! Why a file that changes while it is read is no failure here: its position stays, whole lines go out, the rest is
//! read when it has become still. Only what is still is taken for final and retired.
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desk::{Desk, Doing, Halt};
use super::finished::Finished;
use super::folder::Folder;
use super::follow::{Followed, Manner, Turn};
use super::identity::Face;
use super::import::Imported;
use super::leaving::{LOOK, Leaving};
use super::listing::{self, Candidates};
use super::memory::{Claim, Memory};
use super::next::{Order, still_for};
use super::remembered::Remembered;
use super::retire::{Retire, rename_numbered};
use crate::codec::records::Close;
use crate::flow::{Counter, Outlet, Stop};

/// How the source was set.
#[derive(Clone)]
pub struct Settings {
    pub dir: PathBuf,
    pub candidates: Candidates,
    pub manner: Manner,
    pub batch: usize,
    pub retire: Retire,
    pub order: Order,
    pub recursive: bool,
    /// Two looks so far apart must find the same; `None`: files are read as they come.
    pub ready: Option<Duration>,
    /// A file is final when it has been still for so long.
    pub quiet: Duration,
    pub late: Duration,
    pub rescan: Duration,
    pub drain: Duration,
    /// Where retired files are remembered.
    pub remembered: Option<PathBuf>,
    /// A position that Flume left.
    pub imported: Option<Arc<Imported>>,
    pub tracker: PathBuf,
    /// What was imported from there before.
    pub memo: PathBuf,
}

type Key = (u64, u64);

/// What one look saw of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    size: u64,
    modified: i128,
}

impl Look {
    fn of(meta: &Metadata) -> Look {
        Look { size: meta.len(), modified: listing::modified(meta) }
    }
}

struct Candidate {
    path: PathBuf,
    key: Key,
    look: Look,
}

/// The end of names of files that are set aside.
const FAILED: &str = ".FAILED";

pub struct Spool<'a> {
    desk: Desk<'a>,
    settings: &'a Settings,
    folder: Folder,
    memory: Memory,
    leaving: Leaving,
    finished: Finished,
    remembered: Option<Remembered>,
    current: Option<(Followed, Look)>,
    /// Files that changed while they were read, waiting to become still.
    parked: HashMap<Key, Followed>,
    waiting: Vec<Candidate>,
    /// First looks of the ready check.
    looks: HashMap<Key, (Look, Instant)>,
    first: bool,
    listed: Instant,
    moved: Instant,
}

impl<'a> Spool<'a> {
    pub fn new(out: &'a Outlet, stop: &'a Stop, settings: &'a Settings) -> Spool<'a> {
        let remembered = settings.remembered.as_ref().and_then(|path| match Remembered::open(path) {
            Ok(remembered) => Some(remembered),
            Err(error) => {
                log::error!(component = out.source(); "cannot open `{}`: {error}; files that come back are shipped again", path.display());
                None
            }
        });
        // Sub-directories are not watched one by one.
        let rescan = if settings.recursive {
            settings.rescan.min(Duration::from_millis(500))
        } else {
            settings.rescan
        };
        Spool {
            desk: Desk::new(out, stop, settings.batch),
            settings,
            folder: Folder::new(settings.dir.clone(), rescan),
            memory: Memory::of(out),
            leaving: Leaving::default(),
            finished: Finished::new(settings.retire.clone(), settings.late),
            remembered,
            current: None,
            parked: HashMap::new(),
            waiting: Vec::new(),
            looks: HashMap::new(),
            first: true,
            listed: Instant::now(),
            moved: Instant::now(),
        }
    }

    /// Reads until the stop, or until a drained run has ended.
    pub fn run(&mut self) -> Result<(), Halt> {
        while !self.desk.stop.is_told() {
            if self.round()? {
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
        let nothing = self.current.is_none() && self.parked.is_empty() && self.waiting.is_empty();
        !self.first && nothing && self.finished.is_settled() && self.moved.elapsed() >= self.settings.drain
    }

    fn due(&self) -> Duration {
        let mut due = self.finished.due().unwrap_or(Duration::from_secs(3600));
        let mut after = |time: Duration| due = due.min(time.max(Duration::from_millis(5)));
        if !self.leaving.is_empty() {
            after(LOOK);
        }
        if let Some(ready) = self.settings.ready {
            self.looks.values().for_each(|(_, since)| after(ready.saturating_sub(since.elapsed())));
        }
        if !self.parked.is_empty() || !self.waiting.is_empty() || self.current.is_some() {
            after(self.settings.quiet.min(Duration::from_secs(1)));
        }
        if self.desk.out.until_drained() {
            after(self.settings.drain.saturating_sub(self.moved.elapsed()));
        }
        due
    }

    fn round(&mut self) -> Result<bool, Halt> {
        let mut busy = self.finished.look(&self.desk, &mut self.leaving)?;
        self.leaving.settle(self.desk.out).map_err(Halt::Broken)?;
        if self.current.is_none() {
            self.list()?;
            busy |= self.choose()?;
        }
        if self.current.is_some() {
            busy |= self.read()?;
        }
        Ok(busy)
    }

    /// A new listing, where one is due: our own renames must not cause one per file.
    fn list(&mut self) -> Result<(), Halt> {
        let fresh = self.listed.elapsed() < Duration::from_secs(1) && !self.waiting.is_empty();
        if !self.first && fresh && self.settings.ready.is_none() {
            return Ok(());
        }
        let due = self
            .settings
            .ready
            .is_some_and(|ready| self.looks.values().any(|(_, since)| since.elapsed() >= ready));
        let names = if due || !self.parked.is_empty() || !self.waiting.is_empty() {
            self.folder.names(&self.desk)
        } else {
            self.folder.changed_names(&self.desk)
        };
        let Some(names) = names else { return Ok(()) };
        self.listed = Instant::now();
        let mut found = Vec::new();
        for name in names {
            self.meet(&self.settings.dir.join(&name.name), &mut found);
        }
        let busy = self.finished.inodes();
        found.retain(|candidate| !busy.contains(&candidate.key));
        found.sort_by(|a, b| {
            a.look.modified.cmp(&b.look.modified).then_with(|| a.path.file_name().cmp(&b.path.file_name()))
        });
        if self.settings.order == Order::Youngest {
            found.reverse();
        }
        if std::mem::take(&mut self.first) {
            self.look_for_known(&found)?;
        }
        self.waiting = found;
        self.remember_looks();
        Ok(())
    }

    fn meet(&self, path: &Path, found: &mut Vec<Candidate>) {
        let Some(name) = path.file_name() else { return };
        if self.settings.recursive && path.is_dir() {
            let pruned =
                self.settings.candidates.ignore.as_ref().is_some_and(|i| i.is_match(name.as_bytes()));
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
                found.push(Candidate {
                    path: path.into(),
                    key: (meta.dev(), meta.ino()),
                    look: Look::of(&meta),
                });
            }
            Ok(None) => {}
            Err(error) => self.trouble(path, &error),
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

    fn is_ready(&self, candidate: &Candidate) -> bool {
        match self.settings.ready {
            Some(ready) => self.looks.get(&candidate.key).is_some_and(|(_, since)| since.elapsed() >= ready),
            // One that changed while it was read waits until it is still.
            None => !self.parked.contains_key(&candidate.key) || self.is_still(candidate),
        }
    }

    fn is_still(&self, candidate: &Candidate) -> bool {
        let meta = listing::regular(&candidate.path).ok().flatten();
        meta.is_some_and(|meta| still_for(&meta, Duration::MAX) >= self.settings.quiet)
    }

    fn choose(&mut self) -> Result<bool, Halt> {
        let Some(index) = self.waiting.iter().position(|candidate| self.is_ready(candidate)) else {
            return Ok(false);
        };
        let candidate = self.waiting.remove(index);
        self.looks.remove(&candidate.key);
        let opened = match self.parked.remove(&candidate.key) {
            Some(followed) => Ok(followed),
            None => self.open(&candidate.path),
        };
        match opened {
            Ok(followed) => {
                self.current = Some((followed, candidate.look));
                Ok(true)
            }
            Err(Halt::Read(error)) => {
                self.trouble(&candidate.path, &error);
                Ok(!self.waiting.is_empty())
            }
            Err(halt) => Err(halt),
        }
    }

    fn open(&mut self, path: &Path) -> Result<Followed, Halt> {
        let imported = self.settings.imported.as_ref();
        let begin = imported.and_then(|imported| imported.begin(path));
        let name = name_of(path);
        let seen = match (&self.remembered, File::open(path)) {
            (Some(remembered), Ok(file)) => remembered.knows(&name, &file).unwrap_or(false),
            _ => false,
        };
        let start = |_: &Face, size: u64, known: Option<u64>| match known {
            Some(_) => None,
            None if seen => Some(size),
            None => begin.filter(|at| *at <= size),
        };
        let manner = &self.settings.manner;
        let followed = Followed::open(&self.desk, &mut self.memory, &mut self.leaving, manner, path, start)?;
        if let Some(imported) = imported {
            imported.opened(path, self.desk.out.source());
        }
        if seen {
            log::warn!(component = self.desk.out.source(); "`{}` was shipped before and came back: it is not shipped again", path.display());
        }
        Ok(followed)
    }

    /// Reads the present file on; at its end it is final, or waits until it is still.
    fn read(&mut self) -> Result<bool, Halt> {
        let Some((followed, look)) = &mut self.current else { return Ok(false) };
        match followed.turn(&self.desk, Close::No, u64::MAX) {
            Ok(Turn::More) => return Ok(true),
            Ok(Turn::Quiet) => {}
            Ok(Turn::Undecodable) => return self.set_aside().map(|()| true),
            Ok(Turn::Truncated) => {
                let (followed, _) = self.current.take().expect("looked at above");
                followed.tell_loss(&self.desk);
                let next = followed.again(&self.desk, &mut self.leaving, &self.settings.manner)?;
                return self.park(next).map(|()| true);
            }
            Ok(Turn::Replaced) => {
                self.current = None;
                return Ok(true);
            }
            Err(Halt::Read(error)) => {
                let path = followed.path.clone();
                self.current = None;
                self.trouble(&path, &error);
                return Ok(false);
            }
            Err(halt) => return Err(halt),
        }
        let still = match followed.file() {
            Ok(Some(file)) => file.metadata().ok().map(|meta| {
                let same = self.settings.ready.is_none() || Look::of(&meta) == *look;
                same && meta.len() == followed.reader.at() + followed.held
                    && (self.settings.ready.is_some()
                        || still_for(&meta, followed.quiet_for()) >= self.settings.quiet)
            }),
            _ => None,
        };
        if still == Some(false) && self.settings.ready.is_none() && followed.size == look.size {
            // Nothing came since it was opened: it is only too young to be final.
            return Ok(false);
        }
        let (followed, _) = self.current.take().expect("looked at above");
        match still {
            Some(true) => self.finish(followed)?,
            _ => self.park(followed)?,
        }
        Ok(true)
    }

    fn park(&mut self, followed: Followed) -> Result<(), Halt> {
        let inode = followed.face.inode;
        self.parked.insert((inode.device, inode.number), followed);
        self.folder.look_again();
        Ok(())
    }

    /// Ships the unterminated rest of a final file, remembers it and hands it over.
    fn finish(&mut self, mut followed: Followed) -> Result<(), Halt> {
        loop {
            match followed.turn(&self.desk, Close::All, u64::MAX)? {
                Turn::More => {}
                Turn::Undecodable => {
                    self.current = Some((followed, Look { size: 0, modified: 0 }));
                    return self.set_aside();
                }
                _ => break,
            }
        }
        let name = name_of(&followed.path);
        if let Some(remembered) = &mut self.remembered
            && let Ok(Some(file)) = followed.file()
            && let Err(error) = remembered.add(&name, file)
        {
            log::warn!(component = self.desk.out.source(); "cannot remember `{name}`: {error}");
        }
        self.finished.add(followed);
        Ok(())
    }

    /// `decodeErrorPolicy = FAIL`: the file gets another name, the source goes on.
    fn set_aside(&mut self) -> Result<(), Halt> {
        let Some((followed, _)) = self.current.take() else { return Ok(()) };
        let (path, at) = (followed.path.display(), followed.reader.at());
        self.desk.out.pulse().add(Counter::DecodeErrors, 1);
        match rename_numbered(&followed.path, FAILED) {
            Ok(_) => {
                log::error!(component = self.desk.out.source(); "`{path}` is no text of its charset after byte {at}: it is set aside as `{FAILED}`; decodeErrorPolicy = REPLACE would ship it");
                self.leaving.add(followed.reader.stream.id, at);
            }
            Err(error) => {
                let path = followed.path.clone();
                self.trouble(&path, &error);
                self.park(followed)?;
            }
        }
        Ok(())
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
            let old = PathBuf::from(known.attributes.get("path").unwrap_or_default());
            let renamed = match &self.settings.retire {
                Retire::Rename(suffix) => PathBuf::from(format!("{}{suffix}", old.display())),
                _ => old,
            };
            let mut one = Memory::default();
            one.insert(known.clone());
            let file = File::open(&renamed).ok();
            let same = file.as_ref().map(|file| one.claim(file)).transpose().map_err(Halt::Read)?;
            match (file, same) {
                (Some(file), Some(Claim::Same(_))) => {
                    let face = Face::of(&file).map_err(Halt::Read)?;
                    let attributes = face.attributes(&renamed);
                    let resume = self.desk.out.resume(&known, attributes).map_err(Halt::Broken)?;
                    let followed =
                        Followed::with(&self.desk, &self.settings.manner, &renamed, file, face, resume)?;
                    self.finished.add_retired(followed);
                }
                _ if self.settings.retire == Retire::Delete => self.leaving.add(known.id, known.high),
                _ => self.leaving.tell_gone(&self.desk, &known),
            }
        }
        Ok(())
    }

    fn trouble(&self, path: &Path, error: &io::Error) {
        let what = format!("cannot read `{}`: {error}", path.display());
        if self.desk.failing(Doing::Read, path, &what) {
            log::warn!(component = self.desk.out.source(); "{what}; other files go on, this one is tried again");
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
