//! A member of a consumer group: the client, what the group gives it and takes from it, and its commits.
//!
//! Why rebalances are only noted when the client tells of them: what is in flight is to be finished first, and where to
//! begin has to be asked for. The client waits until `take` or `release` answers, and goes on with everything else.
//! Why a commit is not waited for: this client tells nobody how one ended that was not waited for without bound. Who
//! asks for the committed offsets behind it is answered behind it.
//! Invariants: a client that is dropped gives back whatever it has, at once.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::cluster::Cluster;
use crate::event::StreamId;

/// A partition of a topic.
pub type Place = (String, i32);

/// A committed offset, and of what stream it was said.
pub type Offered = (u64, Option<StreamId>);

/// What the group decided.
#[derive(Debug)]
pub enum Change {
    Given(Vec<Place>),
    Taken(Vec<Place>),
}

/// What the client tells of.
#[derive(Default)]
struct Group {
    changes: Mutex<VecDeque<Change>>,
    closing: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        log::debug!("{level:?}: {message}");
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Group {
    fn rebalance(&self, client: &BaseConsumer<Self>, told: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let places = places(list);
        let given = told == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(SeqCst) {
            // Nobody waits for anything any more.
            let _ = if given { client.assign(&TopicPartitionList::new()) } else { released(client, list) };
            return;
        }
        lock(&self.changes).push_back(if given { Change::Given(places) } else { Change::Taken(places) });
    }
}

fn places(list: &TopicPartitionList) -> Vec<Place> {
    list.elements().iter().map(|element| (element.topic().to_string(), element.partition())).collect()
}

fn listed<'p>(places: impl IntoIterator<Item = &'p Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    places.into_iter().for_each(|(topic, partition)| _ = list.add_partition(topic, *partition));
    list
}

fn released(client: &BaseConsumer<Group>, list: &TopicPartitionList) -> KafkaResult<()> {
    match client.rebalance_protocol() {
        RebalanceProtocol::Cooperative => client.incremental_unassign(list),
        _ => client.unassign(),
    }
}

/// What members tell the brokers in the older protocol, and brokers decide in the newer one.
const OF_MEMBERS: &[&str] =
    &["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type"];

/// Whether the group follows the newer protocol (KIP-848).
fn is_led_by_brokers(cluster: &Cluster) -> bool {
    let protocol = cluster.properties.get("group.protocol");
    protocol.is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("consumer"))
}

/// The first property that the protocol of the group does not have.
pub fn stray(cluster: &Cluster) -> Option<&'static str> {
    let is_set = |name: &&&str| cluster.properties.contains_key(**name);
    OF_MEMBERS.iter().find(is_set).copied().filter(|_| is_led_by_brokers(cluster))
}

/// A client in its group.
pub struct Member {
    client: BaseConsumer<Group>,
}

/// What a commit says of who made it: the stream whose events it speaks of.
const STREAM: &str = "dataflowkit stream ";

impl Member {
    /// A client that has subscribed to nothing yet; `refresh` is how often it looks for topics.
    pub fn new(cluster: &Cluster, group: &str, refresh: Duration) -> KafkaResult<Member> {
        let mut cluster = cluster.clone();
        let refresh = refresh.as_millis().to_string();
        let defaults = [
            ("isolation.level", "read_committed"),
            // The client reads ahead by so much; its own limit would be all the memory there is for an agent.
            ("queued.max.messages.kbytes", "16384"),
            // And goes on as soon as there is room.
            ("fetch.queue.backoff.ms", "20"),
            ("topic.metadata.refresh.interval.ms", &refresh),
        ];
        // As Java's client had it: so long the partitions of a member that was killed are nobody's.
        let session = Some(("session.timeout.ms", "10000")).filter(|_| !is_led_by_brokers(&cluster));
        for (name, value) in defaults.into_iter().chain(session) {
            cluster.properties.entry(name.into()).or_insert_with(|| value.into());
        }
        let own = [
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("allow.auto.create.topics", "false"),
        ];
        let client = cluster.client(&own).create_with_context(Group::default())?;
        Ok(Member { client })
    }

    /// What comes next. Nothing within `time`: or the group has decided something.
    pub fn poll(&self, time: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        self.client.poll(time)
    }

    pub fn change(&self) -> Option<Change> {
        lock(&self.client.context().changes).pop_front()
    }

    pub fn subscribe(&self, topics: &[&str]) -> KafkaResult<()> {
        if topics.is_empty() {
            self.client.unsubscribe();
            return Ok(());
        }
        self.client.subscribe(topics)
    }

    /// The names of all topics. One that is asked for by its name would be made.
    pub fn topics(&self, patience: Duration) -> KafkaResult<Vec<String>> {
        let metadata = self.client.fetch_metadata(None, patience)?;
        let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(there.map(|topic| topic.name().to_string()).collect())
    }

    pub fn cluster_id(&self, patience: Duration) -> Option<String> {
        self.client.client().fetch_cluster_id(patience)
    }

    /// The lowest offset there is, and the one behind the highest.
    pub fn watermarks(&self, (topic, partition): &Place, patience: Duration) -> KafkaResult<(u64, u64)> {
        let (low, high) = self.client.fetch_watermarks(topic, *partition, patience)?;
        Ok((low.max(0) as u64, high.max(0) as u64))
    }

    /// What the group has committed of each, and of what stream of ours or others like us.
    pub fn committed(&self, places: &[Place], patience: Duration) -> KafkaResult<Vec<Option<Offered>>> {
        let told = self.client.committed_offsets(listed(places), patience)?;
        let of = |(topic, partition): &Place| {
            let element = told.find_partition(topic, *partition)?;
            let Offset::Offset(at) = element.offset() else { return None };
            // Brokers keep it as text.
            let stream = element.metadata().strip_prefix(STREAM);
            let stream = stream.and_then(|id| u128::from_str_radix(id, 16).ok()).map(StreamId);
            Some((u64::try_from(at).ok()?, stream))
        };
        for element in told.elements() {
            element.error()?;
        }
        Ok(places.iter().map(of).collect())
    }

    /// Takes what the group gives, each from an offset on.
    pub fn take(&self, begins: &[(Place, u64)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), at) in begins {
            list.add_partition_offset(topic, *partition, Offset::Offset(*at as i64))?;
        }
        match self.client.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.client.incremental_assign(&list),
            _ => self.client.assign(&list),
        }
    }

    /// Gives back what the group takes.
    pub fn release(&self, places: &[Place]) -> KafkaResult<()> {
        released(&self.client, &listed(places))
    }

    /// Whether others have got it already.
    pub fn is_lost(&self) -> bool {
        self.client.assignment_lost()
    }

    pub fn pause<'p>(&self, places: impl IntoIterator<Item = &'p Place>) -> KafkaResult<()> {
        self.client.pause(&listed(places))
    }

    pub fn resume<'p>(&self, places: impl IntoIterator<Item = &'p Place>) -> KafkaResult<()> {
        self.client.resume(&listed(places))
    }

    pub fn seek(&self, (topic, partition): &Place, at: u64, patience: Duration) -> KafkaResult<()> {
        self.client.seek(topic, *partition, Offset::Offset(at as i64), patience)
    }

    /// Asks for a commit of offsets.
    pub fn commit(&self, offsets: &[(Place, StreamId, u64)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), stream, at) in offsets {
            list.add_partition_offset(topic, *partition, Offset::Offset(*at as i64))?;
            if let Some(mut element) = list.find_partition(topic, *partition) {
                element.set_metadata(format!("{STREAM}{stream}"));
            }
        }
        self.client.commit(&list, CommitMode::Async)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.client.context().closing.store(true, SeqCst);
        // A change that was not answered would be waited for.
        while let Some(change) = self.change() {
            let _ = match change {
                Change::Given(_) => self.client.assign(&TopicPartitionList::new()),
                Change::Taken(places) => self.release(&places),
            };
        }
    }
}
