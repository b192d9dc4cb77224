//! Commits what the channels keep, and finishes what the group takes back: what is in flight is waited for, committed,
//! and only then released, so that who reads on repeats none of it.
//!
//! Named limit: what is not kept in time, or was taken without asking, may be read by another as well; it is counted.
use std::time::{Duration, Instant};

use super::{ANSWER, SHORT, Session};
use crate::event::StreamId;
use crate::flow::Counter;
use crate::kafka::cluster::told_of_reader;
use crate::kafka::group::Place;

/// How long channels and sinks may take for what is in flight when partitions leave; well below the time in which a
/// member must be heard of.
const FINISH: Duration = Duration::from_secs(30);
/// The same when the source stops: who stops it waits.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long brokers may take for a last commit.
const COMMIT: Duration = Duration::from_secs(5);
/// How long after the last commit it is asked for.
const VERIFY: Duration = Duration::from_secs(2);
/// How often it is looked whether there is something to commit.
const LOOK: Duration = Duration::from_millis(50);

/// A partition that is read no more.
struct Left {
    place: Place,
    stream: StreamId,
    /// All below was put.
    put: u64,
    committed: u64,
}

/// What the group wants back.
pub(super) struct Leaving {
    places: Vec<Place>,
    left: Vec<Left>,
    until: Instant,
    committing: bool,
}

impl Session<'_> {
    pub(super) fn taken(&mut self, places: Vec<Place>) {
        let lost = self.member.is_lost();
        self.not_given(&places);
        let left = self.stop_reading(&places);
        if lost {
            self.count_unfinished(&left);
            return self.tell(self.member.release(&places));
        }
        self.leaving = Some(Leaving { places, left, until: Instant::now() + FINISH, committing: false });
    }

    /// Drops what is not put, and tells what is.
    fn stop_reading(&mut self, places: &[Place]) -> Vec<Left> {
        let mut left = Vec::new();
        let (leave, stay) =
            std::mem::take(&mut self.partitions).into_iter().partition(|one| places.contains(&one.place));
        self.partitions = stay;
        for partition in Vec::into_iter(leave) {
            let mut waiting = self.waiting.iter().filter(|(of, _)| *of == partition.place);
            let first = waiting.find_map(|(_, prepared)| prepared.batch().span());
            let put = first.map_or(partition.batched(), |span| span.from);
            let stream = partition.id();
            left.push(Left { place: partition.place, stream, put, committed: partition.committed });
        }
        self.waiting.retain(|(of, _)| !places.contains(of));
        if self.partitions.iter().all(|partition| partition.next == partition.batched()) {
            self.since = None;
        }
        left
    }

    pub(super) fn finish_leaving(&mut self) {
        let Some(mut leaving) = self.leaving.take() else { return };
        let in_time = Instant::now() < leaving.until;
        if !leaving.committing && in_time && !self.are_kept(&leaving.left) {
            self.leaving = Some(leaving);
            return;
        }
        if !leaving.committing {
            (leaving.committing, leaving.until) = (true, Instant::now() + COMMIT);
        }
        if !self.is_committed(&leaving.left) && Instant::now() < leaving.until {
            self.leaving = Some(leaving);
            return;
        }
        self.count_unfinished(&leaving.left);
        self.tell(self.member.release(&leaving.places));
    }

    /// Commits what is kept of it, and asks whether that counts.
    fn is_committed(&self, left: &[Left]) -> bool {
        // Also what was asked for before: nobody has said that it counts.
        let kept = |left: &Left| {
            let kept = self.out.kept(left.stream).min(left.put);
            (kept > 0 && kept >= left.committed).then(|| (left.place.clone(), left.stream, kept))
        };
        let offsets: Vec<_> = left.iter().filter_map(kept).collect();
        if offsets.is_empty() {
            return true;
        }
        self.tell(self.member.commit(&offsets));
        let places: Vec<Place> = offsets.iter().map(|(place, ..)| place.clone()).collect();
        let told = self.member.committed(&places, ANSWER);
        told.is_ok_and(|told| {
            told.iter().zip(&offsets).all(|(told, (.., kept))| told.is_some_and(|(told, _)| told >= *kept))
        })
    }

    fn are_kept(&self, left: &[Left]) -> bool {
        left.iter().all(|left| self.out.kept(left.stream) >= left.put)
    }

    /// Offsets that another member reads as well, while our channels have them still.
    fn count_unfinished(&self, left: &[Left]) {
        let of = |left: &Left| left.put.saturating_sub(self.out.kept(left.stream).max(left.committed));
        let events: u64 = left.iter().map(of).sum();
        if events > 0 {
            let name = self.name();
            self.pulse.add(Counter::PossiblyTwice, events);
            log::warn!(component = name; "source `{name}` gives partitions back before its channels have kept {events} offsets of them: these may come twice, by another of the group");
        }
    }

    /// Commits what the channels keep, never more.
    pub(super) fn commit(&mut self) {
        let every = self.settings.commit.unwrap_or(LOOK).max(LOOK);
        if self.committed.elapsed() < every || self.leaving.is_some() {
            return;
        }
        let mut offsets = Vec::new();
        for partition in &mut self.partitions {
            let kept = self.out.kept(partition.id()).min(partition.batched());
            if kept > partition.committed {
                partition.committed = kept;
                offsets.push((partition.place.clone(), partition.id(), kept));
            }
        }
        if offsets.is_empty() {
            return self.verify();
        }
        (self.committed, self.unverified) = (Instant::now(), true);
        self.tell(self.member.commit(&offsets));
    }

    /// Whether the last commits count, once there are no more: what does not is committed again.
    fn verify(&mut self) {
        if !self.unverified || self.troubled || self.committed.elapsed() < VERIFY {
            return;
        }
        self.committed = Instant::now();
        let places: Vec<Place> = self.partitions.iter().map(|partition| partition.place.clone()).collect();
        match self.member.committed(&places, ANSWER) {
            Ok(told) => {
                self.unverified = false;
                for (partition, told) in self.partitions.iter_mut().zip(told) {
                    let told = told.map_or(0, |(told, _)| told);
                    self.unverified |= told < partition.committed;
                    partition.committed = told;
                }
            }
            Err(error) => {
                log::debug!("source `{}` cannot ask for offsets: {}", self.name(), told_of_reader(&error))
            }
        }
    }

    /// The last commit of all, in bounded time.
    pub(super) fn farewell(&mut self) {
        let places: Vec<Place> = self.partitions.iter().map(|partition| partition.place.clone()).collect();
        self.tell(self.member.pause(&places));
        let mut left = self.stop_reading(&places);
        left.extend(self.leaving.take().map(|leaving| leaving.left).unwrap_or_default());
        let until = Instant::now() + FAREWELL;
        while !self.troubled && !self.are_kept(&left) && Instant::now() < until {
            // Not for messages: it serves the client while channels and sinks do the rest.
            let _ = self.member.poll(SHORT);
        }
        if !self.troubled && !self.is_committed(&left) {
            log::debug!("source `{}` ends before its last commit counts", self.name());
        }
    }
}
