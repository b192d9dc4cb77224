//! Whether every component makes progress: what the watchdog is told.
//!
//! A declared wait counts as alive; work during which nothing was done since the look before last is a stall.
use std::sync::Arc;

use crate::flow::{Activity, Pulse};

/// Looks at the pulses now and then, and remembers what it saw.
#[derive(Default)]
pub struct Health {
    seen: Vec<(u64, u32)>,
}

impl Health {
    /// Looks once; names the components that have not moved over two looks.
    pub fn stalled(&mut self, pulses: &[Arc<Pulse>]) -> Vec<Box<str>> {
        self.seen.resize(pulses.len(), (u64::MAX, 0));
        let mut stalled = Vec::new();
        for (pulse, seen) in pulses.iter().zip(&mut self.seen) {
            let beats = pulse.beats();
            let busy = matches!(pulse.activity(), Activity::Working);
            *seen = if busy && seen.0 == beats { (beats, seen.1 + 1) } else { (beats, 0) };
            if seen.1 >= 2 {
                stalled.push(pulse.name.clone());
            }
        }
        stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Kind, Wait};

    #[test]
    fn work_without_progress_is_a_stall_and_a_declared_wait_is_not() {
        let pulses = [Pulse::new(Kind::Source, "busy", "x"), Pulse::new(Kind::Sink, "waits", "x")];
        let mut health = Health::default();
        pulses[0].working();
        let _waiting = pulses[1].wait(Wait::Peer, "kafka");
        let looks: Vec<usize> = (0..4).map(|_| health.stalled(&pulses).len()).collect();
        assert_eq!(looks, [0, 0, 1, 1]);
        pulses[0].beat();
        assert!(health.stalled(&pulses).is_empty());
    }
}
