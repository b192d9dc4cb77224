//! The Kafka source beside real brokers.
mod begins;
mod groups;
mod shapes;
mod torture;

use crate::support::kafka::{Broker, Version};
use crate::support::{Agent, rolled, until};

/// A broker whose groups notice a killed member soon.
fn broker(version: Version) -> Broker {
    let old = version == Version::V0;
    let delay = ["--set", "group.initial.rebalance.delay.ms=0", "--set", "group.min.session.timeout.ms=100"];
    Broker::start(version, if old { &delay[2..] } else { &delay })
}

const OF_MEMBERS: &str = "a1.sources.r1.kafka.consumer.session.timeout.ms = 1000\n\
    a1.sources.r1.kafka.consumer.heartbeat.interval.ms = 100\n";

/// Keys of a source of the topic `lines` that answers quickly.
fn source(broker: &Broker, keys: &str) -> String {
    let fixed = format!(
        "a1.sources = r1\na1.channels = c1\na1.sinks = k1\na1.sources.r1.channels = c1\n\
         a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource\n\
         a1.sources.r1.kafka.bootstrap.servers = {}\na1.sources.r1.batchDurationMillis = 50\n\
         a1.sources.r1.auto.commit.interval.ms = 50\n\
         a1.sources.r1.topic.metadata.refresh.interval.ms = 200\n{}",
        broker.bootstrap(),
        // Where the brokers decide on it, it is refused.
        if keys.contains("group.protocol") { "" } else { OF_MEMBERS }
    );
    let more: String = keys.lines().map(|key| format!("a1.sources.r1.{}\n", key.trim())).collect();
    let defaults =
        [("kafka.topics", "kafka.topics = lines"), ("auto.offset.reset", "auto.offset.reset = earliest")];
    let default =
        |(key, text): &(&str, &str)| (!more.contains(key)).then(|| format!("a1.sources.r1.{text}\n"));
    fixed + &defaults.iter().filter_map(default).collect::<String>() + &more
}

const MEMORY: &str = "a1.channels.c1.type = memory\na1.channels.c1.capacity = 2000\n";
const FILE: &str = "a1.channels.c1.type = file\na1.channels.c1.checkpointDir = @DIR@/cp\n\
                    a1.channels.c1.dataDirs = @DIR@/data\n";
const ROLL: &str = "a1.sinks.k1.type = file_roll\na1.sinks.k1.channel = c1\na1.sinks.k1.sink.directory = @DIR@/out\n\
                    a1.sinks.k1.sink.rollInterval = 0\na1.sinks.k1.retryDelay = 20\na1.sinks.k1.syncInterval = 20\n";

/// The topic → memory → files.
fn agent(broker: &Broker, keys: &str) -> Agent {
    let agent = Agent::new(&(source(broker, keys) + MEMORY + ROLL));
    std::fs::create_dir(agent.path("out")).unwrap();
    agent
}

fn numbered(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("line {number}\n")).collect()
}

fn out(agent: &Agent) -> String {
    String::from_utf8(rolled(&agent.path("out"))).unwrap()
}

/// Waits for as much, and compares.
fn arrives(agent: &Agent, expected: &str) {
    until(|| out(agent).len() >= expected.len());
    assert_eq!(out(agent), expected, "{}", agent.story());
}

fn says(agent: &Agent, words: &str) {
    assert!(until(|| agent.log().contains(words)), "it does not say `{words}`\n{}", agent.story());
}

fn shows(agent: &Agent, words: &str) {
    assert!(
        until(|| agent.status(&[]).contains(words)),
        "no `{words}`: {}\n{}",
        agent.status(&[]),
        agent.story()
    );
}
