//! A producer whose commit is a whole delivery: everything is sent, every report is waited for, and with a transactional
//! id all of it counts at once or not at all.
//!
//! Why reports of failures only: a report costs as much as sending, and that nothing is in flight any more tells the rest.
//! Why a flush of our own (`sys::librdkafka`): it ends when the last message does, and lets none linger. A long linger
//! costs nothing with it, and the client's thread spins less while a transaction waits for its brokers.
//! Why looks that wait for nothing: this client's polls last their whole time, whatever comes.
//! Invariants: between two commits nothing is in flight.
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Partitioner, Producer as _, ProducerContext, PurgeConfig,
};

use super::cluster::{Cluster, code_of};
use crate::flow::Stop;
use crate::sys;

/// How long one wait for what is in flight takes at most: failures are heard of between two.
const LOOK: Duration = Duration::from_millis(20);
/// Messages wait for company until a batch is full or all have been handed over: a flush ends every delivery.
const LINGER: &str = "1000";
/// A pause until a full queue has room.
const PAUSE: Duration = Duration::from_micros(200);

/// One message.
pub struct Letter<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    /// `None`: a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: Option<OwnedHeaders>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
}

/// What became of what was sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Messages that were refused, by the number they were sent with.
    pub failed: Vec<(usize, RDKafkaErrorCode)>,
    /// Some have not been reported in time.
    pub unreported: bool,
}

/// How an unkeyed or keyed message finds its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// As librdkafka's `partitioner` says.
    Client,
    /// As the producer of 0.8: the absolute value of Java's hash of the key.
    JavaStringHash,
}

/// Hears reports and troubles.
pub struct Reports {
    name: Box<str>,
    partition: Partition,
    failed: Mutex<Vec<(usize, RDKafkaErrorCode)>>,
    /// The last trouble with a broker.
    trouble: Mutex<Option<KafkaError>>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        log::debug!(component = &*self.name; "{level:?}: {message}");
    }

    fn error(&self, error: KafkaError, _reason: &str) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

impl ProducerContext<Reports> for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, _)) = result {
            let code = code_of(error).unwrap_or(RDKafkaErrorCode::Fail);
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).push((number, code));
        }
    }

    fn get_custom_partitioner(&self) -> Option<&Reports> {
        (self.partition == Partition::JavaStringHash).then_some(self)
    }
}

impl Partitioner for Reports {
    fn partition(&self, _: &str, key: Option<&[u8]>, count: i32, _: impl Fn(i32) -> bool) -> i32 {
        java_string_hash(key.unwrap_or_default(), count)
    }
}

/// The partition of a key by `kafka.producer.DefaultPartitioner` of 0.8: `Utils.abs(key.hashCode) % partitions`, where
/// the absolute value of the least number is 0.
pub fn java_string_hash(key: &[u8], partitions: i32) -> i32 {
    let text = String::from_utf8_lossy(key);
    let hash =
        text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    if hash == i32::MIN { 0 } else { hash.abs() % partitions.max(1) }
}

/// See the module.
pub struct Producer {
    client: BaseProducer<Reports, Reports>,
    transactional: bool,
}

impl Producer {
    pub fn new(
        name: &str,
        cluster: &Cluster,
        partition: Partition,
        own: &[(&str, &str)],
    ) -> Result<Producer, KafkaError> {
        let reports =
            Reports { name: name.into(), partition, failed: Mutex::default(), trouble: Mutex::default() };
        let mut config = cluster.client(own);
        config.remove("queue.buffering.max.ms");
        config.set("delivery.report.only.error", "true").set("linger.ms", LINGER);
        let client = BaseProducer::from_config_and_context(&config, reports)?;
        Ok(Producer { client, transactional: config.get("transactional.id").is_some() })
    }

    /// Fences whoever had the transactional id before, and ends what it left open.
    pub fn init(&self, patience: Duration) -> Result<(), KafkaError> {
        if self.transactional { self.client.init_transactions(patience) } else { Ok(()) }
    }

    pub fn begin(&self) -> Result<(), KafkaError> {
        // Of what was given up, reports came after it was told.
        self.reports().failed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if self.transactional { self.client.begin_transaction() } else { Ok(()) }
    }

    /// Hands a message over. `number` comes back with its report.
    pub fn send(&self, number: usize, letter: Letter<'_>, stop: &Stop) -> Result<(), KafkaError> {
        let mut record = BaseRecord::with_opaque_to(letter.topic, number);
        record.partition = letter.partition;
        record.key = letter.key;
        record.payload = letter.value;
        record.headers = letter.headers;
        record.timestamp = letter.timestamp;
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                // Its queue is full: reports make room.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if !stop.is_told() =>
                {
                    record = back;
                    self.hear();
                    std::thread::park_timeout(PAUSE);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Waits for every report.
    pub fn wait(&self, patience: Duration) -> Sent {
        let deadline = Instant::now() + patience;
        while self.client.in_flight_count() > 0 && Instant::now() < deadline {
            sys::librdkafka::flush(self.client.client(), LOOK);
            self.hear();
        }
        let unreported = self.client.in_flight_count() > 0;
        if unreported {
            self.client.purge(PurgeConfig::default().queue().inflight());
            self.hear();
        }
        let failed =
            std::mem::take(&mut *self.reports().failed.lock().unwrap_or_else(PoisonError::into_inner));
        Sent { failed, unreported }
    }

    /// Takes what has been reported by now.
    fn hear(&self) {
        // An event has the reports of one request, and a look takes one event.
        for _ in 0..8 {
            self.client.poll(Duration::ZERO);
        }
    }

    pub fn commit(&self, patience: Duration) -> Result<(), KafkaError> {
        if self.transactional { self.client.commit_transaction(patience) } else { Ok(()) }
    }

    pub fn abort(&self, patience: Duration) -> Result<(), KafkaError> {
        if self.transactional { self.client.abort_transaction(patience) } else { Ok(()) }
    }

    pub fn is_transactional(&self) -> bool {
        self.transactional
    }

    /// Why messages were given up that the client purged: what ended it for good, else the last trouble it told of.
    pub fn reason(&self) -> Option<KafkaError> {
        let fatal = self.client.client().fatal_error().map(|(code, _)| KafkaError::MessageProduction(code));
        fatal.or_else(|| self.reports().trouble.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    fn reports(&self) -> &Reports {
        self.client.context()
    }

    /// How many partitions a topic has; 0: it is not there. All topics are asked for, since brokers make one that is
    /// asked for by name.
    pub fn partitions_of(&self, topic: &str, patience: Duration) -> Result<usize, KafkaError> {
        let metadata = self.client.client().fetch_metadata(None, patience)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        Ok(found.map_or(0, |found| found.partitions().len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_old_producers_stay_on_their_partitions() {
        // "polygenelubricants".hashCode() is the least number.
        let cases = [("", 0), ("a", 97 % 7), ("hello", 99_162_322 % 7), ("polygenelubricants", 0)];
        for (key, partition) in cases {
            assert_eq!(java_string_hash(key.as_bytes(), 7), partition, "{key}");
        }
        // "ä€😀" by UTF-16 units: 228, 8364, 55357, 56832.
        let units = [228i32, 8364, 55357, 56832];
        let hash = units.iter().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(*unit));
        assert_eq!(java_string_hash("ä€😀".as_bytes(), 13), hash.abs() % 13);
    }
}
