//! A rolling file → memory → Kafka while everything breaks: kill -9 of the agent, ends of the broker, connections that
//! are cut, held, slowed, and ended in the middle of a message. `tests/run --long kafka` has the full counts.
use std::thread;
use std::time::Duration;

use crate::rotation::source;
use crate::rotation::writer::{Kind, Random, Writer};
use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::lines::Counted;
use crate::support::proxy::{Mode, Proxy};
use crate::support::{Agent, count, until};

const PARTITIONS: i32 = 4;

/// One file to two topics: `lines` has one partition, `keyed` several, by the file that a line was written to.
const ENDS: &str = "
a1.sources = r1
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.r1.channels = c1 c2
a1.sources.r1.drainQuiet = 400
a1.sources.r1.interceptors = i1
a1.sources.r1.interceptors.i1.type = regex_extractor
a1.sources.r1.interceptors.i1.regex = ^(\\\\d+) 
a1.sources.r1.interceptors.i1.serializers = s1
a1.sources.r1.interceptors.i1.serializers.s1.name = key
a1.channels.c1.type = memory
a1.channels.c1.capacity = 2000
a1.channels.c2.type = memory
a1.channels.c2.capacity = 2000
";

fn sink(name: &str, topic: &str, servers: &str, keys: &str) -> String {
    let channel = name.replace('k', "c");
    let keys: String = keys.lines().map(|key| format!("a1.sinks.{name}.{key}\n")).collect();
    format!(
        "a1.sinks.{name}.type = org.apache.flume.sink.kafka.KafkaSink\na1.sinks.{name}.channel = {channel}\n\
         a1.sinks.{name}.kafka.bootstrap.servers = {servers}\na1.sinks.{name}.kafka.topic = {topic}\n\
         a1.sinks.{name}.retryDelay = 20\na1.sinks.{name}.syncInterval = 20\n{keys}"
    )
}

/// What is broken in one run.
struct Chaos {
    kills: u64,
    restarts: u64,
    cuts: u64,
}

struct Run {
    broker: Broker,
    proxy: Proxy,
    agent: Agent,
    writer: Writer,
    random: Random,
}

impl Run {
    fn new(seed: u64, keys: &str) -> Run {
        let proxy = Proxy::new();
        let broker = Broker::start(Version::V3, &["--advertise", &proxy.address()]);
        proxy.lead_to(broker.told("proxied"));
        broker.create("lines", 1, &["retention.ms=-1"]);
        broker.create("keyed", PARTITIONS, &["retention.ms=-1"]);
        let sinks =
            sink("k1", "lines", &proxy.address(), keys) + &sink("k2", "keyed", &proxy.address(), keys);
        let mut agent = Agent::new(&(ENDS.to_string() + &sinks + &source(Kind::Taildir)));
        let mut writer = Writer::new(Kind::Taildir, agent.path("in"));
        agent.start();
        writer.begin();
        let run = Run { broker, proxy, agent, writer, random: Random::new(seed) };
        assert!(until(|| !run.read("lines").is_empty()), "{}", run.agent.story());
        run
    }

    fn read(&self, topic: &str) -> Vec<u8> {
        Kcat::at(&self.broker).consume_all(topic)
    }

    /// The log goes on while whatever happens.
    fn writes(&mut self, most: u64) {
        for _ in 0..self.random.below(most) {
            self.writer.write(&mut self.random);
            thread::park_timeout(Duration::from_millis(self.random.below(30)));
        }
        if self.random.below(3) == 0 {
            self.writer.roll(&mut self.random);
        }
    }

    fn breaks_the_wire(&mut self) {
        match self.random.below(4) {
            0 => self.proxy.cut(),
            1 => self.proxy.set(Mode::Half),
            2 => self.proxy.set(Mode::Slow),
            _ => self.proxy.set(Mode::Held),
        }
        let until_mended = 200 + self.random.below(3000);
        self.writes(10);
        thread::park_timeout(Duration::from_millis(until_mended));
        self.proxy.set(Mode::Open);
        if self.random.below(2) == 0 {
            self.proxy.cut();
        }
    }

    fn ends_the_broker(&mut self) {
        if self.random.below(2) == 0 {
            self.broker.kill()
        } else {
            self.broker.stop()
        }
        self.writes(5);
        self.broker.restart();
        self.proxy.lead_to(self.broker.told("proxied"));
    }

    fn goes_through(&mut self, chaos: &Chaos) {
        let every = |times: u64| chaos.kills / times.max(1);
        for kill in 0..chaos.kills {
            self.writes(30);
            if chaos.cuts > 0 && kill % every(chaos.cuts) == 2 {
                self.breaks_the_wire();
            }
            if chaos.restarts > 0 && kill % every(chaos.restarts) == 5 {
                self.ends_the_broker();
            }
            self.agent.kill();
            self.agent.spawn();
            // Some die while they connect, most while they deliver.
            thread::park_timeout(Duration::from_millis(self.random.below(1500)));
        }
    }

    /// All that was written, read to its end; what is in each topic.
    fn finishes(mut self, chaos: &Chaos) -> (Counted, Counted, String) {
        self.writer.finish(&mut self.random);
        self.agent.kill();
        self.agent = self.agent.with(&["--until-drained"]);
        let status = self.agent.run();
        let kcat = Kcat::at(&self.broker);
        let written = self.writer.written();
        let one = Counted::of(written, &kcat.consume("lines", 0));
        let all: Vec<u8> = (0..PARTITIONS).flat_map(|number| kcat.consume("keyed", number)).collect();
        let keyed = Counted::of(written, &all);
        let Chaos { kills, restarts, cuts } = chaos;
        println!(
            "kafka: {kills} kill -9 of the agent, {restarts} ends of the broker, {cuts} cuts of its wire"
        );
        println!("kafka: one partition: {one}");
        println!("kafka: {PARTITIONS} partitions by key: {keyed}");
        let story = format!("{status}\n{one:?}\n{keyed:?}\n{}\n{}", self.writer.story(), self.agent.story());
        assert!(status.success(), "{story}");
        (one, keyed, story)
    }
}

#[test]
fn s3_every_line_is_there_once_and_in_order_through_kills_ends_of_the_broker_and_cuts_of_the_wire() {
    let chaos = Chaos { kills: count(12, 200), restarts: count(2, 20), cuts: count(4, 40) };
    let mut run = Run::new(6, "");
    run.goes_through(&chaos);
    let (one, keyed, story) = run.finishes(&chaos);
    assert!(one.is_exact() && keyed.is_exact(), "{story}");
}

#[test]
fn at_least_once_loses_nothing_through_kills_and_cuts() {
    let chaos = Chaos { kills: count(5, 50), restarts: 0, cuts: count(1, 10) };
    let mut run = Run::new(7, "delivery = at-least-once\n");
    run.goes_through(&chaos);
    let (one, keyed, story) = run.finishes(&chaos);
    assert_eq!((one.lost, one.torn, keyed.lost, keyed.torn), (0, 0, 0, 0), "{story}");
}
