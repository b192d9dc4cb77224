//! Waits until all that was written to a topic can be read by who reads what is committed.
//!
//! Why: a commit is over for its producer once its coordinator has it; the partitions hear of it a moment later, and
//! until then their end, as readers see it, lies before it.
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::cluster::{Cluster, Quiet};
use crate::flow::Stop;

/// How long brokers may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// `Ok(false)`: the topic is not there.
pub fn wait(cluster: &Cluster, topic: &str, stop: &Stop) -> Result<bool, KafkaError> {
    let (all, committed) = (reader(cluster, "read_uncommitted")?, reader(cluster, "read_committed")?);
    // All topics are asked for, since brokers make one that is asked for by name.
    let metadata = all.fetch_metadata(None, ANSWER)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(false) };
    for partition in found.partitions() {
        let (_, written) = all.fetch_watermarks(topic, partition.id(), ANSWER)?;
        while committed.fetch_watermarks(topic, partition.id(), ANSWER)?.1 < written {
            if stop.wait(LOOK) {
                return Ok(true);
            }
        }
    }
    Ok(true)
}

fn reader(cluster: &Cluster, isolation: &str) -> Result<BaseConsumer<Quiet>, KafkaError> {
    let own =
        [("group.id", "dataflowkit-ends"), ("enable.auto.commit", "false"), ("isolation.level", isolation)];
    cluster.reader(&own).create_with_context(Quiet)
}
