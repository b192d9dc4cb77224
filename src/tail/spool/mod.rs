//! Files that are finished before they are read: one at a time, whole, then retired.
//!
//! Why a file that changes while it is read is no failure here: its position stays, whole lines go out, the rest is
//! read when it has become still. Only what is still is taken for final and retired.
//! Shape: a round lists the directory (`list`), takes the next file that is ready (`choose`), and reads it (`read`);
//! `finished` retires it.
//! Invariants: a file is waiting, parked, read or finished, and never two of these.
//! Errors: a file that cannot be read is said and tried again, others go on; one that is no text is set aside.
mod candidate;
mod choose;
mod list;
mod read;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::candidate::{Candidate, Look};
use super::desk::{Desk, Halt};
use super::due::Due;
use super::finished::Finished;
use super::folder::Folder;
use super::follow::{Followed, Manner};
use super::import::Imported;
use super::leaving::Leaving;
use super::listing::{Candidates, Key};
use super::memory::Memory;
use super::next::Order;
use super::remembered::Remembered;
use super::retire::Retire;
use super::times::Times;
use crate::flow::{Outlet, Stop};

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
    pub times: Times,
    /// Where retired files are remembered.
    pub remembered: Option<PathBuf>,
    /// A position that Flume left.
    pub imported: Option<Arc<Imported>>,
    pub tracker: PathBuf,
    /// What was imported from there before.
    pub memo: PathBuf,
}

/// The directory and its files.
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
        // Sub-directories are not watched one by one.
        let rescan = if settings.recursive {
            settings.times.rescan.min(Duration::from_millis(500))
        } else {
            settings.times.rescan
        };
        Spool {
            desk: Desk::new(out, stop, settings.batch),
            settings,
            folder: Folder::new(settings.dir.clone(), rescan),
            memory: Memory::of(out),
            leaving: Leaving::default(),
            finished: Finished::new(settings.retire.clone(), settings.times.late),
            remembered: remembered(out, settings),
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
        !self.first
            && nothing
            && self.finished.is_settled()
            && self.moved.elapsed() >= self.settings.times.drain
    }

    fn due(&self) -> Duration {
        let mut due = Due::within(self.finished.due().unwrap_or(Duration::from_secs(3600)));
        due.leaving(&self.leaving);
        if let Some(ready) = self.settings.ready {
            self.looks.values().for_each(|(_, since)| due.after(ready.saturating_sub(since.elapsed())));
        }
        if !self.parked.is_empty() || !self.waiting.is_empty() || self.current.is_some() {
            due.after(self.settings.quiet.min(Duration::from_secs(1)));
        }
        due.drained(&self.desk, &self.settings.times, self.moved);
        due.time()
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
}

fn remembered(out: &Outlet, settings: &Settings) -> Option<Remembered> {
    let path = settings.remembered.as_ref()?;
    let opened = Remembered::open(path);
    if let Err(error) = &opened {
        log::error!(component = out.source(); "cannot open `{}`: {error}; files that come back are shipped again", path.display());
    }
    opened.ok()
}
