//! A topic of Kafka as a channel: what sources put is in the topic before it is held, what sinks take comes from there.
//!
//! Shape: a relay (`agent::relay`) of parts that are there already. Sources put into a memory channel, from which the
//! Kafka sink brings events and marks to the topic in one transaction; the Kafka source reads the topic into another
//! memory channel, which the sinks take from. Its group's offsets move once the sinks have delivered durably, so the
//! topic can be read on by Flume, and what Flume left there by us.
//! Values are what Flume writes: an `AvroFlumeEvent` without container, or the body alone; the header `key` is the key.
//! Differs from Flume's: exactly once where brokers do transactions; `acks` is always `all`; `capacity` and
//! `transactionCapacity`, which Flume ignores, bound what is on its way in memory, there and back; an event that names no
//! partition with its `partitionIdHeader` is a dead letter and holds nothing up; a message that is no Flume event is one
//! too, where Flume's sinks fail for ever. Keys are those of Flume 1.7 and newer; 1.6 had a random one per transaction.
//! Limits: a reader that does not ask for committed messages alone, as Flume's does not by itself, sees what was given up.
//! Truth: Flume 1.6 and 1.11 `KafkaChannel`; the positions protocol, P4 and P8.
use std::time::Duration;

use jiff::tz::TimeZone;

use super::memory::{self, End, Settings};
use crate::codec::escapes::Escapes;
use crate::config::catalog::{Addressed, KAFKA, addressed, kafka};
use crate::config::{At, Build, ChannelOpener, Field, Refusal, Relay, Spec, Unit, common};
use crate::diag::Diagnostic;
use crate::flow::{Fatal, Input, Kind, Limit, Outlet, Sink, Source, Stop, Wait};
use crate::kafka::decided;
use crate::kafka::keys::{self, CATALOG, DELIVERY, MARKS_TOPIC, PARTITION, PARTITION_HEADER};
use crate::kafka::letters::Letters;
use crate::kafka::limits;
use crate::kafka::message::Form;
use crate::kafka::producer::Partition;
use crate::kafka::reach::Reach;
use crate::kafka::sink::{self, KafkaSink};
use crate::kafka::source::{self, KafkaSource, Topics};
use crate::kafka::start::Start;

const BROKERS: Field = Field::text("kafka.bootstrap.servers")
    .also(&["brokerList", "kafka.metadata.broker.list", "kafka.brokerList"])
    .doc("brokers to begin with: host:port, host:port; else those of the catalog");
const TOPIC: Field = Field::text("kafka.topic")
    .also(&["topic"])
    .default("flume-channel")
    .doc("the topic, `ENTRY.TOPIC` with an entry of the env catalogs");
const GROUP: Field = Field::text("kafka.consumer.group.id")
    .also(&["groupId", "kafka.group.id"])
    .default("flume")
    .doc("the group that reads it; agents of one group share the topic");
const PARSE: Field = Field::flag("parseAsFlumeEvent")
    .default("true")
    .doc("messages are Avro FlumeEvents, headers and body, as Flume writes them; else bodies alone");
const SMALLEST: Field = Field::flag("readSmallestOffset").lint(of_smallest).doc(
    "where a group begins that has no offset yet: true at the oldest event, as without it; false at the end",
);
const CAPACITY: Field = Field::int("capacity", 1, i64::MAX)
    .unit(Unit::Events)
    .default("10000")
    .lenient()
    .doc("events on their way to the topic, and as many on their way from it; Flume has no limit here");
const TRANSACTION: Field = Field::int("transactionCapacity", 1, i64::MAX)
    .unit(Unit::Events)
    .default("10000")
    .lenient()
    .doc("the most events of one put; larger batches are cut");
const KEEP_ALIVE: Field = Field::int("keep-alive", 0, i64::MAX)
    .unit(Unit::Seconds)
    .default("3")
    .lenient()
    .doc("how long a source that cannot wait is kept waiting for room");
const POLL: Field = Field::text("kafka.pollTimeout")
    .also(&["pollTimeout"])
    .ignored("sinks are woken by what comes")
    .doc("how long a sink waits for events");
const TIMEOUT: Field =
    Field::text("timeout").ignored("sinks are woken by what comes").doc("the same in Flume 1.6");
const IN_ZOOKEEPER: &str = "offsets are with the brokers; those that a group of Flume 1.6 left in ZooKeeper are set once by `kafka-consumer-groups.sh --reset-offsets`";
const ZOOKEEPER: Field =
    Field::text("zookeeperConnect").ignored(IN_ZOOKEEPER).doc("where Flume 1.6 kept the offsets");
const MIGRATE: Field =
    Field::text("migrateZookeeperOffsets").ignored(IN_ZOOKEEPER).doc("whether Flume takes them over");
const PRODUCER: Field = Field::prefix("kafka.producer.")
    .lint(of_producer)
    .doc("a property of the producer, by its name in 0.8, in Java's client or in librdkafka");
const CONSUMER: Field = Field::prefix("kafka.consumer.")
    .lint(keys::of_reader)
    .doc("a property of the consumer, by any of its names");
const BOTH: Field = Field::prefix("kafka.").lint(of_producer).doc("a property of both, as in Flume 1.6");

pub static SPEC: Spec = Spec {
    kind: Kind::Channel,
    name: "kafka",
    class: "org.apache.flume.channel.kafka.KafkaChannel",
    aliases: &[],
    summary: "a Kafka topic; with sources only, with sinks only, or with both",
    fields: &[
        &[
            BROKERS,
            CATALOG,
            TOPIC,
            GROUP,
            PARSE,
            SMALLEST,
            PARTITION,
            PARTITION_HEADER,
            DELIVERY,
            MARKS_TOPIC,
        ],
        &[CAPACITY, TRANSACTION, KEEP_ALIVE, common::RETRY_DELAY, common::SYNC_INTERVAL],
        &[PRODUCER, CONSUMER, BOTH, POLL, TIMEOUT, ZOOKEEPER, MIGRATE],
    ],
    build: Build::Relay(&RELAY),
};

static RELAY: Relay = Relay {
    front: part(Kind::Channel, Build::Channel(front)),
    sink: part(Kind::Sink, Build::Sink(bring)),
    source: part(Kind::Source, Build::Source(fetch)),
    back: part(Kind::Channel, Build::Channel(back)),
};

const fn part(kind: Kind, build: Build) -> Spec {
    Spec { kind, name: "kafka", class: "", aliases: &[], summary: "", fields: &[], build }
}

fn of_smallest(key: &str, value: &str) -> Option<Diagnostic> {
    let latest = !value.trim().eq_ignore_ascii_case("true");
    let what = || {
        format!(
            "`{key} = {value}`: a group without an offset skips what is in the topic before its first start"
        )
    };
    latest.then(|| Diagnostic::warning("skips", what()).hint("leave it out to begin at the oldest event"))
}

fn of_producer(key: &str, value: &str) -> Option<Diagnostic> {
    let is_acks = key.ends_with(".acks") && !key.contains(".consumer.");
    if is_acks && !matches!(value.trim(), "all" | "-1") {
        let what = format!("`{key} = {value}` is raised to `all`: what a channel holds must not be lost");
        return Some(Diagnostic::note("raised", what));
    }
    limits::lint(key, value).or_else(|| keys::property(key, value))
}

/// What is on its way, in bytes of bodies.
const BYTES: usize = 32 << 20;
/// How long positions of filtered events wait for events to travel with.
const EMPTY_DELAY: Duration = Duration::from_secs(1);

/// Flume ignores both numbers: a transaction that is larger than the capacity is no mistake here.
fn settings(at: &At, end: End) -> Settings {
    let (capacity, transaction) = (at.count(&CAPACITY), at.count(&TRANSACTION));
    Settings {
        capacity: Limit { events: capacity, bytes: BYTES },
        transaction: transaction.min(capacity),
        keep_alive: at.time(&KEEP_ALIVE),
        empty_delay: EMPTY_DELAY,
        end,
    }
}

fn front(at: &At) -> Result<ChannelOpener, Refusal> {
    Ok(memory::opener(settings(at, End::Front), at))
}

fn back(at: &At) -> Result<ChannelOpener, Refusal> {
    Ok(memory::opener(settings(at, End::Back), at))
}

/// The topic, and how a client gets there that has the properties of `family`, and those of both.
fn whereabouts(at: &At, family: &Field) -> Result<(Reach, Partition, String), Refusal> {
    let (named, own) = (at.opt(&CATALOG), at.is_set(&BROKERS));
    let key = if named.is_some() { CATALOG } else { TOPIC };
    let found = addressed(&at.place.catalogs, &KAFKA, at.text(&TOPIC), named, own);
    let Addressed { entry, topics } = found.map_err(|trouble| trouble.at(&key))?;
    let [topic] = &topics[..] else {
        return Err(Refusal::at(&TOPIC, "a channel has one topic").instead("a channel for each topic"));
    };
    if topic.contains('%') {
        return Err(Refusal::at(&TOPIC, format!("`{topic}` has an escape, and a channel has one topic")));
    }
    let mut reach = Reach::of(at, &BROKERS, entry.as_deref(), &key)?;
    let mut partition = Partition::Client;
    match entry.as_deref().and_then(|entry| entry.setting(&kafka::PARTITIONER)) {
        Some("java-string-hash") => partition = Partition::JavaStringHash,
        Some(other) if family.key == PRODUCER.key => reach.set(family, "partitioner", other)?,
        _ => {}
    }
    for (field, name, value) in properties(at, family) {
        match name {
            "partitioner.class" => partition = keys::partitioner(&mut reach, field, value)?,
            name if OWN.contains(&name) => {}
            _ => reach.set(field, name, value)?,
        }
    }
    Ok((reach, partition, topic.clone()))
}

/// Those of both first, so that those of one win.
fn properties<'a>(at: &'a At, family: &'a Field) -> Vec<(&'a Field, &'a str, &'a str)> {
    let of_both = |name: &str| {
        !name.starts_with("producer.")
            && !name.starts_with("consumer.")
            && !["bootstrap.servers", "topic"].contains(&name)
    };
    let both = at.under(&BOTH).into_iter().filter(|(name, _)| of_both(name));
    let both = both.map(|(name, value)| (&BOTH, name, value));
    both.chain(at.under(family).into_iter().map(|(name, value)| (family, name, value))).collect()
}

/// Events that a transaction brings at least, where there are more.
const BATCH: usize = 100;

/// Brings events to the topic.
fn bring(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    let (mut reach, partition, topic) = whereabouts(at, &PRODUCER)?;
    let exactly_once = at.choice(&DELIVERY) == "exactly-once";
    let properties = &mut reach.cluster.properties;
    properties.insert("acks".into(), "all".into());
    // Java's default for messages with a key.
    properties.entry("partitioner".into()).or_insert_with(|| "murmur2_random".into());
    if exactly_once {
        keys::needs_idempotence(&reach, &PRODUCER)?;
    }
    let patience = limits::of_producer(&mut reach.cluster.properties, exactly_once);
    reach.check(&PRODUCER)?;
    let settings = sink::Settings {
        name: at.name.into(),
        reach,
        partition,
        batch: BATCH,
        exactly_once,
        marks_topic: at.text(&MARKS_TOPIC).into(),
        patience,
        awaits_topic: true,
    };
    let topic = Escapes::parse(&topic, TimeZone::UTC, crate::sys::host_part)
        .map_err(|what| Refusal::at(&TOPIC, what))?;
    let letters = Letters {
        topic,
        topic_header: None,
        partition: at.opt_int(&PARTITION).map(|partition| partition as i32),
        partition_header: at.opt(&PARTITION_HEADER).filter(|name| !name.is_empty()).map(str::to_string),
        timestamp_header: None,
        headers: Vec::new(),
        event_format: at.flag(&PARSE),
    };
    Ok(Box::new(KafkaSink::new(settings, letters, at.dead_letters(), at.pulse.clone())))
}

/// Events of one read.
const READ: usize = 1000;
/// How long events wait for others to come along with.
const TOGETHER: Duration = Duration::from_millis(20);

/// Reads them from there.
fn fetch(at: &At) -> Result<Box<dyn Source>, Refusal> {
    let (mut reach, _, topic) = whereabouts(at, &CONSUMER)?;
    let place = at.place;
    let member = format!("dataflowkit/{}/{}/{}", place.installation, place.instance, at.name);
    // By a name of its own it takes its place again at once after a kill, where the group would wait for who is gone.
    reach.cluster.properties.entry(MEMBER.into()).or_insert(member);
    reach.check_member(&CONSUMER)?;
    let settings = source::Settings {
        reach: reach.clone(),
        topics: Topics::List(vec![topic.clone()]),
        group: at.text(&GROUP).into(),
        start: start(at),
        batch: READ,
        duration: TOGETHER,
        commit: Some(Duration::from_secs(1)),
        refresh: Duration::from_secs(30),
        form: Form { event_format: at.flag(&PARSE), ..Form::default() },
        dead: at.dead_letters(),
    };
    Ok(Box::new(Fetch { reach, topic, source: KafkaSource::new(settings, at.pulse.clone()) }))
}

/// The Kafka source, which ends only where all that was brought can be seen.
struct Fetch {
    reach: Reach,
    topic: String,
    source: KafkaSource,
}

impl Source for Fetch {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        if out.until_drained()
            && let Ok(cluster) = self.reach.reveal()
        {
            let _waiting = out.pulse().wait(Wait::Peer, "the end of the last transaction");
            // What the brokers do not tell here, the source finds as well, and says.
            if let Ok(false) = decided::wait(&cluster, &self.topic, stop) {
                return Ok(());
            }
        }
        self.source.run(out, stop)
    }

    fn input(&self) -> Input {
        self.source.input()
    }
}

/// Where the group begins that has no offset: at the oldest event, unless it is told otherwise.
fn start(at: &At) -> Start {
    let reset = properties(at, &CONSUMER).into_iter().rev().find(|(_, name, _)| *name == RESET);
    match reset.map(|(_, _, value)| value.trim()) {
        Some("latest" | "largest") => Start::Latest,
        None if at.is_set(&SMALLEST) && !at.flag(&SMALLEST) => Start::Latest,
        _ => Start::Earliest,
    }
}

const MEMBER: &str = "group.instance.id";
const RESET: &str = "auto.offset.reset";
/// Properties that Flume's channel decides as well.
const OWN: &[&str] =
    &["acks", "request.required.acks", "group.id", "enable.auto.commit", "auto.commit.enable", RESET];
