//! One directory that a source lives in: its names, its changes, and the wait for them.
//!
//! Why beside the notices: they get lost, and file systems of other hosts send none, so that it is looked through every
//! so often, and every second where notices cannot be trusted.
//! Errors: a directory that cannot be looked into is said once, and tried every second.
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::desk::{Desk, Doing};
use super::listing::{self, Name};
use crate::flow::Wait;
use crate::sys::{self, Change, Watcher};

/// A watched directory.
pub struct Folder {
    pub path: PathBuf,
    watcher: Watcher,
    watched: bool,
    /// Names came or went since the last listing.
    changed: bool,
    listed: Option<Instant>,
    rescan: Duration,
    failing: bool,
    /// Something in it could not be opened: look again soon.
    pub hurry: bool,
}

impl Folder {
    pub fn new(path: PathBuf, rescan: Duration) -> Folder {
        let (watcher, _) = Watcher::new();
        Folder {
            path,
            watcher,
            watched: false,
            changed: true,
            listed: None,
            rescan,
            failing: false,
            hurry: false,
        }
    }

    /// How often it is looked through, beside the notices.
    fn period(&self) -> Duration {
        let trusted = self.watched && !self.failing && !self.hurry && !sys::is_remote(&self.path);
        if trusted { self.rescan } else { self.rescan.min(Duration::from_secs(1)) }
    }

    /// The names, if they may have changed since they were last asked for.
    pub fn changed_names(&mut self, desk: &Desk<'_>) -> Option<Vec<Name>> {
        self.may_have_changed().then(|| self.names(desk)).flatten()
    }

    /// Whether the names may have changed since they were last asked for.
    pub fn may_have_changed(&mut self) -> bool {
        self.hear();
        self.changed || self.listed.is_none_or(|at| at.elapsed() >= self.period())
    }

    /// The names, looked at now; `None`: that failed, and has been said.
    pub fn names(&mut self, desk: &Desk<'_>) -> Option<Vec<Name>> {
        self.changed = false;
        self.listed = Some(Instant::now());
        if !self.watched {
            // The watch comes first, so that nothing falls between it and the listing.
            let watch = self.watcher.add(&self.path, 0);
            self.watched = watch.is_ok();
            if let Err(error) = watch.as_ref()
                && error.kind() != io::ErrorKind::NotFound
                && !self.failing
            {
                log::warn!(component = desk.out.source(); "cannot watch `{}`, it is looked through every second: {error}", self.path.display());
            }
        }
        match listing::names(&self.path) {
            Ok(names) => {
                if std::mem::take(&mut self.failing) {
                    desk.mended(Doing::Look, &self.path);
                    log::info!(component = desk.out.source(); "`{}` can be read again", self.path.display());
                }
                desk.forget_missing();
                Some(names)
            }
            Err(error) => {
                self.watched = false;
                self.failing = true;
                let what = format!("cannot look into `{}`: {error}", self.path.display());
                if desk.failing(Doing::Look, &self.path, &what) {
                    log::warn!(component = desk.out.source(); "{what}; trying again every second");
                }
                None
            }
        }
    }

    /// Takes over what was reported; names that changed ask for a new listing.
    pub fn hear(&mut self) {
        let (changed, watched) = (&mut self.changed, &mut self.watched);
        self.watcher.changes(|change| match change {
            Change::Content { .. } => {}
            Change::Names { .. } | Change::Lost => *changed = true,
            Change::Gone { .. } => (*changed, *watched) = (true, false),
        });
    }

    /// Asks for a new listing.
    pub fn look_again(&mut self) {
        self.changed = true;
    }

    /// Waits for a change, the stop, or `most`, whichever comes first.
    pub fn wait(&mut self, desk: &Desk<'_>, most: Duration) {
        let due = self.listed.map_or(Duration::ZERO, |at| self.period().saturating_sub(at.elapsed()));
        let _waiting = desk.out.pulse().wait(Wait::Input, self.path.display().to_string());
        self.watcher.wait(desk.stop.fd(), Some(due.min(most)));
    }
}
