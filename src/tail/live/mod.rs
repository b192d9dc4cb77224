//! Follows all files of some directories that match: growing, renamed, emptied, deleted.
//!
//! Why inotify on directories, with a slow rescan: 10,000 quiet files cost one watch and no wake-up; the rescan covers
//! an overflow of the queue and file systems of other hosts.
//! Shape: [`files`] is who is followed, [`dirs`] where; a round looks (`look`), then reads (`read`).
//! Invariants: a file is known by device and inode as long as it is followed; a name only leads to it. A file that
//! lost its name is read to its end, and let go when it stayed quiet for `late`.
//! Errors: a file or directory that cannot be read is said and tried again; others go on.
mod dirs;
mod files;
mod look;
mod read;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::dirs::Dirs;
use self::files::Files;
use super::desk::{Desk, Halt};
use super::due::Due;
use super::follow::{Followed, Manner};
use super::identity::Face;
use super::leaving::Leaving;
use super::listing::Candidates;
use super::memory::Memory;
use super::times::Times;
use crate::event::StreamId;
use crate::flow::{Fatal, Wait};

/// Files of one directory whose names match.
pub struct Group {
    pub dir: PathBuf,
    pub candidates: Candidates,
    pub manner: Manner,
}

/// A file that is about to be followed.
#[derive(Clone, Copy, Debug)]
pub struct Met<'a> {
    pub path: &'a Path,
    pub face: &'a Face,
    pub size: u64,
    /// It was there when the source started.
    pub first: bool,
    /// Where the channels say to go on, if they know it.
    pub known: Option<u64>,
}

/// Where to begin a new file (else at 0), and a known one elsewhere than the channels say.
pub type StartAt<'a> = dyn FnMut(Met<'_>) -> Option<u64> + 'a;

/// The files followed.
pub struct Live<'a> {
    desk: &'a Desk<'a>,
    groups: &'a [Group],
    times: Times,
    /// A quiet file's descriptor is closed after so long.
    idle: Duration,
    /// Batches of one turn.
    most: u64,
    memory: Memory,
    leaving: Leaving,
    /// Known files that no look has found yet, and since when.
    missed: HashMap<StreamId, Instant>,
    files: Files,
    dirs: Dirs,
    moved: Instant,
    first: bool,
    unmirrored: bool,
}

impl<'a> Live<'a> {
    pub fn new(desk: &'a Desk<'a>, groups: &'a [Group], times: Times, idle: Duration, most: u64) -> Live<'a> {
        let paths = groups.iter().map(|group| group.dir.as_path());
        Live {
            desk,
            groups,
            times,
            idle,
            most,
            memory: Memory::of(desk.out),
            leaving: Leaving::default(),
            missed: HashMap::new(),
            files: Files::default(),
            dirs: Dirs::new(desk, paths, times.rescan),
            moved: Instant::now(),
            first: true,
            unmirrored: true,
        }
    }

    /// Files that have a name, for the mirror.
    pub fn followed(&self) -> impl Iterator<Item = &Followed> {
        self.files.iter().filter(|file| file.nameless.is_none()).map(|file| &file.followed)
    }

    /// Whether positions have changed since the mirror was written.
    pub fn has_moved(&self) -> bool {
        self.unmirrored
    }

    /// The mirror has been written.
    pub fn mirrored(&mut self) {
        self.unmirrored = false;
    }

    /// One round: looks where something changed, reads every file that has something for one turn. True: all files
    /// are read to their ends.
    fn round(&mut self, start: &mut StartAt<'_>) -> Result<bool, Halt> {
        self.hear();
        self.dirs.doubt_if_due();
        for dir in 0..self.dirs.all.len() {
            if std::mem::take(&mut self.dirs.all[dir].stale) {
                self.look_through(dir, start)?;
            }
        }
        self.first = false;
        for _ in 0..self.files.queued() {
            let Some(slot) = self.files.dequeue() else { break };
            self.turn(slot)?;
        }
        self.let_go()?;
        self.leaving.settle(self.desk.out).map_err(Halt::Broken)?;
        Ok(self.files.queued() == 0)
    }

    /// Waits for a change, the stop, or the next thing that is due; at most `most`.
    fn wait(&mut self, most: Option<Duration>) {
        let due = self.due();
        let time = most.map_or(due, |most| due.min(most));
        let _waiting = self.desk.out.pulse().wait(Wait::Input, self.dirs.waits_for());
        self.dirs.watcher.wait(self.desk.stop.fd(), Some(time));
    }

    fn due(&self) -> Duration {
        let mut due = Due::within(self.dirs.due());
        due.leaving(&self.leaving);
        for (_, file) in self.files.open() {
            let quiet = file.followed.quiet_for();
            if let Some(since) = file.nameless {
                due.after(file.patience(self.times.late).saturating_sub(quiet.min(since.elapsed())));
            } else if file.followed.held == 0 {
                due.after(self.idle.saturating_sub(quiet));
            } else {
                due.silence(&self.times, &file.followed);
            }
        }
        due.drained(self.desk, &self.times, self.moved);
        due.time()
    }

    /// Whether everything has been read and stayed quiet: a drained source ends then.
    fn is_drained(&self) -> bool {
        self.files.queued() == 0 && !self.first && self.moved.elapsed() >= self.times.drain
    }

    /// Ships what a drained run still holds of files that are final, and looks at every file a last time. True: that
    /// was all.
    fn finish(&mut self, start: &mut StartAt<'_>) -> Result<bool, Halt> {
        self.dirs.doubt_all();
        if !self.round(start)? {
            return Ok(false);
        }
        for slot in self.files.slots(|file| file.nameless.is_some()) {
            self.release(slot)?;
        }
        Ok(true)
    }
}

/// Runs a loop of rounds until the stop, or until a drained run has ended. `each` is called between rounds and says
/// how long the next wait may be.
pub fn run(
    live: &mut Live<'_>,
    start: &mut StartAt<'_>,
    mut each: impl FnMut(&mut Live<'_>) -> Option<Duration>,
) -> Result<(), Fatal> {
    Halt::at_end(rounds(live, start, &mut each))
}

fn rounds(
    live: &mut Live<'_>,
    start: &mut StartAt<'_>,
    each: &mut impl FnMut(&mut Live<'_>) -> Option<Duration>,
) -> Result<(), Halt> {
    while !live.desk.stop.is_told() {
        let quiet = live.round(start)?;
        let most = each(live);
        if !quiet {
            continue;
        }
        if live.desk.out.until_drained() && live.is_drained() && live.finish(start)? {
            return Ok(());
        }
        live.wait(most);
    }
    Ok(())
}
