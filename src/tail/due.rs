//! How long a source may sleep: until the nearest of what it waits for.
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::follow::Followed;
use super::leaving::{LOOK, Leaving};
use super::times::Times;

/// What is due is never looked at more often: a clock that rounds down must not make a loop spin.
const LEAST: Duration = Duration::from_millis(5);

/// The time until the next thing is due.
pub struct Due(Duration);

impl Due {
    pub fn within(most: Duration) -> Due {
        Due(most)
    }

    pub fn after(&mut self, time: Duration) {
        self.0 = self.0.min(time.max(LEAST));
    }

    /// Streams that wait for durability are looked at.
    pub fn leaving(&mut self, leaving: &Leaving) {
        if !leaving.is_empty() {
            self.after(LOOK);
        }
    }

    /// Silence closes what a live file holds back.
    pub fn silence(&mut self, times: &Times, followed: &Followed) {
        let quiet = followed.quiet_for();
        if followed.held > 0 {
            let times = times.partial.into_iter().chain(times.record);
            times.filter(|time| *time > quiet).for_each(|time| self.after(time - quiet));
        }
    }

    /// A drained run ends when nothing has moved for so long.
    pub fn drained(&mut self, desk: &Desk<'_>, times: &Times, moved: Instant) {
        if desk.out.until_drained() {
            self.after(times.drain.saturating_sub(moved.elapsed()));
        }
    }

    pub fn time(self) -> Duration {
        self.0
    }
}
