//! The channel's three threads: one writes what waits, one syncs what is written, one removes what is done with.
//!
//! Why: while the disk syncs one group, the next is written, so that the disk never waits for us; and freeing the space
//! of a segment can take longer than writing it, so that is done in quiet moments, as long as there is space.
use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::steps::{FileChannel, WORTH_A_WRITE, locked};

/// After a failure, until the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// Without a write for so long, there is time to free space.
const QUIET: Duration = Duration::from_secs(1);
/// Between two steps of that.
const BREATH: Duration = Duration::from_millis(5);
/// So much of the log may be done with and still there, while so much space is left.
const MAY_WAIT: u64 = 512 << 20;
const PLENTY: u64 = 4 << 30;

impl FileChannel {
    /// Starts the threads.
    pub fn start(self: &Arc<Self>) {
        let mut threads = locked(&self.threads);
        threads.push(self.spawn("write", FileChannel::write_on));
        threads.push(self.spawn("sync", FileChannel::sync_on));
        threads.push(self.spawn("remove", FileChannel::remove_on));
    }

    fn spawn(self: &Arc<Self>, what: &str, work: fn(&FileChannel)) -> JoinHandle<()> {
        let channel = self.clone();
        let name = format!("{} {what}", self.pulse.name);
        thread::Builder::new().name(name).spawn(move || work(&channel)).expect("the system starts threads")
    }

    fn write_on(&self) {
        while self.wait_for_work() {
            if let Err(error) = self.write() {
                self.failed("write", &error);
            }
        }
    }

    /// Waits until something is worth a write; false: the channel is closed.
    fn wait_for_work(&self) -> bool {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return false;
            }
            let waiting = !queue.marks.is_empty() || !queue.pending.is_empty() && !queue.full;
            let few = queue.syncing && queue.pending_weight() < WORTH_A_WRITE;
            if waiting && !few {
                return true;
            }
            queue = match queue.full {
                true => {
                    let waited = self.work.wait_timeout(queue, PAUSE);
                    drop(waited);
                    return true;
                }
                false => self.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn sync_on(&self) {
        loop {
            {
                let mut queue = self.lock();
                if queue.unheld.is_empty() && !queue.settled && !queue.closed {
                    queue = self.written.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                if queue.closed {
                    return;
                }
                queue.settled = false;
            }
            if let Err(error) = self.sync() {
                self.failed("sync", &error);
            }
            if let Some(interval) = self.settings.sync_every {
                self.rest(interval);
            }
        }
    }

    fn remove_on(&self) {
        while self.wait_for_leisure() {
            if let Err(error) = self.retain() {
                self.failed("remove segments", &error);
            }
            self.empty_trash(&mut || self.breathe());
        }
    }

    /// Waits until segments may be done with and there is leisure to remove them; false: the channel is closed.
    fn wait_for_leisure(&self) -> bool {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return false;
            }
            if !queue.done {
                queue = self.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let busy = queue.wrote_at.elapsed() < QUIET;
            drop(queue);
            let leisure = !busy || self.is_long();
            queue = self.lock();
            if leisure {
                queue.done = false;
                return true;
            }
            queue = self.done.wait_timeout(queue, QUIET).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the log takes more space than may wait to be freed.
    fn is_long(&self) -> bool {
        let log = &mut locked(&self.log).log;
        log.bytes() > MAY_WAIT || log.room() < PLENTY
    }

    /// Lets syncs pass between two steps of freeing space; false: there is no time for small steps.
    fn breathe(&self) -> bool {
        let queue = self.lock();
        let waited = self.room.wait_timeout_while(queue, BREATH, |queue| !queue.closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    fn rest(&self, interval: Duration) {
        let until = Instant::now() + interval;
        let mut queue = self.lock();
        while !queue.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self.written.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn failed(&self, what: &str, error: &io::Error) {
        let name = &*self.pulse.name;
        let place = locked(&self.log).log.place().display().to_string();
        if self.pulse.failing(&format!("cannot {what} in `{place}`: {error}")) {
            log::error!(component = name; "channel `{name}` cannot {what} in `{place}`: {error}; what it has taken stays in memory and is written again, sources wait");
        }
        let queue = self.lock();
        if !queue.closed {
            drop(self.room.wait_timeout(queue, PAUSE));
        }
    }

    /// Ends the threads; what waits is written and synced by the caller.
    pub(super) fn end(&self) {
        self.work.notify_all();
        self.written.notify_all();
        self.done.notify_all();
        let threads = std::mem::take(&mut *locked(&self.threads));
        // A thread that panicked has said so.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}
