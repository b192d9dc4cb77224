//! What `check` says of Kafka channels; no broker is asked.
use std::fs;
use std::process::Command;

const BROKERS: &str = "a1.channels = c1\na1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n\
     a1.channels.c1.kafka.bootstrap.servers = h:9092\n";
const SPOOLDIR: &str = "a1.sources = r1\na1.sources.r1.type = spooldir\na1.sources.r1.spoolDir = /in\na1.sources.r1.channels = c1\n";
const NETCAT: &str = "a1.sources = r1\na1.sources.r1.type = netcat\na1.sources.r1.bind = 127.0.0.1\n\
     a1.sources.r1.port = 0\na1.sources.r1.channels = c1\n";
const FILE_ROLL: &str = "a1.sinks = k1\na1.sinks.k1.type = file_roll\na1.sinks.k1.sink.directory = /out\na1.sinks.k1.channel = c1\n";
const NULL: &str = "a1.sinks = k1\na1.sinks.k1.type = null\na1.sinks.k1.channel = c1\n";

fn check(config: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.properties");
    fs::write(&path, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dataflowkit")).arg("check").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// All that it says below the first line, which names the file.
fn promised(config: &str) -> String {
    let told = check(config);
    let (file, rest) = told.split_once('\n').unwrap();
    assert!(file.ends_with(": fine"), "{told}");
    rest.to_string()
}

#[test]
fn both_ways_through_the_topic_make_the_promise() {
    let both = promised(&format!("{BROKERS}{SPOOLDIR}{FILE_ROLL}"));
    let there =
        "`r1` can be read again, the brokers of `c1` keep a record of what they have (Kafka 0.11 or newer)";
    let expected = format!(
        "a1: r1 -> c1 -> k1: G4, exactly once, by kill -9 too\n    rests on: {there}; `k1` keeps a record of what it has of `c1`\n"
    );
    assert_eq!(both, expected);
    let forgets = promised(&format!("{BROKERS}{SPOOLDIR}{NULL}"));
    assert!(forgets.starts_with("a1: r1 -> c1 -> k1: G3, "), "{forgets}");
    assert!(forgets.contains("; what `k1` has not taken is still with the brokers of `c1`\n"), "{forgets}");
    assert!(forgets.ends_with("would raise it: a sink that keeps a record of what it has\n"), "{forgets}");
    let at_least = format!("{BROKERS}{SPOOLDIR}{FILE_ROLL}a1.channels.c1.delivery = at-least-once\n");
    let at_least = promised(&at_least);
    assert!(at_least.starts_with("a1: r1 -> c1 -> k1: G3, "), "{at_least}");
    assert!(at_least.ends_with("would raise it: `delivery = exactly-once` on `c1`\n"), "{at_least}");
}

#[test]
fn who_answers_its_peers_does_so_when_the_brokers_have_it_and_who_does_not_promises_nothing() {
    let answers = promised(&format!("{BROKERS}{NETCAT}{FILE_ROLL}"));
    assert!(answers.starts_with("a1: r1 -> c1 -> k1: G3, "), "{answers}");
    assert!(answers.contains("rests on: `c1` is with its brokers before `r1` answers"), "{answers}");
    let silent = format!("{BROKERS}{NETCAT}{FILE_ROLL}a1.sources.r1.ack-every-event = false\n");
    let silent = promised(&silent);
    assert!(silent.starts_with("a1: r1 -> c1 -> k1: G0, "), "{silent}");
}

#[test]
fn a_channel_with_one_end_in_this_agent_is_whole() {
    let there = promised(&format!("{BROKERS}{SPOOLDIR}"));
    assert!(there.starts_with("a1: r1 -> c1 -> its topic: G4, "), "{there}");
    let back = promised(&format!("{BROKERS}{NULL}"));
    assert!(back.starts_with("a1: its topic -> c1 -> k1: G3, "), "{back}");
    let neither = check(&format!("{BROKERS}{}", SPOOLDIR.replace("channels = c1", "channels = c2")));
    assert!(neither.contains("has no source and no sink that can run"), "{neither}");
}

#[test]
fn mistakes_are_told_with_their_place_and_a_cure() {
    let says = |key: &str, expected: &[&str]| {
        let told = check(&format!("{BROKERS}{SPOOLDIR}a1.channels.c1.{key}\n"));
        expected.iter().for_each(|text| assert!(told.contains(text), "{text}\n{told}"));
    };
    let without = BROKERS.replace("kafka.bootstrap.servers = h:9092", "kafka.topic = t");
    let without = check(&(without + SPOOLDIR));
    assert!(
        without.contains("channel `c1` (kafka): `t` says no place: neither an entry of the env catalogs"),
        "{without}"
    );
    says(
        "kafka.topic = a b",
        &["channel `c1` (kafka): a channel has one topic\n", "hint: a channel for each topic\n"],
    );
    says("kafka.topic = t-%{host}", &["`t-%{host}` has an escape, and a channel has one topic"]);
    says("kafka.producer.acks = 1", &["note[raised]: `kafka.producer.acks = 1` is raised to `all`"]);
    says("kafka.producer.transactional.id = x", &["error[refused-value]", "leave it out"]);
    says("kafka.producer.enable.idempotence = false", &["exactly-once needs `enable.idempotence`"]);
    says(
        "kafka.consumer.max.poll.recrods = 3",
        &[
            "warning[unknown-key]: `kafka.consumer.max.poll.recrods` has no effect: no client of Kafka has a property",
            "hint: did you mean `max.poll.records`?",
        ],
    );
    says(
        "kafka.consumer.max.poll.interval.ms = 2147483647",
        &["note[near]", "it is taken as 86400000: further the client does not go"],
    );
    says(
        "kafka.consumer.partition.assignment.strategy = org.apache.kafka.clients.consumer.StickyAssignor",
        &["note[near]", "StickyAssignor is taken as roundrobin"],
    );
    says("kafka.consumer.timeout.ms = 100", &["note[ignored-key]", "`batchDurationMillis` ends a batch"]);
    says("kafka.consumer.compression.type = gzip", &["note[ignored-key]", "it is a property of producers"]);
    says("kafka.producer.type = async", &["note[ignored-key]", "every delivery report is waited for"]);
    says("kafka.producer.partitioner.class = a.B", &["error[refused-value]", "`a.B` is a Java class"]);
    says(
        "kafka.consumer.group.protocol = consumer\na1.channels.c1.kafka.consumer.heartbeat.interval.ms = 100",
        &[
            "error[refused-value]",
            "with `group.protocol = consumer` the brokers decide on `heartbeat.interval.ms`",
        ],
    );
    says("readSmallestOffset = false", &["warning[skips]"]);
    says("zookeeperConnect = z:2181", &["has no effect: offsets are with the brokers", "--reset-offsets"]);
    says("kafka.pollTimeout = 500", &["has no effect: sinks are woken by what comes"]);
    says("defaultPartitionId = x", &["`defaultPartitionId` must be a number from 0"]);
}

#[test]
fn a_source_that_knows_zookeeper_alone_is_told_where_clients_ask() {
    let source = "a1.sources = r1\na1.channels = c1\na1.channels.c1.type = memory\na1.sources.r1.channels = c1\n\
         a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource\na1.sources.r1.topic = t\n\
         a1.sources.r1.zookeeperConnect = z:2181\n";
    let told = check(&format!("{source}{NULL}"));
    assert!(told.contains("`zookeeperConnect` does not say where the brokers are"), "{told}");
    assert!(told.contains("hint: `kafka.bootstrap.servers = HOST:9092`"), "{told}");
}

#[test]
fn files_of_both_generations_are_understood() {
    let old = "a1.channels = c1\na1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\n\
         a1.channels.c1.capacity = 10000\na1.channels.c1.transactionCapacity = 1000\n\
         a1.channels.c1.brokerList = h:9092,h2:9092\na1.channels.c1.topic = t\na1.channels.c1.groupId = g\n\
         a1.channels.c1.kafka.compression.codec = snappy\n";
    let told = check(&format!("{old}{SPOOLDIR}{NULL}"));
    assert!(!told.contains("error") && !told.contains("warning"), "{told}");
    let new = "a1.channels.c1.kafka.topic = t\na1.channels.c1.kafka.consumer.group.id = g\n\
         a1.channels.c1.kafka.consumer.auto.offset.reset = latest\n\
         a1.channels.c1.kafka.producer.compression.type = lz4\n\
         a1.channels.c1.kafka.producer.security.protocol = SSL\na1.channels.c1.kafka.consumer.security.protocol = SSL\n\
         a1.channels.c1.kafka.producer.ssl.disableTLSHostnameVerification = true\n\
         a1.channels.c1.kafka.consumer.ssl.disableTLSHostnameVerification = true\n";
    promised(&format!("{BROKERS}{new}{SPOOLDIR}{NULL}"));
}
