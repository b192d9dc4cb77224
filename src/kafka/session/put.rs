//! Makes batches of what was taken, and puts them into the channels.
//!
//! Invariants: batches of a partition go in their order; a channel without room pauses all partitions until there is some.
use std::time::{Duration, Instant};

use super::{ANSWER, Session};
use crate::event::{Batch, Span};
use crate::flow::{Fatal, PutError};
use crate::kafka::group::Place;
use crate::kafka::partition::Partition;

/// How long a full channel is waited for between two looks.
const ROOM: Duration = Duration::from_millis(500);
/// Bytes that end a batch.
const AT_ONCE: usize = 4 << 20;

impl Session<'_> {
    pub(super) fn is_batch_full(&self) -> bool {
        let events: usize = self.partitions.iter().map(Partition::events).sum();
        events >= self.settings.batch
            || self.partitions.iter().map(Partition::bytes).sum::<usize>() >= AT_ONCE
    }

    pub(super) fn is_batch_due(&self) -> bool {
        let Some(since) = self.since else { return false };
        since.elapsed() >= self.settings.duration
            || self.is_batch_full()
            || self.out.until_drained() && self.is_at_end()
    }

    pub(super) fn make_batches(&mut self) {
        self.since = None;
        for partition in &mut self.partitions {
            if let Some(batch) = partition.batch() {
                self.resting = None;
                self.waiting.push_back((partition.place.clone(), self.out.prepare(batch)));
            }
        }
    }

    pub(super) fn put_waiting(&mut self) -> Result<(), Fatal> {
        while let Some((place, prepared)) = self.waiting.pop_front() {
            match self.out.put_within(prepared, ROOM, self.stop) {
                Ok(receipt) => receipt.forget(),
                Err(PutError::Full(rest)) => {
                    self.waiting.push_front((place, *rest));
                    self.pause();
                    return Ok(());
                }
                Err(PutError::Gap { expected }) => self.go_back(&place, expected),
                Err(PutError::Closed) => return Ok(()),
                Err(PutError::Broken(error)) => return Err(error.into()),
            }
            self.resting = None;
        }
        if self.paused {
            self.paused = false;
            self.tell(self.member.resume(self.partitions.iter().map(|partition| &partition.place)));
        }
        Ok(())
    }

    fn pause(&mut self) {
        if !self.paused {
            self.paused = true;
            self.tell(self.member.pause(self.partitions.iter().map(|partition| &partition.place)));
        }
    }

    /// P3: the channels want it from `expected` on.
    fn go_back(&mut self, place: &Place, expected: u64) {
        self.waiting.retain(|(of, _)| of != place);
        if let Some(partition) = self.partitions.iter_mut().find(|partition| partition.place == *place) {
            partition.go(expected);
            self.seek(place, expected);
        }
    }

    pub(super) fn seek(&mut self, place: &Place, to: u64) {
        if let Err(error) = self.member.seek(place, to, ANSWER) {
            log::debug!("cannot go to {to} of {place:?}: {error}");
            self.examine = Some(Instant::now() + ANSWER);
        }
    }

    /// Puts `[from, to)` as had, of which there are no events.
    pub(super) fn skip(&self, span: Span) -> Result<(), Fatal> {
        match self.out.put_all(Batch::empty(span), self.stop) {
            Ok(receipt) => receipt.forget(),
            Err(PutError::Broken(error)) => return Err(error.into()),
            // It is put again when the partition comes again.
            Err(_) => {}
        }
        Ok(())
    }
}
