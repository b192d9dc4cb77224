//! Holds events in memory and their positions in the state directory: fast, and a kill -9 loses nothing that can be
//! read again, because marks advance only when sinks settle.
//!
//! Truth: Flume 1.11 user guide, "Memory Channel"; `org.apache.flume.channel.MemoryChannel` for the odd values.
//! Invariants: `used` counts what is reserved, queued and leased; it never exceeds the capacity, but for a single
//! event larger than it. Batches leave in the order they came, per sink. Nothing is allocated ahead.
//! At either end of a channel that lies elsewhere it differs in little (`End`).
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::keeper::Keeper;
use super::owed::Owed;
use super::window::{self, Ready, Window};
use crate::config::{At, Build, ChannelOpener, Field, Place, Refusal, Spec, Unit};
use crate::event::{Batch, Checks, Entry, Marks, Stream, StreamId};
use crate::flow::{
    Book, Channel, ChannelError, ChannelKey, Counter, Depth, Destination, Kind, Lease, LeaseId, Limit,
    Omitted, Outcome, Pulse, PutError, Receipt, Seat, Stop, Tally,
};

const CAPACITY: Field = Field::int("capacity", 1, i64::MAX)
    .unit(Unit::Events)
    .default("100")
    .lenient()
    .doc("events it can hold; nothing is allocated ahead");
const TRANSACTION: Field = Field::int("transactionCapacity", 1, i64::MAX)
    .unit(Unit::Events)
    .default("100")
    .lenient()
    .doc("the most events of one put; larger batches are cut");
const KEEP_ALIVE: Field = Field::int("keep-alive", 0, i64::MAX)
    .unit(Unit::Seconds)
    .default("3")
    .lenient()
    .doc("how long a source that cannot wait is kept waiting for room");
const BYTES: Field = Field::int("byteCapacity", 0, i64::MAX)
    .unit(Unit::Bytes)
    .default("33554432")
    .lenient()
    .doc("bytes of bodies it can hold, headers apart; 0 is no limit");
const BUFFER: Field = Field::int("byteCapacityBufferPercentage", 0, 99)
    .default("20")
    .lenient()
    .doc("part of byteCapacity that is left for headers, in per cent");
const EMPTY_DELAY: Field = Field::int("emptyDelay", 0, 60_000)
    .unit(Unit::Millis)
    .default("1000")
    .doc("how long positions of filtered events may wait for a batch to travel with");

pub static SPEC: Spec = Spec {
    kind: Kind::Channel,
    name: "memory",
    class: "org.apache.flume.channel.MemoryChannel",
    aliases: &[],
    summary: "holds events in memory; kill -9 loses nothing that can be read again",
    fields: &[&[CAPACITY, TRANSACTION, KEEP_ALIVE, BYTES, BUFFER, EMPTY_DELAY]],
    build: Build::Channel(build),
};

fn build(at: &At) -> Result<ChannelOpener, Refusal> {
    let (capacity, transaction) = (at.count(&CAPACITY), at.count(&TRANSACTION));
    if transaction > capacity {
        let what = format!("transactionCapacity {transaction} is larger than capacity {capacity}");
        return Err(
            Refusal::at(&TRANSACTION, what).instead(format!("set `capacity` to {transaction} or more"))
        );
    }
    let bytes = match at.count(&BYTES) {
        0 => usize::MAX,
        bytes => (bytes / 100).saturating_mul(100 - at.count(&BUFFER)).max(1),
    };
    let settings = Settings {
        capacity: Limit { events: capacity, bytes },
        transaction,
        keep_alive: at.time(&KEEP_ALIVE),
        empty_delay: at.time(&EMPTY_DELAY),
        end: End::Own,
    };
    Ok(opener(settings, at))
}

/// What opens a memory channel, under whatever name it is configured.
pub(super) fn opener(settings: Settings, at: &At) -> ChannelOpener {
    let place = at.place.clone();
    Box::new(move |key, pulse| Memory::open(settings, &place, key, pulse))
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub capacity: Limit,
    /// The most events of one put.
    pub transaction: usize,
    pub keep_alive: Duration,
    pub empty_delay: Duration,
    pub end: End,
}

/// Which end of its way through the agent the channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A channel of its own.
    Own,
    /// The way into one that lies elsewhere: what it has not delivered there is not held.
    Front,
    /// The way out of one that lies elsewhere: what is in it outlives the process there.
    Back,
}

/// The channel; see the module.
struct Memory {
    settings: Settings,
    key: ChannelKey,
    pulse: Arc<Pulse>,
    state: Mutex<State>,
    /// Somebody gave room back.
    room: Condvar,
    /// Something came in, or leasing began.
    arrived: Condvar,
    /// Streams have joined and the record is not synced since. Outside the lock, as every put asks.
    unsynced_joins: AtomicBool,
}

struct State {
    book: Book,
    keeper: Keeper,
    window: Window,
    used: Limit,
    /// Sinks that wait for events, and sources that wait for room.
    waiting: usize,
    short_of_room: usize,
    retired: Vec<Vec<StreamId>>,
    closed: bool,
    /// Of a front: what sources wait for.
    owed: Option<Owed>,
}

impl Memory {
    fn open(
        settings: Settings,
        place: &Place,
        key: ChannelKey,
        pulse: Arc<Pulse>,
    ) -> Result<Arc<dyn Channel>, ChannelError> {
        let (keeper, record, intact) = Keeper::open(&place.state_dir, &key.channel, &key.to_string())?;
        let state = State {
            book: Book::open(record, intact),
            keeper,
            window: Window::default(),
            used: Limit { events: 0, bytes: 0 },
            waiting: 0,
            short_of_room: 0,
            retired: Vec::new(),
            closed: false,
            owed: (settings.end == End::Front).then(|| Owed::new(&key.channel)),
        };
        let (room, arrived) = Default::default();
        let unsynced_joins = AtomicBool::new(false);
        Ok(Arc::new(Memory { settings, key, pulse, state: Mutex::new(state), room, arrived, unsynced_joins }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends to the local record; a failure is said, and mended by the next snapshot.
    fn keep(&self, state: &mut State, entries: &[Entry]) {
        let State { keeper, book, .. } = state;
        let kept = keeper.append(entries, book.record());
        self.tell(state, kept);
    }

    fn tell(&self, state: &State, kept: std::io::Result<()>) {
        match kept {
            Ok(()) => {
                if let Some(time) = self.pulse.recovered() {
                    let path = state.keeper.path();
                    log::info!(component = &*self.pulse.name; "marks `{}` written again after {} s", path.display(), time.as_secs());
                }
            }
            Err(error) => {
                let what = format!("cannot write the marks `{}`: {error}", state.keeper.path().display());
                if self.pulse.failing(&what) {
                    log::error!(component = &*self.pulse.name; "{what}; delivery goes on");
                }
            }
        }
    }

    fn keep_durably(&self, state: &mut State, entries: &[Entry]) -> Result<(), ChannelError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.keep(state, entries);
        let State { keeper, book, .. } = state;
        let failed = format!("cannot write the marks `{}`", keeper.path().display());
        keeper.sync(book.record()).map_err(|cause| ChannelError::io(failed, cause))
    }

    fn fits(&self, state: &State, want: Limit) -> bool {
        let Limit { events, bytes } = self.settings.capacity;
        let alone = state.used.events == 0 && want.events == 1;
        let within = |used: usize, more: usize, limit: usize| used.saturating_add(more) <= limit;
        within(state.used.events, want.events, events)
            && (alone || within(state.used.bytes, want.bytes, bytes))
    }

    /// P4, P8: what a source waits for, where the batch is held only once it is delivered.
    fn owe(&self, state: &mut State, batch: Batch) -> (Batch, Receipt) {
        let State { owed: Some(owed), book, closed: false, .. } = &mut *state else {
            return (batch, Receipt::held());
        };
        let (batch, receipt, entries) = owed.take_over(book, batch);
        self.keep(state, &entries);
        (batch, receipt)
    }

    /// D6: the stream is gone, here and at the destinations.
    fn forget(&self, state: &mut State, stream: StreamId) {
        let entries = state.book.retire(stream);
        state.retired.iter_mut().for_each(|seat| seat.push(stream));
        self.keep(state, &entries);
    }

    fn give_back(&self, state: &mut State, room: Limit) {
        state.used.events -= room.events;
        state.used.bytes -= room.bytes;
        if room.events > 0 && state.short_of_room > 0 {
            self.room.notify_all();
        }
    }
}

impl Channel for Memory {
    fn key(&self) -> &ChannelKey {
        &self.key
    }

    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    fn depth(&self) -> Depth {
        let used = self.lock().used;
        Depth { events: used.events, bytes: used.bytes, capacity: self.settings.capacity }
    }

    fn transaction(&self) -> Limit {
        Limit { events: self.settings.transaction, bytes: self.settings.capacity.bytes }
    }

    fn look(&self, look: &mut dyn FnMut(&Book)) {
        look(&self.lock().book);
    }

    fn awaits_reports(&self, source: &str, fingerprint: u64) -> bool {
        self.lock().book.awaits_reports(source, fingerprint)
    }

    fn join(&self, stream: &Arc<Stream>, at: u64, checks: &Checks) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.join(stream, at, checks);
        self.keep(&mut state, &entries);
        self.unsynced_joins.fetch_or(!entries.is_empty(), SeqCst);
        Ok(())
    }

    fn barrier(&self) -> Result<(), ChannelError> {
        if !self.unsynced_joins.load(SeqCst) {
            return Ok(());
        }
        // Under the lock, so that whoever finds nothing to sync finds it synced.
        let mut state = self.lock();
        let State { keeper, book, .. } = &mut *state;
        let failed = format!("cannot write the marks `{}`", keeper.path().display());
        keeper.sync(book.record()).map_err(|cause| ChannelError::io(failed, cause))?;
        self.unsynced_joins.store(false, SeqCst);
        Ok(())
    }

    fn fingerprint(&self, source: &str, fingerprint: u64, twice: u64) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.fingerprint(source, fingerprint, twice);
        self.keep_durably(&mut state, &entries)
    }

    fn reserve(&self, want: Limit, wait: Duration, stop: &Stop) -> bool {
        let mut state = self.lock();
        let deadline = Instant::now().checked_add(wait);
        while !self.fits(&state, want) {
            if stop.is_told() || state.closed || wait.is_zero() {
                return false;
            }
            // Woken by room; looks at `stop` at least every 50 ms, as that cannot wake this condition.
            let patience = Duration::from_millis(50);
            let left =
                deadline.map_or(patience, |d| d.saturating_duration_since(Instant::now()).min(patience));
            if left.is_zero() {
                return false;
            }
            state.short_of_room += 1;
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.short_of_room -= 1;
        }
        state.used.events += want.events;
        state.used.bytes += want.bytes;
        true
    }

    fn release(&self, want: Limit) {
        let mut state = self.lock();
        self.give_back(&mut state, want);
    }

    fn patience(&self) -> Duration {
        self.settings.keep_alive
    }

    fn put(&self, source: &str, batch: Batch, tally: Tally, reserved: Limit) -> Result<Receipt, PutError> {
        let mut state = self.lock();
        let (batch, receipt) = self.owe(&mut state, batch);
        let entries = state.book.introduce(&batch);
        if !entries.is_empty() {
            self.keep(&mut state, &entries);
        }
        let put = match state.closed {
            true => Err(PutError::Closed),
            false => state.book.put(batch).map_err(|expected| PutError::Gap { expected }),
        };
        let new = match put {
            Ok(new) => new,
            Err(refused) => {
                self.give_back(&mut state, reserved);
                return Err(refused);
            }
        };
        let over = state.book.took(source, tally, reserved, &new);
        self.pulse.add(Counter::RepeatsDropped, over.events as u64);
        self.give_back(&mut state, over);
        new.into_iter().for_each(|batch| state.window.push(source, batch, false));
        self.pulse.beat();
        let waited_for = state.waiting > 0;
        // Woken under the lock, the sink would only wait again, for the lock.
        drop(state);
        if waited_for {
            self.arrived.notify_one();
        }
        Ok(receipt)
    }

    fn retire(&self, stream: StreamId) -> Result<(), ChannelError> {
        self.forget(&mut self.lock(), stream);
        Ok(())
    }

    fn attach(&self, sink: &str, destination: Option<Destination>) -> Seat {
        let mut state = self.lock();
        let (seat, entries) = state.book.attach(sink, destination);
        state.retired.push(Vec::new());
        // Durable, else a power cut could make us forget a destination that has our last commit (C4). A failure was
        // said by `keep`, and costs no more than that.
        let _ = self.keep_durably(&mut state, &entries);
        seat
    }

    fn report(&self, seat: Seat, marks: Option<Marks>) -> Result<Vec<Box<str>>, ChannelError> {
        let mut state = self.lock();
        let entries = state.book.report(seat, marks);
        self.keep(&mut state, &entries);
        if !state.book.all_reported() {
            return Ok(Vec::new());
        }
        let State { window, book, .. } = &mut *state;
        let dropped = window.sift(book).dropped;
        // A sink that reports again, after a reconnect or a doubtful commit, finds leases open: they are held too.
        let back = book.settle_reports(window.stretches());
        self.pulse.add(Counter::RepeatsDropped, dropped.events as u64);
        self.give_back(&mut state, dropped);
        let State { owed, book, .. } = &mut *state;
        let left = owed.as_mut().map(|owed| owed.left(book)).unwrap_or_default();
        left.into_iter().for_each(|stream| self.forget(&mut state, stream));
        self.arrived.notify_all();
        Ok(back)
    }

    fn recall(&self, place: u32, marks: Marks) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.recall(place, marks);
        self.keep(&mut state, &entries);
        Ok(())
    }

    fn take(self: Arc<Self>, seat: Seat, up_to: Limit, wait: Duration, stop: &Stop) -> Option<Lease> {
        let mut state = self.lock();
        let deadline = Instant::now() + wait;
        loop {
            let delay = match state.window.ready(&state.book, state.closed, self.settings.empty_delay) {
                Ready::Now => break,
                Ready::In(delay) => delay,
                Ready::NotYet => Duration::MAX,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.is_told() {
                return None;
            }
            state.waiting += 1;
            let waited = self.arrived.wait_timeout(state, left.min(delay));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        let (id, batches) = state.window.lease(up_to);
        drop(state);
        Some(Lease::new(self, seat, id, batches))
    }

    fn omitted(&self, lease: LeaseId, events: &[Omitted]) {
        self.lock().window.omitted(lease, events);
    }

    fn settle(&self, seat: Seat, lease: LeaseId, outcome: Outcome) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let Some(taken) = state.window.end(lease) else { return Ok(()) };
        if outcome == Outcome::Back {
            state.window.back(taken);
            self.arrived.notify_all();
            return Ok(());
        }
        let room = window::settled(&taken, outcome, &mut state.book);
        let batches: Vec<Batch> = taken.into_iter().map(|queued| queued.batch).collect();
        let entries = state.book.delivered(seat, &batches);
        self.keep(&mut state, &entries);
        self.give_back(&mut state, room);
        let State { owed, book, .. } = &mut *state;
        owed.iter_mut().for_each(|owed| owed.settled(book));
        self.pulse.beat();
        Ok(())
    }

    fn synced(&self, seat: Seat) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.synced(seat);
        if state.book.keeps_record(seat) {
            self.keep(&mut state, &entries);
            return Ok(());
        }
        self.keep_durably(&mut state, &entries)
    }

    fn retired(&self, seat: Seat) -> Vec<StreamId> {
        std::mem::take(&mut self.lock().retired[seat.0])
    }

    fn outlives(&self) -> bool {
        self.settings.end == End::Back
    }

    fn is_drained(&self) -> bool {
        self.lock().window.is_empty()
    }

    fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests;
