//! What messages become.
use std::fs;

use super::{ROLL, arrives, broker, numbered, out, says, source};
use crate::rotation::writer::Random;
use crate::support::kafka::{Client, Kcat, Message, Version};
use crate::support::{Agent, until};

const HEADERS: &str = "a1.sinks.k1.sink.serializer = header_and_text\n";

fn with_headers(broker: &crate::support::kafka::Broker, keys: &str) -> Agent {
    let agent = Agent::new(&(source(broker, keys) + super::MEMORY + ROLL + HEADERS));
    fs::create_dir(agent.path("out")).unwrap();
    agent
}

#[test]
fn events_have_flumes_headers_and_those_of_the_messages() {
    let broker = broker(Version::V3);
    broker.create("lines", 1, &[]);
    let message = Message {
        key: Some("k1"),
        value: Some(b"one"),
        headers: &[("trace", "t1"), ("offset", "no"), ("id", "7")],
        timestamp: Some(1_500_000_000_000),
    };
    let nothing = Message { timestamp: Some(1_500_000_000_001), ..Message::default() };
    Client::at(&broker).send("lines", 0, &[message, nothing]);
    let mut agent = with_headers(&broker, "header.ident = id\ntopicHeader = t");
    agent.start();
    assert!(until(|| out(&agent).lines().count() == 2), "{}\n{}", out(&agent), agent.story());
    let lines = out(&agent);
    for part in [
        "key=k1",
        "trace=t1",
        "offset=0",
        "partition=0",
        "t=lines",
        "id=7",
        "ident=7",
        "timestamp=1500000000000",
    ] {
        assert!(lines.lines().next().unwrap().contains(part), "{part}: {lines}");
    }
    assert!(lines.lines().nth(1).unwrap().contains("offset=1"), "{lines}");
    assert!(lines.lines().next().unwrap().ends_with("one"), "{lines}");
    agent.stop();
}

#[test]
fn d1_a_value_that_is_no_flume_event_becomes_a_dead_letter_and_holds_nothing_up() {
    let broker = broker(Version::V3);
    broker.create("lines", 1, &[]);
    let values: [&[u8]; 3] = [b"\x01\x0c\x02a\x061 2\x00\x06one", b"text", b"\x00\x06two"];
    let messages = values.map(|value| Message { value: Some(value), ..Message::default() });
    Client::at(&broker).send("lines", 0, &messages);
    let mut agent = with_headers(&broker, "useFlumeEventFormat = true");
    agent.start();
    assert!(until(|| out(&agent).lines().count() == 2), "{}\n{}", out(&agent), agent.story());
    assert!(out(&agent).contains("a=1 2") && out(&agent).ends_with("two\n"), "{}", out(&agent));
    let letters: Vec<_> = fs::read_dir(agent.path("state/dead-letters/r1")).unwrap().flatten().collect();
    assert_eq!(letters.len(), 1, "{}", agent.story());
    assert!(letters[0].file_name().to_str().unwrap().ends_with("-1.json"));
    let letter = fs::read_to_string(letters[0].path()).unwrap();
    assert!(letter.contains(r#""body":"text""#) && letter.contains("no Avro Flume event"), "{letter}");
    let status = agent.status(&[]);
    assert!(status.contains("dead_lettered_total 1"), "{status}");
    agent.stop();
}

#[test]
fn seed_000_kafka_source_reads_the_topic_of_its_catalog_once_through_kills() {
    let broker = broker(Version::V3);
    broker.create("zhangleitest", 2, &[]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seed-configs/000-kafka-source.properties");
    let keys = "agent.sources.s.auto.offset.reset = smallest\nagent.sources.s.kafka.session.timeout.ms = 1000\n\
                agent.sources.s.kafka.heartbeat.interval.ms = 100\n";
    let agent = Agent::new(&(fs::read_to_string(path).unwrap() + "\n" + keys));
    fs::create_dir(agent.path("out")).unwrap();
    fs::create_dir_all(agent.path("env/kafka")).unwrap();
    fs::write(agent.path("env/kafka/itosi.toml"), format!("brokers = [\"{}\"]\n", broker.bootstrap()))
        .unwrap();
    let root = agent.path("env").display().to_string();
    let mut agent = agent.with(&["--env-root", &root]);
    let (kcat, mut random) = (Kcat::at(&broker), Random::new(1));
    let mut number = 0;
    for _ in 0..4 {
        agent.start();
        kcat.produce("zhangleitest", 1, numbered(number, number + 500).as_bytes());
        number += 500;
        let enough = numbered(0, number - 100 - random.below(300) as u32).len();
        assert!(until(|| out(&agent).len() >= enough), "{}", agent.story());
        agent.kill();
    }
    agent.start();
    arrives(&agent, &numbered(0, number));
    for key in ["kafka.zookeeper.connection.timeout.ms", "kafka.zookeeper.session.timeout.ms"] {
        says(&agent, &format!("`{key}` has no effect"));
    }
    agent.stop();
}
