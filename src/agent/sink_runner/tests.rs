//! The runner over a real memory channel and sinks that fail as they are told to.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::*;
use crate::config::{At, Build, Node, Place, SinkNode, Values};
use crate::event::{Attributes, Batch, Builder, Checks, Mark, Span, Stream, StreamRecord};
use crate::flow::{ChannelKey, DeadLetters, Destination, Kind, Omitted, Sink, Tally};
use crate::registry;

mod cases;
mod random;

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Takes,
    NotThere,
    /// So many batches of it arrive, and so many questions after it are not answered.
    Doubt {
        arrive: usize,
        deaf: usize,
    },
    Refuses,
    /// The first event; the others arrive.
    RefusesFirst,
    Fenced,
    Panics,
}

const NEVER: usize = usize::MAX;

/// The far side of one sink.
#[derive(Default)]
struct Far {
    keeps_record: bool,
    script: VecDeque<Fate>,
    /// How long its commits may wait for more.
    gathers: Duration,
    /// Questions that are not answered.
    deaf: usize,
    asked: usize,
    tries: usize,
    /// Positions of the events that arrived.
    got: Vec<u64>,
    marks: Marks,
}

impl Far {
    fn take(&mut self, batches: &[Batch]) {
        for batch in batches {
            self.got.extend(batch.events().map(|event| event.range().start));
            let Some(span) = batch.span() else { continue };
            let record = self.marks.entry(span.stream.id).or_insert_with(|| StreamRecord {
                source: "s".into(),
                attributes: Attributes::default(),
                mark: Mark::default(),
                checks: Checks::default(),
            });
            record.mark.insert(span.from, span.to);
        }
    }

    fn suffer(&mut self, fate: Fate, batches: &[Batch]) -> Result<(), DeliverError> {
        match fate {
            Fate::Takes | Fate::RefusesFirst => self.take(batches),
            Fate::NotThere => return Err(DeliverError::NotThere("it is away".into(), None)),
            Fate::Doubt { arrive, deaf } => {
                self.take(&batches[..arrive.min(batches.len())]);
                self.deaf = deaf;
                return Err(DeliverError::InDoubt("no answer".into(), None));
            }
            Fate::Refuses => return Err(DeliverError::Refused("too old".into())),
            Fate::Fenced => return Err(DeliverError::Fenced("another process has it".into())),
            Fate::Panics => panic!("a bug"),
        }
        Ok(())
    }
}

type Shared = Arc<Mutex<Far>>;

struct Fake {
    name: String,
    far: Shared,
    dead: DeadLetters,
    omitted: Vec<Omitted>,
}

impl Sink for Fake {
    fn destination(&self) -> Option<Destination> {
        far(&self.far).keeps_record.then(|| Destination(format!("fake:{}", self.name)))
    }

    fn limit(&self) -> Limit {
        Limit { events: 4, bytes: usize::MAX }
    }

    fn gathers(&self) -> Duration {
        far(&self.far).gathers
    }

    fn delivered(&mut self, _: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        let mut far = far(&self.far);
        far.asked += 1;
        if far.deaf > 0 {
            far.deaf = far.deaf.saturating_sub(usize::from(far.deaf != NEVER));
            return Err(DeliverError::NotThere("it does not answer".into(), None));
        }
        Ok(far.keeps_record.then(|| far.marks.clone()))
    }

    fn deliver(&mut self, batches: &[Batch], _: &Stop) -> Result<(), DeliverError> {
        let mut far = far(&self.far);
        far.tries += 1;
        let fate = far.script.pop_front().unwrap_or(Fate::Takes);
        if !matches!(fate, Fate::RefusesFirst) {
            return far.suffer(fate, batches);
        }
        let (mut rest, mut first) = (batches.to_vec(), true);
        for batch in &mut rest {
            self.dead.keep(batch.events().take(usize::from(first)), "too long").unwrap();
            let before = batch.len();
            batch.retain(|_| !std::mem::take(&mut first));
            self.omitted.push(Omitted { filtered: 0, dead_lettered: before - batch.len() });
        }
        far.suffer(Fate::Takes, &rest)
    }

    fn omitted(&mut self) -> Vec<Omitted> {
        std::mem::take(&mut self.omitted)
    }
}

fn far(shared: &Shared) -> MutexGuard<'_, Far> {
    // A sink that panics holds it.
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A processor that remembers which members it was told of.
struct Listens(Box<dyn Processor>, Arc<Mutex<Vec<usize>>>);

impl Processor for Listens {
    fn order(&mut self, now: Duration) -> Vec<usize> {
        self.0.order(now)
    }
    fn succeeded(&mut self, member: usize) {
        self.1.lock().unwrap().push(member);
        self.0.succeeded(member);
    }
    fn failed(&mut self, member: usize, now: Duration) {
        self.0.failed(member, now);
    }
    fn out(&mut self, member: usize) {
        self.0.out(member);
    }
    fn due(&self) -> Option<Duration> {
        self.0.due()
    }
}

/// A group over one channel, with what stands at its far sides.
struct Rig {
    dir: tempfile::TempDir,
    channel: Arc<dyn Channel>,
    stream: Arc<Stream>,
    fars: Vec<Shared>,
    exactly_once: bool,
    report_timeout: u64,
    processor: (&'static str, Vec<(&'static str, &'static str)>),
    succeeded: Arc<Mutex<Vec<usize>>>,
    pulses: Vec<Arc<Pulse>>,
    fenced: Arc<AtomicBool>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    put: u64,
}

fn at<T>(values: &[(&str, &str)], dir: &std::path::Path, of: impl FnOnce(&At) -> T) -> T {
    let values: Values = values.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let place = Place { state_dir: dir.into(), ..Place::default() };
    let pulse = Pulse::new(Kind::Sink, "x", "fake");
    of(&At { name: "x", values: &values, place: &place, pulse: &pulse, channels: &[] })
}

impl Rig {
    /// Sinks that keep a record and fail as these scripts tell them to, one priority after the other.
    fn new(scripts: Vec<Vec<Fate>>) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let memory = registry::built().find(|spec| spec.name == "memory").unwrap();
        let Build::Channel(build) = memory.build else { panic!("memory is a channel") };
        let key = ChannelKey { installation: "i".into(), instance: "a".into(), channel: "c".into() };
        let opener = at(&[("capacity", "10000")], dir.path(), build).unwrap();
        let channel = opener(key, Pulse::new(Kind::Channel, "c", "memory")).unwrap();
        let stream = Stream::mint("s", Attributes::default());
        channel.join(&stream, 0, &Checks::default()).unwrap();
        let far = |script: Vec<Fate>| {
            Arc::new(Mutex::new(Far { keeps_record: true, script: script.into(), ..Far::default() }))
        };
        Rig {
            dir,
            channel,
            stream,
            fars: scripts.into_iter().map(far).collect(),
            exactly_once: false,
            report_timeout: 30_000,
            processor: ("failover", vec![("maxpenalty", "1")]),
            succeeded: Arc::default(),
            pulses: Vec::new(),
            fenced: Arc::default(),
            stop: Stop::new(),
            thread: None,
            put: 0,
        }
    }

    /// Puts so many batches of one event each, ten positions long.
    fn put(&mut self, count: u64) {
        for number in self.put..self.put + count {
            let (from, to) = (number * 10, number * 10 + 10);
            let batch = Builder::default().push(b"x", from..to).finish(Some(Span::new(
                self.stream.clone(),
                from,
                to,
            )));
            self.put_batch(batch);
        }
        self.put += count;
    }

    fn put_batch(&self, batch: Batch) {
        let room = Limit { events: batch.len(), bytes: batch.bytes() };
        let tally = Tally { read: batch.len() as u64, ..Tally::default() };
        assert!(self.channel.reserve(room, Duration::ZERO, &self.stop));
        self.channel.put("s", batch, tally, room).unwrap().forget();
    }

    fn member(&self, index: usize) -> Member {
        let (name, shared) = (format!("k{}", index + 1), self.fars[index].clone());
        let timeout = self.report_timeout.to_string();
        let written = [("retryDelay", "1"), ("reportTimeout", &*timeout)];
        let spec = registry::built().find(|spec| spec.name == "null").unwrap();
        let pulse = Pulse::new(Kind::Sink, &name, "fake");
        let values = Values::new();
        let node = Node {
            name: name.clone(),
            spec,
            values,
            undated: Values::new(),
            span: None,
            channels: Vec::new(),
        };
        let keeps_record = far(&shared).keeps_record;
        let node = at(&written, self.dir.path(), |at| SinkNode::new(node, "c".into(), keeps_record, at));
        let dead = DeadLetters::of(self.dir.path(), &pulse);
        let fake = Fake { name, far: shared, dead: dead.clone(), omitted: Vec::new() };
        Member::new(Box::new(fake), &*self.channel, &node, pulse, dead)
    }

    fn start(&mut self) {
        let lone = self.fars.len() == 1;
        let members: Vec<Member> = (0..self.fars.len())
            .map(|index| if lone { self.member(index) } else { self.member(index).of_group("g1") })
            .collect();
        self.pulses = members.iter().map(|member| member.pulse.clone()).collect();
        let (name, written) = &self.processor;
        let spec = registry::built().find(|spec| spec.kind == Kind::SinkGroup && spec.name == *name).unwrap();
        let Build::Group(build) = spec.build else { panic!("it is a group") };
        let names: Vec<String> = members.iter().map(|member| member.name().to_string()).collect();
        let processor = at(written, self.dir.path(), |at| build(at, &names)).unwrap().processor;
        let runner = SinkRunner {
            pulse: Pulse::new(Kind::SinkGroup, "g1", "fake"),
            channel: self.channel.clone(),
            members,
            processor: Box::new(Listens(processor, self.succeeded.clone())),
            exactly_once: self.exactly_once,
            stop: self.stop.clone(),
            turns: Turns::default(),
            fenced: self.fenced.clone(),
            began: Instant::now(),
        };
        self.thread = Some(thread::spawn(move || runner.run()));
    }

    /// Looks until it holds.
    fn until(&self, what: &str, done: impl Fn(&Rig) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn end(&mut self) {
        self.stop.tell();
        self.channel.close();
        self.thread.take().expect("it runs").join().unwrap();
    }

    /// Runs until the channel is empty, then to the end.
    fn drained(&mut self) {
        self.start();
        self.until("drained", |rig| rig.channel.is_drained());
        self.end();
    }

    fn got(&self, index: usize) -> Vec<u64> {
        far(&self.fars[index]).got.iter().map(|position| position / 10).collect()
    }

    fn succeeded(&self) -> Vec<usize> {
        self.succeeded.lock().unwrap().clone()
    }

    fn counted(&self, index: usize, counter: Counter) -> u64 {
        self.pulses[index].get(counter)
    }

    fn twice(&self) -> u64 {
        self.pulses.iter().map(|pulse| pulse.get(Counter::PossiblyTwice)).sum()
    }

    /// What the channel believes a member's destination has.
    fn place(&self, index: usize) -> Mark {
        let (wanted, stream) = (format!("fake:k{}", index + 1), self.stream.id);
        let mut mark = Mark::default();
        self.channel.look(&mut |book| {
            let mut places = book.record().places();
            let place = places.find(|(_, place)| place.destination == wanted);
            mark = place.and_then(|(_, place)| place.delivered.get(&stream).cloned()).unwrap_or_default();
        });
        mark
    }
}

fn range(from: u64, to: u64) -> Mark {
    let mut mark = Mark::default();
    mark.insert(from, to);
    mark
}

fn doubt(arrive: usize, deaf: usize) -> Fate {
    Fate::Doubt { arrive, deaf }
}
