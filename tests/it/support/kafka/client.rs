//! What kcat cannot do: messages with all their parts, and what administrators do to topics and groups.
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::Broker;
use crate::support::PATIENCE;

/// A client of the plain listener.
pub struct Client(ClientConfig);

/// A message to send.
#[derive(Default)]
pub struct Message<'a> {
    pub key: Option<&'a str>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a str)],
    pub timestamp: Option<i64>,
}

impl Client {
    pub fn at(broker: &Broker) -> Client {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.bootstrap());
        Client(config)
    }

    /// Sends messages to a partition, in order.
    pub fn send(&self, topic: &str, partition: i32, messages: &[Message]) {
        let producer: BaseProducer = self.0.clone().set("enable.idempotence", "true").create().unwrap();
        for Message { key, value, headers, timestamp } in messages {
            let mut record: BaseRecord<str, [u8]> = BaseRecord::to(topic).partition(partition);
            (record.key, record.payload, record.timestamp) = (*key, *value, *timestamp);
            let with = |all: OwnedHeaders, (key, value): &(&str, &str)| {
                all.insert(Header { key, value: Some(*value) })
            };
            if !headers.is_empty() {
                record.headers = Some(headers.iter().fold(OwnedHeaders::new(), with));
            }
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    fn admin<T>(&self, act: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> T) -> T {
        let admin = self.0.create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(act(&admin, &options))
    }

    pub fn delete(&self, topic: &str) {
        let deleted = self.admin(async |admin, options| admin.delete_topics(&[topic], options).await);
        deleted.unwrap().remove(0).unwrap();
    }

    /// Deletes what lies below an offset, as retention does.
    pub fn delete_below(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let deleted = self.admin(async |admin, options| admin.delete_records(&list, options).await);
        deleted.unwrap().elements()[0].error().unwrap();
    }

    /// What a group has committed of a partition.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = self.0.clone().set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let told = consumer.committed_offsets(list, Duration::from_secs(10)).unwrap();
        told.elements()[0].offset().to_raw().filter(|offset| *offset >= 0)
    }
}
