//! Takes what is to be delivered next, and waits a moment for more where a commit costs much however little it carries.
//!
//! Why: a transaction of Kafka takes 5 ms for one event or for ten thousand; a channel that is being filled has a thousand
//! events a millisecond later.
//! Invariants: nobody waits for longer than the sink asks for, nor once nothing comes or no more fits.
use std::time::{Duration, Instant};

use super::SinkRunner;
use crate::agent::member::Member;
use crate::flow::Lease;

/// A channel that has not grown for so long is not being filled.
const GROWTH: Duration = Duration::from_millis(1);

impl SinkRunner {
    /// What is to be delivered next; a lease that could carry more goes back for a moment, where commits cost much.
    pub(super) fn take(&self, wait: Duration) -> Option<Lease> {
        let take = || self.channel.clone().take(self.members[0].seat, self.limit(), wait, &self.stop);
        let lease = take()?;
        let gathers = self.members.iter().map(Member::gathers).max().unwrap_or_default();
        if gathers.is_zero() || lease.events() == 0 || self.is_full(lease.events(), lease.bytes()) {
            return Some(lease);
        }
        drop(lease);
        self.gather(Instant::now() + gathers);
        take()
    }

    /// Whether no more comes, or fits into one commit.
    fn is_full(&self, events: usize, bytes: usize) -> bool {
        let (limit, capacity) = (self.limit(), self.channel.depth().capacity);
        events >= limit.events.min(capacity.events) || bytes >= limit.bytes.min(capacity.bytes)
    }

    /// Waits while the channel fills.
    fn gather(&self, until: Instant) {
        let mut before = 0;
        while Instant::now() < until {
            let depth = self.channel.depth();
            if depth.events == before || self.is_full(depth.events, depth.bytes) || self.stop.wait(GROWTH) {
                return;
            }
            before = depth.events;
        }
    }
}
