//! The Kafka sink beside real brokers.
use std::fs;

use crate::kills::append;
use crate::rotation::source;
use crate::rotation::writer::Kind;
use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::{Agent, until};

/// A rolling file → memory → the topic `lines`.
pub fn agent(broker: &Broker, keys: &str) -> Agent {
    let ends = format!(
        "a1.sources = r1\na1.channels = c1\na1.sinks = k1\na1.sources.r1.channels = c1\n\
         a1.sources.r1.drainQuiet = 400\na1.channels.c1.type = memory\na1.channels.c1.capacity = 2000\n\
         a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink\na1.sinks.k1.channel = c1\n\
         a1.sinks.k1.kafka.bootstrap.servers = {}\na1.sinks.k1.kafka.topic = lines\n\
         a1.sinks.k1.retryDelay = 20\na1.sinks.k1.syncInterval = 20\n",
        broker.bootstrap()
    );
    Agent::new(&(ends + keys + &source(Kind::Taildir)))
}

pub fn numbered(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("line {number}\n")).collect()
}

fn arrives(agent: &Agent, kcat: &Kcat, expected: &str) {
    let all = || String::from_utf8(kcat.consume("lines", 0)).unwrap();
    assert!(until(|| all().len() >= expected.len()), "{}", agent.story());
    assert_eq!(all(), expected, "{}", agent.story());
}

#[test]
fn k2_of_two_copies_of_an_instance_the_first_is_out_and_says_why() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &[]);
    let (mut first, mut second) = (agent(&broker, ""), agent(&broker, ""));
    fs::create_dir(first.path("in")).unwrap();
    append(&first.path("in/app.log"), numbered(0, 100).as_bytes());
    first.start();
    arrives(&first, &Kcat::at(&broker), &numbered(0, 100));
    second.start();
    assert!(
        until(|| second.status(&[]).contains("sink k1 (kafka): waiting for events")),
        "{}",
        second.story()
    );
    append(&first.path("in/app.log"), numbered(100, 200).as_bytes());
    let said =
        "sink `k1` is out until the agent is restarted: another copy of this instance has taken its place";
    assert!(until(|| first.log().contains(said)), "{}", first.story());
    assert_eq!(Kcat::at(&broker).consume("lines", 0), numbered(0, 100).into_bytes());
    second.stop();
}

#[test]
fn brokers_that_are_away_are_waited_for() {
    let mut broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &["retention.ms=-1"]);
    broker.stop();
    let mut agent = agent(&broker, "");
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), numbered(0, 100).as_bytes());
    agent.start();
    let said = format!("waiting for brokers `{}`", broker.bootstrap());
    assert!(until(|| agent.status(&[]).contains(&said)), "{}\n{}", agent.status(&[]), agent.story());
    broker.restart();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 100));
    agent.stop();
}

#[test]
fn brokers_that_are_away_while_the_channel_fills_stop_the_source_and_all_arrives_afterwards() {
    let mut broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &["retention.ms=-1"]);
    let mut agent = agent(&broker, "a1.sinks.k1.kafka.producer.delivery.timeout.ms = 900\n");
    agent.configure(
        &fs::read_to_string(agent.path("agent.properties"))
            .unwrap()
            .replace("capacity = 2000\n", "capacity = 200\n"),
    );
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), numbered(0, 100).as_bytes());
    agent.start();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 100));
    broker.kill();
    append(&agent.path("in/app.log"), numbered(100, 5000).as_bytes());
    let waits = "source r1 (taildir): waiting for room (c1)";
    let said = || {
        let status = agent.status(&[]);
        let words = format!("failing: waiting for brokers `{}`: no broker answers", broker.bootstrap());
        status.contains(&words) && status.contains(", since 2") && status.contains(waits)
    };
    assert!(until(said), "{}\n{}", agent.status(&[]), agent.story());
    broker.restart();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 5000));
    assert!(until(|| !agent.status(&[]).contains("failing")), "{}", agent.status(&[]));
    agent.stop();
}

#[test]
fn d1_topics_by_time_and_header_are_one_each_and_what_has_no_time_is_a_dead_letter() {
    let broker = Broker::start(Version::V3, &[]);
    let keys = "a1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = regex_extractor\n\
        a1.sources.r1.interceptors.i1.regex = ^(\\\\w+) (\\\\d*)\n\
        a1.sources.r1.interceptors.i1.serializers = s1 s2\n\
        a1.sources.r1.interceptors.i1.serializers.s1.name = app\n\
        a1.sources.r1.interceptors.i1.serializers.s2.name = timestamp\n";
    let mut agent = agent(&broker, keys);
    let config = fs::read_to_string(agent.path("agent.properties")).unwrap();
    agent.configure(&config.replace("kafka.topic = lines", "kafka.topic = logs-%{app}-%Y%m"));
    fs::create_dir(agent.path("in")).unwrap();
    let lines = "shop 1331093109123\nshop \nbank 1331093109123\nshop 1334000000000\n";
    append(&agent.path("in/app.log"), lines.as_bytes());
    agent.start();
    let dead = || fs::read_dir(agent.path("state/dead-letters/k1")).into_iter().flatten().count();
    assert!(until(|| dead() == 1), "{}", agent.story());
    assert!(
        until(|| agent.status(&[]).contains("delivered_total 3")),
        "{}\n{}",
        agent.status(&[]),
        agent.story()
    );
    let kcat = Kcat::at(&broker);
    let topics = [("logs-shop-201203", "shop 1331093109123\n"), ("logs-bank-201203", "bank 1331093109123\n")];
    for (topic, expected) in topics.into_iter().chain([("logs-shop-201204", "shop 1334000000000\n")]) {
        assert_eq!(String::from_utf8(kcat.consume(topic, 0)).unwrap(), expected, "{topic}");
    }
    assert!(agent.log().contains("its header `timestamp` is"), "{}", agent.log());
    agent.stop();
}

#[test]
fn javas_round_robin_gives_each_partition_its_turn_whatever_the_key() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 3, &[]);
    let class = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    let keys = format!("a1.sinks.k1.kafka.producer.partitioner.class = {class}\n");
    let mut agent = agent(&broker, &keys);
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), numbered(0, 30).as_bytes());
    agent.start();
    let kcat = Kcat::at(&broker);
    let lines = |partition| kcat.consume("lines", partition).iter().filter(|byte| **byte == b'\n').count();
    let in_turn = || (0..3).all(|partition| lines(partition) == 10);
    assert!(until(in_turn), "{:?}\n{}", [lines(0), lines(1), lines(2)], agent.story());
    agent.stop();
}

#[test]
fn an_entry_that_no_catalog_has_is_refused_with_the_names_there_are() {
    let agent = Agent::new(
        "a1.sources = r1\na1.channels = c1\na1.sinks = k1\na1.sources.r1.type = seq\na1.sources.r1.channels = c1\n\
         a1.channels.c1.type = memory\na1.sinks.k1.type = kafka\na1.sinks.k1.channel = c1\n\
         a1.sinks.k1.topics = itsi.lines\n",
    );
    let root = agent.path("env");
    fs::create_dir_all(root.join("kafka")).unwrap();
    fs::write(root.join("kafka/itosi.toml"), "brokers = [\"127.0.0.1:9092\"]\n").unwrap();
    let mut agent = agent.with(&["--env-root", root.to_str().unwrap()]);
    agent.spawn();
    let said = |words: &str| agent.log().contains(words);
    assert!(until(|| said("itsi")), "{}", agent.story());
    assert!(until(|| said("itosi")) && said(root.to_str().unwrap()), "{}", agent.log());
    agent.kill();
}

#[test]
fn d1_a_message_that_is_too_large_becomes_a_dead_letter_and_the_others_arrive_once() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &[]);
    let mut agent = agent(&broker, "a1.sinks.k1.max.request.size = 2000\n");
    fs::create_dir(agent.path("in")).unwrap();
    let text = numbered(0, 10) + &"x".repeat(5000) + "\n" + &numbered(10, 20);
    append(&agent.path("in/app.log"), text.as_bytes());
    agent.start();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 20));
    let letters: Vec<_> = fs::read_dir(agent.path("state/dead-letters/k1")).unwrap().flatten().collect();
    assert_eq!(letters.len(), 1, "{}", agent.story());
    let letter = fs::read_to_string(letters[0].path()).unwrap();
    assert!(letter.contains("larger than the brokers"), "{letter}");
    let status = agent.status(&[]);
    assert!(status.contains("1 dead-lettered"), "{status}");
    agent.stop();
}

/// Brokers judge batches: one that is too large is refused with all that is in it.
#[test]
fn d1_a_topic_that_takes_small_batches_only_gets_all_but_the_message_that_is_too_large_itself() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &["max.message.bytes=20000"]);
    let mut agent = agent(&broker, "a1.sinks.k1.flumeBatchSize = 1000\n");
    let config = fs::read_to_string(agent.path("agent.properties")).unwrap();
    let config =
        config.replace("capacity = 2000", "capacity = 20000").replace("batchSize = 7", "batchSize = 1000");
    agent.configure(&(config + "a1.channels.c1.transactionCapacity = 1000\n"));
    fs::create_dir(agent.path("in")).unwrap();
    let text = numbered(0, 3000) + &"x".repeat(30_000) + "\n" + &numbered(3000, 6000);
    append(&agent.path("in/app.log"), text.as_bytes());
    agent.start();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 6000));
    let dead = fs::read_dir(agent.path("state/dead-letters/k1")).into_iter().flatten().count();
    assert_eq!(dead, 1, "{}", agent.story());
    let said = "the brokers refuse batches of sink `k1` of up to 1000000 bytes";
    assert!(agent.log().contains(said), "{}", agent.log());
    agent.stop();
}

#[test]
fn brokers_without_transactions_get_every_line_at_least_once_and_that_is_said() {
    let broker = Broker::start(Version::V0, &[]);
    broker.create("lines", 1, &[]);
    let mut agent = agent(&broker, "");
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), numbered(0, 100).as_bytes());
    agent.start();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 100));
    assert!(
        agent.log().contains("sink `k1` delivers at least once: transactions are not to be had"),
        "{}",
        agent.log()
    );
    agent.stop();
}

#[test]
fn an_entry_of_the_catalogs_says_where_to_go() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &[]);
    let agent = agent(&broker, "");
    let text = fs::read_to_string(agent.path("agent.properties")).unwrap();
    let text: String =
        text.lines().filter(|line| !line.contains("bootstrap")).map(|line| format!("{line}\n")).collect();
    agent.configure(&text.replace("kafka.topic = lines", "topics = itosi.lines"));
    fs::create_dir_all(agent.path("env/kafka")).unwrap();
    let entry = format!("brokers = [\"{}\"]\n", broker.bootstrap());
    fs::write(agent.path("env/kafka/itosi.toml"), entry).unwrap();
    let root = agent.path("env").display().to_string();
    let mut agent = agent.with(&["--env-root", &root]);
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), numbered(0, 100).as_bytes());
    agent.start();
    arrives(&agent, &Kcat::at(&broker), &numbered(0, 100));
    agent.stop();
}
