//! The contract of a channel, kept by a log.
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::queue::{IN_FLIGHT, Item, Place, Queue, weight};
use super::steps::FileChannel;
use crate::channels::window::{self, Ready};
use crate::codec::marks;
use crate::event::{Batch, Checks, Entry, Marks, Stream, StreamId};
use crate::flow::{
    Book, Channel, ChannelError, ChannelKey, Counter, Depth, Destination, Lease, LeaseId, Limit, Omitted,
    Outcome, Pulse, PutError, Receipt, Seat, Stop, Tally,
};
use crate::store::log::bug::{self, Bug};

/// Batches smaller than this leave the buffer they were read into.
const SMALL: usize = 8 << 10;

fn weight_of(room: Limit) -> usize {
    room.bytes + 32 * room.events
}

impl FileChannel {
    /// Whether there is room; `spill`: on the disk too, where memory would do.
    fn fits(&self, queue: &Queue, want: Limit, spill: bool) -> bool {
        if !spill && !queue.is_spilling() && !self.fits_memory(queue, want) {
            return false;
        }
        let room = queue.used.events.saturating_add(want.events) <= self.settings.capacity;
        let on_the_way = queue.in_flight + weight_of(queue.reserved);
        room && !queue.full && (on_the_way == 0 || on_the_way + weight_of(want) <= IN_FLIGHT)
    }

    fn durably(&self, entries: &[Entry]) -> Result<(), ChannelError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.keep(&mut self.lock(), entries);
        self.certain()
    }

    fn certain(&self) -> Result<(), ChannelError> {
        self.make_certain().map_err(|cause| {
            ChannelError::io(format!("cannot write the log of channel `{}`", self.key.channel), cause)
        })
    }

    /// Whether a spillable channel's memory has room for it; a file channel has none to look at.
    fn fits_memory(&self, queue: &Queue, want: Limit) -> bool {
        self.settings.memory.is_none_or(|memory| {
            queue.window.events() + want.events <= memory.events
                && queue.window.bytes() + want.bytes <= memory.bytes
        })
    }

    /// Whether a batch can stay in memory, unlogged: nothing that came before is on the disk or on its way there.
    fn stays(&self, queue: &Queue, batches: &[Batch]) -> bool {
        let events = batches.iter().map(Batch::len).sum();
        let bytes = batches.iter().map(Batch::bytes).sum();
        let room = self.settings.memory.is_some() && self.fits_memory(queue, Limit { events, bytes });
        room && !queue.is_spilling()
    }

    fn accept(&self, queue: &mut Queue, source: &str, batches: Vec<Batch>) -> Receipt {
        if batches.is_empty() {
            return Receipt::held();
        }
        let source: Arc<str> = match queue.pending.back().filter(|last| &*last.source == source) {
            Some(last) => last.source.clone(),
            None => source.into(),
        };
        if self.stays(queue, &batches) {
            batches.into_iter().for_each(|batch| queue.window.push(&source, batch, false));
            if queue.waiting > 0 {
                self.arrived.notify_one();
            }
            return Receipt::held();
        }
        let latch = FileChannel::next_latch(queue);
        let early = !queue.book.all_reported();
        for batch in batches {
            let batch = if batch.bytes() < SMALL { batch.compacted() } else { batch };
            queue.in_flight += weight(&batch);
            let (source, latch) = (source.clone(), latch.clone());
            queue.pending.push_back(Item {
                source,
                batch,
                latch,
                early,
                number: 0,
                behind: Place::default(),
            });
        }
        self.work.notify_one();
        Receipt::pending(latch)
    }

    /// P8: events without a position get the next ones of this log.
    fn positioned(&self, queue: &mut Queue, batch: Batch) -> Batch {
        if batch.span().is_some() || batch.is_empty() {
            return batch;
        }
        let own: Arc<Stream> = queue.own.clone();
        if queue.next_own == 0 {
            let entries = queue.book.join(&own, 0, &Checks::default());
            marks::encode(&entries, &mut queue.marks);
        }
        let first = queue.next_own;
        queue.next_own += batch.len() as u64;
        batch.positioned(own, first)
    }
}

impl Channel for FileChannel {
    fn key(&self) -> &ChannelKey {
        &self.key
    }

    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    fn depth(&self) -> Depth {
        let used = self.lock().used;
        let capacity = Limit { events: self.settings.capacity, bytes: usize::MAX };
        Depth { events: used.events, bytes: used.bytes, capacity }
    }

    fn transaction(&self) -> Limit {
        Limit { events: self.settings.transaction, bytes: IN_FLIGHT / 2 }
    }

    fn look(&self, look: &mut dyn FnMut(&Book)) {
        look(&self.lock().book);
    }

    fn awaits_reports(&self, source: &str, fingerprint: u64) -> bool {
        self.lock().book.awaits_reports(source, fingerprint)
    }

    fn join(&self, stream: &Arc<Stream>, at: u64, checks: &Checks) -> Result<(), ChannelError> {
        let mut queue = self.lock();
        let entries = queue.book.join(stream, at, checks);
        queue.unsynced_joins |= !entries.is_empty();
        // Written by the barrier that follows.
        marks::encode(&entries, &mut queue.marks);
        Ok(())
    }

    fn barrier(&self) -> Result<(), ChannelError> {
        if !self.lock().unsynced_joins {
            return Ok(());
        }
        self.certain()?;
        self.lock().unsynced_joins = false;
        Ok(())
    }

    fn fingerprint(&self, source: &str, fingerprint: u64, twice: u64) -> Result<(), ChannelError> {
        let entries = self.lock().book.fingerprint(source, fingerprint, twice);
        self.durably(&entries)
    }

    fn reserve(&self, want: Limit, wait: Duration, stop: &Stop) -> bool {
        let mut queue = self.lock();
        let began = Instant::now();
        let deadline = began.checked_add(wait);
        while !self.fits(&queue, want, began.elapsed() >= self.settings.before_spill) {
            if stop.is_told() || queue.closed || wait.is_zero() {
                return false;
            }
            // Woken by room; looks at `stop` at least every 50 ms, as that cannot wake this condition.
            let patience = Duration::from_millis(50);
            let left =
                deadline.map_or(patience, |d| d.saturating_duration_since(Instant::now()).min(patience));
            if left.is_zero() {
                return false;
            }
            queue = self.room.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.used.events += want.events;
        queue.used.bytes += want.bytes;
        queue.reserved.events += want.events;
        queue.reserved.bytes += want.bytes;
        true
    }

    fn release(&self, want: Limit) {
        let mut queue = self.lock();
        queue.unreserve(want);
        self.give_back(&mut queue, want);
    }

    fn patience(&self) -> Duration {
        self.settings.keep_alive
    }

    fn put(&self, source: &str, batch: Batch, tally: Tally, reserved: Limit) -> Result<Receipt, PutError> {
        let mut queue = self.lock();
        queue.unreserve(reserved);
        let put = match queue.closed {
            true => Err(PutError::Closed),
            false => {
                let batch = self.positioned(&mut queue, batch);
                // Written with or before the batch.
                let entries = queue.book.introduce(&batch);
                marks::encode(&entries, &mut queue.marks);
                queue.book.put(batch).map_err(|expected| PutError::Gap { expected })
            }
        };
        let new = match put {
            Ok(new) => new,
            Err(refused) => {
                self.give_back(&mut queue, reserved);
                return Err(refused);
            }
        };
        let over = queue.book.took(source, tally, reserved, &new);
        self.pulse.add(Counter::RepeatsDropped, over.events as u64);
        self.give_back(&mut queue, over);
        self.pulse.beat();
        Ok(self.accept(&mut queue, source, new))
    }

    fn retire(&self, stream: StreamId) -> Result<(), ChannelError> {
        let mut queue = self.lock();
        let entries = queue.retire(stream);
        self.keep(&mut queue, &entries);
        Ok(())
    }

    fn attach(&self, sink: &str, destination: Option<Destination>) -> Seat {
        let (seat, entries) = {
            let mut queue = self.lock();
            queue.retired.push(Vec::new());
            queue.book.attach(sink, destination)
        };
        // Durable, else a power cut could make us forget a destination that has our last commit (C4). A failure is said
        // by the writer, and costs no more than that.
        let _ = self.durably(&entries);
        seat
    }

    fn report(&self, seat: Seat, marks: Option<Marks>) -> Result<Vec<Box<str>>, ChannelError> {
        let mut queue = self.lock();
        let before = queue.book.all_reported().then(|| queue.settled_of_log());
        let entries = queue.book.report(seat, marks);
        self.keep(&mut queue, &entries);
        if !queue.book.all_reported() {
            return Ok(Vec::new());
        }
        let back = queue.settle_reports();
        // A destination lost what it had: the log is read from its beginning once more.
        if before.is_some_and(|before| queue.has_less(&before)) {
            let dropped = queue.go_back();
            self.give_back(&mut queue, dropped);
        }
        let dropped = queue.sift();
        self.pulse.add(Counter::RepeatsDropped, dropped.events as u64);
        self.give_back(&mut queue, dropped);
        self.arrived.notify_all();
        Ok(back)
    }

    fn recall(&self, place: u32, marks: Marks) -> Result<(), ChannelError> {
        let mut queue = self.lock();
        let entries = queue.book.recall(place, marks);
        self.keep(&mut queue, &entries);
        Ok(())
    }

    fn take(self: Arc<Self>, seat: Seat, up_to: Limit, wait: Duration, stop: &Stop) -> Option<Lease> {
        let deadline = Instant::now() + wait;
        let mut queue = self.lock();
        loop {
            // What lies in a log needs no draining: it is still there at the next start.
            if stop.is_told() {
                return None;
            }
            if queue.must_read() {
                drop(queue);
                self.fill();
                queue = self.lock();
                continue;
            }
            let delay = match queue.window.ready(&queue.book, queue.closed, self.settings.empty_delay) {
                Ready::Now => break,
                Ready::In(delay) => delay,
                Ready::NotYet => Duration::MAX,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            queue.waiting += 1;
            let waited = self.arrived.wait_timeout(queue, left.min(delay));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.waiting -= 1;
        }
        let (id, batches) = queue.window.lease(up_to);
        drop(queue);
        Some(Lease::new(self, seat, id, batches))
    }

    fn omitted(&self, lease: LeaseId, events: &[Omitted]) {
        self.lock().window.omitted(lease, events);
    }

    fn settle(&self, seat: Seat, lease: LeaseId, outcome: Outcome) -> Result<(), ChannelError> {
        let mut queue = self.lock();
        let Some(taken) = queue.window.end(lease) else { return Ok(()) };
        if outcome == Outcome::Back {
            queue.window.back(taken);
            self.arrived.notify_all();
            return Ok(());
        }
        let room = window::settled(&taken, outcome, &mut queue.book);
        let batches: Vec<Batch> = taken.into_iter().map(|queued| queued.batch).collect();
        let entries = queue.book.delivered(seat, &batches);
        self.keep(&mut queue, &entries);
        if !bug::on(Bug::RoomKept) {
            self.give_back(&mut queue, room);
        }
        self.balance(&mut queue);
        let closed = queue.closed;
        drop(queue);
        self.pulse.beat();
        if closed { self.write_now() } else { Ok(()) }
    }

    fn synced(&self, seat: Seat) -> Result<(), ChannelError> {
        let mut queue = self.lock();
        let entries = queue.book.synced(seat);
        self.keep(&mut queue, &entries);
        (queue.settled, queue.done) = (true, true);
        self.written.notify_all();
        self.done.notify_all();
        let closed = queue.closed;
        drop(queue);
        if closed { self.write_now() } else { Ok(()) }
    }

    fn retired(&self, seat: Seat) -> Vec<StreamId> {
        std::mem::take(&mut self.lock().retired[seat.0])
    }

    fn must_go_back(&self) -> Vec<Box<str>> {
        std::mem::take(&mut self.lock().back)
    }

    fn outlives(&self) -> bool {
        self.settings.memory.is_none()
    }

    fn kept(&self, stream: StreamId) -> u64 {
        let queue = self.lock();
        match self.outlives() {
            true => queue.synced(stream),
            false => queue.book.durable(stream),
        }
    }

    fn is_drained(&self) -> bool {
        self.lock().is_idle()
    }

    fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.arrived.notify_all();
        self.end();
        if let Err(error) = self.flush() {
            log::error!(component = &*self.pulse.name; "channel `{}` cannot write its last entries: {error}; what can be read again will be", self.pulse.name);
        }
        if let Err(error) = self.retain() {
            log::warn!(component = &*self.pulse.name; "channel `{}` cannot remove segments that it does not need any more: {error}; the next start does", self.pulse.name);
        }
        self.empty_trash(&mut || false);
        super::steps::locked(&self.log).log.close();
    }
}

impl FileChannel {
    /// The threads have ended: settlements are written by whoever brings them.
    fn write_now(&self) -> Result<(), ChannelError> {
        let failed = |cause| {
            ChannelError::io(format!("cannot write the log of channel `{}`", self.key.channel), cause)
        };
        self.write().map(|_| ()).map_err(failed)
    }

    /// Once nothing is left, whatever was counted and did not come is lost: the ledger says so.
    pub(super) fn balance(&self, queue: &mut Queue) {
        if queue.used != queue.reserved && queue.is_idle() {
            queue.write_off();
        }
    }
}
