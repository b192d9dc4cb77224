//! Keys that the components of Kafka share, and what their values mean.
use super::names::{Known, known};
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
