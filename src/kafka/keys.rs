//! Keys that the components of Kafka share, and what their values mean.
use std::collections::BTreeMap;
use std::time::Duration;

use super::names::{Known, known};
use super::producer::Partition;
use super::reach::{Reach, refused};
use super::sink::PATIENCE;
use crate::config::{Field, Refusal};
use crate::diag::Diagnostic;

pub const CATALOG: Field = Field::word("kafka_name")
    .also(&["kafkaName"])
    .doc("the entry of the env catalogs that says where the cluster is");
pub const DELIVERY: Field = Field::choice("delivery", &["exactly-once", "at-least-once"])
    .default("exactly-once")
    .doc("exactly-once: events and marks in one transaction, for read-committed readers; at-least-once: no transactions");
pub const MARKS_TOPIC: Field =
    Field::word("marksTopic").default("dataflowkit-marks").doc("the compacted topic that keeps the marks");
pub const PARTITION: Field =
    Field::int("defaultPartitionId", 0, i32::MAX as i64).doc("send everything to this partition");
pub const PARTITION_HEADER: Field = Field::text("partitionIdHeader")
    .doc("the header that names an event's partition; wins over defaultPartitionId");

/// The class of the old producer's default partitioner; keys keep their partitions by it.
const OLD_PARTITIONER: &str = "kafka.producer.DefaultPartitioner";

/// A property's own name.
fn name_of(key: &str) -> &str {
    let families = ["kafka.producer.", "kafka.consumer.", "kafka."];
    families.iter().find_map(|family| key.strip_prefix(family)).unwrap_or(key)
}

/// Says which property of the Java clients has no effect here.
pub fn property(key: &str, value: &str) -> Option<Diagnostic> {
    match known(name_of(key), value) {
        Known::Ignored(why) => Some(Diagnostic::note("ignored-key", format!("`{key}` has no effect: {why}"))),
        _ => None,
    }
}

/// Says which property of a producer counts without transactions only.
pub fn limited(key: &str, value: &str) -> Option<Diagnostic> {
    let number = value.trim().parse::<u64>().ok();
    let outside = IDEMPOTENT.iter().find(|(names, least, most)| {
        names.contains(&name_of(key)) && number.is_some_and(|value| value < *least || value > *most)
    });
    let (_, least, _) = outside?;
    let what = format!("`{key} = {value}` counts with `delivery = at-least-once` only");
    let most =
        if *least == 1 && number == Some(0) { "tries again" } else { "has at most 5 requests in flight" };
    Some(Diagnostic::note("raised", what).hint(format!("exactly-once {most}")))
}

/// How long a delivery may take; and limits that are right each for itself are made to fit each other and transactions.
pub fn limits(reach: &mut Reach, exactly_once: bool) -> Duration {
    let properties = &mut reach.cluster.properties;
    let number = |properties: &BTreeMap<String, String>, names: &[&str]| -> Option<u64> {
        names.iter().find_map(|name| properties.get(*name)?.trim().parse().ok())
    };
    let delivery = number(properties, &["delivery.timeout.ms", "message.timeout.ms"]);
    let patience = delivery.filter(|ms| *ms > 0).map_or(PATIENCE, Duration::from_millis);
    // An unknown topic is told of before the delivery's time is over.
    let known = (patience.as_millis() as u64 / 3).clamp(1000, 10_000).to_string();
    properties.entry("topic.metadata.propagation.max.ms".into()).or_insert(known);
    if exactly_once {
        if let Some(delivery) = delivery
            && number(properties, &["transaction.timeout.ms"]).is_none_or(|ms| ms < delivery)
        {
            properties.insert("transaction.timeout.ms".into(), delivery.max(60_000).to_string());
        }
        for (names, least, most) in IDEMPOTENT {
            for name in *names {
                if number(properties, &[name]).is_some_and(|value| value < *least || value > *most) {
                    properties.remove(*name);
                }
            }
        }
    }
    patience.max(Duration::from_secs(1))
}

/// What an idempotent producer allows; what lies outside is left to the client.
const IDEMPOTENT: &[(&[&str], u64, u64)] = &[
    (&["max.in.flight.requests.per.connection", "max.in.flight"], 1, 5),
    (&["retries", "message.send.max.retries"], 1, u64::MAX),
];

/// Transactions stand on it.
pub fn needs_idempotence(reach: &Reach, family: &Field) -> Result<(), Refusal> {
    if reach.cluster.properties.get("enable.idempotence").is_none_or(|text| text != "false") {
        return Ok(());
    }
    let what = "exactly-once needs `enable.idempotence`";
    Err(refused(family, "enable.idempotence", what).instead("`delivery = at-least-once`, or leave it out"))
}

/// What a Java class that chooses partitions is here.
pub fn partitioner(family: &Field, class: &str) -> Result<Partition, Refusal> {
    match class {
        OLD_PARTITIONER => Ok(Partition::JavaStringHash),
        "org.apache.kafka.clients.producer.internals.DefaultPartitioner" => Ok(Partition::Client),
        other => {
            let what = format!("`{other}` is a Java class, which cannot run here");
            Err(refused(family, "partitioner.class", what)
                .instead("leave it out, or choose by `kafka.producer.partitioner`"))
        }
    }
}
