//! A real Apache Flume on the other side of a topic.
use std::collections::BTreeSet;
use std::fs;

use super::channel::{FILE_ROLL, channel, numbered};
use crate::kills::append;
use crate::support::flume::Flume;
use crate::support::kafka::{Broker, Version};
use crate::support::{Agent, rolled, until};

/// Flume's Kafka channel on the same topic, by another group than ours would be.
fn their_channel(broker: &Broker) -> String {
    format!(
        "f.channels = c1\nf.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n\
         f.channels.c1.kafka.bootstrap.servers = {}\nf.channels.c1.kafka.topic = relay\n\
         f.channels.c1.kafka.consumer.isolation.level = read_committed\n",
        broker.bootstrap()
    )
}

const THEIR_FILES: &str = "f.sinks = k1\nf.sinks.k1.type = file_roll\nf.sinks.k1.channel = c1\n\
     f.sinks.k1.sink.directory = @DIR@/out\nf.sinks.k1.sink.rollInterval = 0\n\
     f.sinks.k1.sink.serializer = header_and_text\n";

/// `{a=1, b=2} body`, headers in any order.
fn parsed(line: &str) -> (BTreeSet<&str>, &str) {
    let (headers, body) = line.strip_prefix('{').unwrap().split_once("} ").unwrap();
    (headers.split(", ").filter(|pair| !pair.is_empty()).collect(), body)
}

/// Files named `app.log`, with three headers each line.
const OUR_FILES: &str = "a1.sources = r1\na1.sources.r1.type = spooldir\na1.sources.r1.channels = c1\n\
     a1.sources.r1.spoolDir = @DIR@/in\na1.sources.r1.basenameHeader = true\na1.sources.r1.pollDelay = 20\n\
     a1.sources.r1.interceptors = i1 i2\na1.sources.r1.interceptors.i1.type = static\n\
     a1.sources.r1.interceptors.i1.key = app\na1.sources.r1.interceptors.i1.value = sh\u{f6}p\n\
     a1.sources.r1.interceptors.i2.type = static\na1.sources.r1.interceptors.i2.key = key\n\
     a1.sources.r1.interceptors.i2.value = k7\n";

#[test]
fn what_our_channel_put_flumes_channel_takes_with_its_headers() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &[]);
    let mut agent = Agent::new(&(channel(&broker) + OUR_FILES)).with(&["--until-drained"]);
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), (numbered(0, 200) + "\u{e9}\u{4e2d}\n").as_bytes());
    assert!(agent.run().success(), "{}", agent.story());
    let flume = Flume::start(&(their_channel(&broker) + THEIR_FILES), "name: k1");
    assert!(until(|| flume.output().lines().count() >= 201), "{}\n{}", flume.output(), flume.story());
    let output = flume.output();
    let headers: BTreeSet<&str> = ["app=sh\u{f6}p", "basename=app.log", "key=k7"].into();
    let bodies: String = output.lines().map(|line| parsed(line).1.to_string() + "\n").collect();
    assert!(output.lines().all(|line| parsed(line).0 == headers), "{output}");
    assert_eq!(bodies, numbered(0, 200) + "\u{e9}\u{4e2d}\n");
}

/// Flume's Kafka source on the topic `relay`, into files.
fn their_source(broker: &Broker, keys: &str) -> String {
    format!(
        "f.sources = r1\nf.channels = c1\nf.channels.c1.type = memory\nf.channels.c1.capacity = 2000\nf.channels.c1.transactionCapacity = 2000\n\
         f.sources.r1.type = org.apache.flume.source.kafka.KafkaSource\nf.sources.r1.channels = c1\n\
         f.sources.r1.kafka.bootstrap.servers = {}\nf.sources.r1.kafka.topics = relay\n\
         f.sources.r1.kafka.consumer.auto.offset.reset = earliest\n\
         f.sources.r1.kafka.consumer.isolation.level = read_committed\n\
         f.sources.r1.batchDurationMillis = 100\n{keys}",
        broker.bootstrap()
    )
}

/// Our Kafka sink, fed by `OUR_FILES`.
fn our_sink(broker: &Broker, keys: &str) -> String {
    let ends = format!(
        "a1.channels = c1\na1.channels.c1.type = memory\na1.sinks = k1\na1.sinks.k1.channel = c1\n\
         a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink\n\
         a1.sinks.k1.kafka.bootstrap.servers = {}\na1.sinks.k1.kafka.topic = relay\n{keys}",
        broker.bootstrap()
    );
    ends + OUR_FILES
}

#[test]
fn what_our_sink_sends_flumes_source_reads() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &[]);
    broker.create("events", 1, &[]);
    for (topic, keys) in [("relay", ""), ("events", "a1.sinks.k1.useFlumeEventFormat = true\n")] {
        let config = our_sink(&broker, keys).replace("topic = relay", &format!("topic = {topic}"));
        let mut agent = Agent::new(&config).with(&["--until-drained"]);
        fs::create_dir(agent.path("in")).unwrap();
        append(&agent.path("in/app.log"), numbered(0, 200).as_bytes());
        assert!(agent.run().success(), "{}", agent.story());
    }
    let second = "f.sources = r1 r2\nf.sources.r2.type = org.apache.flume.source.kafka.KafkaSource\n";
    let as_events = their_source(&broker, "f.sources.r1.useFlumeEventFormat = true\n");
    let as_events = as_events.replace("f.sources = r1\n", "").replace("r1", "r2").replace("relay", "events");
    let plain = their_source(&broker, "").replace("f.sources = r1\n", second);
    let as_events: String =
        as_events.lines().filter(|line| line.contains(".r2.")).map(|l| format!("{l}\n")).collect();
    let flume = Flume::start(&(plain + &as_events + THEIR_FILES), "name: r2");
    assert!(until(|| flume.output().lines().count() >= 400), "{}\n{}", flume.output(), flume.story());
    let output = flume.output();
    for topic in ["relay", "events"] {
        let of_it = |line: &&str| line.contains(&format!("topic={topic}"));
        let lines: Vec<_> = output.lines().filter(of_it).map(parsed).collect();
        let bodies: String = lines.iter().map(|(_, body)| body.to_string() + "\n").collect();
        assert_eq!(bodies, numbered(0, 200));
        assert!(lines.iter().all(|(headers, _)| headers.contains("key=k7")), "{output}");
        let brought = |(headers, _): &(BTreeSet<&str>, &str)| headers.contains("app=sh\u{f6}p");
        assert_eq!(lines.iter().all(brought), topic == "events", "{output}");
        assert_eq!(lines.iter().any(brought), topic == "events", "{output}");
    }
}

/// Files of Flume's `in`, with two headers each line.
const THEIR_INPUT: &str = "f.sources = r1\nf.sources.r1.type = spooldir\nf.sources.r1.channels = c1\n\
     f.sources.r1.spoolDir = @DIR@/in\nf.sources.r1.basenameHeader = true\nf.sources.r1.interceptors = i1 i2\n\
     f.sources.r1.interceptors.i1.type = static\nf.sources.r1.interceptors.i1.key = app\n\
     f.sources.r1.interceptors.i1.value = shop\nf.sources.r1.interceptors.i2.type = static\n\
     f.sources.r1.interceptors.i2.key = key\nf.sources.r1.interceptors.i2.value = k7\n";

/// Lines with headers, as ours writes them.
fn taken(agent: &Agent, lines: usize) -> String {
    let output = || String::from_utf8(rolled(&agent.path("out"))).unwrap();
    assert!(until(|| output().lines().count() >= lines), "{}\n{}", agent.status(&[]), agent.story());
    output()
}

#[test]
fn what_flumes_channel_put_our_channel_takes_with_its_headers() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &[]);
    let mut flume = Flume::start(&(their_channel(&broker) + THEIR_INPUT), "name: r1");
    append(&flume.path("in/app.log"), numbered(0, 300).as_bytes());
    let headers = "a1.sinks.k1.sink.serializer = header_and_text\n";
    let mut agent = Agent::new(&(channel(&broker) + FILE_ROLL + headers));
    agent.start();
    let output = taken(&agent, 300);
    flume.stop();
    agent.stop();
    let lines: Vec<_> = output.lines().map(parsed).collect();
    let brought: BTreeSet<&str> = ["app=shop", "basename=app.log", "key=k7"].into();
    assert!(lines.iter().all(|(headers, _)| *headers == brought), "{output}");
    let bodies: String = lines.iter().map(|(_, body)| body.to_string() + "\n").collect();
    assert_eq!(bodies, numbered(0, 300));
}

#[test]
fn what_flumes_sink_sends_our_source_reads() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("relay", 1, &[]);
    broker.create("events", 1, &[]);
    let sink = |name: &str, topic: &str, keys: &str| {
        format!(
            "f.channels.{name}.type = memory\nf.channels.{name}.capacity = 1000\nf.sinks.{name}.channel = {name}\n\
             f.sinks.{name}.type = org.apache.flume.sink.kafka.KafkaSink\n\
             f.sinks.{name}.kafka.bootstrap.servers = {}\nf.sinks.{name}.kafka.topic = {topic}\n{keys}",
            broker.bootstrap()
        )
    };
    let theirs = "f.channels = c1 c2\nf.sinks = c1 c2\n".to_string()
        + &sink("c1", "relay", "")
        + &sink("c2", "events", "f.sinks.c2.useFlumeEventFormat = true\n")
        + &THEIR_INPUT.replace("channels = c1", "channels = c1 c2");
    let flume = Flume::start(&theirs, "name: r1");
    append(&flume.path("in/app.log"), numbered(0, 300).as_bytes());
    for (topic, keys) in [("relay", ""), ("events", "a1.sources.r1.useFlumeEventFormat = true\n")] {
        let config = format!(
            "a1.sources = r1\na1.channels = c1\na1.channels.c1.type = memory\na1.channels.c1.capacity = 2000\n\
             a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource\na1.sources.r1.channels = c1\n\
             a1.sources.r1.kafka.bootstrap.servers = {}\na1.sources.r1.kafka.topics = {topic}\n\
             a1.sources.r1.kafka.consumer.auto.offset.reset = earliest\na1.sources.r1.batchDurationMillis = 100\n\
             a1.sinks.k1.sink.serializer = header_and_text\n{keys}",
            broker.bootstrap()
        );
        let mut agent = Agent::new(&(config + FILE_ROLL));
        agent.start();
        let output = taken(&agent, 300);
        agent.stop();
        let lines: Vec<_> = output.lines().map(parsed).collect();
        let bodies: String = lines.iter().map(|(_, body)| body.to_string() + "\n").collect();
        assert_eq!(bodies, numbered(0, 300));
        assert!(lines.iter().all(|(headers, _)| headers.contains("key=k7")), "{output}");
        let brought = |(headers, _): &(BTreeSet<&str>, &str)| headers.contains("app=shop");
        assert_eq!(
            (lines.iter().all(brought), lines.iter().any(brought)),
            (topic == "events", topic == "events"),
            "{output}"
        );
    }
}
