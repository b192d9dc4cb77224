//! A real Apache Flume on the other side of a topic.
use std::collections::BTreeSet;
use std::fs;

use super::channel::{channel, numbered};
use crate::kills::append;
use crate::support::flume::Flume;
use crate::support::kafka::{Broker, Kcat, Version};
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
