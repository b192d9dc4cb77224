//! A source on a channel of the tests' own: delivers when told, forgets what was not delivered when killed.
//!
//! The channel is the real [`Book`] with a queue; its record outlives a kill as a memory channel's does.
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{At, Build, Place, Spec, Values};
use crate::event::{Batch, Checks, Headers, Mark, Marks, Record, Stream, StreamId};
use crate::flow::*;

/// One delivered event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub body: String,
    pub headers: Headers,
}

#[derive(Default)]
struct State {
    book: Book,
    queue: VecDeque<Batch>,
    used: usize,
    got: Vec<Got>,
}

/// The channel.
pub struct Fake {
    key: ChannelKey,
    pulse: Arc<Pulse>,
    state: Mutex<State>,
    seat: Seat,
}

/// Events that fit: small, so that sources meet a full channel.
const CAPACITY: usize = 5_000;

impl Fake {
    pub fn open(record: Record) -> Arc<Fake> {
        let mut book = Book::open(record, true);
        let (seat, _) = book.attach("k", None);
        book.report(seat, None);
        let key = ChannelKey { installation: "i".into(), instance: "t".into(), channel: "c".into() };
        let pulse = Pulse::new(Kind::Channel, "c", "fake");
        Arc::new(Fake { key, pulse, state: Mutex::new(State { book, ..State::default() }), seat })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers at most `most` batches, durably.
    pub fn deliver(&self, most: usize) -> usize {
        self.deliver_behind(0, most)
    }

    /// The same, and leaves the first `skip` where they are, as a slower second sink does.
    pub fn deliver_behind(&self, skip: usize, most: usize) -> usize {
        let state = &mut *self.lock();
        let skip = skip.min(state.queue.len());
        let count = (state.queue.len() - skip).min(most);
        let batches: Vec<Batch> = state.queue.drain(skip..skip + count).collect();
        for event in batches.iter().flat_map(|batch| batch.events()) {
            let body = String::from_utf8_lossy(event.body()).into_owned();
            state.got.push(Got { body, headers: event.headers() });
            state.used -= 1;
        }
        state.book.delivered(self.seat, &batches);
        state.book.synced(self.seat);
        count
    }

    pub fn got(&self) -> Vec<Got> {
        self.lock().got.clone()
    }

    pub fn record(&self) -> Record {
        self.lock().book.record().clone()
    }
}

impl Channel for Fake {
    fn key(&self) -> &ChannelKey {
        &self.key
    }
    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
    fn depth(&self) -> Depth {
        let capacity = self.transaction();
        Depth { events: self.lock().used, bytes: 0, capacity }
    }
    fn transaction(&self) -> Limit {
        Limit { events: 1000, bytes: 1 << 30 }
    }
    fn look(&self, look: &mut dyn FnMut(&Book)) {
        look(&self.lock().book);
    }
    fn awaits_reports(&self, _: &str, _: u64) -> bool {
        false
    }
    fn join(&self, stream: &Arc<Stream>, at: u64, checks: &Checks) -> Result<(), ChannelError> {
        self.lock().book.join(stream, at, checks);
        Ok(())
    }
    fn barrier(&self) -> Result<(), ChannelError> {
        Ok(())
    }
    fn fingerprint(&self, _: &str, _: u64, _: u64) -> Result<(), ChannelError> {
        Ok(())
    }
    fn reserve(&self, want: Limit, wait: Duration, stop: &Stop) -> bool {
        let deadline = Instant::now() + wait;
        loop {
            {
                let mut state = self.lock();
                if state.used + want.events <= CAPACITY {
                    state.used += want.events;
                    return true;
                }
            }
            if Instant::now() >= deadline || stop.wait(Duration::from_millis(1)) {
                return false;
            }
        }
    }
    fn release(&self, want: Limit) {
        self.lock().used -= want.events;
    }
    fn patience(&self) -> Duration {
        Duration::from_millis(20)
    }
    fn put(&self, _: &str, batch: Batch, _: Tally, reserved: Limit) -> Result<Receipt, PutError> {
        let mut state = self.lock();
        state.book.introduce(&batch);
        let taken = state.book.put(batch);
        let events: usize = taken.iter().flatten().map(Batch::len).sum();
        state.used -= reserved.events - events;
        state.queue.extend(taken.map_err(|expected| PutError::Gap { expected })?);
        Ok(Receipt::held())
    }
    fn retire(&self, stream: StreamId) -> Result<(), ChannelError> {
        self.lock().book.retire(stream);
        Ok(())
    }
    fn attach(&self, _: &str, _: Option<Destination>) -> Seat {
        self.seat
    }
    fn report(&self, _: Seat, _: Option<Marks>) -> Result<Vec<Box<str>>, ChannelError> {
        Ok(Vec::new())
    }
    fn recall(&self, _: u32, _: Marks) -> Result<(), ChannelError> {
        Ok(())
    }
    fn take(self: Arc<Self>, _: Seat, _: Limit, _: Duration, _: &Stop) -> Option<Lease> {
        None
    }
    fn settle(&self, _: Seat, _: LeaseId, _: Outcome) -> Result<(), ChannelError> {
        Ok(())
    }
    fn synced(&self, _: Seat) -> Result<(), ChannelError> {
        Ok(())
    }
    fn retired(&self, _: Seat) -> Vec<StreamId> {
        Vec::new()
    }
    fn is_drained(&self) -> bool {
        self.lock().queue.is_empty()
    }
    fn close(&self) {}
    fn held(&self, stream: StreamId) -> Option<Mark> {
        self.lock().book.held(stream).cloned()
    }
}

struct ToAll;

impl Selector for ToAll {
    fn route(&self, _: crate::event::EventRef<'_>) -> Routes {
        Routes { required: 1, optional: 0 }
    }
    fn constant(&self) -> Option<Routes> {
        Some(Routes { required: 1, optional: 0 })
    }
    fn required(&self) -> u64 {
        1
    }
}

/// A directory, a source over it, and what has been delivered through all its lives.
pub struct Rig {
    pub dir: tempfile::TempDir,
    spec: &'static Spec,
    values: Values,
    record: Record,
    pub got: Vec<Got>,
    running: Option<Running>,
}

struct Running {
    stop: Stop,
    channel: Arc<Fake>,
    pulse: Arc<Pulse>,
    thread: std::thread::JoinHandle<Result<(), Fatal>>,
}

impl Rig {
    /// `@` in values stands for the directory.
    pub fn new(spec: &'static Spec, values: &[(&str, &str)]) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        let values: BTreeMap<String, String> =
            values.iter().map(|(key, value)| (key.to_string(), value.replace('@', at))).collect();
        Rig { dir, spec, values, record: Record::default(), got: Vec::new(), running: None }
    }

    pub fn set(&mut self, key: &str, value: &str) {
        self.values.insert(key.into(), value.into());
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        append(&self.path(name), text.as_ref());
    }

    pub fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub fn start(&mut self) {
        self.start_with(false);
    }

    fn start_with(&mut self, until_drained: bool) {
        let channel = Fake::open(self.record.clone());
        let pulse = Pulse::new(Kind::Source, "s", self.spec.name);
        let state_dir = self.path(".state");
        let place = Place { state_dir, config_dir: self.dir.path().into(), ..Place::default() };
        let Build::Source(build) = self.spec.build else { panic!("`{}` is no source", self.spec.name) };
        let at = At {
            name: "s",
            values: &self.values,
            place: &place,
            pulse: &pulse,
            channels: &["c".to_string()],
        };
        let mut source = build(&at).unwrap();
        let (stop, wiring) = (
            Stop::new(),
            Wiring {
                source: "s".into(),
                pulse: pulse.clone(),
                channels: vec![channel.clone()],
                selector: Box::new(ToAll),
                interceptors: Vec::new(),
                fingerprint: 1,
                sources: vec!["s".into()],
                from_start: false,
                input: Input::Again,
                until_drained,
            },
        );
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let outlet = Outlet::open(wiring, &told).unwrap().unwrap();
            source.run(&outlet, &told)
        });
        self.running = Some(Running { stop, channel, pulse, thread });
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the source runs")
    }

    pub fn counter(&self, counter: Counter) -> u64 {
        self.running().pulse.get(counter)
    }

    pub fn trouble(&self) -> Option<String> {
        self.running().pulse.trouble().map(|(what, _)| what)
    }

    /// What the channel would remember after a kill.
    pub fn record(&self) -> Record {
        self.running().channel.record()
    }

    pub fn deliver(&self, most: usize) -> usize {
        self.running().channel.deliver(most)
    }

    /// Delivers all but the first batch, once there are `count`: a mark with a hole.
    pub fn leave_a_hole(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.running().channel.lock().queue.len() < count {
            assert!(Instant::now() < deadline, "{count} batches are put");
            self.running().stop.wait(Duration::from_millis(1));
        }
        self.running().channel.deliver_behind(1, usize::MAX);
    }

    /// Ends the process's life: what was not delivered is forgotten.
    pub fn kill(&mut self) {
        let running = self.running.take().expect("the source runs");
        running.stop.tell();
        running.thread.join().unwrap().unwrap();
        self.record = running.channel.record();
        self.got.extend(running.channel.got());
    }

    /// Delivers everything, then ends.
    pub fn stop(&mut self) {
        let running = self.running();
        running.stop.tell();
        while !running.thread.is_finished() {
            self.deliver(usize::MAX);
            std::thread::yield_now();
        }
        self.deliver(usize::MAX);
        self.kill();
    }

    /// Delivers until `done` holds.
    pub fn until(&mut self, what: &str, done: impl Fn(&Rig) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            self.deliver(usize::MAX);
            if done(self) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: {:#?} {:?}", self.bodies(), self.trouble());
            self.running().stop.wait(Duration::from_millis(1));
        }
    }

    /// Delivers until there are `count` events in all.
    pub fn expect(&mut self, bodies: &[&str]) {
        self.until(&format!("expected {bodies:?}"), |rig| rig.bodies().len() >= bodies.len());
        assert_eq!(self.bodies(), bodies);
    }

    /// Runs until everything has been read and delivered.
    pub fn drain(&mut self) {
        self.start_with(true);
        self.until("drained", |rig| rig.running().thread.is_finished());
        self.kill();
    }

    /// Lets some time pass in which nothing may arrive.
    pub fn settle(&mut self, millis: u64) {
        let deadline = Instant::now() + Duration::from_millis(millis);
        while Instant::now() < deadline {
            self.deliver(usize::MAX);
            self.running().stop.wait(Duration::from_millis(1));
        }
    }

    pub fn events(&self) -> Vec<Got> {
        let now = self.running.as_ref().map(|running| running.channel.got()).unwrap_or_default();
        self.got.iter().cloned().chain(now).collect()
    }

    pub fn bodies(&self) -> Vec<String> {
        self.events().into_iter().map(|got| got.body).collect()
    }
}

pub fn append(path: &Path, text: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text).unwrap();
}
