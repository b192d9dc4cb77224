//! When the next file begins.
use std::time::{Duration, Instant};

/// When the next file begins: a fixed rate from the start, whatever the writes take.
#[derive(Debug)]
pub struct Timer {
    interval: Duration,
    next: Instant,
}

impl Timer {
    /// None for an interval of 0.
    pub fn new(interval: Duration) -> Option<Timer> {
        let next = Instant::now().checked_add(interval).filter(|_| !interval.is_zero())?;
        Some(Timer { interval, next })
    }

    /// Whether the time is over, told once; times that nobody asked for are skipped.
    pub fn is_due(&mut self) -> bool {
        let Some(late) = Instant::now().checked_duration_since(self.next) else { return false };
        let missed = late.as_nanos() / self.interval.as_nanos() + 1;
        self.next += self.interval * u32::try_from(missed).unwrap_or(u32::MAX);
        true
    }
}
