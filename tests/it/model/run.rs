//! The process: channels, the real outlet of each source, a runner for each sink. All of it is gone after a crash.
use std::sync::Arc;

use dataflowkit::event::{Batch, Checks, Mark, Marks, Stream};
use dataflowkit::flow::{
    Channel, ChannelKey, Destination, Kind, Known, Lease, Limit, Outcome, Outlet, Prepared, Pulse, PutError,
    Seat, Stop, Wiring,
};

use super::bug::Bug;
use super::channel::Pipe;
use super::destination::{Class, Fate};
use super::input::{attributes_of, batch_of, file_of, id_of};
use super::world::World;

pub struct Run {
    pub pipes: Vec<Arc<Pipe>>,
    outlets: Vec<Option<Outlet>>,
    /// Sources that are to start again; they may put once more before they hear of it.
    back: Vec<bool>,
    pub readers: Vec<Option<Reader>>,
    runners: Vec<Runner>,
}

/// Where a source is in one file.
pub struct Reader {
    pub stream: Arc<Stream>,
    pub from: u64,
    cuts: Vec<u64>,
    /// Read, intercepted and not yet taken, up to a position.
    pub pending: Option<(Prepared, u64)>,
}

struct Runner {
    channel: usize,
    destination: usize,
    seat: Seat,
    reported: bool,
    /// Stands for a destination that no sink delivers to any more (C4).
    ghost: bool,
    hand: Hand,
}

/// What a sink's runner has in its hands.
enum Hand {
    Empty,
    Leased(Lease),
    Delivered(Lease),
    Doubtful(Lease),
    /// Settled before it was delivered: a bug.
    Late(Vec<Batch>),
}

thread_local! {
    static STOP: Stop = Stop::new();
    static PULSE: Arc<Pulse> = Pulse::new(Kind::Channel, "model", "model");
}

fn key(channel: usize) -> ChannelKey {
    ChannelKey { installation: "i".into(), instance: "a".into(), channel: format!("c{channel}") }
}

impl World {
    /// Starts the process: channels from their journals, sinks at their seats. Sources follow when they may.
    pub fn start(&mut self) {
        let mut run = Run {
            pipes: Vec::new(),
            outlets: self.sources.iter().map(|_| None).collect(),
            back: vec![false; self.sources.len()],
            readers: self.files.iter().map(|_| None).collect(),
            runners: Vec::new(),
        };
        for (channel, plan) in self.channels.iter().enumerate() {
            let pulse = PULSE.with(Arc::clone);
            let (capacity, transaction) = (plan.capacity, plan.transaction);
            let pipe =
                Pipe::open(key(channel), pulse, &self.shared, &plan.log, self.boot, capacity, transaction);
            for sink in &plan.sinks {
                let recorded = self.stores[channel][sink.destination].class != Class::Plain;
                let place = recorded.then(|| Destination(sink.destination.to_string()));
                let seat = pipe.attach(&sink.name, place);
                run.runners.push(Runner::new(channel, sink.destination, seat, false));
            }
            for left in pipe.left_places().into_iter().filter(|_| !self.has(Bug::OldDestinationNotAsked)) {
                let destination = left.parse().expect("destinations are called by their number");
                let seat = pipe.attach("left", Some(Destination(left)));
                run.runners.push(Runner::new(channel, destination, seat, true));
            }
            run.pipes.push(pipe);
        }
        self.run = Some(run);
    }

    /// A source begins, or reads a little of one file and puts it.
    pub fn source_step(&mut self, file: usize, most: usize, silence: bool) {
        let source = self.files[file].source;
        let Some(mut run) = self.run.take() else { return };
        if run.back[source] && most.is_multiple_of(2) {
            (run.outlets[source], run.back[source]) = (None, false);
        }
        if run.outlets[source].is_none() {
            self.open_source(&mut run, source);
        } else if let (Some(outlet), Some(reader)) = (&run.outlets[source], &mut run.readers[file]) {
            self.put(outlet, reader, file, most, silence);
        }
        self.run = Some(run);
    }

    fn put(&mut self, outlet: &Outlet, reader: &mut Reader, file: usize, most: usize, silence: bool) {
        let Some((prepared, to)) = reader.pending.take().or_else(|| {
            let records = self.files[file].read(reader.from, &reader.cuts, most, silence);
            let to = records.last()?.0.end;
            let batch = batch_of(&reader.stream, &records);
            self.shared.say(|| format!("f{file}: read {records:?}"));
            Some((outlet.prepare(batch), to))
        }) else {
            return;
        };
        match STOP.with(|stop| outlet.put_prepared(prepared, stop)) {
            Ok(receipt) => {
                receipt.forget();
                reader.from = to;
            }
            Err(PutError::Full(rest)) => reader.pending = Some((*rest, to)),
            Err(PutError::Gap { expected }) => {
                (reader.from, reader.cuts) = outlet.resumes_at(reader.stream.id);
                self.shared.say(|| format!("f{file}: expected {expected}, goes back to {}", reader.from));
            }
            Err(PutError::Closed | PutError::Broken(_)) => {}
        }
        if self.has(Bug::NoCutsOnResume) {
            reader.cuts.clear();
        }
    }

    fn open_source(&mut self, run: &mut Run, source: usize) {
        let plan = &self.sources[source];
        let channels =
            plan.channels.iter().map(|c| run.pipes[*c].clone() as Arc<dyn Channel>).collect::<Vec<_>>();
        let rule = plan.rule();
        let fingerprint = if self.has(Bug::FingerprintIgnored) { 0 } else { rule.version };
        if channels.iter().any(|channel| channel.awaits_reports(&plan.name, fingerprint)) {
            return;
        }
        self.note_what_may_come_twice(run, source, rule.version);
        let plan = &self.sources[source];
        let wiring = Wiring {
            source: plan.name.clone(),
            pulse: PULSE.with(Arc::clone),
            channels,
            selector: Box::new(rule),
            interceptors: vec![Box::new(rule)],
            fingerprint,
            sources: self.sources.iter().map(|source| source.name.clone()).collect(),
            from_start: false,
            input: dataflowkit::flow::Input::Again,
            until_drained: false,
        };
        let Ok(Some(outlet)) = STOP.with(|stop| Outlet::open(wiring, stop)) else { return };
        let known = outlet.known();
        for file in 0..self.files.len() {
            if self.files[file].source == source && !self.files[file].deleted {
                run.readers[file] = self.resume(&outlet, &known, file);
                self.note_where_channels_joined(run, source, file);
            }
        }
        if !self.shared.is_dead() {
            run.outlets[source] = Some(outlet);
        }
    }

    /// C2: from there on a channel is owed what is read. A join may have survived a crash that came right after it.
    fn note_where_channels_joined(&mut self, run: &Run, source: usize, file: usize) {
        let Some(reader) = &run.readers[file] else { return };
        for channel in &self.sources[source].channels {
            let held = run.pipes[*channel].held(reader.stream.id);
            self.joined[*channel][file].get_or_insert(held.map_or(reader.from, |held| held.low()));
        }
    }

    fn resume(&mut self, outlet: &Outlet, known: &[Known], file: usize) -> Option<Reader> {
        let adopts = !self.has(Bug::RenamedSourceStartsAnew);
        let mine = known.iter().filter(|known| adopts || !known.orphan);
        let found = mine.filter(|known| file_of(known.id) == file).max_by_key(|known| known.id).cloned();
        let begins = found.is_none();
        let known = found.unwrap_or_else(|| {
            self.files[file].minted += 1;
            let (id, attributes) = (id_of(file, self.files[file].minted), attributes_of(file));
            Known {
                id,
                attributes,
                checks: Checks::default(),
                from: 0,
                high: 0,
                cuts: Vec::new(),
                orphan: false,
            }
        });
        let resume = outlet.resume(&known, attributes_of(file)).ok()?;
        let (stream, from, mut cuts) = (resume.stream, resume.from, resume.cuts);
        if self.shared.is_dead() {
            return None;
        }
        self.shared.say(|| format!("f{file}: begins {begins} at {from}, cuts {cuts:?}"));
        if self.has(Bug::NoCutsOnResume) {
            cuts.clear();
        }
        Some(Reader { stream, from, cuts, pending: None })
    }

    /// P6: where a channel's fingerprint differs, all between the lowest durable and the highest mark may repeat.
    fn note_what_may_come_twice(&mut self, run: &Run, source: usize, fingerprint: u64) {
        let plan = &self.sources[source];
        let mut marks: Vec<(usize, u64, u64)> = Vec::new();
        let mut changed = false;
        for channel in &plan.channels {
            run.pipes[*channel].look(&mut |book| {
                let before = book.record().sources.values();
                changed |= before.into_iter().any(|before| *before != fingerprint);
                let streams = book.record().streams.keys().filter_map(|id| Some((*id, book.held(*id)?)));
                let low = |id, mark: &Mark| mark.low().min(book.durable(id));
                marks.extend(streams.map(|(id, mark)| (file_of(id), low(id, mark), mark.high())));
            });
        }
        if changed {
            for file in 0..self.files.len() {
                let of = marks.iter().filter(|(f, _, _)| *f == file);
                let low = of.clone().map(|(_, low, _)| *low).min().unwrap_or(0);
                self.twice[file].push((low, of.map(|(_, _, high)| *high).max().unwrap_or(0)));
            }
        }
    }

    /// The next thing that one sink's runner does.
    pub fn sink_step(&mut self, which: usize, fate: Fate, events: usize) {
        let Some(mut run) = self.run.take() else { return };
        let count = run.runners.len();
        let runner = &mut run.runners[which % count];
        // The first sink of a long history hangs, so that the others make ranges above it.
        let hangs =
            self.files[0].lines.len() > 50 && which.is_multiple_of(count) && !self.files[0].is_final();
        let mut back = Vec::new();
        if !runner.reported && !matches!(runner.hand, Hand::Delivered(_)) {
            back = self.ask(&run.pipes[runner.channel], runner).0;
        } else if !(runner.ghost || hangs && matches!(runner.hand, Hand::Leased(_))) {
            back = self.work(&run.pipes[runner.channel], runner, fate, events);
        }
        self.send_back(&mut run, &back);
        self.run = Some(run);
    }

    fn send_back(&mut self, run: &mut Run, back: &[Box<str>]) {
        for source in 0..self.sources.len() {
            if back.iter().any(|name| **name == *self.sources[source].name) && !self.has(Bug::BackIgnored) {
                self.shared.say(|| {
                    format!("{} is started again, as a destination has less", self.sources[source].name)
                });
                run.back[source] = true;
            }
        }
    }

    /// Asks the destination and tells the channel.
    fn ask(&mut self, pipe: &Arc<Pipe>, runner: &mut Runner) -> (Vec<Box<str>>, Option<Marks>) {
        let (channel, destination) = (runner.channel, runner.destination);
        let mut marks = self.stores[channel][destination].ask(&self.shared, self.boot);
        if self.shared.is_dead() {
            return (Vec::new(), None);
        }
        self.check_claims(channel, destination);
        if self.has(Bug::KeyWithoutChannel)
            && let Some(marks) = &mut marks
        {
            for stores in &self.stores {
                stores[destination].claims().into_iter().for_each(|(id, record)| {
                    marks.entry(id).or_insert(record);
                });
            }
        }
        self.shared.say(|| {
            let told = marks.iter().flatten().map(|(id, r)| format!(" f{} {:?}", file_of(*id), r.mark));
            format!("c{channel}: d{destination} has {}{}", marks.is_some(), told.collect::<String>())
        });
        runner.reported = true;
        (pipe.report(runner.seat, marks.clone()).unwrap_or_default(), marks)
    }

    fn work(&mut self, pipe: &Arc<Pipe>, runner: &mut Runner, fate: Fate, events: usize) -> Vec<Box<str>> {
        match std::mem::replace(&mut runner.hand, Hand::Empty) {
            Hand::Empty => {
                let limit = Limit { events, bytes: usize::MAX };
                let stop = STOP.with(Clone::clone);
                let lease = pipe.clone().take(runner.seat, limit, std::time::Duration::ZERO, &stop);
                runner.hand = lease.map_or(Hand::Empty, Hand::Leased);
            }
            Hand::Leased(lease) if self.has(Bug::SettleBeforeDeliver) => {
                let batches = lease.batches.clone();
                let _ = lease.settle(Outcome::Delivered);
                runner.hand = Hand::Late(batches);
            }
            Hand::Leased(lease) => runner.hand = self.deliver(runner, lease, fate),
            Hand::Late(batches) => {
                let store = &mut self.stores[runner.channel][runner.destination];
                store.deliver(&self.shared, &batches, Fate::Done);
            }
            Hand::Delivered(lease) => {
                let _ = lease.settle(Outcome::Delivered);
            }
            Hand::Doubtful(lease) => return self.resolve(pipe, runner, lease),
        }
        Vec::new()
    }

    fn deliver(&mut self, runner: &Runner, lease: Lease, fate: Fate) -> Hand {
        let (channel, destination) = (runner.channel, runner.destination);
        self.shared.say(|| {
            let spans = lease.batches.iter().filter_map(Batch::span).map(|s| {
                let rows = lease.batches.iter().filter(|b| b.span().is_some_and(|o| o.from == s.from));
                let rows: Vec<_> = rows.flat_map(Batch::rows).map(|r| r.from..r.to).collect();
                format!(" f{} {}..{} {rows:?}", file_of(s.stream.id), s.from, s.to)
            });
            format!("c{channel} to d{destination}:{} {fate:?}", spans.collect::<String>())
        });
        if !self.stores[channel][destination].deliver(&self.shared, &lease.batches, fate) {
            return Hand::Leased(lease);
        }
        match fate {
            Fate::Done => Hand::Delivered(lease),
            Fate::Failed => Hand::Empty,
            _ if self.has(Bug::DoubtIsFailure) => Hand::Leased(lease),
            _ if self.has(Bug::DoubtIsSuccess) => Hand::Delivered(lease),
            _ => Hand::Doubtful(lease),
        }
    }

    /// D2: what is in doubt stays with its sink until the destination has told.
    fn resolve(&mut self, pipe: &Arc<Pipe>, runner: &mut Runner, lease: Lease) -> Vec<Box<str>> {
        let (back, marks) = self.ask(pipe, runner);
        let has = |batch: &Batch| {
            let span = batch.span().expect("every batch of the model has a span");
            let record = marks.as_ref().and_then(|marks| marks.get(&span.stream.id));
            record.is_some_and(|record| record.mark.covers(span.from, span.to))
        };
        if !self.shared.is_dead() && lease.batches.iter().all(has) {
            let _ = lease.settle(Outcome::Delivered);
        } else {
            runner.hand = Hand::Leased(lease);
        }
        back
    }

    pub fn reconnect(&mut self, channel: usize, destination: usize) {
        let runners = self.run.iter_mut().flat_map(|run| &mut run.runners);
        let of_it = runners.filter(|r| r.channel == channel && r.destination == destination);
        of_it.for_each(|runner| runner.reported = false);
    }

    pub fn sync(&mut self, which: usize) {
        let Some(run) = &self.run else { return };
        let runner = &run.runners[which % run.runners.len()];
        if runner.ghost || !runner.reported || !matches!(runner.hand, Hand::Empty | Hand::Leased(_)) {
            return;
        }
        let (pipe, seat) = (&run.pipes[runner.channel], runner.seat);
        let store = &mut self.stores[runner.channel][runner.destination];
        self.shared.say(|| format!("c{} at d{} syncs", runner.channel, runner.destination));
        if store.sync(&self.shared) {
            let _ = pipe.synced(seat);
            pipe.retired(seat).into_iter().for_each(|stream| store.retire(&self.shared, stream));
        }
    }

    /// D5, D6: a file that is final and durable everywhere is deleted, then its marks.
    pub fn delete(&mut self, file: usize) {
        let Some(mut run) = self.run.take() else { return };
        let source = self.files[file].source;
        if let (Some(outlet), Some(reader)) = (&run.outlets[source], &run.readers[file]) {
            let (stream, end) = (reader.stream.id, self.files[file].end());
            let channels = self.sources[source].channels.iter();
            let done = if self.has(Bug::RetireBeforeDurable) {
                channels.map(|c| run.pipes[*c].settled_low(stream)).min().unwrap_or(0)
            } else {
                outlet.durable(stream)
            };
            let told = run.runners.iter().all(|runner| runner.reported);
            if self.files[file].is_final() && told && done >= end && self.shared.burn() {
                self.shared.say(|| format!("f{file} is deleted"));
                self.files[file].deleted = true;
                self.versions_seen[file] = self.sources[source].rules.len();
                self.forget_backups();
                let _ = outlet.retire(stream);
                run.readers[file] = None;
            }
        }
        self.run = Some(run);
    }

    /// Lets everything that can happen happen, without faults; false if that never ends.
    pub fn drain(&mut self) -> bool {
        self.shared.disarm();
        self.files.iter_mut().for_each(|file| file.written = file.lines.len());
        for _ in 0..2000 {
            (0..self.files.len()).for_each(|file| self.source_step(file, 4, true));
            let runners = self.run.as_ref().map_or(0, |run| run.runners.len());
            (0..runners).for_each(|runner| self.sink_step(runner, Fate::Done, 3));
            if self.is_quiet() {
                (0..runners).for_each(|runner| self.sync(runner));
                return true;
            }
        }
        false
    }

    fn is_quiet(&self) -> bool {
        let Some(run) = &self.run else { return false };
        let read = |(file, reader): (usize, &Option<Reader>)| match reader {
            Some(reader) => reader.from == self.files[file].end() && reader.pending.is_none(),
            None => self.files[file].deleted,
        };
        run.outlets.iter().all(Option::is_some)
            && !run.back.contains(&true)
            && run.readers.iter().enumerate().all(read)
            && run.runners.iter().all(|r| r.reported && matches!(r.hand, Hand::Empty))
            && run.pipes.iter().all(|pipe| pipe.is_drained())
    }
}

impl Run {
    pub fn all_sources_run(&self) -> bool {
        self.outlets.iter().all(Option::is_some)
    }
}

impl Runner {
    fn new(channel: usize, destination: usize, seat: Seat, ghost: bool) -> Runner {
        Runner { channel, destination, seat, reported: false, ghost, hand: Hand::Empty }
    }
}
