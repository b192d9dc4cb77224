//! The directories that files are followed in: what was heard of them, and when all are looked through.
//!
//! Errors: a directory that cannot be looked into is said once, and tried every second.
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sys::{self, Watcher};
use crate::tail::desk::{Desk, Doing};

/// A directory.
pub struct Dir {
    pub path: PathBuf,
    pub watched: bool,
    /// To be looked through in the next round.
    pub stale: bool,
    failing: Option<String>,
}

/// All directories of a source.
pub struct Dirs {
    pub watcher: Watcher,
    pub all: Vec<Dir>,
    rescan: Duration,
    rescan_at: Instant,
}

impl Dirs {
    pub fn new<'a>(desk: &Desk<'_>, paths: impl Iterator<Item = &'a Path>, rescan: Duration) -> Dirs {
        let (watcher, error) = Watcher::new();
        if let Some(error) = error {
            log::warn!(component = desk.out.source(); "cannot use inotify, directories are looked through every second: {error}");
        }
        let mut all: Vec<Dir> = Vec::new();
        for path in paths {
            if !all.iter().any(|dir| dir.path == path) {
                all.push(Dir { path: path.into(), watched: false, stale: true, failing: None });
            }
        }
        Dirs { watcher, all, rescan, rescan_at: Instant::now() }
    }

    pub fn doubt_all(&mut self) {
        self.all.iter_mut().for_each(|dir| dir.stale = true);
    }

    /// Doubts all, when it is time to.
    pub fn doubt_if_due(&mut self) {
        if self.rescan_at <= Instant::now() {
            self.doubt_all();
            let trusted = self.all.iter().all(|dir| dir.watched && !sys::is_remote(&dir.path));
            let time = if trusted { self.rescan } else { self.rescan.min(Duration::from_secs(1)) };
            self.rescan_at = Instant::now() + time;
        }
    }

    /// Until all are doubted.
    pub fn due(&self) -> Duration {
        self.rescan_at.saturating_duration_since(Instant::now())
    }

    /// The directory itself is gone.
    pub fn is_gone(&mut self, dir: usize) {
        self.all[dir].watched = false;
        self.all[dir].stale = true;
        self.rescan_at = Instant::now();
    }

    /// Looks through a directory once more after this time at latest.
    pub fn look_within(&mut self, time: Duration) {
        self.rescan_at = self.rescan_at.min(Instant::now() + time);
    }

    pub fn watch(&mut self, dir: usize) {
        let Dir { path, watched, .. } = &mut self.all[dir];
        if !*watched {
            *watched = self.watcher.add(path, dir).is_ok();
        }
    }

    /// The one that a wait is about: the first that fails.
    pub fn waits_for(&self) -> String {
        let on = self.all.iter().find(|dir| dir.failing.is_some()).or(self.all.first());
        on.map_or(String::new(), |dir| dir.path.display().to_string())
    }

    pub fn failed(&mut self, dir: usize, desk: &Desk<'_>, error: &io::Error) {
        let dir = &mut self.all[dir];
        dir.watched = false;
        let what = format!("cannot look into `{}`: {error}", dir.path.display());
        if desk.failing(Doing::Look, &dir.path, &what) {
            log::warn!(component = desk.out.source(); "{what}; trying again every second");
        }
        dir.failing = Some(what);
    }

    pub fn recovered(&mut self, dir: usize, desk: &Desk<'_>) {
        let dir = &mut self.all[dir];
        if dir.failing.take().is_some() {
            desk.mended(Doing::Look, &dir.path);
            log::info!(component = desk.out.source(); "`{}` can be read again", dir.path.display());
        }
    }
}
