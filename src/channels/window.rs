//! The batches that sinks may have, in order, and those they have leased: the same in every channel.
//!
//! Invariants: `events` and `bytes` are those of the queued batches, leased ones not counted. Batches leave in the order
//! they came; those that come back go to the front. Positions without events travel with what stands before them.
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{Batch, StreamId};
use crate::flow::{Book, LeaseId, Limit, Omitted, Outcome};

/// A batch that a sink may have.
#[derive(Clone, Debug)]
pub struct Queued {
    pub source: Arc<str>,
    pub batch: Batch,
    pub since: Instant,
    /// A log has it too.
    pub logged: bool,
    /// While it is leased: events of it that did not go along.
    pub omitted: Omitted,
}

/// The stream and range of a batch.
pub type Stretch = (StreamId, u64, u64);

/// What can be leased.
pub enum Ready {
    Now,
    In(Duration),
    NotYet,
}

/// What destinations were found to have.
#[derive(Debug)]
pub struct Sifted {
    pub dropped: Limit,
    /// R1: from a record on that lies across a boundary only a destination knew, its stream is read again, now with that
    /// cut.
    pub torn: Vec<Stretch>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Window {
    queued: VecDeque<Queued>,
    events: usize,
    bytes: usize,
    leases: HashMap<LeaseId, Vec<Queued>>,
    next_lease: u64,
}

pub fn room_of(batch: &Batch) -> Limit {
    Limit { events: batch.len(), bytes: batch.bytes() }
}

fn stretch_of(queued: &Queued) -> Option<Stretch> {
    queued.batch.span().map(|span| (span.stream.id, span.from, span.to))
}

impl Window {
    /// Events that are queued, not leased.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Bytes that are queued, not leased.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Batches that are queued, not leased.
    pub fn batches(&self) -> usize {
        self.queued.len()
    }

    /// Whether nothing is queued or leased.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.leases.is_empty()
    }

    /// All of it, queued and leased.
    pub fn all(&self) -> impl Iterator<Item = &Queued> {
        self.queued.iter().chain(self.leases.values().flatten())
    }

    /// What all of it stands for.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> {
        self.all().filter_map(stretch_of)
    }

    /// Adds a batch.
    pub fn push(&mut self, source: &str, batch: Batch, logged: bool) {
        if batch.is_empty() {
            let Some(span) = batch.span() else { return };
            if let Some(last) = self.queued.back_mut()
                && last.logged == logged
                && last.batch.span().is_some_and(|s| s.stream.id == span.stream.id && s.to == span.from)
            {
                last.batch.extend_span(span);
                return;
            }
        }
        let source = match self.queued.back() {
            Some(last) if &*last.source == source => last.source.clone(),
            _ => source.into(),
        };
        self.add(Queued { source, batch, since: Instant::now(), logged, omitted: Omitted::default() });
    }

    fn add(&mut self, queued: Queued) {
        self.events += queued.batch.len();
        self.bytes += queued.batch.bytes();
        self.queued.push_back(queued);
    }

    /// What can be leased now: batches with events, or positions that have waited long enough; at once where the channel
    /// is `closed`.
    pub fn ready(&self, book: &Book, closed: bool, empty_delay: Duration) -> Ready {
        if !book.all_reported() {
            return Ready::NotYet;
        }
        let Some(first) = self.queued.front() else { return Ready::NotYet };
        let waited = first.since.elapsed();
        if self.events == 0 && !closed && waited < empty_delay {
            return Ready::In(empty_delay - waited);
        }
        let ragged = first.batch.span().is_some_and(|span| book.is_ragged(span.stream.id));
        if ragged && !self.leases.is_empty() { Ready::NotYet } else { Ready::Now }
    }

    /// Leases batches from the front.
    pub fn lease(&mut self, up_to: Limit) -> (LeaseId, Vec<Batch>) {
        let taken = self.take(up_to);
        let id = LeaseId(self.next_lease);
        self.next_lease += 1;
        let batches = taken.iter().map(|queued| queued.batch.clone()).collect();
        self.leases.insert(id, taken);
        (id, batches)
    }

    fn take(&mut self, up_to: Limit) -> Vec<Queued> {
        let mut taken = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(next) = self.queued.front_mut() {
            let (more, size) = (next.batch.len(), next.batch.bytes());
            if events + more <= up_to.events && (events == 0 || bytes + size <= up_to.bytes) {
                events += more;
                bytes += size;
                taken.extend(self.queued.pop_front());
                continue;
            }
            if taken.is_empty() {
                let batch = next.batch.split_off_front(up_to.events.max(1));
                events += batch.len();
                bytes += batch.bytes();
                taken.push(Queued { batch, ..next.clone() });
            }
            break;
        }
        self.events -= events;
        self.bytes -= bytes;
        taken
    }

    /// A lease is over. `None`: it was before.
    pub fn end(&mut self, lease: LeaseId) -> Option<Vec<Queued>> {
        self.leases.remove(&lease)
    }

    /// Of each batch of a lease: events that did not go along.
    pub fn omitted(&mut self, lease: LeaseId, events: &[Omitted]) {
        let taken = self.leases.get_mut(&lease).into_iter().flatten();
        taken.zip(events).for_each(|(queued, omitted)| queued.omitted = *omitted);
    }

    /// What was leased comes back, in order.
    pub fn back(&mut self, taken: Vec<Queued>) {
        for mut queued in taken.into_iter().rev() {
            queued.omitted = Omitted::default();
            self.events += queued.batch.len();
            self.bytes += queued.batch.bytes();
            self.queued.push_front(queued);
        }
    }

    /// Takes out the queued batches for which `keep` does not hold.
    pub fn take_out(&mut self, mut keep: impl FnMut(&Queued) -> bool) -> VecDeque<Queued> {
        let (kept, out) = std::mem::take(&mut self.queued).into_iter().partition(&mut keep);
        self.refill(kept);
        out
    }

    fn refill(&mut self, kept: VecDeque<Queued>) {
        (self.events, self.bytes) = (0, 0);
        kept.into_iter().for_each(|queued| self.add(queued));
    }

    /// Drops what destinations were found to have; the ledgers count it as repeats.
    pub fn sift(&mut self, book: &mut Book) -> Sifted {
        let (events, bytes) = (self.events, self.bytes);
        let (mut kept, mut torn) = (VecDeque::new(), Vec::<Stretch>::new());
        for queued in std::mem::take(&mut self.queued) {
            let stretch = stretch_of(&queued);
            let settled = stretch.map(|(stream, ..)| book.settled(stream)).unwrap_or_default();
            let is_torn = |(stream, ..): &Stretch| {
                torn.iter().any(|(known, ..)| known == stream) || queued.batch.straddles(&settled)
            };
            let before = queued.batch.len();
            let new = match stretch.filter(is_torn) {
                Some(stretch) => {
                    torn.push(stretch);
                    Vec::new()
                }
                None => queued.batch.without(&settled),
            };
            book.ledger(&queued.source).repeated(before - new.iter().map(Batch::len).sum::<usize>());
            let Queued { source, since, logged, omitted, .. } = queued;
            let of = |batch| Queued { source: source.clone(), batch, since, logged, omitted };
            kept.extend(new.into_iter().map(of));
        }
        self.refill(kept);
        Sifted { dropped: Limit { events: events - self.events, bytes: bytes - self.bytes }, torn }
    }
}

/// A lease has ended for good: the ledgers say so. Returns the room that it took.
pub fn settled(taken: &[Queued], outcome: Outcome, book: &mut Book) -> Limit {
    let mut room = Limit { events: 0, bytes: 0 };
    for Queued { source, batch, omitted, .. } in taken {
        let own = room_of(batch);
        room.events += own.events;
        room.bytes += own.bytes;
        let ledger = book.ledger(source);
        // What a destination lost and got again counts once.
        let events = (own.events as u64).min(ledger.in_flight);
        ledger.in_flight -= events;
        match outcome {
            Outcome::DeadLettered => ledger.dead_lettered += events,
            _ => {
                let filtered = (omitted.filtered as u64).min(events);
                let dead = (omitted.dead_lettered as u64).min(events - filtered);
                ledger.tally.filtered += filtered;
                ledger.dead_lettered += dead;
                ledger.delivered += events - filtered - dead;
            }
        }
    }
    room
}
