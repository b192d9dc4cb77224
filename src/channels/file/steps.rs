//! The channel's hands: writing what waits, syncing what is written, reading back what lies on disk, removing segments
//! that are done with. Each is one step that any thread may take; the channel's own threads only repeat them.
//!
//! Locks: `reader` or `syncs`, then `log`, then `queue`; no disk call under `queue`, and no sync under any of them.
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::queue::{Item, Place, Queue, weight};
use crate::codec::{marks, stored};
use crate::event::{Entry, Mark, Stream, StreamId};
use crate::flow::{ChannelKey, Counter, Latch, Limit, Pulse};
use crate::store::log::bug::{self, Bug};
use crate::store::log::{self as store, Chunk, Kind, Log, Piece, Reader, Run};
use crate::sys::disk::Disk;

/// Bytes of one write, about.
const GROUP: usize = 4 << 20;
/// While a sync runs, less than this waits for it: the next sync can only follow it anyway.
pub const WORTH_A_WRITE: usize = 1 << 20;
/// Free space is looked at again after so many bytes, or where less than so much is left.
const LOOK_AT_SPACE: usize = 4 << 20;
const PLENTY: usize = 64 << 20;
const NO_ROOM: &str = "no room in its directories above minimumRequiredSpace";

/// How a channel behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    pub capacity: usize,
    pub transaction: usize,
    pub keep_alive: Duration,
    pub empty_delay: Duration,
    /// What stays in memory as long as nothing lies on disk; none for a file channel.
    pub memory: Option<Limit>,
    /// How long a source waits for memory before it spills.
    pub before_spill: Duration,
    /// Syncs before it calls a batch held; else now and then, in this interval.
    pub sync_every: Option<Duration>,
    /// Has a second copy of the marks.
    pub checkpoint: Option<PathBuf>,
}

/// A channel whose events lie in a log; see the folder.
pub struct FileChannel {
    pub(super) settings: Settings,
    pub(super) key: ChannelKey,
    pub(super) pulse: Arc<Pulse>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) queue: Mutex<Queue>,
    pub(super) log: Mutex<Hand>,
    /// Who syncs. One at a time, and until a failure has been dealt with: the kernel tells of lost writes once, so a
    /// second sync beside the failed one would call them durable (L3).
    pub(super) syncs: Mutex<()>,
    pub(super) reader: Mutex<Reader>,
    /// Somebody gave room back.
    pub(super) room: Condvar,
    /// Something can be leased.
    pub(super) arrived: Condvar,
    /// Something waits to be written, or a sync is over.
    pub(super) work: Condvar,
    /// Something was written, or settled for good.
    pub(super) written: Condvar,
    /// Segments may be done with.
    pub(super) done: Condvar,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The log, and what its writer remembers from write to write.
pub struct Hand {
    pub log: Log,
    meta: Vec<u8>,
    /// Bytes there was room for when it was looked at, and those written since.
    room: usize,
    unlooked: usize,
}

impl Hand {
    pub fn new(log: Log) -> Hand {
        Hand { log, meta: Vec::new(), room: 0, unlooked: 0 }
    }
}

/// What one write takes along.
struct Load {
    items: Vec<Item>,
    marks: Vec<u8>,
    bytes: usize,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FileChannel {
    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    /// Writes what waits, unsynced; false if nothing did.
    pub fn write(&self) -> io::Result<bool> {
        self.write_with(true)
    }

    /// As `write`; without `events` the marks alone: they find room on a disk that is full of events.
    fn write_with(&self, events: bool) -> io::Result<bool> {
        let mut hand = locked(&self.log);
        let room = if events { self.look_at_space(&mut hand) } else { 0 };
        let Some(mut load) = self.load(events.then_some(room)) else {
            if hand.log.is_sound() {
                return Ok(false);
            }
            self.begin(&mut hand.log)?;
            return Ok(true);
        };
        match self.write_load(&mut hand, &mut load) {
            Ok(()) => {
                hand.unlooked = hand.unlooked.saturating_add(load.bytes);
                self.wrote(&hand.log, load.items);
                Ok(true)
            }
            Err(error) => {
                let mut queue = self.lock();
                queue.writing.clear();
                load.items.into_iter().rev().for_each(|item| queue.pending.push_front(item));
                drop(queue);
                self.fail(&mut hand);
                Err(error)
            }
        }
    }

    /// Takes along what one write can carry, and `room` has room for.
    fn load(&self, room: Option<usize>) -> Option<Load> {
        let mut queue = self.lock();
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let (Some(room), true) = (room, bytes < GROUP) {
            let Some(size) = queue.pending.front().map(|item| weight(&item.batch)) else { break };
            if bytes + size > room {
                break;
            }
            bytes += size;
            let item = queue.pending.pop_front().expect("looked at above");
            let span = item.batch.span().map(|span| (span.stream.id, span.from, span.to));
            queue.writing.extend(span);
            items.push(item);
        }
        if room.is_some() {
            self.is_full(&mut queue, items.is_empty());
        }
        let marks = std::mem::take(&mut queue.marks);
        bytes += marks.len();
        (!items.is_empty() || !marks.is_empty()).then_some(Load { items, marks, bytes })
    }

    fn write_load(&self, hand: &mut Hand, load: &mut Load) -> io::Result<()> {
        if hand.log.is_due(load.bytes) {
            self.begin(&mut hand.log)?;
            if !bug::on(Bug::OldEntriesAgain) {
                load.marks.clear();
            }
        }
        if load.marks.is_empty() && load.items.is_empty() {
            return Ok(());
        }
        let Hand { log, meta, .. } = hand;
        let (mut group, sealing) = log.group();
        if !load.marks.is_empty() {
            group.push(&sealing, Kind::Marks, 0, &load.marks, &[]);
        }
        let mut places = Vec::with_capacity(load.items.len());
        for Item { source, batch, .. } in &load.items {
            let mut bodies = Vec::new();
            meta.clear();
            stored::encode(source, batch, meta, &mut bodies);
            places.push(group.numbers().end);
            group.push(&sealing, Kind::Events, batch.len(), meta, &bodies);
            places.push(group.bytes() as u64);
        }
        let run = log.append(&group)?;
        drop(group);
        for (item, place) in load.items.iter_mut().zip(places.chunks_exact(2)) {
            item.number = place[0];
            item.behind = Place { segment: run.segment, at: run.from + place[1] };
        }
        self.lock().wrote(run);
        Ok(())
    }

    /// A new segment, with a snapshot of all marks. Entries that wait are part of it and are not written behind it: an
    /// older "all of it is durable" would speak of what was delivered since (L2). The copy in the checkpoint directory
    /// is a hint.
    pub(super) fn begin(&self, log: &mut Log) -> io::Result<()> {
        let snapshot: Vec<Vec<u8>> = {
            let mut queue = self.lock();
            if !bug::on(Bug::OldEntriesAgain) {
                queue.marks.clear();
            }
            queue.book.record().snapshot().iter().map(encoded).collect()
        };
        let run: Run = log.begin(&snapshot)?;
        let mut queue = self.lock();
        queue.shelves.begin(run.segment);
        queue.wrote(run);
        drop(queue);
        if let Some(path) = &self.settings.checkpoint
            && let Err(error) = super::checkpoint::write(&*self.disk, path, log, &snapshot)
        {
            log::warn!(component = &*self.pulse.name; "cannot keep a second copy of the marks in `{}`: {error}", path.display());
        }
        Ok(())
    }

    fn wrote(&self, log: &Log, items: Vec<Item>) {
        let mut queue = self.lock();
        queue.writing.clear();
        queue.wrote_at = Instant::now();
        for item in items {
            if let Some(span) = item.batch.span() {
                queue.shelves.insert(item.behind.segment, span.stream.id, span.from, span.to);
            }
            queue.unheld_weight += weight(&item.batch);
            queue.unheld.push_back(item);
        }
        if self.settings.sync_every.is_some() {
            self.hold(&mut queue, log.next_number());
        }
        self.written.notify_all();
        drop(queue);
        self.recovered();
    }

    /// Syncs what is written; false if there was nothing to sync.
    pub fn sync(&self) -> io::Result<bool> {
        let _alone = (!bug::on(Bug::SyncsTogether)).then(|| locked(&self.syncs));
        let Some(due) = locked(&self.log).log.due() else { return Ok(false) };
        self.lock().syncing = true;
        let synced = due.sync();
        let mut hand = locked(&self.log);
        let mut queue = self.lock();
        queue.syncing = false;
        self.work.notify_all();
        match synced {
            Ok(()) => {
                if hand.log.synced(&due) {
                    self.hold(&mut queue, due.number);
                }
                Ok(true)
            }
            Err(error) => {
                drop(queue);
                self.fail(&mut hand);
                Err(error)
            }
        }
    }

    /// All frames below `number` are held.
    fn hold(&self, queue: &mut Queue, number: u64) {
        let before = (queue.in_flight, queue.used);
        queue.held = queue.held.max(number);
        while queue.unheld.front().is_some_and(|item| item.number < number) {
            let item = queue.unheld.pop_front().expect("looked at above");
            queue.now_held(item);
        }
        if before != (queue.in_flight, queue.used) {
            self.room.notify_all();
        }
        if queue.waiting > 0 {
            self.arrived.notify_all();
        }
        self.pulse.beat();
    }

    /// L3: the segment takes nothing any more; what was not synced is written again.
    fn fail(&self, hand: &mut Hand) {
        let ends: HashMap<u64, u64> = hand.log.fail().into_iter().collect();
        (hand.room, hand.unlooked) = (0, 0);
        self.lock().write_again(hand.log.durable(), &ends);
    }

    /// Bytes that there is room for: asked of the disk now and then while there is plenty, else each time.
    fn look_at_space(&self, hand: &mut Hand) -> usize {
        if hand.unlooked >= LOOK_AT_SPACE || hand.room < hand.unlooked + PLENTY {
            hand.room = usize::try_from(hand.log.room()).unwrap_or(usize::MAX);
            hand.unlooked = 0;
        }
        hand.room - hand.unlooked
    }

    /// Whether the disk has no room for what waits: said once, and sources wait.
    fn is_full(&self, queue: &mut Queue, nothing_fits: bool) {
        let full = nothing_fits && !queue.pending.is_empty();
        let before = std::mem::replace(&mut queue.full, full);
        if full && self.pulse.failing(NO_ROOM) {
            let name = &*self.pulse.name;
            log::error!(component = name; "channel `{name}`: {NO_ROOM}; sources wait until there is");
        }
        if before && !full {
            self.room.notify_all();
        }
    }

    fn recovered(&self) {
        if !self.lock().full
            && let Some(time) = self.pulse.recovered()
        {
            log::info!(component = &*self.pulse.name; "channel `{}` writes again after {} s", self.pulse.name, time.as_secs());
        }
    }

    /// Reads the next events from the log into the window; false if there are none.
    pub(super) fn fill(&self) -> bool {
        let mut reader = locked(&self.reader);
        let (run, epoch) = {
            let mut queue = self.lock();
            if !queue.is_on_disk() {
                // Another sink has read it while this one waited for the reader. From now on what becomes held moves the
                // cursor: it must not be set back behind that.
                return true;
            }
            match queue.next_run() {
                Some(run) => (run, queue.epoch),
                None => {
                    queue.caught_up();
                    self.balance(&mut queue);
                    return false;
                }
            }
        };
        let mut rest = run.clone();
        let Chunk { pieces, lost } = reader.read(&mut rest);
        let mut queue = self.lock();
        if queue.epoch != epoch {
            return true;
        }
        queue.cursor.number = rest.numbers.start + u64::from(bug::on(Bug::CursorOffByOne));
        queue.cursor.place = Place { segment: rest.segment, at: rest.from };
        let mut dropped = Limit { events: 0, bytes: 0 };
        for piece in pieces {
            self.take_in(&mut queue, rest.segment, &piece, &mut dropped);
        }
        self.give_back(&mut queue, dropped);
        self.balance(&mut queue);
        drop(queue);
        if let Some((numbers, why)) = lost {
            self.miss(rest.segment, numbers, &why);
        }
        true
    }

    fn take_in(&self, queue: &mut Queue, segment: u64, piece: &Piece, dropped: &mut Limit) {
        if piece.head.kind != Kind::Events {
            return;
        }
        queue.on_disk = queue.on_disk.saturating_sub(1);
        let record = queue.book.record();
        let mut known = |id: StreamId| {
            let known = record.streams.get(&id).cloned().unwrap_or_default();
            Stream::known(id, &known.source, known.attributes)
        };
        let decoded =
            stored::decode(piece.meta(), &piece.buf, piece.body.start, piece.body.len(), &mut known);
        let Some((source, batch)) = decoded else {
            let number = piece.head.number;
            log::error!(component = &*self.pulse.name; "channel `{}`: frame {number} verifies and says nothing that this version can read; what sources have is read again", self.pulse.name);
            if let Some(span) = stored::span(piece.meta()) {
                queue.shelves.forget(segment, span.stream, span.from, span.to);
                let events = queue.lose(span.stream, span.from..span.to);
                self.pulse.add(Counter::LostEvents, events);
            }
            return;
        };
        let gone = queue.admit(&source, batch, piece.head.number);
        dropped.events += gone.events;
        dropped.bytes += gone.bytes;
        // What was found at start was counted as read then, as far as anybody knew.
        queue.book.ledger(&source).unread(gone.events);
    }

    /// Frames that were there and cannot be read any more. What else the segment holds tells what they held; all of that
    /// which is neither settled nor in memory is taken out of the marks, and its sources go back to it (P5).
    fn miss(&self, segment: u64, numbers: Range<u64>, why: &str) {
        let left = self.spans_of(segment);
        let path = locked(&self.log).log.found_damaged(segment).unwrap_or_default();
        let queue = &mut *self.lock();
        let count = numbers.end - numbers.start;
        self.pulse.add(Counter::Errors, 1);
        log::error!(component = &*self.pulse.name; "channel `{}`: {count} frames of `{}`, from number {} on, were whole at start and cannot be read back: {why}; what sources have is read again, and the file is set aside once it is not needed", self.pulse.name, path.display(), numbers.start);
        let before: Vec<(StreamId, Mark)> =
            queue.shelves.of(segment).map(|(stream, mark)| (stream, mark.clone())).collect();
        for (stream, mark) in before {
            let mut had = queue.had(stream);
            left.iter()
                .filter(|(known, _)| *known == stream)
                .for_each(|(_, range)| had.insert(range.start, range.end));
            for hole in mark.ranges().iter().cloned().chain((mark.low() > 0).then(|| 0..mark.low())) {
                for gone in had.missing(hole.start, hole.end) {
                    queue.shelves.forget(segment, stream, gone.start, gone.end);
                    let events = queue.lose(stream, gone);
                    self.pulse.add(Counter::LostEvents, events);
                }
            }
        }
    }

    /// The spans of all frames of a segment that verify now.
    fn spans_of(&self, segment: u64) -> Vec<(StreamId, Range<u64>)> {
        let mut spans = Vec::new();
        locked(&self.log).log.rescan(segment, &mut |meta| {
            spans.extend(stored::span(meta).map(|span| (span.stream, span.from..span.to)));
        });
        spans
    }

    pub(super) fn give_back(&self, queue: &mut Queue, room: Limit) {
        queue.give_back(room);
        if room.events > 0 {
            self.room.notify_all();
        }
    }

    /// Removes the oldest segments as far as everything in them is on the destinations' disks. What says so is made
    /// durable before.
    pub fn retain(&self) -> io::Result<()> {
        loop {
            let Some(segment) = self.removable() else { return Ok(()) };
            if !bug::on(Bug::RemovesUnsynced) {
                self.make_certain()?;
            }
            locked(&self.log).log.remove(segment)?;
            let mut queue = self.lock();
            let gone = queue.shelves.remove(segment);
            queue.removed(segment);
            gone.into_iter().for_each(|stream| self.left(&mut queue, stream));
        }
    }

    /// Destroys the files of segments that have left the log; `rest` is called between two steps, and says whether
    /// there is time for small ones.
    pub fn empty_trash(&self, rest: &mut dyn FnMut() -> bool) {
        let trash = locked(&self.log).log.trash();
        for path in trash {
            if let Err(error) = store::destroy(&*self.disk, &path, rest) {
                let name = &*self.pulse.name;
                log::warn!(component = name; "channel `{name}` cannot destroy `{}`, which it does not need any more: {error}; the next start tries again", path.display());
            }
        }
    }

    fn removable(&self) -> Option<u64> {
        let current = locked(&self.log).log.current()?;
        let queue = self.lock();
        let oldest = queue.shelves.oldest().filter(|segment| *segment != current)?;
        let read = !queue.is_on_disk()
            || queue
                .runs
                .iter()
                .filter(|run| run.segment == oldest)
                .all(|run| run.numbers.end <= queue.cursor.number);
        let done = queue.shelves.of(oldest).all(|(stream, mark)| queue.book.is_done_with(stream, mark));
        ((read || queue.shelves.of(oldest).next().is_none()) && done).then_some(oldest)
    }

    /// The last event of a stream has left the log: the stream is retired, if nothing more will come.
    fn left(&self, queue: &mut Queue, stream: StreamId) {
        let Some(known) = queue.book.record().streams.get(&stream) else { return };
        if known.gone || stream.is_of_log() && stream != queue.own.id {
            let entries = queue.retire(stream);
            marks::encode(&entries, &mut queue.marks);
        }
    }

    /// Entries of the record that are to outlive the process.
    pub(super) fn keep(&self, queue: &mut Queue, entries: &[Entry]) {
        if !entries.is_empty() {
            marks::encode(entries, &mut queue.marks);
            self.work.notify_all();
        }
    }

    /// Makes all entries of the record durable that there are now.
    pub(super) fn make_certain(&self) -> io::Result<()> {
        loop {
            self.write_with(false)?;
            let number = locked(&self.log).log.next_number();
            self.sync()?;
            let hand = locked(&self.log);
            // A write or sync of another thread may have failed meanwhile.
            if hand.log.is_sound() && hand.log.durable() >= number {
                return Ok(());
            }
        }
    }

    /// Writes and syncs until nothing waits, in the caller's thread.
    pub(super) fn flush(&self) -> io::Result<()> {
        loop {
            let wrote = self.write()?;
            let synced = self.sync()?;
            if !wrote && !synced {
                return Ok(());
            }
        }
    }

    pub(super) fn next_latch(queue: &mut Queue) -> Arc<Latch> {
        if queue.pending.is_empty() && !bug::on(Bug::LatchShared) {
            queue.latch = Arc::new(Latch::default());
        }
        queue.latch.clone()
    }
}

pub(super) fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    marks::encode(std::slice::from_ref(entry), &mut bytes);
    bytes
}
