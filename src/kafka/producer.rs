//! A producer whose commit is a whole delivery: everything is sent, every report is waited for, and with a transactional
//! id all of it counts at once or not at all.
//!
//! Why reports of failures only: a report costs as much as sending, and that nothing is in flight any more tells the rest.
//! Why a flush of our own (`sys::librdkafka`): it ends when the last message does, and lets none linger. A long linger
//! costs nothing with it, and the client's thread spins less while a transaction waits for its brokers.
//! Why looks that wait for nothing: this client's polls last their whole time, whatever comes.
//! Invariants: between two commits nothing is in flight.
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Partitioner, Producer as _, ProducerContext, PurgeConfig,
};

use super::cluster::{Cluster, Trouble, code_of};
use crate::flow::Stop;
use crate::sys;

/// How long one wait for what is in flight takes at most: failures are heard of between two.
const LOOK: Duration = Duration::from_millis(20);
/// Messages wait for company until a batch is full or all have been handed over: a flush ends every delivery.
const LINGER: u64 = 1000;
/// How long messages without a key go to one partition, in ms: as where nothing lingers.
const STAY: &str = "10";
const STICKY: &str = "sticky.partitioning.linger.ms";
/// Bytes of a request, where nothing else is set: the client's own limit of a batch.
pub const REQUEST: usize = 1_000_000;
/// How long a request may take before a transaction no longer waits for each.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// What a message needs beside its bytes, at most.
const MESSAGE: usize = 40;
/// How long the client is told to send at once, so that its thread hears of it.
const KICK: Duration = Duration::from_millis(1);
/// How long between two looks at how much is in flight: only failures are reported.
const GLANCE: Duration = Duration::from_micros(300);
/// How long more failures are heard of behind the first.
const MOMENT: Duration = Duration::from_millis(200);
/// How long what is in flight may take to come back before a transaction is aborted.
const BACK: Duration = Duration::from_secs(1);

/// What the client says of a commit where it has nothing to say of why it fails.
const NOTHING: RDKafkaErrorCode = RDKafkaErrorCode::Inconsistent;
const TIMED_OUT: RDKafkaErrorCode = RDKafkaErrorCode::OperationTimedOut;

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

/// The number of messages that are no events.
pub const NO_EVENT: usize = usize::MAX;

/// Messages that did not arrive, by the number they were sent with.
pub type Failures = Vec<(usize, RDKafkaErrorCode)>;

/// What became of what was sent.
#[derive(Debug, Default)]
pub struct Sent {
    pub failed: Failures,
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
    /// One after the other, whatever the key.
    InTurn,
}

/// Hears reports and troubles.
pub struct Reports {
    name: Box<str>,
    partition: Partition,
    /// Messages that were given a partition in turn.
    turn: AtomicUsize,
    failed: Mutex<Failures>,
    /// Of the troubles with brokers since the last success, what tells most.
    trouble: Mutex<Option<Trouble>>,
}

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        super::bearer::token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        log::debug!(component = &*self.name; "{level:?}: {message}");
        Trouble::logged(message).into_iter().for_each(|told| self.hear(told));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log::debug!(component = &*self.name; "{error}: {reason}");
        self.hear(Trouble { error, reason: reason.to_string() });
    }
}

impl Reports {
    fn hear(&self, told: Trouble) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref().is_none_or(|before| before.rank() <= told.rank()) {
            *trouble = Some(told);
        }
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
        (self.partition != Partition::Client).then_some(self)
    }
}

impl Partitioner for Reports {
    fn partition(&self, _: &str, key: Option<&[u8]>, count: i32, _: impl Fn(i32) -> bool) -> i32 {
        match self.partition {
            Partition::InTurn => (self.turn.fetch_add(1, Relaxed) % count.max(1) as usize) as i32,
            _ => java_string_hash(key.unwrap_or_default(), count),
        }
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
    /// Bytes that fit into one request.
    request: usize,
    /// What a transaction has under way.
    under_way: Cell<UnderWay>,
}

/// What has been handed over for the next request.
#[derive(Clone, Copy, Default)]
struct UnderWay {
    bytes: usize,
    messages: usize,
    /// The one before it did not arrive in time, or failed: nobody waits in between any more.
    is_stuck: bool,
}

impl Producer {
    pub fn new(
        name: &str,
        cluster: &Cluster,
        partition: Partition,
        own: &[(&str, &str)],
    ) -> Result<Producer, KafkaError> {
        let reports = Reports {
            name: name.into(),
            partition,
            turn: AtomicUsize::new(0),
            failed: Mutex::default(),
            trouble: Mutex::default(),
        };
        let mut config = cluster.client(own);
        config.remove("queue.buffering.max.ms");
        // The client wants a message's time to be longer than its linger.
        let time = ["delivery.timeout.ms", "message.timeout.ms"].iter().find_map(|name| config.get(name));
        let time = time.and_then(|text| text.trim().parse().ok()).filter(|ms| (1..=LINGER).contains(ms));
        let linger = time.map_or(LINGER, |ms: u64| ms / 2).to_string();
        config.set("delivery.report.only.error", "true").set("linger.ms", linger);
        // Messages without a key stay with a partition for a while: for 0 to be given a turn at all, and else not for as
        // long as that linger.
        let stay = if partition == Partition::InTurn { "0" } else { STAY };
        if partition == Partition::InTurn || config.get(STICKY).is_none() {
            config.set(STICKY, stay);
        }
        // Why connections end is a reason; it is no line of the log.
        config.set("log.connection.close", "true").set_log_level(RDKafkaLogLevel::Info);
        let client = BaseProducer::from_config_and_context(&config, reports)?;
        let transactional = config.get("transactional.id").is_some();
        let request = config.get("batch.size").and_then(|text| text.trim().parse().ok()).unwrap_or(REQUEST);
        Ok(Producer { client, transactional, request, under_way: Cell::default() })
    }

    /// Fences whoever had the transactional id before, and ends what it left open.
    pub fn init(&self, patience: Duration) -> Result<(), KafkaError> {
        if !self.transactional {
            return Ok(());
        }
        // A token that it asks for at its start is given.
        self.hear();
        self.client.init_transactions(patience)
    }

    pub fn begin(&self) -> Result<(), KafkaError> {
        // Of what was given up, reports came after it was told.
        self.reports().failed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.under_way.set(UnderWay::default());
        if self.transactional { self.client.begin_transaction() } else { Ok(()) }
    }

    /// Hands a message over. `number` comes back with its report.
    pub fn send(&self, number: usize, letter: Letter<'_>, stop: &Stop) -> Result<(), KafkaError> {
        if self.transactional {
            self.make_way(size_of(&letter));
        }
        let mut record = BaseRecord::with_opaque_to(letter.topic, number);
        record.partition = letter.partition;
        record.key = letter.key;
        record.payload = letter.value;
        record.headers = letter.headers;
        record.timestamp = letter.timestamp;
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                // Its queue is full, and what lingers in it would stay there.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if !stop.is_told() =>
                {
                    record = back;
                    sys::librdkafka::flush(self.client.client(), LOOK);
                    self.hear();
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Lets go what has been handed over, where that is as much as a request may have, once the request before it has
    /// arrived: the next is filled meanwhile.
    ///
    /// Why: with a transactional id this client has one request of several messages under way in a partition, and its
    /// thread spins for as long as more is ready to be sent.
    fn make_way(&self, size: usize) {
        let UnderWay { bytes, messages, is_stuck } = self.under_way.get();
        if is_stuck || bytes == 0 || bytes + size <= self.request {
            return self.under_way.set(UnderWay { bytes: bytes + size, messages: messages + 1, is_stuck });
        }
        let arrived = self.has_arrived_but(messages, REQUEST_TIME);
        sys::librdkafka::flush(self.client.client(), KICK);
        self.under_way.set(UnderWay { bytes: size, messages: 1, is_stuck: !arrived });
    }

    /// Waits until all but the last `messages` have arrived; whether they have.
    fn has_arrived_but(&self, messages: usize, patience: Duration) -> bool {
        let began = Instant::now();
        while usize::try_from(self.client.in_flight_count()).is_ok_and(|count| count > messages) {
            self.hear();
            if self.has_failed() || began.elapsed() > patience {
                return false;
            }
            match began.elapsed() > LOOK {
                // Its thread may not have heard that they are to be sent.
                true => sys::librdkafka::flush(self.client.client(), LOOK),
                false => std::thread::park_timeout(GLANCE),
            }
        }
        true
    }

    /// Waits until nothing is in flight; in a transaction, not for long behind a failure: it never commits. Whether all has
    /// arrived.
    fn land(&self, patience: Duration) -> bool {
        let (mut deadline, mut has_failed) = (Instant::now() + patience, false);
        while self.client.in_flight_count() > 0 && Instant::now() < deadline {
            sys::librdkafka::flush(self.client.client(), LOOK);
            self.hear();
            if self.transactional && !has_failed && self.has_failed() {
                has_failed = true;
                deadline = deadline.min(Instant::now() + MOMENT);
            }
        }
        self.client.in_flight_count() == 0 && !has_failed
    }

    /// Waits for every report.
    pub fn wait(&self, patience: Duration) -> Sent {
        let UnderWay { messages, is_stuck, .. } = self.under_way.get();
        if self.transactional && !is_stuck {
            self.has_arrived_but(messages, patience.min(REQUEST_TIME));
        }
        self.land(patience);
        let given_up = self.transactional && self.has_failed();
        let unreported = self.client.in_flight_count() > 0 && !given_up;
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
        if self.transactional {
            self.client.commit_transaction(patience)?;
        }
        drop(self.trouble().take());
        Ok(())
    }

    pub fn abort(&self, patience: Duration) -> Result<(), KafkaError> {
        if !self.transactional {
            return Ok(());
        }
        // The client's own way to the end waits for reports, and takes none.
        self.client.purge(PurgeConfig::default().queue());
        let deadline = Instant::now() + BACK;
        while self.client.in_flight_count() > 0 && Instant::now() < deadline {
            sys::librdkafka::flush(self.client.client(), LOOK);
            self.hear();
        }
        self.client.abort_transaction(patience)
    }

    fn has_failed(&self) -> bool {
        !self.reports().failed.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Why messages were given up: what ended the producer for good or the transaction, else what it told of the brokers.
    /// `purged`: by us.
    pub fn why(&self, purged: bool) -> Option<Trouble> {
        let ended = self.transactional && !purged && self.client.client().fatal_error().is_none();
        // A transaction with failures never commits; asked to, it says what ended it.
        let said = ended.then(|| self.client.commit_transaction(LOOK).err()).flatten();
        let said = said.map(|error| Trouble { reason: error.to_string(), error });
        let tells = |said: &Trouble| !matches!(code_of(&said.error), Some(NOTHING | TIMED_OUT));
        said.filter(tells).or_else(|| self.reason())
    }

    /// What ended it for good, else what it told of the brokers since its last success.
    pub fn reason(&self) -> Option<Trouble> {
        self.hear();
        let fatal = self.client.client().fatal_error();
        let fatal = fatal.map(|(code, _)| Trouble::from(KafkaError::MessageProduction(code)));
        fatal.or_else(|| self.trouble().clone())
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.reports().trouble.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What a message takes in a request, and a little more.
fn size_of(letter: &Letter<'_>) -> usize {
    let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = letter.headers.iter().flat_map(|headers| headers.iter());
    let headers: usize = headers.map(|header| header.key.len() + of(header.value) + MESSAGE).sum();
    of(letter.key) + of(letter.value) + headers + MESSAGE
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
