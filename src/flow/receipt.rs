//! What `put` answers with: resolved when every required channel holds the batch (P4).
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Stop;

/// How long it takes at most until a stop is seen.
const LOOK: Duration = Duration::from_millis(20);

/// Opens once.
#[derive(Debug, Default)]
pub struct Latch {
    open: Mutex<Option<bool>>,
    wake: Condvar,
}

impl Latch {
    /// Resolves the latch: `true`, it is done; `false`, it never will be.
    pub fn resolve(&self, done: bool) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(done);
        self.wake.notify_all();
    }

    /// Waits until resolved or `time` has passed (`None`).
    pub fn wait(&self, time: Duration) -> Option<bool> {
        let deadline = Instant::now() + time;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.is_none() {
            let left = deadline.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            open = self.wake.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *open
    }
}

/// The promise of the channels that accepted a batch. A source that can read again may drop it; one that owes a peer
/// an answer waits before giving it.
#[derive(Debug, Default)]
#[must_use = "a source that owes an answer waits for it; others say so with `.forget()`"]
pub struct Receipt(Vec<Arc<Latch>>);

impl Receipt {
    /// Held already: a memory channel's answer.
    pub fn held() -> Receipt {
        Receipt(Vec::new())
    }

    /// Held once the latch opens.
    pub fn pending(latch: Arc<Latch>) -> Receipt {
        Receipt(vec![latch])
    }

    /// Both must hold.
    pub fn and(mut self, other: Receipt) -> Receipt {
        self.0.extend(other.0);
        self
    }

    /// Waits until all channels hold the batch; false if one never will or `time` has passed.
    pub fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        self.0
            .iter()
            .all(|latch| latch.wait(deadline.saturating_duration_since(Instant::now())) == Some(true))
    }

    /// The same, but no longer than `grace` once `stop` is told: peers that wait must not hold up the agent's end.
    pub fn wait_unless(&self, stop: &Stop, time: Duration, grace: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut told = None;
        loop {
            if self.wait(LOOK) {
                return true;
            }
            if stop.is_told() {
                told.get_or_insert_with(Instant::now);
            }
            let over = told.is_some_and(|told: Instant| told.elapsed() >= grace);
            if over || self.is_void() || Instant::now() >= deadline {
                return false;
            }
        }
    }

    /// One channel never will hold the batch.
    fn is_void(&self) -> bool {
        self.0.iter().any(|latch| latch.wait(Duration::ZERO) == Some(false))
    }

    /// For a source whose batches carry spans: what is not held will be read again.
    pub fn forget(self) {}
}
