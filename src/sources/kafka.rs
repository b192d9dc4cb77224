//! Reads topics of Kafka as a member of a consumer group; offsets are committed when all channels keep the events.
//!
//! Shape: `kafka::source` does the work; here are the keys, by all names that Flume 1.6, 1.7 and later and the older
//! platform have for them.
//! Differs from Flume's: where to go on is told by our marks as well as by the group's offset, so that nothing comes twice
//! after a kill; only committed messages are read, unless `isolation.level` says otherwise; a value that is no Flume event
//! is kept as a dead letter, where Flume passes over it; headers of messages are kept.
//! Truth: Flume 1.6 and 1.11 `KafkaSource`; the DataFlowKit platform's Kafka source; the positions protocol.
use std::path::Path;

use crate::codec::java_regex;
use crate::config::catalog::{Addressed, KAFKA, addressed};
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::diag::Diagnostic;
use crate::flow::{Kind, Source};
use crate::kafka::keys::{self, CATALOG};
use crate::kafka::message::Form;
use crate::kafka::reach::Reach;
use crate::kafka::source::{KafkaSource, Settings, Topics};
use crate::kafka::start::Start;

const BROKERS: Field = Field::text("kafka.bootstrap.servers")
    .also(&[
        "brokerList",
        "kafka.metadata.broker.list",
        "kafka.brokerList",
        "kafka.consumer.bootstrap.servers",
    ])
    .doc("brokers to begin with: host:port, host:port; else those of the catalog");
const TOPICS: Field = Field::text("kafka.topics")
    .also(&["topics", "topic", "toppic", "kafka.topic"])
    .doc("topics, separated by commas; `ENTRY.TOPIC` with an entry of the env catalogs");
const REGEX: Field = Field::regex("kafka.topics.regex")
    .lint(java_regex::lint)
    .doc("all topics whose whole name matches, those that appear later too; wins over kafka.topics");
const GROUP: Field = Field::text("kafka.consumer.group.id")
    .also(&["groupId", "kafka.group.id", "group.id"])
    .default("flume")
    .doc("the consumer group; another one reads again");
const BATCH: Field =
    Field::int("batchSize", 1, 1_000_000).unit(Unit::Events).default("1000").doc("events that end a batch");
const DURATION: Field = Field::int("batchDurationMillis", 1, 3_600_000)
    .unit(Unit::Millis)
    .default("1000")
    .doc("time that ends a batch");
const START: Field = Field::text("startFrom").doc(
    "where a partition begins that nobody of the group has read: earliest, latest, or a file with lines `PARTITION=OFFSET` or `TOPIC PARTITION=OFFSET`; else as auto.offset.reset",
);
const RESET: Field = Field::choice("auto.offset.reset", &["latest", "earliest", "largest", "smallest"])
    .also(&["kafka.auto.offset.reset", "kafka.consumer.auto.offset.reset"])
    .default("latest")
    .doc("where a partition begins that nobody of the group has read, if startFrom does not say");
const AUTO_COMMIT: Field = Field::flag("auto.commit.enable")
    .also(&[
        "kafka.auto.commit.enable",
        "kafka.consumer.auto.commit.enable",
        "enable.auto.commit",
        "kafka.enable.auto.commit",
        "kafka.consumer.enable.auto.commit",
    ])
    .default("true")
    .lint(of_commits)
    .doc("true: commit every auto.commit.interval.ms; false: as soon as there is something; never ahead of the channels");
const INTERVAL: Field = Field::int("auto.commit.interval.ms", 1, i32::MAX as i64)
    .also(&["kafka.auto.commit.interval.ms", "kafka.consumer.auto.commit.interval.ms"])
    .unit(Unit::Millis)
    .default("1000")
    .doc("how often offsets are committed");
const REFRESH: Field = Field::int("topic.metadata.refresh.interval.ms", 10, 3_600_000)
    .also(&[
        "kafka.topic.metadata.refresh.interval.ms",
        "kafka.consumer.topic.metadata.refresh.interval.ms",
        "kafka.consumer.metadata.max.age.ms",
        "kafka.metadata.max.age.ms",
    ])
    .unit(Unit::Millis)
    .default("30000")
    .doc("how often new topics and partitions are looked for");
const EVENT_FORMAT: Field = Field::flag("useFlumeEventFormat")
    .default("false")
    .doc("values are headers and body as an Avro FlumeEvent; else the body alone");
const SET_TOPIC: Field =
    Field::flag("setTopicHeader").default("true").doc("whether events get a header with their topic");
const TOPIC_HEADER: Field = Field::text("topicHeader").default("topic").doc("that header");
const HEADERS: Field = Field::prefix("header.")
    .doc("`header.NAME = KAFKA`: the message's header KAFKA becomes the event's header NAME");
const MESSAGE_HEADERS: Field = Field::flag("messageHeaders")
    .default("true")
    .doc("whether all other headers of messages become headers of the same name");
const CONSUMER: Field = Field::prefix("kafka.consumer.")
    .also(&["kafka."])
    .lint(keys::of_reader)
    .doc("a property of the consumer, by its name in 0.8, in Java's client or in librdkafka");

const BY_BROKERS: &str = "clients ask the brokers; ZooKeeper is not used";
const PASTED: &str = "it belongs to sources that read files";
const NO_SLEEP: &str = "messages wake the source";
const ZOOKEEPER: Field = Field::text("zookeeperConnect").ignored(BY_BROKERS);
const ZOOKEEPER_SESSION: Field = Field::text("zookeeper.session.timeout.ms").ignored(BY_BROKERS);
const ZOOKEEPER_CONNECTION: Field = Field::text("zookeeper.connection.timeout.ms").ignored(BY_BROKERS);
const MIGRATE: Field = Field::flag("migrateZookeeperOffsets").ignored(
    "offsets in ZooKeeper are not read: to go on from them, write them to a file and name it by `startFrom`",
);
const INCREMENT: Field = Field::text("backoffSleepIncrement").ignored(NO_SLEEP);
const MOST_SLEEP: Field = Field::text("maxBackoffSleep").ignored(NO_SLEEP);
const SPOOL_DIR: Field = Field::text("spoolDir").ignored(PASTED);
const LINE_LENGTH: Field = Field::text("bufferMaxLineLength").ignored(PASTED);

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "kafka",
    class: "org.apache.flume.source.kafka.KafkaSource",
    aliases: &["com.cmos.bomc.dataflowkit.cmcconline.flume.source.kafka.KafkaPollableSource"],
    summary: "reads Kafka topics in a consumer group; offsets are committed when the channels keep the events",
    fields: &[
        &[
            BROKERS,
            CATALOG,
            TOPICS,
            REGEX,
            GROUP,
            BATCH,
            DURATION,
            START,
            RESET,
            AUTO_COMMIT,
            INTERVAL,
            REFRESH,
        ],
        &[EVENT_FORMAT, SET_TOPIC, TOPIC_HEADER, HEADERS, MESSAGE_HEADERS, CONSUMER],
        &[
            ZOOKEEPER,
            ZOOKEEPER_SESSION,
            ZOOKEEPER_CONNECTION,
            MIGRATE,
            INCREMENT,
            MOST_SLEEP,
            SPOOL_DIR,
            LINE_LENGTH,
        ],
    ],
    build: Build::Source(build),
};

fn of_commits(key: &str, value: &str) -> Option<Diagnostic> {
    let what = format!("`{key} = {value}`: offsets are committed only when all channels keep the events");
    value.trim().eq_ignore_ascii_case("true").then(|| Diagnostic::note("commits", what))
}

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    let (topics, reach) = where_from(at)?;
    let header = at.flag(&SET_TOPIC).then(|| at.text(&TOPIC_HEADER).to_string());
    let headers =
        at.under(&HEADERS).iter().map(|(own, theirs)| (own.to_string(), theirs.to_string())).collect();
    let settings = Settings {
        reach,
        topics,
        group: at.text(&GROUP).into(),
        start: start(at),
        batch: at.count(&BATCH),
        duration: at.time(&DURATION),
        commit: at.flag(&AUTO_COMMIT).then(|| at.time(&INTERVAL)),
        refresh: at.time(&REFRESH),
        form: Form {
            event_format: at.flag(&EVENT_FORMAT),
            topic_header: header.filter(|name| !name.is_empty()),
            place_headers: true,
            headers,
            message_headers: at.flag(&MESSAGE_HEADERS),
        },
        dead: at.dead_letters(),
    };
    Ok(Box::new(KafkaSource::new(settings, at.pulse.clone())))
}

/// What is read, and where.
fn where_from(at: &At) -> Result<(Topics, Reach), Refusal> {
    let (named, own, catalogs) = (at.opt(&CATALOG), at.is_set(&BROKERS), &at.place.catalogs);
    if !own && named.is_none() && at.is_set(&ZOOKEEPER) {
        let what = "`zookeeperConnect` does not say where the brokers are, and clients ask these";
        return Err(Refusal::at(&ZOOKEEPER, what).instead("`kafka.bootstrap.servers = HOST:9092`"));
    }
    let (topics, entry, key) = match (at.opt(&REGEX), at.opt(&TOPICS)) {
        (Some(text), _) => {
            let pattern = java_regex::full_match(text).map_err(|error| Refusal::at(&REGEX, error))?;
            if !own && named.is_none() {
                let what = "nothing says where the brokers are";
                return Err(Refusal::at(&REGEX, what).instead("`kafka.bootstrap.servers`, or `kafka_name`"));
            }
            let entry = named.map(|name| catalogs.entry(&KAFKA, name)).transpose();
            let entry = entry.map_err(|trouble| trouble.at(&CATALOG))?;
            (Topics::Matching(pattern, text.into()), entry, CATALOG)
        }
        (None, Some(text)) => {
            let key = if named.is_some() { CATALOG } else { TOPICS };
            let found = addressed(catalogs, &KAFKA, text, named, own).map_err(|trouble| trouble.at(&key))?;
            let Addressed { entry, topics } = found;
            (Topics::List(topics), entry, key)
        }
        (None, None) => {
            let what = "no topic is named";
            return Err(Refusal {
                key: None,
                what: what.into(),
                instead: Some("`kafka.topics` or `kafka.topics.regex`".into()),
            });
        }
    };
    let mut reach = Reach::of(at, &BROKERS, entry.as_deref(), &key)?;
    // What has a key of its own under this prefix is no property.
    let own = &GROUP.key[CONSUMER.key.len()..];
    for (name, value) in at.under(&CONSUMER).into_iter().filter(|(name, _)| *name != own) {
        reach.set(&CONSUMER, name, value)?;
    }
    reach.check_member(&CONSUMER)?;
    Ok((topics, reach))
}

fn start(at: &At) -> Start {
    let reset = match at.choice(&RESET) {
        "earliest" | "smallest" => Start::Earliest,
        _ => Start::Latest,
    };
    match at.opt(&START).map(str::trim) {
        None => reset,
        Some("earliest" | "smallest") => Start::Earliest,
        Some("latest" | "largest") => Start::Latest,
        Some(path) => Start::File(at.place.config_dir.join(Path::new(path)), reset.into()),
    }
}
