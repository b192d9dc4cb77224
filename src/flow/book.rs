//! What a channel knows of each stream: what it holds, what its sinks' destinations have, what is durable there.
//!
//! Pure state, no I/O: every operation applies entries to the record and hands them back, for the channel to make
//! them outlive the process in its own way. The rules of the positions protocol live here, named in the code, and the
//! model test explores this very code.
//!
//! Invariants: `held` of a stream covers what all places have of it and what is queued. A put joins what is held.
use std::collections::hash_map::Entry::Vacant;
use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::Arc;

use super::{Destination, Limit, Seat, Tally};
use crate::event::{
    Attributes, Batch, Check, Checks, Entry, Had, MAX_RANGES, Mark, Marks, Place, Record, Stream, StreamId,
};

/// Where the events of one source went, as this channel sees it. One ledger per source and channel, changed under one
/// lock: `read = delivered + filtered + elsewhere + without_route + skipped + dead_lettered + repeats + in_flight
/// + lost` holds whenever it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub tally: Tally,
    pub repeats: u64,
    pub delivered: u64,
    pub dead_lettered: u64,
    pub in_flight: u64,
    /// Events that were damaged where they were kept, and that nobody can read again.
    pub lost: u64,
    /// Not part of the sum: events of these may arrive twice, for a stated reason.
    pub possibly_twice: u64,
}

impl Ledger {
    /// Whether every event that was read is accounted for.
    pub fn balances(&self) -> bool {
        let tally = &self.tally;
        let gone = tally.filtered + tally.elsewhere + tally.without_route + tally.skipped;
        tally.read == gone + self.repeats + self.delivered + self.dead_lettered + self.in_flight + self.lost
    }
}

impl Ledger {
    /// Events that were in flight turned out to be at the destination already.
    pub fn repeated(&mut self, events: usize) {
        let events = (events as u64).min(self.in_flight);
        self.repeats += events;
        self.in_flight -= events;
    }

    /// Events that were in flight are read again, and counted then.
    pub fn unread(&mut self, events: usize) {
        let events = (events as u64).min(self.in_flight);
        self.in_flight -= events;
        self.tally.read = self.tally.read.saturating_sub(events);
    }
}

impl AddAssign<Tally> for Ledger {
    fn add_assign(&mut self, tally: Tally) {
        self.tally.read += tally.read;
        self.tally.filtered += tally.filtered;
        self.tally.elsewhere += tally.elsewhere;
        self.tally.without_route += tally.without_route;
        self.tally.skipped += tally.skipped;
    }
}

/// The place that has the beginnings of streams (P7, C2): durable by themselves, unlike what sinks without a record
/// have delivered.
const BEGINNINGS: u32 = u32::MAX;

/// Places of sinks that keep no record are called by the sink: one's sync says nothing of another's data.
const OF_SINK: &str = "sink:";

#[derive(Debug)]
struct Seated {
    sink: String,
    place: u32,
    records: bool,
    reported: bool,
}

/// Everything one channel remembers of streams.
#[derive(Debug, Default)]
pub struct Book {
    record: Record,
    held: HashMap<StreamId, Mark>,
    seats: Vec<Seated>,
    ledgers: BTreeMap<Box<str>, Ledger>,
    had_record: bool,
    /// What all places together have of streams that lie in many pieces at several places: two sinks in turn have a
    /// range per batch each, and the union is asked for before every lease. Built again after whatever is no delivery.
    unions: HashMap<StreamId, Mark>,
}

impl Book {
    /// A book from what the channel's own record added up to; `had_record`: there was one.
    pub fn open(record: Record, had_record: bool) -> Book {
        let held = record.streams.keys().map(|stream| (*stream, record.had(*stream))).collect();
        // Without a source nothing was ever taken: destinations were still being asked when the process ended.
        let had_record = had_record && !record.sources.is_empty();
        Book { record, held, had_record, ..Book::default() }
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    /// S4: without any local record, sources wait until the destinations have reported; P6: so does one whose events are
    /// routed by other rules than recorded.
    pub fn awaits_reports(&self, source: &str, fingerprint: u64) -> bool {
        let rerouted = self.record.sources.get(source).is_some_and(|recorded| *recorded != fingerprint);
        (!self.had_record || rerouted) && !self.all_reported()
    }

    /// Whether the channel began without any local record.
    pub fn is_new(&self) -> bool {
        !self.had_record
    }

    /// Whether there is one sink only: nobody else waits for its report.
    pub fn has_one_sink(&self) -> bool {
        self.seats.len() == 1
    }

    pub fn all_reported(&self) -> bool {
        self.seats.iter().all(|seat| seat.reported)
    }

    /// What the channel has taken over of a stream.
    pub fn held(&self, stream: StreamId) -> Option<&Mark> {
        self.held.get(&stream)
    }

    /// What all destinations together have of a stream.
    pub fn settled(&self, stream: StreamId) -> Mark {
        self.record.had(stream)
    }

    /// All below this is certainly on the destinations' disks.
    pub fn durable(&self, stream: StreamId) -> u64 {
        self.record.durable(stream).low()
    }

    pub fn ledgers(&self) -> Vec<(Box<str>, Ledger)> {
        self.ledgers.iter().map(|(source, ledger)| (source.clone(), *ledger)).collect()
    }

    pub fn ledger(&mut self, source: &str) -> &mut Ledger {
        if !self.ledgers.contains_key(source) {
            self.ledgers.insert(source.into(), Ledger::default());
        }
        self.ledgers.get_mut(source).expect("inserted above")
    }

    fn apply(&mut self, entries: &[Entry]) {
        let moves = |entry: &Entry| !matches!(entry, Entry::Describe { .. } | Entry::Durable { .. });
        if entries.iter().any(moves) {
            self.unions.clear();
        }
        entries.iter().for_each(|entry| self.record.apply(entry));
    }

    /// A description of the stream, if the record lacks it or has an older one.
    fn describe(&mut self, stream: &Arc<Stream>, entries: &mut Vec<Entry>) {
        let (source, attributes) = (&stream.source, stream.attributes());
        if !self.record.describes(stream.id, source, &attributes) {
            let describe = Entry::Describe { stream: stream.id, source: source.clone(), attributes };
            // At once, so that a stream with several spans is described once.
            self.record.apply(&describe);
            entries.push(describe);
        }
    }

    /// P7, C2: a stream begins at `at`, for this channel, with the evidence known elsewhere; what it knows already stays.
    pub fn join(&mut self, stream: &Arc<Stream>, at: u64, checks: &Checks) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.describe(stream, &mut entries);
        if let Vacant(held) = self.held.entry(stream.id) {
            let evidence = checks.iter().map(|c| Had { stream: stream.id, from: 0, to: 0, check: Some(*c) });
            let mut had: Vec<Had> = evidence.collect();
            // A beginning at 0 is said by the description alone.
            had.extend((at > 0).then_some(Had { stream: stream.id, from: 0, to: at, check: None }));
            if !had.is_empty() {
                entries.push(Entry::Delivered { place: BEGINNINGS, had, files: Vec::new() });
                entries.push(Entry::Durable { place: BEGINNINGS });
            }
            held.insert(Mark::at(at));
        }
        self.apply(&entries);
        entries
    }

    /// P6: the fingerprint of interceptors and selector under which the source's events are routed from now on.
    pub fn fingerprint(&mut self, source: &str, fingerprint: u64, twice: u64) -> Vec<Entry> {
        self.ledger(source).possibly_twice += twice;
        if self.record.sources.get(source) == Some(&fingerprint) {
            return Vec::new();
        }
        let entries = vec![Entry::Source { name: source.into(), fingerprint }];
        self.apply(&entries);
        entries
    }

    /// F1: how the stream of a batch is recognised, before the batch is put: what is held of a file must be known again
    /// by its content, whether or not any of it has been delivered.
    pub fn introduce(&mut self, batch: &Batch) -> Vec<Entry> {
        let mut entries = Vec::new();
        // One that was retired leaves no trace.
        if let Some(span) = batch.span().filter(|span| self.held.contains_key(&span.stream.id)) {
            self.describe(&span.stream, &mut entries);
        }
        entries
    }

    /// F1: evidence that the channel found in its own log, as far as it goes beyond what the record has.
    pub fn proved(&mut self, stream: StreamId, checks: &Checks) -> Vec<Entry> {
        let known = self.record.streams.get(&stream);
        let high = known.and_then(|known| known.checks.iter().last()).map_or(0, |check| check.at);
        let beyond = checks.iter().filter(|check| check.at > high);
        let had: Vec<Had> = beyond.map(|c| Had { stream, from: 0, to: 0, check: Some(*c) }).collect();
        if had.is_empty() {
            return Vec::new();
        }
        let place = BEGINNINGS;
        let entries = vec![Entry::Delivered { place, had, files: Vec::new() }, Entry::Durable { place }];
        self.apply(&entries);
        entries
    }

    /// P3: takes for held what of the batch is new, and hands that back. `Err`: the span does not join, or one of its
    /// records lies across a boundary that a destination has told meanwhile (R1); go back to the position given.
    pub fn put(&mut self, batch: Batch) -> Result<Vec<Batch>, u64> {
        let Some(span) = batch.span() else { return Ok(vec![batch]) };
        let (stream, from, to) = (span.stream.id, span.from, span.to);
        let held = self.held.entry(stream).or_default();
        if from > held.low() || batch.straddles(held) {
            return Err(held.low());
        }
        let new = batch.without(held);
        held.insert(from, to);
        Ok(new)
    }

    /// What the channel found in its own log at start: it holds this of the stream. A stream that the record has lost
    /// is known again, by the name of its source.
    pub fn found(&mut self, stream: StreamId, source: &str, mark: &Mark) -> Vec<Entry> {
        let mut entries = Vec::new();
        if !self.record.streams.contains_key(&stream) {
            let attributes = Attributes::default();
            entries.push(Entry::Describe { stream, source: source.into(), attributes });
            self.apply(&entries);
        }
        self.held.entry(stream).or_default().union(mark);
        entries
    }

    /// P5: a range that the channel has taken over and can no longer make good.
    pub fn lost(&mut self, stream: StreamId, from: u64, to: u64) -> Vec<Entry> {
        if let Some(held) = self.held.get_mut(&stream) {
            held.remove(from, to);
        }
        let entries = vec![Entry::Lost { stream, from, to }];
        self.apply(&entries);
        entries
    }

    /// Nobody can bring this range again: it counts as had, so that what follows need not wait for it.
    pub fn given_up(&mut self, stream: StreamId, from: u64, to: u64) -> Vec<Entry> {
        self.held.entry(stream).or_default().insert(from, to);
        let had = vec![Had { stream, from, to, check: None }];
        let entries = vec![
            Entry::Delivered { place: BEGINNINGS, had, files: Vec::new() },
            Entry::Durable { place: BEGINNINGS },
        ];
        self.apply(&entries);
        entries
    }

    /// Whether all of it is on the destinations' disks, or the stream is gone.
    pub fn is_done_with(&self, stream: StreamId, mark: &Mark) -> bool {
        if !self.record.streams.contains_key(&stream) {
            return true;
        }
        let durable = self.record.durable(stream);
        durable.covers(0, mark.low())
            && mark.ranges().iter().all(|range| durable.covers(range.start, range.end))
    }

    /// A batch for which room was `reserved` was taken over, as far as it was `new`. Returns the room that is over.
    pub fn took(&mut self, source: &str, tally: Tally, reserved: Limit, new: &[Batch]) -> Limit {
        let events: usize = new.iter().map(Batch::len).sum();
        let bytes: usize = new.iter().map(Batch::bytes).sum();
        let over = Limit { events: reserved.events - events, bytes: reserved.bytes - bytes };
        let ledger = self.ledger(source);
        *ledger += tally;
        ledger.repeats += over.events as u64;
        ledger.in_flight += events as u64;
        over
    }

    /// A sink takes its place.
    pub fn attach(&mut self, sink: &str, destination: Option<Destination>) -> (Seat, Vec<Entry>) {
        let mut entries = Vec::new();
        let records = destination.is_some();
        let destination = destination.map_or_else(|| format!("{OF_SINK}{sink}"), |d| d.0);
        let known = self.record.places().find(|(_, place)| place.destination == destination);
        let place = known.map(|(number, _)| number).unwrap_or_else(|| {
            let numbers = self.record.places().map(|(number, _)| number).filter(|n| *n != BEGINNINGS);
            let place = numbers.max().unwrap_or(0) + 1;
            entries.push(Entry::Place { place, destination });
            place
        });
        self.apply(&entries);
        self.seats.push(Seated { sink: sink.into(), place, records, reported: false });
        (Seat(self.seats.len() - 1), entries)
    }

    /// The name of the sink that has this seat.
    pub fn sink(&self, seat: Seat) -> &str {
        &self.seats[seat.0].sink
    }

    /// C4: what a destination of the record that no seat stands for was found to have.
    pub fn recall(&mut self, place: u32, marks: Marks) -> Vec<Entry> {
        let entries = self.now_has(place, marks);
        let streams: Vec<StreamId> = self.record.streams.keys().copied().collect();
        for stream in streams {
            let had = self.record.had(stream);
            self.held.entry(stream).or_default().union(&had);
        }
        entries
    }

    /// S2: no record is no evidence; a record, even an older one, beats what we believed of that place. Where several
    /// seats share the place, a later report may have been asked before another seat's commit: it only adds.
    pub fn report(&mut self, seat: Seat, marks: Option<Marks>) -> Vec<Entry> {
        let place = self.seats[seat.0].place;
        let others = self.seats.iter().enumerate().filter(|(other, s)| *other != seat.0 && s.place == place);
        let first = !others.into_iter().any(|(_, other)| other.reported);
        self.seats[seat.0].reported = true;
        let Some(marks) = marks else { return Vec::new() };
        let void = Entry::Void { place };
        let mut entries = if first { vec![void] } else { Vec::new() };
        self.apply(&entries);
        entries.extend(self.now_has(place, marks));
        entries
    }

    fn now_has(&mut self, place: u32, marks: Marks) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (stream, reported) in marks {
            let (source, attributes) = (&reported.source, &reported.attributes);
            // What is known of a stream stays; where both say the same, one copy of it does.
            if !self.record.describes(stream, source, attributes)
                && !self.record.streams.contains_key(&stream)
            {
                let (source, attributes) = (reported.source, reported.attributes);
                entries.push(Entry::Describe { stream, source, attributes });
            }
            let checks = reported.checks.iter().map(|c| Had { stream, from: 0, to: 0, check: Some(*c) });
            let mut had: Vec<Had> = checks.collect();
            had.push(Had { stream, from: 0, to: reported.mark.low(), check: None });
            let above = reported.mark.ranges().iter();
            had.extend(above.map(|r| Had { stream, from: r.start, to: r.end, check: None }));
            entries.push(Entry::Delivered { place, had, files: Vec::new() });
        }
        self.apply(&entries);
        entries
    }

    /// S3: all have reported; what is queued and what the destinations have is what is held. Returns the sources that
    /// must go back, because a destination has less than was believed.
    pub fn settle_reports<'a>(
        &mut self,
        queued: impl Iterator<Item = (StreamId, u64, u64)> + 'a,
    ) -> Vec<Box<str>> {
        let mut held: HashMap<StreamId, Mark> =
            self.record.streams.keys().map(|stream| (*stream, self.record.had(*stream))).collect();
        for (stream, from, to) in queued {
            held.entry(stream).or_default().insert(from, to);
        }
        let mut back = Vec::new();
        for (stream, believed) in &self.held {
            let now = held.entry(*stream).or_default();
            let less = !now.covers(0, believed.low())
                || believed.ranges().iter().any(|range| !now.covers(range.start, range.end));
            if let Some(known) = self.record.streams.get(stream).filter(|_| less) {
                back.push((*known.source).into());
            }
        }
        self.held = held;
        back.sort();
        back.dedup();
        back
    }

    /// Whether the seat's destination keeps marks of its own.
    pub fn keeps_record(&self, seat: Seat) -> bool {
        self.seats[seat.0].records
    }

    /// Whether leasing must stop until `low` moves, as some mark has too many ranges.
    pub fn is_ragged(&self, stream: StreamId) -> bool {
        if let Some(union) = self.unions.get(&stream) {
            return union.ranges().len() >= MAX_RANGES;
        }
        self.is_in_pieces(stream) && self.record.had(stream).ranges().len() >= MAX_RANGES
    }

    /// Whether the places together may have as many ranges as a mark must not.
    fn is_in_pieces(&self, stream: StreamId) -> bool {
        let ranges = |place: &Place| place.delivered.get(&stream).map_or(0, |mark| mark.ranges().len());
        self.record.places().map(|(_, place)| ranges(place)).sum::<usize>() >= MAX_RANGES
    }

    /// D1: the seat's destination has these spans now. Adjoining spans of a stream become one entry; those of a stream
    /// that was retired meanwhile leave no trace.
    pub fn delivered(&mut self, seat: Seat, batches: &[Batch]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut had: Vec<Had> = Vec::new();
        let of_known = |span: &&crate::event::Span| self.held.contains_key(&span.stream.id);
        let spans: Vec<_> = batches.iter().filter_map(Batch::span).filter(of_known).collect();
        for span in spans {
            // What was read back from a log may have an older description.
            if !self.record.streams.contains_key(&span.stream.id) {
                self.describe(&span.stream, &mut entries);
            }
            let check: Option<Check> = span.check;
            match had.last_mut().filter(|h| h.stream == span.stream.id && h.to == span.from) {
                Some(last) => {
                    last.to = span.to;
                    last.check = check.or(last.check);
                }
                None => had.push(Had { stream: span.stream.id, from: span.from, to: span.to, check }),
            }
        }
        if !had.is_empty() {
            self.unite(&had);
            entries.push(Entry::Delivered { place: self.seats[seat.0].place, had, files: Vec::new() });
        }
        entries.iter().for_each(|entry| self.record.apply(entry));
        entries
    }

    /// Keeps the unions up with a delivery that is about to be recorded.
    fn unite(&mut self, had: &[Had]) {
        for Had { stream, from, to, .. } in had {
            if !self.unions.contains_key(stream) && self.is_in_pieces(*stream) {
                self.unions.insert(*stream, self.record.had(*stream));
            }
            if let Some(union) = self.unions.get_mut(stream) {
                union.insert(*from, *to);
            }
        }
    }

    /// D5: all that the seat's place has is durable.
    pub fn synced(&mut self, seat: Seat) -> Vec<Entry> {
        let entries = vec![Entry::Durable { place: self.seats[seat.0].place }];
        self.apply(&entries);
        entries
    }

    /// D6, for a channel that has events of the stream still: its mark must stay until they are gone too, here and at the
    /// destinations, else they would count as new after a crash.
    pub fn gone(&mut self, stream: StreamId) -> Vec<Entry> {
        let entries = vec![Entry::Gone { stream }];
        self.apply(&entries);
        entries
    }

    /// Streams that are gone where they came from, and not retired yet.
    pub fn going(&self) -> Vec<StreamId> {
        let gone = self.record.streams.iter().filter(|(_, known)| known.gone);
        gone.map(|(stream, _)| *stream).collect()
    }

    /// D6: the stream is gone.
    pub fn retire(&mut self, stream: StreamId) -> Vec<Entry> {
        self.held.remove(&stream);
        let entries = vec![Entry::Retire { stream }];
        self.apply(&entries);
        entries
    }

    /// Destinations of the record that no seat stands for: they may have had a last commit that never reached our
    /// journal (C4).
    pub fn left_places(&self) -> Vec<(u32, String)> {
        let seated = |number: u32| self.seats.iter().any(|seat| seat.place == number);
        let asked = |place: &Place| !place.destination.is_empty() && !place.destination.starts_with(OF_SINK);
        let left = self.record.places().filter(|(number, place)| asked(place) && !seated(*number));
        left.map(|(number, place)| (number, place.destination.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
