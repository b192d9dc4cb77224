//! Keys that the components of Kafka share, and what their values mean.
use super::names::{Known, known, nearest};
use super::producer::Partition;
use super::reach::{Reach, refused};
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
pub fn name_of(key: &str) -> &str {
    let families = ["kafka.producer.", "kafka.consumer.", "kafka."];
    families.iter().find_map(|family| key.strip_prefix(family)).unwrap_or(key)
}

/// Says which property has no effect here, or not quite the one it has in Java's clients.
pub fn property(key: &str, value: &str) -> Option<Diagnostic> {
    let name = name_of(key);
    match known(name, value) {
        Known::Ignored(why) => Some(Diagnostic::note("ignored-key", format!("`{key}` has no effect: {why}"))),
        Known::Near(_, what) => Some(Diagnostic::note("near", format!("`{key} = {value}`: {what}"))),
        Known::Unknown => {
            let what = format!("`{key}` has no effect: no client of Kafka has a property `{name}`");
            let meant = nearest(name).map(|meant| format!("did you mean `{meant}`?"));
            let hint = meant.unwrap_or("Java's client passes it over, too".into());
            Some(Diagnostic::warning("unknown-key", what).hint(hint))
        }
        Known::As(_) | Known::Refused(_) => None,
    }
}

/// Transactions stand on it.
pub fn needs_idempotence(reach: &Reach, family: &Field) -> Result<(), Refusal> {
    if reach.cluster.properties.get("enable.idempotence").is_none_or(|text| text != "false") {
        return Ok(());
    }
    let what = "exactly-once needs `enable.idempotence`";
    Err(refused(family, "enable.idempotence", what).instead("`delivery = at-least-once`, or leave it out"))
}

/// The same of a reader: who only reads chooses no partition and packs nothing.
pub fn of_reader(key: &str, value: &str) -> Option<Diagnostic> {
    let of_producers = name_of(key) == "partitioner.class" || name_of(key).starts_with("compression.");
    if !of_producers {
        return property(key, value);
    }
    Some(Diagnostic::note("ignored-key", format!("`{key}` has no effect: it is a property of producers")))
}

/// What a Java class that chooses partitions is here.
pub fn partitioner(reach: &mut Reach, family: &Field, class: &str) -> Result<Partition, Refusal> {
    let own = class.strip_prefix("org.apache.kafka.clients.producer.").unwrap_or(class);
    match own {
        OLD_PARTITIONER => Ok(Partition::JavaStringHash),
        "internals.DefaultPartitioner" => Ok(Partition::Client),
        "RoundRobinPartitioner" => Ok(Partition::InTurn),
        // Whatever the key: spread evenly.
        "UniformStickyPartitioner" => {
            reach.set(family, "partitioner", "random")?;
            Ok(Partition::Client)
        }
        _ => {
            let what = format!("`{class}` is a Java class, which cannot run here");
            Err(refused(family, "partitioner.class", what)
                .instead("leave it out, or choose by `kafka.producer.partitioner`"))
        }
    }
}
