//! A real Apache Flume on the other side of a topic.
use std::collections::BTreeSet;
use std::fs;

use super::channel::{channel, numbered};
use crate::kills::append;
use crate::support::flume::Flume;
use crate::support::kafka::{Broker, Version};
use crate::support::{Agent, until};

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
    let as_events: String = as_events.lines().filter(|line| line.contains(".r2.")).map(|l| format!("{l}\n")).collect();
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
