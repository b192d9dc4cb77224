//! The topic that keeps marks: what the destination has of each stream, written in the transaction that brings the data.
//!
//! Shape: a compacted topic. Key: `INSTALLATION/INSTANCE/CHANNEL/SINK/STREAM`. Value: a version byte, then entries of
//! that one stream as in any record of marks (`codec::marks`). A tombstone forgets the stream (D6). All keys of a channel
//! lie in one partition, chosen by hash.
//! Invariants: each sink writes keys of its own, so that two sinks of a channel never overwrite each other; all of a
//! channel count together, also of sinks that are there no more (K1).
//! Errors: a value that does not decode is said and left out; the topic is made where it is missing and may be made.
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use xxhash_rust::xxh3::xxh3_64;

use super::cluster::{Cluster, Quiet};
use super::producer::{Letter, NO_EVENT, Producer};
use crate::codec::marks;
use crate::event::{Batch, Checks, Entry, Mark, Marks, Record, StreamId, StreamRecord};
use crate::flow::{ChannelKey, Stop};

/// Partitions of a topic that is made here.
const PARTITIONS: i32 = 8;
const VERSION: u8 = 1;

/// What one sink has delivered, beside what all of its channel have.
pub struct Keeper {
    topic: String,
    partition: i32,
    /// `INSTALLATION/INSTANCE/CHANNEL/`.
    prefix: String,
    sink: String,
    own: Marks,
}

impl Keeper {
    /// Reads what is there. `producer` has fenced whoever wrote before.
    pub fn open(
        cluster: &Cluster,
        producer: &Producer,
        topic: &str,
        (channel, sink): (&ChannelKey, &str),
        patience: Duration,
    ) -> Result<(Keeper, Marks), KafkaError> {
        let mut partitions = producer.partitions_of(topic, patience)?;
        if partitions == 0 {
            create(cluster, topic, patience)?;
            partitions = producer.partitions_of(topic, patience)?;
        }
        if partitions == 0 {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        tell_policy(cluster, topic, patience);
        let partition = (xxh3_64(channel.to_string().as_bytes()) % partitions as u64) as i32;
        let (topic, prefix) = (topic.to_string(), format!("{channel}/"));
        let mut keeper = Keeper { topic, partition, prefix, sink: sink.into(), own: Marks::new() };
        let all = keeper.read(cluster, patience)?;
        Ok((keeper, all))
    }

    fn read(&mut self, cluster: &Cluster, patience: Duration) -> Result<Marks, KafkaError> {
        let consumer: BaseConsumer<Quiet> = cluster
            .reader(&[
                ("group.id", "dataflowkit-marks"),
                ("enable.auto.commit", "false"),
                ("isolation.level", "read_committed"),
                ("enable.partition.eof", "true"),
                ("auto.offset.reset", "earliest"),
            ])
            .create_with_context(Quiet)?;
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&self.topic, self.partition, Offset::Beginning)?;
        consumer.assign(&from)?;
        let mut found: std::collections::BTreeMap<(String, StreamId), Marks> = Default::default();
        let mut heard = Instant::now();
        while heard.elapsed() < patience {
            let Some(message) = consumer.poll(Duration::from_millis(50)) else { continue };
            heard = Instant::now();
            match message {
                Ok(message) => {
                    let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
                    let Some(place) = key.and_then(|key| self.place_of(key)) else { continue };
                    match message.payload() {
                        None => drop(found.remove(&place)),
                        Some(value) => match decode(value) {
                            Some(marks) => drop(found.insert(place, marks)),
                            None => log::warn!(
                                "the marks of `{}` in `{}` cannot be read and are left out",
                                key.unwrap_or_default(),
                                self.topic
                            ),
                        },
                    }
                }
                Err(KafkaError::PartitionEOF(_)) => return Ok(self.take(found)),
                Err(error) => return Err(error),
            }
        }
        Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
    }

    /// The sink and the stream of a key of this channel.
    fn place_of(&self, key: &str) -> Option<(String, StreamId)> {
        let (sink, stream) = key.strip_prefix(&self.prefix)?.rsplit_once('/')?;
        Some((sink.to_string(), StreamId(u128::from_str_radix(stream, 16).ok()?)))
    }

    fn take(&mut self, found: impl IntoIterator<Item = ((String, StreamId), Marks)>) -> Marks {
        let mut all = Marks::new();
        for ((sink, _), marks) in found {
            if sink == self.sink {
                self.own.extend(marks.clone());
            }
            marks::union(&mut all, marks);
        }
        all
    }

    /// The streams that these batches touch, as they are with them.
    pub fn with(&self, batches: &[Batch]) -> Marks {
        let mut touched = Marks::new();
        for span in batches.iter().filter_map(Batch::span) {
            let record = touched.entry(span.stream.id).or_insert_with(|| {
                self.own.get(&span.stream.id).cloned().unwrap_or_else(|| StreamRecord {
                    source: span.stream.source.clone(),
                    attributes: span.stream.attributes(),
                    mark: Mark::default(),
                    checks: Checks::default(),
                })
            });
            record.attributes = span.stream.attributes();
            record.mark.insert(span.from, span.to);
            span.check.into_iter().for_each(|check| record.checks.push(check));
        }
        touched
    }

    /// Sends them; they count with the transaction.
    pub fn send(&self, producer: &Producer, touched: &Marks, stop: &Stop) -> Result<(), KafkaError> {
        touched.iter().try_for_each(|(stream, record)| {
            let value = encode(*stream, record);
            self.put(producer, *stream, Some(&value), stop)
        })
    }

    /// The transaction that had them counts.
    pub fn took(&mut self, touched: Marks) {
        self.own.extend(touched);
    }

    /// D6: sends tombstones.
    pub fn forget(&self, producer: &Producer, streams: &[StreamId], stop: &Stop) -> Result<(), KafkaError> {
        let known: BTreeSet<_> = streams.iter().filter(|stream| self.own.contains_key(stream)).collect();
        known.into_iter().try_for_each(|stream| self.put(producer, *stream, None, stop))
    }

    /// The transaction that had the tombstones counts.
    pub fn forgot(&mut self, streams: &[StreamId]) {
        streams.iter().for_each(|stream| drop(self.own.remove(stream)));
    }

    fn put(
        &self,
        producer: &Producer,
        stream: StreamId,
        value: Option<&[u8]>,
        stop: &Stop,
    ) -> Result<(), KafkaError> {
        let key = format!("{}{}/{stream}", self.prefix, self.sink);
        let letter = Letter {
            topic: &self.topic,
            partition: Some(self.partition),
            key: Some(key.as_bytes()),
            value,
            headers: None,
            timestamp: None,
        };
        producer.send(NO_EVENT, letter, stop)
    }
}

fn encode(stream: StreamId, record: &StreamRecord) -> Vec<u8> {
    let mut value = vec![VERSION];
    marks::encode(&marks::all_of(&Marks::from([(stream, record.clone())])), &mut value);
    value
}

fn decode(value: &[u8]) -> Option<Marks> {
    let (version, entries) = value.split_first()?;
    let entries = marks::decode(entries).filter(|_| *version == VERSION)?;
    let mut record = Record::default();
    entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Describe { .. } | Entry::Delivered { .. }))
        .for_each(|entry| record.apply(entry));
    Some(record.marks(0))
}

/// A topic that is not compacted forgets marks after a time, and events may come twice then.
fn tell_policy(cluster: &Cluster, topic: &str, patience: Duration) {
    let Some(policy) = policy(cluster, topic, patience) else { return };
    if !policy.contains("compact") {
        log::warn!(
            "the topic `{topic}` that keeps the marks has `cleanup.policy = {policy}`: marks that it deletes are forgotten, and events may come twice; set it to `compact`"
        );
    }
}

fn policy(cluster: &Cluster, topic: &str, patience: Duration) -> Option<String> {
    if !cluster.has_administrator() {
        return None;
    }
    let admin: AdminClient<Quiet> = cluster.reader(&[]).create_with_context(Quiet).ok()?;
    let options = AdminOptions::new().request_timeout(Some(patience));
    let told = tokio::runtime::Builder::new_current_thread()
        .build()
        .ok()?
        .block_on(admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &options))
        .ok()?;
    told.into_iter().next()?.ok()?.get("cleanup.policy")?.value.clone()
}

fn create(cluster: &Cluster, topic: &str, patience: Duration) -> Result<(), KafkaError> {
    if !cluster.has_administrator() {
        return Err(KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition));
    }
    let admin: AdminClient<Quiet> = cluster.reader(&[]).create_with_context(Quiet)?;
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(-1)).set("cleanup.policy", "compact");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| KafkaError::AdminOpCreation(error.to_string()))?;
    let options = AdminOptions::new().operation_timeout(Some(patience));
    let created = runtime.block_on(admin.create_topics([&new], &options))?;
    match created.into_iter().next() {
        Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
            Err(KafkaError::AdminOp(code))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Check};

    #[test]
    fn a_mark_is_what_was_written() {
        let mut mark = Mark::at(10);
        mark.insert(20, 30);
        let mut checks = Checks::default();
        checks.push(Check { at: 10, hash: 7 });
        let attributes = Attributes::default().with("path", "/var/log/a");
        let record = StreamRecord { source: "r1".into(), attributes, mark, checks };
        let stream = StreamId::mint();
        let read = decode(&encode(stream, &record)).unwrap();
        let read = &read[&stream];
        assert_eq!((read.mark.clone(), read.checks.clone()), (record.mark, record.checks));
        assert_eq!((&*read.source, &read.attributes), ("r1", &record.attributes));
        assert!(decode(b"").is_none() && decode(&[9, 1, 2]).is_none());
    }
}
