//! What waits in the channel, and where: being written, not synced yet, in memory, on disk.
//!
//! Shape, from the source to the sink:
//! ```text
//! put → pending (memory) → write → unheld (memory) → sync → window (memory) ─→ lease → settle
//!                                                        ↘ on disk, read back ↗
//! ```
//! The window has the oldest events. What becomes held goes there as long as nothing lies on disk before it and it has
//! room; else it is dropped from memory, for the log has it. `cursor` is where the log is read from next.
//! Invariants: sinks get only what is held. Order is that of the frames' numbers. `used` counts what is not settled.
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::shelves::Shelves;
use super::voids::Voids;
use crate::channels::window::{Queued, Sifted, Window, room_of};
use crate::event::{Batch, Entry, Mark, Stream, StreamId};
use crate::flow::{Book, Latch, Limit};
use crate::store::log::Run;
use crate::store::log::bug::{self, Bug};

/// Bytes that may wait for the disk, those of the write and the sync under way included.
pub const IN_FLIGHT: usize = 8 << 20;
/// Bytes of held batches that are kept in memory for sinks.
const IN_MEMORY: usize = 6 << 20;

/// A batch on its way to the log.
#[derive(Debug)]
pub struct Item {
    pub source: Arc<str>,
    pub batch: Batch,
    pub latch: Arc<Latch>,
    /// Taken before all destinations had told what they have.
    pub early: bool,
    /// Where it was written: its frame's number, and the place behind it.
    pub number: u64,
    pub behind: Place,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub segment: u64,
    pub at: u64,
}

/// Where the log is read from next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    pub number: u64,
    pub place: Place,
}

/// The state of the channel; see the module.
pub struct Queue {
    pub book: Book,
    /// Entries of the record that wait to be written, encoded.
    pub marks: Vec<u8>,
    pub pending: VecDeque<Item>,
    /// What the write under way has taken from `pending`.
    pub writing: Vec<(StreamId, u64, u64)>,
    pub unheld: VecDeque<Item>,
    /// Weight of `pending` and `unheld`, and of the latter alone.
    pub in_flight: usize,
    pub unheld_weight: usize,
    pub window: Window,
    /// All frames of the log, as runs in the order of their numbers.
    pub runs: VecDeque<Run>,
    pub cursor: Cursor,
    /// Frames of events that are held and lie behind the cursor; at most so many.
    pub on_disk: u64,
    /// Frames below this number are held.
    pub held: u64,
    /// The log was gone back to: what is read may be leased already.
    pub again: bool,
    /// Counts how often it was.
    pub epoch: u64,
    /// What sources read again, or have read again: older frames that have it too do not count.
    pub voids: Voids,
    pub shelves: Shelves,
    pub used: Limit,
    /// The part of `used` that sources have reserved and not put yet.
    pub reserved: Limit,
    /// Something was settled for good.
    pub settled: bool,
    /// So segments may go.
    pub done: bool,
    /// When something was written last.
    pub wrote_at: Instant,
    /// Events that nobody can bring again, not written off yet.
    pub lost: u64,
    pub waiting: usize,
    pub retired: Vec<Vec<StreamId>>,
    pub back: Vec<Box<str>>,
    pub closed: bool,
    pub unsynced_joins: bool,
    /// The stream of events without a position, and the next of them (P8).
    pub own: Arc<Stream>,
    pub next_own: u64,
    pub latch: Arc<Latch>,
    pub syncing: bool,
    /// No room on the disk: sources wait.
    pub full: bool,
}

/// Bytes of memory that a batch takes, about.
pub fn weight(batch: &Batch) -> usize {
    batch.bytes() + 32 * batch.len() + 256
}

impl Queue {
    /// Whether held frames lie on disk that no sink has seen.
    pub fn is_on_disk(&self) -> bool {
        self.on_disk > 0
    }

    /// Whether what is put now must follow what is on the disk, or on its way there.
    pub fn is_spilling(&self) -> bool {
        self.is_on_disk() || self.is_on_the_way()
    }

    fn is_on_the_way(&self) -> bool {
        !self.pending.is_empty() || !self.writing.is_empty() || !self.unheld.is_empty()
    }

    /// All of the stream below this is in the log and synced, or had: what is held, but for what is on the way.
    pub fn synced(&self, stream: StreamId) -> u64 {
        let held = self.book.held(stream).map_or(0, Mark::low);
        let items = self.pending.iter().chain(&self.unheld).filter_map(|item| item.batch.span());
        let on_the_way = items.filter(|span| span.stream.id == stream).map(|span| span.from);
        let written = self.writing.iter().filter(|(of, ..)| *of == stream).map(|(_, from, _)| *from);
        on_the_way.chain(written).fold(held, u64::min)
    }

    /// Whether the window's next events have to be read from the log first.
    pub fn must_read(&self) -> bool {
        self.book.all_reported() && self.window.events() == 0 && self.is_on_disk()
    }

    /// Whether a held batch can stay in memory.
    fn has_window(&self) -> bool {
        !self.is_on_disk() && self.window.bytes() < IN_MEMORY && self.window.batches() < 4096
    }

    /// A batch, the first of those that were not held, is: sinks may have it. Batches that came one after the other share
    /// a latch; the last of them opens it.
    pub fn now_held(&mut self, item: Item) {
        let weight = weight(&item.batch);
        self.in_flight -= weight;
        self.unheld_weight -= weight;
        let next = self.unheld.front().or(self.pending.front());
        if next.is_none_or(|next| !Arc::ptr_eq(&next.latch, &item.latch)) {
            item.latch.resolve(true);
        }
        if !self.has_window() {
            self.on_disk += 1;
            return;
        }
        self.cursor = Cursor { number: item.number + 1, place: item.behind };
        match item.early {
            true => {
                let had = self.admit(&item.source, item.batch, item.number);
                self.book.ledger(&item.source).repeated(had.events);
                self.give_back(had);
            }
            false => self.window.push(&item.source, item.batch, true),
        }
    }

    /// The next held frames behind the cursor.
    pub fn next_run(&mut self) -> Option<Run> {
        let Cursor { number, place } = self.cursor;
        let index = self.runs.partition_point(|run| run.numbers.end <= number);
        let mut run = self.runs.get(index)?.clone();
        if run.numbers.start < number {
            debug_assert_eq!(run.segment, place.segment);
            run.numbers.start = number;
            run.from = place.at;
        }
        run.numbers.end = run.numbers.end.min(self.held);
        // The cursor may stand at the end of what is held, in the middle of a run.
        (run.numbers.start < run.numbers.end).then_some(run)
    }

    /// A segment has left the log, with its frames.
    pub fn removed(&mut self, segment: u64) {
        self.runs.retain(|run| run.segment != segment);
        let first = self.runs.front().map_or(u64::MAX, |run| run.numbers.start);
        self.voids.begin_at(first);
    }

    /// Everything has been read.
    pub fn caught_up(&mut self) {
        self.on_disk = 0;
        self.again = false;
    }

    /// Takes a batch from the log, or one that came before the destinations had told what they have: what is settled,
    /// leased or void is dropped from it. Returns how much that was.
    pub fn admit(&mut self, source: &str, batch: Batch, number: u64) -> Limit {
        let Some(span) = batch.span().cloned() else { return Limit { events: 0, bytes: 0 } };
        let stream = span.stream.id;
        let before = room_of(&batch);
        let mut had = if self.again { self.had(stream) } else { self.book.settled(stream) };
        if bug::on(Bug::SettledComesAgain) {
            had = Mark::default();
        }
        self.voids.add_to(&mut had, stream, number);
        if batch.straddles(&had) {
            // R1: its records were closed where only a destination knew; they are read again with that cut.
            had.missing(span.from, span.to).into_iter().for_each(|hole| {
                self.lose(stream, hole);
            });
            return before;
        }
        let mut shown = Limit { events: 0, bytes: 0 };
        for piece in batch.without(&had) {
            shown.events += piece.len();
            shown.bytes += piece.bytes();
            self.window.push(source, piece, true);
        }
        Limit { events: before.events - shown.events, bytes: before.bytes - shown.bytes }
    }

    /// P5: a range can no longer be made good: its source goes back to it. Returns how many events nobody can bring again.
    pub fn lose(&mut self, stream: StreamId, range: Range<u64>) -> u64 {
        let source =
            self.book.record().streams.get(&stream).map(|known| known.source.clone()).unwrap_or_default();
        let of_log = stream.is_of_log();
        let entries = match of_log {
            true => self.book.given_up(stream, range.start, range.end),
            false => self.book.lost(stream, range.start, range.end),
        };
        crate::codec::marks::encode(&entries, &mut self.marks);
        if of_log {
            self.lost += range.end - range.start;
            return range.end - range.start;
        }
        let below = self.runs.back().map_or(0, |run| run.numbers.end);
        self.voids.add(stream, range, below);
        self.back.push((*source).into());
        0
    }

    /// What is settled of a stream, or in memory on its way to a sink.
    pub fn had(&self, stream: StreamId) -> Mark {
        let mut had = self.book.settled(stream);
        let queued = self.window.stretches().filter(|(known, ..)| *known == stream);
        queued.for_each(|(_, from, to)| had.insert(from, to));
        had
    }

    /// Whatever the log has is read again, but for what is leased: a destination has less than was believed.
    ///
    /// What a spillable channel had in memory alone came after that: its sources read it again. Returns how much it was.
    pub fn go_back(&mut self) -> Limit {
        let mut dropped = Limit { events: 0, bytes: 0 };
        let own = |queued: &Queued| queued.batch.span().is_none_or(|span| span.stream.id.is_of_log());
        for Queued { source, batch, logged, .. } in
            self.window.take_out(|queued| !queued.logged && own(queued))
        {
            if let Some(span) = batch.span().filter(|_| !logged) {
                self.lose(span.stream.id, span.from..span.to);
                self.book.ledger(&source).unread(batch.len());
                dropped.events += batch.len();
                dropped.bytes += batch.bytes();
            }
        }
        self.cursor = Cursor::default();
        self.epoch += 1;
        self.again = true;
        let frames =
            self.runs.iter().map(|run| run.numbers.end.min(self.held).saturating_sub(run.numbers.start));
        self.on_disk = frames.sum();
        dropped
    }

    /// What is settled of the streams that the log has.
    pub fn settled_of_log(&self) -> Vec<(StreamId, Mark)> {
        self.shelves.by_stream().into_keys().map(|stream| (stream, self.book.settled(stream))).collect()
    }

    /// Whether less is settled now.
    pub fn has_less(&self, before: &[(StreamId, Mark)]) -> bool {
        before.iter().any(|(stream, mark)| {
            let now = self.book.settled(*stream);
            !now.covers(0, mark.low())
                || mark.ranges().iter().any(|range| !now.covers(range.start, range.end))
        })
    }

    /// Adds what was written to the runs.
    pub fn wrote(&mut self, run: Run) {
        match self.runs.back_mut().filter(|last| last.joins(&run)) {
            Some(last) => {
                last.to = run.to;
                last.numbers.end = run.numbers.end;
            }
            None => self.runs.push_back(run),
        }
    }

    /// L3, P5: what was not synced is written again, before anything newer.
    pub fn write_again(&mut self, durable: u64, ends: &HashMap<u64, u64>) {
        while let Some(last) = self.runs.back_mut() {
            if last.numbers.start >= durable {
                self.runs.pop_back();
                continue;
            }
            if last.numbers.end > durable {
                last.numbers.end = durable;
                last.to = ends.get(&last.segment).copied().unwrap_or(last.to);
            }
            break;
        }
        while let Some(item) = self.unheld.pop_back() {
            if let Some(span) = item.batch.span() {
                self.shelves.forget(item.behind.segment, span.stream.id, span.from, span.to);
            }
            match () {
                () if bug::on(Bug::AgainInReverse) => self.pending.push_back(item),
                () if bug::on(Bug::AgainWithoutLast) && self.unheld.is_empty() => {}
                () => self.pending.push_front(item),
            }
        }
        self.unheld_weight = 0;
    }

    /// D6: at once, or when the last event of the stream has left the log.
    pub fn retire(&mut self, stream: StreamId) -> Vec<Entry> {
        let on_the_way = self.writing.iter().any(|(known, ..)| *known == stream)
            || self.pending.iter().any(|item| item.batch.span().is_some_and(|span| span.stream.id == stream));
        if on_the_way || self.shelves.has(stream) {
            return self.book.gone(stream);
        }
        self.retired.iter_mut().for_each(|seat| seat.push(stream));
        self.book.retire(stream)
    }

    /// Nothing waits anywhere.
    pub fn is_idle(&self) -> bool {
        self.window.is_empty() && !self.is_spilling()
    }

    /// Nothing is left: what was counted and did not come is lost, or is read again and counted then.
    pub fn write_off(&mut self) {
        self.used = self.reserved;
        for (source, ledger) in self.book.ledgers() {
            let gone = ledger.in_flight;
            if gone > 0 {
                let lost = gone.min(self.lost);
                self.lost -= lost;
                let ledger = self.book.ledger(&source);
                ledger.in_flight = 0;
                ledger.lost += lost;
                ledger.tally.read = ledger.tally.read.saturating_sub(gone - lost);
            }
        }
    }

    /// A reservation ends: as a put, or given back.
    pub fn unreserve(&mut self, room: Limit) {
        self.reserved.events -= room.events;
        self.reserved.bytes -= room.bytes;
    }

    /// Bytes of memory that wait to be written.
    pub fn pending_weight(&self) -> usize {
        self.in_flight.saturating_sub(self.unheld_weight)
    }

    /// S3: what is held now that all destinations have told what they have. Returns the sources that must go back.
    pub fn settle_reports(&mut self) -> Vec<Box<str>> {
        let mut spans = if bug::on(Bug::WritingForgotten) { Vec::new() } else { self.writing.clone() };
        for (stream, mark) in self.shelves.by_stream() {
            spans.push((stream, 0, mark.low()));
            spans.extend(mark.ranges().iter().map(|range| (stream, range.start, range.end)));
        }
        spans.extend(self.window.stretches());
        let items = self.pending.iter().chain(&self.unheld).filter_map(|item| item.batch.span());
        spans.extend(items.map(|span| (span.stream.id, span.from, span.to)));
        self.book.settle_reports(spans.into_iter())
    }

    /// Drops from the window what destinations were found to have. Returns how much that was.
    pub fn sift(&mut self) -> Limit {
        let Sifted { dropped, torn } = self.window.sift(&mut self.book);
        for (stream, from, to) in torn {
            for hole in self.book.settled(stream).missing(from, to) {
                self.lose(stream, hole);
            }
        }
        dropped
    }

    /// Room that is taken no more.
    pub fn give_back(&mut self, room: Limit) {
        self.used.events = self.used.events.saturating_sub(room.events);
        self.used.bytes = self.used.bytes.saturating_sub(room.bytes);
    }
}
