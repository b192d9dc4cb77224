//! A real Apache Flume on the other side of a topic, with its channel, its sink and its source of Kafka.
use std::collections::BTreeSet;
use std::fs;

use super::channel::{FILE_ROLL, channel, numbered};
use crate::kills::append;
use crate::support::flume::Flume;
use crate::support::kafka::{Broker, Version};
use crate::support::{Agent, rolled, until};

const LINES: u32 = 300;

/// A broker with the topics `relay`, `plain` and `events`.
fn broker() -> Broker {
    let broker = Broker::start(Version::V3, &[]);
    ["relay", "plain", "events"].iter().for_each(|topic| broker.create(topic, 1, &[]));
    broker
}

/// What differs where the value has the headers.
fn format(topic: &str, component: &str) -> String {
    if topic == "events" { format!("{component}.useFlumeEventFormat = true\n") } else { String::new() }
}

/// A spooling source whose events have three headers, as both agents understand it.
fn spooldir(source: &str, channels: &str) -> String {
    format!(
        "{source}.type = spooldir\n{source}.channels = {channels}\n{source}.spoolDir = @DIR@/in\n\
         {source}.pollDelay = 20\n{source}.basenameHeader = true\n{source}.interceptors = i1 i2\n\
         {source}.interceptors.i1.type = static\n{source}.interceptors.i1.key = app\n\
         {source}.interceptors.i1.value = shop\n{source}.interceptors.i2.type = static\n\
         {source}.interceptors.i2.key = key\n{source}.interceptors.i2.value = k7\n"
    )
}

fn memory(channel: &str) -> String {
    format!("{channel}.type = memory\n{channel}.capacity = 2000\n{channel}.transactionCapacity = 2000\n")
}

fn kafka_sink(broker: &Broker, sink: &str, (channel, topic): (&str, &str)) -> String {
    let class = "org.apache.flume.sink.kafka.KafkaSink";
    let brokers = broker.bootstrap();
    format!(
        "{sink}.type = {class}\n{sink}.channel = {channel}\n{sink}.kafka.bootstrap.servers = {brokers}\n\
         {sink}.kafka.topic = {topic}\n{}",
        format(topic, sink)
    )
}

fn kafka_source(broker: &Broker, source: &str, (topic, channel): (&str, &str)) -> String {
    let class = "org.apache.flume.source.kafka.KafkaSource";
    let brokers = broker.bootstrap();
    format!(
        "{source}.type = {class}\n{source}.channels = {channel}\n{source}.kafka.bootstrap.servers = {brokers}\n\
         {source}.kafka.topics = {topic}\n{source}.kafka.consumer.auto.offset.reset = earliest\n\
         {source}.kafka.consumer.isolation.level = read_committed\n{source}.batchDurationMillis = 100\n\
         {source}.kafka.consumer.group.id = {topic}\n{}",
        format(topic, source)
    )
}

/// Flume's Kafka channel `c1` on the topic `relay`.
fn their_channel(broker: &Broker) -> String {
    format!(
        "f.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n\
         f.channels.c1.kafka.bootstrap.servers = {}\nf.channels.c1.kafka.topic = relay\n\
         f.channels.c1.kafka.consumer.isolation.level = read_committed\n",
        broker.bootstrap()
    )
}

fn their_files(sink: &str, channel: &str, dir: &str) -> String {
    format!(
        "f.sinks.{sink}.type = file_roll\nf.sinks.{sink}.channel = {channel}\n\
         f.sinks.{sink}.sink.directory = @DIR@/{dir}\nf.sinks.{sink}.sink.rollInterval = 0\n\
         f.sinks.{sink}.sink.serializer = header_and_text\n"
    )
}

/// `{a=1, b=2} body`, headers in any order.
fn parsed(line: &str) -> (BTreeSet<&str>, &str) {
    let (headers, body) = line.strip_prefix('{').unwrap().split_once("} ").unwrap();
    (headers.split(", ").filter(|pair| !pair.is_empty()).collect(), body)
}

/// All lines arrived once and in order, with these headers at least and none of those.
fn is_all(lines: &[&str], with: &[&str], without: &[&str]) {
    let bodies: String = lines.iter().map(|line| parsed(line).1.to_string() + "\n").collect();
    assert_eq!(bodies, numbered(0, LINES));
    for line in lines {
        let (headers, _) = parsed(line);
        assert!(with.iter().all(|header| headers.contains(header)), "{line}");
        assert!(!without.iter().any(|header| headers.contains(header)), "{line}");
    }
}

const BROUGHT: [&str; 3] = ["app=shop", "basename=app.log", "key=k7"];

#[test]
fn what_our_channel_and_our_sink_brought_flumes_channel_and_its_source_read_with_its_headers() {
    let broker = broker();
    let source = "a1.sources = r1\n".to_string() + &spooldir("a1.sources.r1", "c1");
    let by_sink = |topic: &str| {
        let sink = kafka_sink(&broker, "a1.sinks.k1", ("c1", topic));
        format!("a1.channels = c1\na1.sinks = k1\n{}{sink}", memory("a1.channels.c1"))
    };
    for ends in [channel(&broker), by_sink("plain"), by_sink("events")] {
        let mut agent = Agent::new(&(ends + &source)).with(&["--until-drained"]);
        fs::create_dir(agent.path("in")).unwrap();
        append(&agent.path("in/app.log"), numbered(0, LINES).as_bytes());
        assert!(agent.run().success(), "{}", agent.story());
    }
    let theirs = "f.sources = r1 r2\nf.channels = c1 c2\nf.sinks = k1 k2\n".to_string()
        + &their_channel(&broker)
        + &memory("f.channels.c2")
        + &kafka_source(&broker, "f.sources.r1", ("plain", "c2"))
        + &kafka_source(&broker, "f.sources.r2", ("events", "c2"))
        + &their_files("k1", "c1", "out")
        + &their_files("k2", "c2", "other");
    let flume = Flume::start(&theirs, "name: k2");
    let lines = |dir: &str| flume.output(dir).lines().count() as u32;
    let all = || lines("out") >= LINES && lines("other") >= 2 * LINES;
    assert!(until(all), "{} {}\n{}", lines("out"), lines("other"), flume.story());
    let (by_channel, by_sources) = (flume.output("out"), flume.output("other"));
    is_all(&by_channel.lines().collect::<Vec<_>>(), &BROUGHT, &[]);
    assert!(by_channel.lines().all(|line| parsed(line).0.len() == 3), "{by_channel}");
    let of = |topic: &str| -> Vec<&str> {
        by_sources.lines().filter(|line| line.contains(&format!("topic={topic}"))).collect()
    };
    is_all(&of("plain"), &["key=k7"], &["app=shop"]);
    is_all(&of("events"), &BROUGHT, &[]);
}

#[test]
fn what_flumes_channel_and_its_sink_brought_our_channel_and_our_source_read_with_its_headers() {
    let broker = broker();
    let theirs = "f.sources = r1\nf.channels = c1 c2 c3\nf.sinks = k2 k3\n".to_string()
        + &their_channel(&broker)
        + &memory("f.channels.c2")
        + &memory("f.channels.c3")
        + &kafka_sink(&broker, "f.sinks.k2", ("c2", "plain"))
        + &kafka_sink(&broker, "f.sinks.k3", ("c3", "events"))
        + &spooldir("f.sources.r1", "c1 c2 c3");
    let flume = Flume::start(&theirs, "name: r1");
    append(&flume.path("in/app.log"), numbered(0, LINES).as_bytes());
    let by_source = |topic: &str| {
        let source = kafka_source(&broker, "a1.sources.r1", (topic, "c1"));
        format!("a1.sources = r1\na1.channels = c1\n{}{source}", memory("a1.channels.c1"))
    };
    let cases: [(String, &[&str], &[&str]); 3] = [
        (channel(&broker), &BROUGHT, &[]),
        (by_source("plain"), &["key=k7"], &["app=shop"]),
        (by_source("events"), &BROUGHT, &[]),
    ];
    for (ends, with, without) in cases {
        let headers = "a1.sinks.k1.sink.serializer = header_and_text\n";
        let mut agent = Agent::new(&(ends + FILE_ROLL + headers));
        agent.start();
        let output = || String::from_utf8(rolled(&agent.path("out"))).unwrap();
        let all = || output().lines().count() as u32 >= LINES;
        assert!(until(all), "{}\n{}\n{}", agent.status(&[]), agent.story(), flume.story());
        let output = output();
        agent.stop();
        is_all(&output.lines().collect::<Vec<_>>(), with, without);
    }
}
