//! One live file that is emptied or replaced at each roll; rolled files only serve to find what was not read yet.
//!
//! Why decide on the live file: a program may copy before it empties; who starts anew at the sight of a rolled name
//! repeats everything, or loses what stood between. What is seen and what is done:
//!
//! | seen | done |
//! | --- | --- |
//! | a rolled name, the live file still is what was read | a copy was made: go on with the live file |
//! | live file shorter, or other bytes before the position | emptied: the rolled file with the same head and the same bytes before the position is the same stream from now on, and has the rest; then the live file from 0 |
//! | the live name leads to another inode | renamed: finish the old inode, quiet for `quiet`, then the live file from 0 |
//! | rolled files nobody knows | rolls that happened unseen: oldest first, whole, then the live file |
//! | nothing fits | the live file from 0; the bytes in doubt are named |
//!
//! Shape: a round reads what comes before the live file, then the live file (`read`); where names changed it looks
//! (`look`), holds what it sees against what it knows (`start`, once) and decides (`decide`).
//! Invariants: every rolled file that was dealt with is a known stream as long as it is there, history (last written
//! before the first start) included (P7). So an unknown rolled file is unread, unless it is a copy of the live file as it stands.
//! Errors: what cannot be read is said and tried again; the live file waits for what comes before it.
mod began;
mod decide;
mod look;
mod lost;
mod read;
mod start;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::began::Began;
use super::desk::{Desk, Halt};
use super::due::Due;
use super::finished::Finished;
use super::folder::Folder;
use super::follow::{Followed, Manner};
use super::leaving::Leaving;
use super::listing::Key;
use super::memory::Memory;
use super::times::Times;
use crate::codec::java_regex::Pattern;
use crate::event::StreamId;
use crate::flow::{Outlet, Stop};

/// How the source was set.
#[derive(Clone)]
pub struct Rolls {
    pub dir: PathBuf,
    /// The name of the live file, or a pattern that matches exactly one name.
    pub live: String,
    pub rolled: Pattern,
    pub manner: Manner,
    pub batch: usize,
    /// Read rolled files that are there at the first start.
    pub history: bool,
    /// Keeps when the source started for the first time.
    pub started: PathBuf,
    pub quiet: Duration,
    pub times: Times,
}

/// What is to be read before the live file.
struct Rest {
    followed: Followed,
    /// It may still grow: the old inode of a rename.
    grows: bool,
}

/// The live file and what comes before it.
pub struct Live<'a> {
    desk: Desk<'a>,
    settings: &'a Rolls,
    folder: Folder,
    memory: Memory,
    leaving: Leaving,
    /// Old inodes that are watched for late lines.
    late: Finished,
    current: Option<Followed>,
    rests: VecDeque<Rest>,
    /// Rolled files that were dealt with.
    known: HashMap<Key, (StreamId, u64)>,
    emptied: bool,
    /// A rolled file is empty yet: look again soon.
    undecided: bool,
    /// Rolled files that are older are history.
    began: Began,
    first: bool,
    moved: Instant,
}

impl<'a> Live<'a> {
    pub fn new(out: &'a Outlet, stop: &'a Stop, settings: &'a Rolls) -> Live<'a> {
        Live {
            desk: Desk::new(out, stop, settings.batch),
            settings,
            folder: Folder::new(settings.dir.clone(), settings.times.rescan),
            memory: Memory::of(out),
            leaving: Leaving::default(),
            late: Finished::watching(settings.times.late),
            current: None,
            rests: VecDeque::new(),
            known: HashMap::new(),
            emptied: false,
            undecided: false,
            began: Began::default(),
            first: true,
            moved: Instant::now(),
        }
    }

    /// Follows until the stop, or until a drained run has ended.
    pub fn run(&mut self) -> Result<(), Halt> {
        self.began = self.first_start();
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

    fn first_start(&self) -> Began {
        let (path, live) = (&self.settings.started, self.settings.dir.join(&self.settings.live));
        Began::first(path, &live).unwrap_or_else(|error| {
            log::warn!(component = self.desk.out.source(); "cannot keep `{}`: {error}", path.display());
            Began::default()
        })
    }

    fn is_drained(&self) -> bool {
        !self.first && self.rests.is_empty() && self.moved.elapsed() >= self.settings.times.drain
    }

    fn due(&self) -> Duration {
        let mut due = Due::within(self.late.due().unwrap_or(Duration::from_secs(3600)));
        due.leaving(&self.leaving);
        if let Some(rest) = self.rests.front() {
            due.after(self.settings.quiet.saturating_sub(rest.followed.quiet_for()));
        } else if let Some(current) = &self.current {
            due.silence(&self.settings.times, current);
        }
        due.drained(&self.desk, &self.settings.times, self.moved);
        due.time()
    }

    /// One round; true if there may be more to do at once.
    fn round(&mut self) -> Result<bool, Halt> {
        self.late.look(&self.desk, &mut self.leaving)?;
        self.leaving.settle(self.desk.out).map_err(Halt::Broken)?;
        if !self.rests.is_empty() {
            self.folder.hear();
            return self.read_rest();
        }
        if self.folder.may_have_changed() || self.emptied {
            self.reconcile()?;
            if !self.rests.is_empty() {
                return Ok(true);
            }
        }
        self.read_live()
    }
}
