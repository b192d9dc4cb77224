//! A memory channel over the real book, its record in a log that knows crashes. The order of operations is that of
//! `channels::memory`; what differs is that nothing waits and that the process can die at every append.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dataflowkit::event::{Batch, Checks, Entry, Marks, Stream, StreamId};
use dataflowkit::flow::{
    Book, Channel, ChannelError, ChannelKey, Depth, Destination, Lease, LeaseId, Limit, Outcome, Pulse,
    PutError, Receipt, Seat, Stop, Tally,
};

use super::bug::Bug;
use super::disk::{Log, Shared};

pub struct Pipe {
    key: ChannelKey,
    pulse: Arc<Pulse>,
    shared: Arc<Shared>,
    capacity: usize,
    transaction: usize,
    state: Mutex<State>,
}

struct State {
    book: Book,
    log: Arc<Mutex<Log>>,
    queue: VecDeque<Queued>,
    leases: BTreeMap<u64, Vec<Queued>>,
    next_lease: u64,
    used: usize,
    retired: Vec<Vec<StreamId>>,
}

struct Queued {
    source: Box<str>,
    batch: Batch,
}

impl State {
    /// Spans without events travel with what stands before them where they can.
    fn enqueue(&mut self, shared: &Shared, source: &str, batch: Batch) {
        if batch.is_empty() && shared.has(Bug::EmptySpansStayInChannel) {
            return;
        }
        if let (true, Some(span), Some(last)) = (batch.is_empty(), batch.span(), self.queue.back_mut())
            && last.batch.span().is_some_and(|s| s.stream.id == span.stream.id && s.to == span.from)
        {
            return last.batch.extend_span(span);
        }
        self.queue.push_back(Queued { source: source.into(), batch });
    }
}

fn dead() -> ChannelError {
    ChannelError { doing: "killed".into(), cause: None }
}

impl Pipe {
    pub fn open(
        key: ChannelKey,
        pulse: Arc<Pulse>,
        shared: &Arc<Shared>,
        log: &Arc<Mutex<Log>>,
        boot: u64,
        capacity: usize,
        transaction: usize,
    ) -> Arc<Pipe> {
        let (mut record, known) = {
            let log = log.lock().unwrap();
            (log.replay(), !log.is_empty())
        };
        let boot = if shared.has(Bug::DurableIsDeliveredAfterReboot) { 0 } else { boot };
        let opening = vec![Entry::Boot { id: boot.to_string() }];
        opening.iter().for_each(|entry| record.apply(entry));
        log.lock().unwrap().append(shared, opening);
        let state = State {
            book: Book::open(record, known),
            log: log.clone(),
            queue: VecDeque::new(),
            leases: BTreeMap::new(),
            next_lease: 0,
            used: 0,
            retired: Vec::new(),
        };
        let shared = shared.clone();
        Arc::new(Pipe { key, pulse, shared, capacity, transaction, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn keep(&self, state: &State, entries: Vec<Entry>) -> Result<(), ChannelError> {
        if entries.is_empty() || state.log.lock().unwrap().append(&self.shared, entries) {
            return Ok(());
        }
        Err(dead())
    }

    fn keep_durably(&self, state: &State, entries: Vec<Entry>) -> Result<(), ChannelError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.keep(state, entries)?;
        if state.log.lock().unwrap().sync(&self.shared) { Ok(()) } else { Err(dead()) }
    }

    /// Destinations that no sink delivers to any more.
    pub fn left_places(&self) -> Vec<String> {
        self.lock().book.left_places().into_iter().map(|(_, destination)| destination).collect()
    }

    pub fn settled_low(&self, stream: StreamId) -> u64 {
        self.lock().book.settled(stream).low()
    }

    /// Every batch is on one side: room, ledgers and ranges agree with the queue.
    pub fn check(&self, drained: bool) -> Result<(), String> {
        let state = self.lock();
        let leased = state.leases.values().flatten();
        let events: usize = state.queue.iter().chain(leased).map(|queued| queued.batch.len()).sum();
        let mut in_flight = 0;
        for (source, ledger) in state.book.ledgers() {
            if !ledger.balances() {
                return Err(format!(
                    "ledger of {source} at {} does not balance: {ledger:?}",
                    self.key.channel
                ));
            }
            in_flight += ledger.in_flight;
        }
        if in_flight != events as u64 || drained && events > 0 {
            return Err(format!("{} holds {events} events, its ledgers {in_flight}", self.key.channel));
        }
        for stream in state.book.record().streams.keys() {
            let ranges = state.book.settled(*stream).ranges().len();
            if ranges > dataflowkit::event::MAX_RANGES {
                return Err(format!("a mark of {} has {ranges} ranges", self.key.channel));
            }
        }
        Ok(())
    }

    fn leases_nothing(&self, state: &State) -> bool {
        if !state.book.all_reported() && !self.shared.has(Bug::LeaseBeforeAllReports) {
            return true;
        }
        let Some(first) = state.queue.front() else { return true };
        let ragged = first.batch.span().is_some_and(|span| state.book.is_ragged(span.stream.id));
        ragged && !state.leases.is_empty()
    }

    /// The batch as the bug at hand leaves it for the book.
    fn misread(&self, state: &mut State, batch: &mut Batch) {
        let Some(span) = batch.span() else { return };
        let held = state.book.held(span.stream.id).cloned().unwrap_or_default();
        if self.shared.has(Bug::GapAccepted) && span.from > held.low() {
            let mut gap = span.clone();
            (gap.from, gap.to, gap.check) = (held.low(), span.from, None);
            let _ = state.book.put(Batch::empty(gap));
        }
        if self.shared.has(Bug::OverlapDroppedWhole) && held.overlaps(span.from, span.to) {
            batch.retain(|_| false);
        }
    }
}

impl Channel for Pipe {
    fn key(&self) -> &ChannelKey {
        &self.key
    }

    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    fn depth(&self) -> Depth {
        let events = self.lock().used;
        Depth { events, bytes: events, capacity: Limit { events: self.capacity, bytes: usize::MAX } }
    }

    fn transaction(&self) -> Limit {
        Limit { events: self.transaction, bytes: usize::MAX }
    }

    fn look(&self, look: &mut dyn FnMut(&Book)) {
        look(&self.lock().book);
    }

    fn awaits_reports(&self, source: &str, fingerprint: u64) -> bool {
        self.lock().book.awaits_reports(source, fingerprint) && !self.shared.has(Bug::LostRecordNotAwaited)
    }

    fn join(&self, stream: &Arc<Stream>, at: u64, checks: &Checks) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.join(stream, at, checks);
        self.keep(&state, entries)
    }

    fn barrier(&self) -> Result<(), ChannelError> {
        if self.shared.has(Bug::JoinNotDurable) {
            return Ok(());
        }
        if self.lock().log.lock().unwrap().sync(&self.shared) { Ok(()) } else { Err(dead()) }
    }

    fn recall(&self, place: u32, marks: Marks) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.recall(place, marks);
        self.keep(&state, entries)
    }

    fn fingerprint(&self, source: &str, fingerprint: u64, twice: u64) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.fingerprint(source, fingerprint, twice);
        self.keep_durably(&state, entries)
    }

    fn reserve(&self, want: Limit, _: Duration, _: &Stop) -> bool {
        let mut state = self.lock();
        let fits = state.used + want.events <= self.capacity;
        if fits {
            state.used += want.events;
        }
        fits
    }

    fn release(&self, want: Limit) {
        self.lock().used -= want.events;
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn put(&self, source: &str, mut batch: Batch, tally: Tally, room: Limit) -> Result<Receipt, PutError> {
        let mut state = self.lock();
        if !self.shared.burn() {
            return Err(PutError::Closed);
        }
        if batch.is_empty() && self.shared.has(Bug::EmptySpansIgnored) {
            *state.book.ledger(source) += tally;
            return Ok(Receipt::held());
        }
        self.misread(&mut state, &mut batch);
        let whole = self.shared.has(Bug::RepeatsKept).then(|| batch.clone());
        let entries = state.book.introduce(&batch);
        if self.keep(&state, entries).is_err() {
            return Err(PutError::Closed);
        }
        let new = match state.book.put(batch) {
            Ok(new) => whole.map_or(new, |whole| vec![whole]),
            Err(expected) => {
                state.used -= room.events;
                return Err(PutError::Gap { expected });
            }
        };
        let events: usize = new.iter().map(Batch::len).sum();
        let ledger = state.book.ledger(source);
        *ledger += tally;
        ledger.repeats += (room.events - events) as u64;
        ledger.in_flight += events as u64;
        state.used -= room.events - events;
        if self.shared.has(Bug::MarksAdvanceAtPut) {
            let entries = state.book.delivered(Seat(0), &new);
            let _ = self.keep_durably(&state, entries);
        }
        new.into_iter().for_each(|batch| state.enqueue(&self.shared, source, batch));
        Ok(Receipt::held())
    }

    fn retire(&self, stream: StreamId) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.retire(stream);
        state.retired.iter_mut().for_each(|seat| seat.push(stream));
        self.keep(&state, entries)
    }

    fn attach(&self, sink: &str, destination: Option<Destination>) -> Seat {
        let mut state = self.lock();
        let (seat, entries) = state.book.attach(sink, destination);
        state.retired.push(Vec::new());
        let _ = self.keep_durably(&state, entries);
        seat
    }

    fn report(&self, seat: Seat, marks: Option<Marks>) -> Result<Vec<Box<str>>, ChannelError> {
        let mut state = self.lock();
        let marks = marks.filter(|_| !self.shared.has(Bug::LocalMarksBeatOlderRecord));
        let entries = state.book.report(seat, marks);
        self.keep(&state, entries)?;
        if !state.book.all_reported() {
            return Ok(Vec::new());
        }
        let State { queue, book, used, leases, .. } = &mut *state;
        let mut torn = Vec::new();
        for Queued { source, batch } in std::mem::take(queue) {
            let before = batch.len();
            let settled = batch.span().map(|span| book.settled(span.stream.id)).unwrap_or_default();
            let stream = batch.span().map(|span| span.stream.id);
            let new = if torn.contains(&stream) || batch.straddles(&settled) {
                torn.push(stream);
                Vec::new()
            } else {
                batch.without(&settled)
            };
            let repeats = before - new.iter().map(Batch::len).sum::<usize>();
            *used -= repeats;
            let ledger = book.ledger(&source);
            ledger.repeats += repeats as u64;
            ledger.in_flight -= repeats as u64;
            queue.extend(new.into_iter().map(|batch| Queued { source: source.clone(), batch }));
        }
        let forgetful = self.shared.has(Bug::LeasesForgottenByReport);
        let leased = leases.values().flatten().filter(|_| !forgetful);
        let spans = queue.iter().chain(leased).filter_map(|queued| queued.batch.span());
        let spans: Vec<_> = spans.map(|span| (span.stream.id, span.from, span.to)).collect();
        Ok(book.settle_reports(spans.into_iter()))
    }

    fn take(self: Arc<Self>, seat: Seat, up_to: Limit, _: Duration, _: &Stop) -> Option<Lease> {
        let mut state = self.lock();
        if self.leases_nothing(&state) {
            return None;
        }
        let (mut taken, mut events) = (Vec::new(), 0);
        while let Some(next) = state.queue.front_mut() {
            let more = next.batch.len();
            if events + more <= up_to.events {
                events += more;
                taken.extend(state.queue.pop_front());
                continue;
            }
            if taken.is_empty() {
                let batch = next.batch.split_off_front(up_to.events);
                taken.push(Queued { source: next.source.clone(), batch });
            }
            break;
        }
        let id = state.next_lease;
        state.next_lease += 1;
        let batches = taken.iter().map(|queued| queued.batch.clone()).collect();
        state.leases.insert(id, taken);
        drop(state);
        Some(Lease::new(self, seat, LeaseId(id), batches))
    }

    fn settle(&self, seat: Seat, lease: LeaseId, outcome: Outcome) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let Some(taken) = state.leases.remove(&lease.0) else { return Ok(()) };
        if outcome == Outcome::Back {
            if self.shared.has(Bug::FailedGoesToTheEnd) {
                state.queue.extend(taken);
            } else {
                taken.into_iter().rev().for_each(|queued| state.queue.push_front(queued));
            }
            return Ok(());
        }
        for Queued { source, batch } in &taken {
            let events = batch.len();
            state.used -= events;
            let ledger = state.book.ledger(source);
            ledger.in_flight -= events as u64;
            ledger.delivered += events as u64;
        }
        let batches: Vec<Batch> = taken.into_iter().map(|queued| queued.batch).collect();
        let entries = state.book.delivered(seat, &batches);
        self.keep(&state, entries)
    }

    fn synced(&self, seat: Seat) -> Result<(), ChannelError> {
        let mut state = self.lock();
        let entries = state.book.synced(seat);
        if state.book.keeps_record(seat) {
            return self.keep(&state, entries);
        }
        self.keep_durably(&state, entries)
    }

    fn retired(&self, seat: Seat) -> Vec<StreamId> {
        std::mem::take(&mut self.lock().retired[seat.0])
    }

    fn is_drained(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() && state.leases.is_empty()
    }

    fn close(&self) {}
}
