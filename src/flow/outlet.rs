//! How a source puts: interceptors, selector, room in every channel, then every channel at once.
//!
//! Why all at once (P2): Flume commits channel after channel, so a full second channel makes the first one get the
//! batch again at every retry. Here room is reserved everywhere before anything is accepted.
//! Invariants: every put goes to all channels, with the events each was given; one that was given none gets the empty
//! span, which needs no room (P1). So filtering and routing always move marks.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{
    Channel, ChannelError, Counter, Input, Interceptor, Limit, Pulse, PutError, Receipt, Routes, Selector,
    Stop, Tally, Wait,
};
use crate::event::{Attributes, Batch, Checks, Mark, Span, Stream, StreamId};
use crate::sys;

/// What an outlet is made of.
pub struct Wiring {
    pub source: String,
    pub pulse: Arc<Pulse>,
    /// In the order of the source's `channels`; selectors name them by their place here.
    pub channels: Vec<Arc<dyn Channel>>,
    pub selector: Box<dyn Selector>,
    pub interceptors: Vec<Box<dyn Interceptor>>,
    /// Changes when interceptors or selector change (P6).
    pub fingerprint: u64,
    /// Names of all sources of the agent: streams of others have been left behind and may be adopted (C3).
    pub sources: Vec<String>,
    /// A channel that is new to this source gets history too (C2).
    pub from_start: bool,
    /// Whether it may have been read before; if not, nothing is gained by knowing what destinations have.
    pub input: Input,
    /// The agent runs until its inputs have ended.
    pub until_drained: bool,
}

/// A stream that this source may go on with.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: StreamId,
    pub attributes: Attributes,
    /// Evidence at several offsets, to be held against the file.
    pub checks: Checks,
    /// The lowest held mark of the channels that decide.
    pub from: u64,
    /// The highest that any channel has.
    pub high: u64,
    /// Places where a record must end (R1).
    pub cuts: Vec<u64>,
    /// Belonged to a source that is not configured any more (C3).
    pub orphan: bool,
}

/// Where to go on reading.
#[derive(Clone, Debug)]
pub struct Resume {
    pub stream: Arc<Stream>,
    pub from: u64,
    /// Sorted; a record in progress is closed at each of them, whatever its pattern says (R1).
    pub cuts: Vec<u64>,
}

/// A batch on its way: intercepted, not yet taken by every channel.
#[derive(Debug)]
pub struct Prepared {
    batch: Batch,
    tally: Tally,
}

impl Prepared {
    /// The events that are left to be put. Rows keep their ranges, whatever interceptors drop.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Each event by itself, for a source that answers for each.
    pub fn singly(self) -> impl Iterator<Item = Prepared> {
        let Prepared { batch: mut rest, mut tally } = self;
        std::iter::from_fn(move || {
            let batch = (!rest.is_empty()).then(|| rest.split_off_front(1))?;
            Some(Prepared { batch, tally: std::mem::take(&mut tally) })
        })
    }
}

/// A source's way into its channels.
pub struct Outlet {
    source: Arc<str>,
    pulse: Arc<Pulse>,
    channels: Vec<Arc<dyn Channel>>,
    selector: Box<dyn Selector>,
    interceptors: Mutex<Vec<Box<dyn Interceptor>>>,
    sources: Vec<String>,
    from_start: bool,
    until_drained: bool,
    transaction: Limit,
    /// No channel had a record: the state directory was lost, and no channel was added (S4, not C2).
    lost: bool,
}

impl Outlet {
    /// Opens the way: waits for reports where a channel has no record of its own (S4) and input can be read again, and
    /// takes marks back where
    /// interceptors or selector have changed (P6). `None`: stopped meanwhile.
    pub fn open(wiring: Wiring, stop: &Stop) -> Result<Option<Outlet>, ChannelError> {
        let transaction = smallest(&wiring.channels);
        let mut lost = true;
        wiring.channels.iter().for_each(|channel| channel.look(&mut |book| lost &= book.is_new()));
        let outlet = Outlet {
            lost,
            source: wiring.source.into(),
            pulse: wiring.pulse,
            channels: wiring.channels,
            selector: wiring.selector,
            interceptors: Mutex::new(wiring.interceptors),
            sources: wiring.sources,
            from_start: wiring.from_start,
            until_drained: wiring.until_drained,
            transaction,
        };
        let knows_nothing_of_before = matches!(wiring.input, Input::Answered | Input::Fleeting { .. });
        for channel in outlet.channels.iter().filter(|_| !knows_nothing_of_before) {
            let _waiting = outlet.pulse.wait(Wait::Reports, channel.key().channel.clone());
            while channel.awaits_reports(&outlet.source, wiring.fingerprint) {
                if stop.wait(Duration::from_millis(10)) {
                    return Ok(None);
                }
            }
        }
        outlet.renew(wiring.fingerprint)?;
        Ok(Some(outlet))
    }

    /// P6: what was recorded as filtered or routed elsewhere under other rules must be offered again, and both the
    /// channels' and the destinations' records speak against that. So a stream whose marks differ begins a new
    /// generation at the lowest of them, of which nobody has anything; the old one is retired.
    ///
    /// The order survives a kill at any point: the new generation is durable in all channels before the old one goes,
    /// and the fingerprint is recorded last.
    fn renew(&self, fingerprint: u64) -> Result<(), ChannelError> {
        let mut changed = false;
        for channel in &self.channels {
            channel.look(&mut |book| {
                changed |=
                    book.record().sources.get(&*self.source).is_some_and(|before| *before != fingerprint);
            });
        }
        let mut twice = 0;
        for (old, seen) in self.recorded().into_iter().filter(|(_, seen)| changed && !seen.orphan) {
            let to = seen.highest();
            if seen.lowest() < to {
                // What is not on the destinations' disks yet has nobody to speak for it once the old marks are gone.
                let from = self.durable(old).min(seen.lowest());
                twice += to - from;
                let stream = Stream::of(old.renewed(), self.source.clone(), seen.attributes);
                self.channels.iter().try_for_each(|channel| channel.join(&stream, from, &seen.checks))?;
                self.channels.iter().try_for_each(|channel| channel.barrier())?;
                self.retire(old)?;
            }
        }
        if twice > 0 {
            let source = &*self.source;
            log::warn!(component = source, bytes = twice; "interceptors or selector of source `{source}` have changed: {twice} bytes are offered again and may come twice");
        }
        self.channels.iter().try_for_each(|channel| channel.fingerprint(&self.source, fingerprint, twice))
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The most that every channel takes in one transaction: a batch within it is taken whole or not at all.
    pub fn transaction(&self) -> Limit {
        self.transaction
    }

    /// Whether the source should end when its input has.
    pub fn until_drained(&self) -> bool {
        self.until_drained
    }

    /// As recorded; a channel that is to get history has nothing of any stream yet (C2).
    fn marks(&self) -> BTreeMap<StreamId, Seen> {
        let mut all = self.recorded();
        for (index, channel) in self.channels.iter().enumerate().filter(|_| self.from_start) {
            let mut aware = false;
            channel.look(&mut |book| {
                aware = book.record().streams.values().any(|known| known.source == self.source);
            });
            if !aware {
                let nothing = (self.decides(index), Mark::default());
                all.values_mut().for_each(|seen| seen.marks.push(nothing.clone()));
            }
        }
        all
    }

    /// All marks of streams that are this source's or nobody's, as the channels have them.
    fn recorded(&self) -> BTreeMap<StreamId, Seen> {
        let mut all: BTreeMap<StreamId, Seen> = BTreeMap::new();
        for (index, channel) in self.channels.iter().enumerate() {
            let decides = self.decides(index);
            channel.look(&mut |book| {
                for (id, known) in &book.record().streams {
                    let mine = known.source == self.source;
                    let other = || self.sources.iter().any(|source| **source == *known.source);
                    if known.gone || !mine && (other() || id.is_of_log()) {
                        continue;
                    }
                    let held = book.held(*id).cloned().unwrap_or_default();
                    let seen = all.entry(*id).or_insert_with(|| Seen {
                        attributes: known.attributes.clone(),
                        checks: known.checks.clone(),
                        orphan: !mine,
                        marks: Vec::new(),
                        required: 0,
                    });
                    seen.marks.push((decides, held));
                    seen.required += usize::from(decides);
                }
            });
        }
        let required = (0..self.channels.len()).filter(|index| self.decides(*index)).count();
        for seen in all.values_mut().filter(|seen| self.lost && seen.required < required) {
            seen.marks.push((true, Mark::default()));
        }
        // Of a family only the last generation counts; a destination may still tell of earlier ones.
        let last: BTreeMap<u128, StreamId> = all.keys().map(|id| (id.family(), *id)).collect();
        all.retain(|id, _| last[&id.family()] == *id);
        all
    }

    /// Whether the mark of this channel decides where a source resumes (S7); if all are optional, all do (P1).
    fn decides(&self, index: usize) -> bool {
        let required = self.selector.required();
        required == 0 || required & (1 << index) != 0
    }

    /// The streams that this source may go on with: its own, and those of sources that left.
    pub fn known(&self) -> Vec<Known> {
        let known = |(id, seen): (StreamId, Seen)| Known {
            id,
            from: seen.lowest(),
            high: seen.highest(),
            cuts: seen.cuts(),
            attributes: seen.attributes,
            checks: seen.checks,
            orphan: seen.orphan,
        };
        self.marks().into_iter().map(known).collect()
    }

    /// For a source that has one stream only, whatever it is called: goes on with it, or begins it at 0.
    pub fn only_stream(&self) -> Result<Resume, ChannelError> {
        let known = self.known();
        match known.iter().max_by_key(|known| (!known.orphan, known.high)) {
            Some(known) => self.resume(known, known.attributes.clone()),
            None => self.begin(Attributes::default(), 0),
        }
    }

    /// Goes on with a stream that the source has recognised. Channels that never knew it join at its present low mark,
    /// or at its beginning where `fromStart` asks for history (C2); one of a source that left becomes this source's (C3).
    pub fn resume(&self, known: &Known, attributes: Attributes) -> Result<Resume, ChannelError> {
        let attributes = attributes.begun_as(&known.attributes).or_copy_of(&known.attributes);
        let stream = Stream::of(known.id, self.source.clone(), attributes);
        for channel in &self.channels {
            channel.join(&stream, known.from, &known.checks)?;
        }
        Ok(Resume { stream, from: known.from, cuts: known.cuts.clone() })
    }

    /// Records how a stream that is being read is recognised from now on: it goes on in another file.
    pub fn rename(&self, stream: &Arc<Stream>) -> Result<(), ChannelError> {
        let (at, _) = self.resumes_at(stream.id);
        self.channels.iter().try_for_each(|channel| channel.join(stream, at, &Checks::default()))
    }

    /// Where a stream is to be read from now, after a gap: the lowest held mark.
    pub fn resumes_at(&self, stream: StreamId) -> (u64, Vec<u64>) {
        let marks = self.marks();
        marks.get(&stream).map_or((0, Vec::new()), |seen| (seen.lowest(), seen.cuts()))
    }

    /// Begins a stream never seen before at `at`; durable in all channels before anything of it is put (P7).
    pub fn begin(&self, attributes: Attributes, at: u64) -> Result<Resume, ChannelError> {
        let stream = Stream::of(StreamId::mint(), self.source.clone(), attributes.begun_at(sys::wall_ns()));
        for channel in &self.channels {
            channel.join(&stream, at, &Checks::default())?;
        }
        Ok(Resume { stream, from: at, cuts: vec![at] })
    }

    /// All of the stream below this is durable at its destinations: what may be renamed, deleted, committed (D5).
    pub fn durable(&self, stream: StreamId) -> u64 {
        let deciding = self.channels.iter().enumerate().filter(|(index, _)| self.decides(*index));
        let durable = deciding.map(|(_, channel)| {
            let mut low = 0;
            channel.look(&mut |book| low = book.durable(stream));
            low
        });
        durable.min().unwrap_or(0)
    }

    /// All of the stream below this survives this process: durable at the destinations of a channel, or held by one
    /// that outlives us. So much may be given up where it came from: the offset of a consumer group (P5).
    pub fn kept(&self, stream: StreamId) -> u64 {
        let deciding = self.channels.iter().enumerate().filter(|(index, _)| self.decides(*index));
        deciding.map(|(_, channel)| channel.kept(stream)).min().unwrap_or(0)
    }

    /// The stream is gone: no file will be taken for it again (D6).
    pub fn retire(&self, stream: StreamId) -> Result<(), ChannelError> {
        self.channels.iter().try_for_each(|channel| channel.retire(stream))
    }

    /// Puts a batch, with the channels' own patience.
    pub fn put(&self, batch: Batch, stop: &Stop) -> Result<Receipt, PutError> {
        let prepared = self.prepare(batch);
        self.put_prepared(prepared, stop)
    }

    /// Puts a batch, waiting for room without limit: for a source that can stop reading.
    pub fn put_all(&self, batch: Batch, stop: &Stop) -> Result<Receipt, PutError> {
        let mut prepared = self.prepare(batch);
        loop {
            match self.put_prepared(prepared, stop) {
                Err(PutError::Full(rest)) if !stop.is_told() => prepared = *rest,
                Err(PutError::Full(_)) => return Err(PutError::Closed),
                other => return other,
            }
        }
    }

    /// Applies the interceptors, once per batch however often it is put.
    pub fn prepare(&self, mut batch: Batch) -> Prepared {
        self.pulse.working();
        let read = batch.len() as u64;
        self.pulse.add(Counter::Read, read);
        self.pulse.add(Counter::ReadBytes, batch.bytes() as u64);
        self.pulse.add(Counter::Batches, 1);
        for interceptor in self.interceptors.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            interceptor.apply(&mut batch);
        }
        let filtered = read - batch.len() as u64;
        self.pulse.add(Counter::Filtered, filtered);
        Prepared { batch, tally: Tally { read, filtered, ..Tally::default() } }
    }

    /// Puts what was prepared, piece by piece where a transaction cannot carry all of it.
    pub fn put_prepared(&self, prepared: Prepared, stop: &Stop) -> Result<Receipt, PutError> {
        self.put_within(prepared, Duration::MAX, stop)
    }

    /// The same, waiting for room no longer than `patience`, however patient the channels are: for a source that has
    /// others to answer.
    pub fn put_within(
        &self,
        prepared: Prepared,
        patience: Duration,
        stop: &Stop,
    ) -> Result<Receipt, PutError> {
        let Prepared { batch: mut rest, mut tally } = prepared;
        let mut receipt = Receipt::held();
        loop {
            let piece = rest.split_off_front(self.fitting(&rest));
            let share = Tally { read: piece.len() as u64 + tally.filtered, ..tally };
            match self.put_piece(&piece, share, patience, stop) {
                Ok(more) => receipt = receipt.and(more),
                Err(PutError::Full(_)) => {
                    let batch = rejoin(piece, rest);
                    return Err(PutError::Full(Box::new(Prepared { batch, tally })));
                }
                Err(other) => return Err(other),
            }
            tally = Tally::default();
            if rest.is_empty() {
                return Ok(receipt);
            }
        }
    }

    /// How many events from the front fit one transaction; at least one.
    fn fitting(&self, batch: &Batch) -> usize {
        if batch.len() <= self.transaction.events && batch.bytes() <= self.transaction.bytes {
            return batch.len().max(1);
        }
        let mut bytes = 0;
        let within = |row: &&crate::event::Row| {
            bytes += (row.end - row.start) as usize;
            bytes <= self.transaction.bytes
        };
        batch.rows().iter().take(self.transaction.events).take_while(within).count().max(1)
    }

    fn put_piece(
        &self,
        piece: &Batch,
        tally: Tally,
        patience: Duration,
        stop: &Stop,
    ) -> Result<Receipt, PutError> {
        self.channels.iter().try_for_each(|channel| channel.barrier()).map_err(PutError::Broken)?;
        let mut shares = self.route(piece, tally);
        self.reserve(&mut shares, patience, stop)?;
        let mut receipt = Receipt::held();
        let mut shares = self.channels.iter().zip(shares).enumerate();
        while let Some((index, (channel, share))) = shares.next() {
            let put = if self.decides(index) {
                channel.put(&self.source, share.batch, share.tally, share.reserved)
            } else {
                self.put_optional(channel, share, stop)
            };
            match put {
                Ok(more) => receipt = receipt.and(more),
                // Channels before this one have the piece; when the source comes again they drop it (P3).
                Err(error) => {
                    shares.for_each(|(_, (channel, share))| channel.release(share.reserved));
                    return Err(error);
                }
            }
        }
        Ok(receipt)
    }

    /// P3: an optional channel that lags behind does not hold the source back. What it misses counts as skipped.
    fn put_optional(
        &self,
        channel: &Arc<dyn Channel>,
        share: Share,
        stop: &Stop,
    ) -> Result<Receipt, PutError> {
        let Share { batch, tally, reserved, .. } = share;
        let first = channel.put(&self.source, batch.clone(), tally, reserved);
        let (Err(PutError::Gap { expected }), Some(span)) = (&first, batch.span()) else { return first };
        if *expected >= span.from {
            return first; // a record lies across a boundary: it is read again
        }
        let gap = Span::new(span.stream.clone(), *expected, span.from);
        let nothing = Limit { events: 0, bytes: 0 };
        channel.put(&self.source, Batch::empty(gap), Tally::default(), nothing)?.forget();
        // The refusal has given the room back.
        if channel.reserve(reserved, Duration::ZERO, stop) {
            return channel.put(&self.source, batch, tally, reserved);
        }
        let skipped = Tally { skipped: batch.len() as u64, ..tally };
        channel.put(&self.source, emptied(&batch), skipped, nothing)
    }

    /// Gives each channel its events.
    fn route(&self, piece: &Batch, tally: Tally) -> Vec<Share> {
        if let Some(routes) = self.selector.constant() {
            let share = |index: usize| {
                let chosen = (routes.required | routes.optional) & (1 << index) != 0;
                Share::new(piece, chosen.then(|| piece.clone()), routes, index, tally, 0)
            };
            return (0..self.channels.len()).map(share).collect();
        }
        let routes: Vec<Routes> = piece.events().map(|event| self.selector.route(event)).collect();
        let nowhere = routes.iter().filter(|r| r.required | r.optional == 0).count() as u64;
        self.pulse.add(Counter::WithoutRoute, nowhere);
        let share = |index: usize| {
            let bit = 1u64 << index;
            let mut own = piece.clone();
            let mut row = 0;
            own.retain(|_| {
                row += 1;
                (routes[row - 1].required | routes[row - 1].optional) & bit != 0
            });
            let mut together = Routes::default();
            for route in routes.iter().filter(|r| (r.required | r.optional) & bit != 0) {
                together.required |= route.required;
                together.optional |= route.optional;
            }
            Share::new(piece, Some(own).filter(|b| !b.is_empty()), together, index, tally, nowhere)
        };
        (0..self.channels.len()).map(share).collect()
    }

    /// P2: room in every required channel before any accepts; an optional one without room is passed over.
    fn reserve(&self, shares: &mut [Share], patience: Duration, stop: &Stop) -> Result<(), PutError> {
        for index in 0..shares.len() {
            let want = shares[index].reserved;
            if want.events == 0 {
                continue;
            }
            let channel = &self.channels[index];
            let got = channel.reserve(want, Duration::ZERO, stop)
                || shares[index].required && {
                    let _waiting = self.pulse.wait(Wait::Room, channel.key().channel.clone());
                    channel.reserve(want, channel.patience().min(patience), stop)
                };
            if got {
                continue;
            }
            if !shares[index].required {
                self.pulse.add(Counter::SkippedOptional, want.events as u64);
                shares[index].skip();
                continue;
            }
            for (earlier, share) in self.channels.iter().zip(&shares[..index]) {
                earlier.release(share.reserved);
            }
            let nothing = Prepared { batch: Batch::default(), tally: Tally::default() };
            return Err(PutError::Full(Box::new(nothing)));
        }
        Ok(())
    }
}

/// One channel's part of a piece.
struct Share {
    batch: Batch,
    tally: Tally,
    reserved: Limit,
    required: bool,
}

impl Share {
    fn new(
        piece: &Batch,
        own: Option<Batch>,
        routes: Routes,
        index: usize,
        tally: Tally,
        nowhere: u64,
    ) -> Share {
        let batch = own.unwrap_or_else(|| emptied(piece));
        let elsewhere = piece.len() as u64 - batch.len() as u64 - nowhere;
        let reserved = Limit { events: batch.len(), bytes: batch.bytes() };
        let tally = Tally { elsewhere, without_route: nowhere, ..tally };
        Share { batch, tally, reserved, required: routes.required & (1 << index) != 0 }
    }

    fn skip(&mut self) {
        self.tally.skipped = self.batch.len() as u64;
        self.batch = emptied(&self.batch);
        self.reserved = Limit { events: 0, bytes: 0 };
    }
}

fn emptied(batch: &Batch) -> Batch {
    batch.span().map_or_else(Batch::default, |span| Batch::empty(span.clone()))
}

/// Puts back together what `split_off_front` took apart.
fn rejoin(front: Batch, rest: Batch) -> Batch {
    if rest.is_empty() && rest.span().is_none_or(|span| span.from == span.to) {
        front
    } else {
        front.joined(rest)
    }
}

/// The least that one transaction of any of these channels can carry (P2).
fn smallest(channels: &[Arc<dyn Channel>]) -> Limit {
    let least = Limit { events: usize::MAX, bytes: usize::MAX };
    channels
        .iter()
        .map(|channel| channel.transaction())
        .fold(least, |a, b| Limit { events: a.events.min(b.events).max(1), bytes: a.bytes.min(b.bytes) })
}

/// One stream in the books of several channels.
struct Seen {
    attributes: Attributes,
    checks: Checks,
    orphan: bool,
    marks: Vec<(bool, Mark)>,
    /// How many of the marks decide.
    required: usize,
}

impl Seen {
    fn lowest(&self) -> u64 {
        let deciding = self.marks.iter().filter(|(decides, _)| *decides).map(|(_, mark)| mark.low()).min();
        deciding.or_else(|| self.marks.iter().map(|(_, mark)| mark.low()).min()).unwrap_or(0)
    }

    fn highest(&self) -> u64 {
        self.marks.iter().map(|(_, mark)| mark.high()).max().unwrap_or(0)
    }

    fn cuts(&self) -> Vec<u64> {
        let mut cuts: Vec<u64> = self.marks.iter().flat_map(|(_, mark)| mark.cuts()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }
}
