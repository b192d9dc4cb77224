//! The Kafka channel beside real brokers: with sources, with sinks, with both.
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::thread;
use std::time::Duration;

use crate::kills::append;
use crate::rotation::source;
use crate::rotation::writer::{Kind, Random, Writer};
use crate::seeds::seed;
use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::lines::Counted;
use crate::support::{Agent, count, rolled, until};

/// Events of the topic `relay` pass through channel `c1`.
pub(super) fn channel(broker: &Broker) -> String {
    format!(
        "a1.channels = c1\na1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n\
         a1.channels.c1.kafka.bootstrap.servers = {}\na1.channels.c1.kafka.topic = relay\n\
         a1.channels.c1.retryDelay = 20\na1.channels.c1.syncInterval = 20\n",
        broker.bootstrap()
    )
}

/// A rolling file.
fn files() -> String {
    let keys = "a1.sources = r1\na1.sources.r1.channels = c1\na1.sources.r1.drainQuiet = 400\n";
    keys.to_string() + &source(Kind::Taildir)
}

const NETCAT: &str = "a1.sources = r1\na1.sources.r1.type = netcat\na1.sources.r1.bind = 127.0.0.1\n\
     a1.sources.r1.port = 0\na1.sources.r1.channels = c1\n";

pub(super) const FILE_ROLL: &str = "a1.sinks = k1\na1.sinks.k1.type = file_roll\na1.sinks.k1.channel = c1\n\
     a1.sinks.k1.sink.directory = @DIR@/out\na1.sinks.k1.sink.rollInterval = 0\n\
     a1.sinks.k1.retryDelay = 20\na1.sinks.k1.syncInterval = 20\n";

/// Headers and body of an `AvroFlumeEvent`; headers in one block, all lengths below 64.
fn event(value: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
    fn text<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
        let (length, behind) = rest.split_first().unwrap();
        let (text, behind) = behind.split_at(usize::from(length / 2));
        *rest = behind;
        text
    }
    let (count, mut rest) = value.split_first().unwrap();
    let mut headers = Vec::new();
    for _ in 0..count / 2 {
        let name = String::from_utf8(text(&mut rest).to_vec()).unwrap();
        headers.push((name, String::from_utf8(text(&mut rest).to_vec()).unwrap()));
    }
    if *count > 0 {
        assert_eq!(rest[0], 0, "the end of the map");
        rest = &rest[1..];
    }
    let body = text(&mut rest).to_vec();
    assert!(rest.is_empty());
    (headers, body)
}

/// Lines `from..to`.
pub(super) fn numbered(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("line {number}\n")).collect()
}

/// The bodies in the topic, a line each.
fn in_topic(broker: &Broker) -> String {
    let values = Kcat::at(broker).values("relay", 0);
    values.iter().map(|value| String::from_utf8(event(value).1).unwrap() + "\n").collect()
}

fn arrives(agent: &Agent, expected: &str) {
    let out = || String::from_utf8(rolled(&agent.path("out"))).unwrap();
    assert!(until(|| out().len() >= expected.len()), "{}\n{}", agent.status(&[]), agent.story());
    assert_eq!(out(), expected, "{}", agent.story());
}

fn answered(peer: &mut std::net::TcpStream, line: &str) -> bool {
    peer.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    // A peer whose agent was killed gets none.
    BufReader::new(peer).read_line(&mut answer).is_ok() && answer == "OK\n"
}

#[test]
fn with_a_source_alone_events_are_in_the_topic_as_flume_writes_them() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &[]);
    let keys = "a1.sources.r1.interceptors = i1 i2\na1.sources.r1.interceptors.i1.type = static\n\
         a1.sources.r1.interceptors.i1.key = app\na1.sources.r1.interceptors.i1.value = shop\n\
         a1.sources.r1.interceptors.i2.type = static\na1.sources.r1.interceptors.i2.key = key\n\
         a1.sources.r1.interceptors.i2.value = k7\n";
    let mut agent = Agent::new(&(channel(&broker) + &files() + keys)).with(&["--until-drained"]);
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), b"hi\n\n");
    assert!(agent.run().success(), "{}", agent.story());
    let values = Kcat::at(&broker).values("relay", 0);
    let headers = || vec![("app".to_string(), "shop".to_string()), ("key".to_string(), "k7".to_string())];
    let found: Vec<_> = values.iter().map(|value| event(value)).collect();
    assert_eq!(found, [(headers(), b"hi".to_vec()), (headers(), b"".to_vec())], "{}", agent.story());
    let said = agent.log();
    agent.configure(&(channel(&broker).replace("= relay", "= never") + &files() + FILE_ROLL));
    assert!(agent.run().success(), "there is nothing to wait for\n{}", agent.story());
    assert!(!said.contains("c1.out"), "nothing is read where nobody takes\n{said}");
}

#[test]
fn p4_lines_that_were_answered_are_in_the_topic_after_a_kill_and_p8_their_marks_do_not_pile_up() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &[]);
    let mut agent = Agent::new(&(channel(&broker) + NETCAT));
    let (mut owed, mut number) = (String::new(), 0);
    for _ in 0..count(2, 20) {
        agent.start();
        let mut peer = agent.connect();
        for _ in 0..20 {
            let line = format!("line {number}");
            number += 1;
            assert!(answered(&mut peer, &line), "{}", agent.story());
            owed += &(line + "\n");
        }
        peer.write_all(b"never answered\n").unwrap();
        agent.kill();
    }
    let there: String =
        in_topic(&broker).lines().filter(|l| !l.starts_with("never")).map(|l| format!("{l}\n")).collect();
    assert_eq!(there, owed, "{}", agent.story());
    agent.start();
    let live = || Kcat::at(&broker).keys("dataflowkit-marks").values().filter(|gone| !**gone).count();
    assert!(until(|| live() == 0), "{:?}\n{}", Kcat::at(&broker).keys("dataflowkit-marks"), agent.story());
    agent.stop();
}

#[test]
fn a_topic_that_is_not_there_is_waited_for_and_what_is_no_event_in_it_is_set_aside() {
    let broker = Broker::start(Version::V3, &["--set", "auto.create.topics.enable=false"]);
    let soon = "a1.channels.c1.kafka.producer.topic.metadata.propagation.max.ms = 200\n";
    let mut agent = Agent::new(&(channel(&broker) + NETCAT + FILE_ROLL + soon));
    agent.start();
    let mut peer = agent.connect();
    peer.write_all(b"one\n").unwrap();
    let said = "the topic is not there and the brokers do not create it";
    assert!(until(|| agent.status(&[]).contains(said)), "{}\n{}", agent.status(&[]), agent.story());
    broker.create("relay", 1, &[]);
    let mut answer = String::new();
    BufReader::new(&peer).read_line(&mut answer).unwrap();
    assert_eq!(answer, "OK\n", "{}", agent.story());
    Kcat::at(&broker).produce("relay", 0, b"no event\n");
    assert!(answered(&mut peer, "two"), "{}", agent.story());
    arrives(&agent, "one\ntwo\n");
    let letters = fs::read_dir(agent.path("state/dead-letters/c1.out")).unwrap().count();
    assert_eq!(letters, 1, "{}", agent.story());
    assert!(!agent.path("state/dead-letters/c1.in").exists(), "{}", agent.story());
    agent.stop();
}

#[test]
fn s3_every_line_passes_through_the_topic_once_and_in_order_through_kills_of_the_agent_and_of_the_broker() {
    let mut broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &["retention.ms=-1"]);
    let mut random = Random::new(6);
    let mut agent = Agent::new(&(channel(&broker) + &files() + FILE_ROLL));
    let mut writer = Writer::new(Kind::Taildir, agent.path("in"));
    agent.start();
    writer.begin();
    let arrived = || rolled(&agent.path("out")).len();
    assert!(until(|| arrived() > 0), "{}\n{}", agent.status(&[]), agent.story());
    let (kills, ends) = (count(8, 100), count(1, 10));
    for kill in 0..kills {
        for _ in 0..random.below(30) {
            writer.write(&mut random);
            thread::park_timeout(Duration::from_millis(random.below(30)));
        }
        if random.below(3) == 0 {
            writer.roll(&mut random);
        }
        if kill % (kills / ends) == 5 {
            if random.below(2) == 0 {
                broker.kill()
            } else {
                broker.stop()
            }
            writer.write(&mut random);
            broker.restart();
        }
        agent.kill();
        agent.spawn();
        // Some die while they connect, some while they put, some while they take.
        thread::park_timeout(Duration::from_millis(random.below(2500)));
    }
    writer.finish(&mut random);
    agent.kill();
    let mut agent = agent.with(&["--until-drained"]);
    let status = agent.run();
    let counted = Counted::of(writer.written(), &rolled(&agent.path("out")));
    println!("kafka channel: {kills} kill -9 of the agent, {ends} ends of the broker, {counted}");
    assert!(status.success() && counted.is_exact(), "{counted}\n{}\n{}", writer.story(), agent.story());
}

#[test]
fn one_agent_fills_the_topic_and_another_empties_it() {
    let broker = Broker::start(Version::Newest, &[]);
    broker.create("relay", 3, &[]);
    let mut first = Agent::new(&(channel(&broker) + &files()));
    let mut second = Agent::new(&(channel(&broker) + FILE_ROLL));
    fs::create_dir(first.path("in")).unwrap();
    append(&first.path("in/app.log"), numbered(0, 500).as_bytes());
    first.start();
    second.start();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    let out = |agent: &Agent| String::from_utf8(rolled(&agent.path("out"))).unwrap();
    assert!(
        until(|| out(&second).len() >= numbered(0, 500).len()),
        "{}\n{}",
        second.status(&[]),
        second.story()
    );
    second.stop();
    append(&first.path("in/app.log"), numbered(500, 1000).as_bytes());
    let mut second = second.with(&["--until-drained"]);
    let brought = || first.status(&[]).contains("1000 delivered");
    assert!(until(brought), "{}\n{}", first.status(&[]), first.story());
    first.stop();
    assert!(second.run().success(), "{}", second.story());
    assert_eq!(sorted(&out(&second)), sorted(&numbered(0, 1000)), "{}", second.story());
}

#[test]
fn brokers_that_are_away_stop_the_sources_when_the_channel_is_full_and_all_arrives_afterwards() {
    let mut broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &["retention.ms=-1"]);
    let keys = "a1.channels.c1.capacity = 100\na1.channels.c1.transactionCapacity = 10\n";
    let mut agent = Agent::new(&(channel(&broker) + &files() + FILE_ROLL + keys));
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), numbered(0, 10).as_bytes());
    agent.start();
    arrives(&agent, &numbered(0, 10));
    broker.stop();
    append(&agent.path("in/app.log"), numbered(10, 500).as_bytes());
    let waits = || {
        let status = agent.status(&[]);
        status.contains("source r1 (taildir): waiting for room (c1)")
            && status.contains("waiting for brokers")
    };
    assert!(until(waits), "{}\n{}", agent.status(&[]), agent.story());
    // And so does one that begins meanwhile.
    agent.kill();
    agent.start();
    let waits = || agent.status(&[]).contains("waiting for brokers");
    assert!(until(waits), "{}\n{}", agent.status(&[]), agent.story());
    broker.restart();
    arrives(&agent, &numbered(0, 500));
    agent.stop();
}

#[test]
fn seed_002_spooltail_kafka_channel_brings_ten_thousand_lines_to_an_old_broker_and_to_its_sink() {
    let broker = Broker::start(Version::V0, &[]);
    broker.create("filetest10", 1, &[]);
    let config = seed("002-spooltail-kafka-channel", &["sources.r1.quietTime = 100"]);
    let mut agent = Agent::new(&config.replace("127.0.0.1:9092", broker.bootstrap()));
    fs::create_dir(agent.path("testdata")).unwrap();
    append(&agent.path("testdata/010_2017041200"), numbered(0, 6000).as_bytes());
    agent.start();
    let brought = |events: u32| agent.status(&[]).contains(&format!("{events} delivered"));
    assert!(until(|| brought(6000)), "{}\n{}", agent.status(&[]), agent.story());
    append(&agent.path("testdata/010_2017041201"), numbered(6000, 10_000).as_bytes());
    let done = "Null sink k1 successful processed 10000 events.";
    assert!(until(|| agent.log().contains(done)), "{}\n{}", agent.status(&[]), agent.story());
    assert!(until(|| agent.path("testdata/010_2017041200.COMPLETED").exists()), "{}", agent.story());
    assert!(agent.path("testdata/010_2017041201").exists());
    let values = Kcat::at(&broker).values("filetest10", 0);
    let bodies: String =
        values.iter().map(|value| String::from_utf8(event(value).1).unwrap() + "\n").collect();
    assert_eq!((values.len(), bodies), (10_000, numbered(0, 10_000)));
    assert!(agent.log().contains("sink `c1.in` delivers at least once"), "{}", agent.log());
    agent.stop();
}
