//! Sends events to topics of Kafka; exactly once from sources that can be read again, where the brokers allow it.
//!
//! Shape: one delivery is one transaction of events and the marks they stand for (`kafka::sink`); `kafka::letters` makes
//! messages of events. Where exactly-once is not wanted or not had, a delivery ends when every message has been acknowledged.
//! Differs from Flume's: `acks` is `all` wherever marks are kept; a message that is refused for good becomes a dead letter
//! and holds nothing up; a batch that fails leaves nothing behind that a read-committed reader sees.
//! Errors: no brokers, no answer: not there, tried again for as long as it takes. A commit without an answer is in doubt:
//! a new producer ends it and its marks tell. Another copy with the same name: fenced (K2).
//! Truth: Flume 1.6 and 1.11 `KafkaSink`; the DataFlowKit platform's Kafka sink; the positions protocol.
use jiff::tz::TimeZone;

use crate::codec::escapes::{Escapes, When};
use crate::config::catalog::{Addressed, KAFKA, addressed, kafka};
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::diag::Diagnostic;
use crate::flow::{Kind, Sink};
use crate::kafka::keys::{self, CATALOG, DELIVERY, MARKS_TOPIC, PARTITION, PARTITION_HEADER};
use crate::kafka::letters::{Letters, named};
use crate::kafka::limits;
use crate::kafka::producer::Partition;
use crate::kafka::reach::Reach;
use crate::kafka::sink::{KafkaSink, Settings};
use crate::sys;

const BROKERS: Field = Field::text("kafka.bootstrap.servers")
    .also(&["brokerList", "kafka.metadata.broker.list", "kafka.brokerList"])
    .doc("brokers to begin with: host:port, host:port; else those of the catalog");
const TOPIC: Field = Field::text("kafka.topic")
    .also(&["topic", "toppic", "topics"])
    .default("default-flume-topic")
    .doc("the topic, `ENTRY.TOPIC` with an entry of the env catalogs; escapes in it are replaced: `%{header}`, `%[localhost]`, `%Y%m%d%H` by the header `timestamp`");
const BATCH_SIZE: Field = Field::int("flumeBatchSize", 1, 1_000_000)
    .also(&["batchSize", "kafka.flumeBatchSize"])
    .unit(Unit::Events)
    .default("100")
    .doc("events per batch; small batches share a transaction");
const ACKS: Field = Field::choice("requiredAcks", &["0", "1", "-1", "all"])
    .also(&["required.acks", "acks", "kafka.acks", "kafka.request.required.acks", "kafka.producer.acks", "kafka.producer.request.required.acks"])
    .lint(of_acks)
    .doc("replicas that must have a message: 1 or all; 0 asks for no answer and promises nothing; exactly-once needs all");
const EVENT_FORMAT: Field = Field::flag("useFlumeEventFormat")
    .default("false")
    .doc("send headers and body as an Avro FlumeEvent; else the body alone");
const OVERRIDE: Field =
    Field::flag("allowTopicOverride").default("true").doc("whether a header of the event may name its topic");
const TOPIC_HEADER: Field = Field::text("topicHeader").default("topic").doc("that header");
const TIMESTAMP_HEADER: Field =
    Field::text("timestampHeader").doc("the header with the message's timestamp, in milliseconds since 1970");
const HEADERS: Field = Field::prefix("header.")
    .doc("`header.NAME = KAFKA`: send the event's header NAME as the message's header KAFKA");
const PRODUCER: Field = Field::prefix("kafka.producer.")
    .also(&["kafka."])
    .lint(lint)
    .doc("a property of the producer, by its name in 0.8, in Java's client or in librdkafka");
const MAX_REQUEST: Field = Field::int("max.request.size", 1000, 1_000_000_000)
    .unit(Unit::Bytes)
    .doc("the largest message; as `kafka.producer.max.request.size`");

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "kafka",
    class: "org.apache.flume.sink.kafka.KafkaSink",
    aliases: &["com.cmos.bomc.dataflowkit.cmcconline.flume.sink.kafka.KafkaSink"],
    summary: "sends events to a Kafka topic; exactly once where the brokers allow it",
    fields: &[&[
        BROKERS,
        CATALOG,
        TOPIC,
        BATCH_SIZE,
        ACKS,
        DELIVERY,
        MARKS_TOPIC,
        EVENT_FORMAT,
        PARTITION,
        PARTITION_HEADER,
        OVERRIDE,
        TOPIC_HEADER,
        TIMESTAMP_HEADER,
        HEADERS,
        PRODUCER,
        MAX_REQUEST,
    ]],
    build: Build::Sink(build),
};

fn of_acks(key: &str, value: &str) -> Option<Diagnostic> {
    match value.trim() {
        "0" => {
            let what = format!(
                "`{key} = 0` asks for no answer: nothing tells what has arrived, and nothing is promised"
            );
            Some(
                Diagnostic::warning("no-guarantee", what)
                    .hint("leave it out for exactly-once, or write 1 or all"),
            )
        }
        "1" => {
            let what = format!("`{key} = 1` is raised to `all`, but with `delivery = at-least-once`");
            Some(Diagnostic::note("raised", what).hint("exactly-once needs the answer of all replicas"))
        }
        _ => None,
    }
}

fn lint(key: &str, value: &str) -> Option<Diagnostic> {
    limits::lint(key, value).or_else(|| keys::property(key, value))
}

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    let (named, own) = (at.opt(&CATALOG), at.is_set(&BROKERS));
    let key = if named.is_some() { CATALOG } else { TOPIC };
    let found = addressed(&at.place.catalogs, &KAFKA, at.text(&TOPIC), named, own);
    let Addressed { entry, topics } = found.map_err(|trouble| trouble.at(&key))?;
    let [topic] = &topics[..] else {
        return Err(Refusal::at(&TOPIC, "a sink has one topic").instead("a sink for each topic"));
    };
    let entry = entry.as_deref();
    let mut reach = Reach::of(at, &BROKERS, entry, &key)?;
    let mut partition = Partition::Client;
    match entry.and_then(|entry| entry.setting(&kafka::PARTITIONER)) {
        Some("java-string-hash") => partition = Partition::JavaStringHash,
        Some(other) => reach.set(&PRODUCER, "partitioner", other)?,
        None => {}
    }
    for (name, value) in at.under(&PRODUCER) {
        match name {
            "partitioner.class" => partition = keys::partitioner(&mut reach, &PRODUCER, value)?,
            _ => reach.set(&PRODUCER, name, value)?,
        }
    }
    if let Some(most) = at.opt(&MAX_REQUEST) {
        reach.set(&PRODUCER, "max.request.size", most)?;
    }
    let acks = at.ranked(&ACKS, entry, &kafka::ACKS);
    let exactly_once = at.choice(&DELIVERY) == "exactly-once" && acks != Some("0");
    let properties = &mut reach.cluster.properties;
    properties.insert("acks".into(), if exactly_once { "all" } else { acks.unwrap_or("1") }.into());
    // Java's default for messages with a key.
    properties.entry("partitioner".into()).or_insert_with(|| "murmur2_random".into());
    if exactly_once {
        keys::needs_idempotence(&reach, &PRODUCER)?;
    }
    let patience = limits::of_producer(&mut reach.cluster.properties, exactly_once);
    reach.check(&PRODUCER)?;
    let settings = Settings {
        name: at.name.into(),
        reach,
        partition,
        batch: at
            .ranked(&BATCH_SIZE, entry, &kafka::BATCH_SIZE)
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(100),
        exactly_once,
        marks_topic: at.text(&MARKS_TOPIC).into(),
        patience,
        awaits_topic: false,
    };
    Ok(Box::new(KafkaSink::new(settings, letters(at, topic)?, at.dead_letters(), at.pulse.clone())))
}

/// Flume 1.8 and later: escapes are replaced where events may name topics, else they are part of the name.
fn topic(at: &At, text: &str) -> Result<Escapes, Refusal> {
    let refused = |what: String| Refusal::at(&TOPIC, what);
    let instead = "letters, digits, `.`, `_`, `-`, `%{header}`, `%Y%m%d`";
    if !at.flag(&OVERRIDE) {
        named(text).map_err(|what| {
            refused(what).instead("a name without escapes, or `allowTopicOverride = true`")
        })?;
    }
    let escapes = Escapes::parse(text, TimeZone::system(), sys::host_part).map_err(refused)?;
    // What is wrong with each event's topic is wrong now.
    let (header, time) = (|_: &str| Some("x"), || Ok(When { raw: "0", millis: 0 }));
    let mut sample = String::new();
    escapes.expand(header, time, &mut sample).map_err(refused)?;
    named(&sample).map_err(|what| refused(what).instead(instead))?;
    Ok(escapes)
}

fn letters(at: &At, text: &str) -> Result<Letters, Refusal> {
    let header = |field| at.opt(field).filter(|name| !name.is_empty()).map(str::to_string);
    Ok(Letters {
        topic: topic(at, text)?,
        topic_header: at.flag(&OVERRIDE).then(|| at.text(&TOPIC_HEADER).to_string()),
        partition: at.opt_int(&PARTITION).map(|partition| partition as i32),
        partition_header: header(&PARTITION_HEADER),
        timestamp_header: header(&TIMESTAMP_HEADER),
        headers: at
            .under(&HEADERS)
            .iter()
            .map(|(own, theirs)| (own.to_string(), theirs.to_string()))
            .collect(),
        event_format: at.flag(&EVENT_FORMAT),
    })
}
