//! A sink whose delivery is one transaction: of events, and of the marks they stand for.
//!
//! Invariants: `live` is there from the answer to `delivered` until something went wrong that only a new producer mends;
//! the runner asks again then. Messages that are refused for good are dead letters before the transaction without them
//! commits.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::cluster::{code_of, sentence};
use super::letters::{Letters, Scratch};
use super::producer::Partition;
use super::reach::Reach;
use super::{Cluster, Keeper, Producer};
use crate::event::{Batch, Marks, StreamId};
use crate::flow::{ChannelKey, DeadLetters, DeliverError, Destination, Limit, Omitted, Pulse, Sink, Stop};

/// How long brokers may take before it is said that they are waited for.
const FIRST: Duration = Duration::from_secs(5);
/// How long brokers may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that one transaction carries.
const AT_ONCE: usize = 8 << 20;
/// Batches that share a transaction.
const BATCHES_AT_ONCE: usize = 64;

/// How the sink was set.
pub struct Settings {
    pub name: String,
    pub reach: Reach,
    pub partition: Partition,
    pub batch: usize,
    pub exactly_once: bool,
    pub marks_topic: String,
    /// There is one topic, without which there is nowhere to go: it is waited for, where else what asks for a topic that
    /// is not there becomes a dead letter.
    pub awaits_topic: bool,
}

impl Settings {
    /// Whether the brokers will never take the message.
    fn is_refusal(&self, code: Code) -> bool {
        let no_topic = matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition);
        is_refusal(code) && !(self.awaits_topic && no_topic)
    }
}

/// A producer at work.
struct Live {
    producer: Producer,
    /// `None`: at least once.
    keeper: Option<Keeper>,
}

/// See the module.
pub struct KafkaSink {
    settings: Settings,
    letters: Letters,
    dead: DeadLetters,
    pulse: Arc<Pulse>,
    key: Option<ChannelKey>,
    live: Option<Live>,
    /// A producer that has asked for its transactional id and has no answer yet.
    beginning: Option<Producer>,
    /// The brokers cannot or may not do transactions: said once.
    without: bool,
    omitted: Vec<Omitted>,
    scratch: Scratch,
}

/// Events of one delivery that are refused for good, by number, and why.
type Refused = BTreeMap<usize, String>;

/// Why a transaction did not commit.
enum Failed {
    /// Without these it may.
    Refused(Refused),
    Error(DeliverError),
}

impl KafkaSink {
    pub fn new(settings: Settings, letters: Letters, dead: DeadLetters, pulse: Arc<Pulse>) -> KafkaSink {
        KafkaSink {
            settings,
            letters,
            dead,
            pulse,
            key: None,
            live: None,
            beginning: None,
            without: false,
            omitted: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    fn connect(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        self.live = None;
        let cluster = self.settings.reach.reveal().map_err(|what| DeliverError::NotThere(what, None))?;
        if self.settings.exactly_once && !self.without {
            match self.connect_exactly(&cluster, channel) {
                Ok(marks) => return Ok(Some(marks)),
                Err(error) if lacks_transactions(&error) => {
                    self.without = true;
                    let (name, why) = (&*self.pulse.name, sentence(&error));
                    log::warn!(component = name; "sink `{name}` delivers at least once: transactions are not to be had: {why}");
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        let Settings { name, partition, .. } = &self.settings;
        let producer = Producer::new(name, &cluster, *partition, &[]).map_err(|error| self.failed(&error))?;
        self.live = Some(Live { producer, keeper: None });
        Ok(None)
    }

    fn connect_exactly(&mut self, cluster: &Cluster, channel: &ChannelKey) -> Result<Marks, KafkaError> {
        let Settings { name, partition, marks_topic, .. } = &self.settings;
        let producer = match self.beginning.take() {
            Some(producer) => producer,
            None => {
                let id = format!("dataflowkit/{channel}/{name}");
                let own = [("transactional.id", &*id), ("enable.idempotence", "true"), ("acks", "all")];
                Producer::new(name, cluster, *partition, &own)?
            }
        };
        // K1, S3: first whoever had the name is fenced, then its marks are read.
        if let Err(error) = producer.init(FIRST) {
            let again = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            self.beginning = again.then_some(producer);
            return Err(error);
        }
        let (keeper, marks) = Keeper::open(cluster, &producer, marks_topic, (channel, name), PATIENCE)?;
        self.live = Some(Live { producer, keeper: Some(keeper) });
        Ok(marks)
    }

    fn failed(&self, error: &KafkaError) -> DeliverError {
        let brokers = &self.settings.reach.cluster.brokers;
        match is_fenced(error) {
            true => DeliverError::Fenced(sentence(error)),
            false => {
                DeliverError::NotThere(format!("waiting for brokers `{brokers}`: {}", sentence(error)), None)
            }
        }
    }

    /// One transaction of all but `refused`.
    fn transact(&mut self, batches: &[Batch], refused: &Refused, stop: &Stop) -> Result<(), Failed> {
        let Some(Live { producer, keeper }) = &mut self.live else {
            return Err(Failed::Error(DeliverError::InDoubt("it has no producer".into(), None)));
        };
        let failed = |error: KafkaError| Failed::Error(failure(&error, false));
        let settings = &self.settings;
        producer.begin().map_err(failed)?;
        let mut more = Refused::new();
        for (number, event) in batches.iter().flat_map(Batch::events).enumerate() {
            if refused.contains_key(&number) {
                continue;
            }
            match self.letters.letter(event, &mut self.scratch) {
                Err(why) => drop(more.insert(number, why)),
                Ok(letter) => match producer.send(number, letter, stop) {
                    Ok(()) => {}
                    Err(error) if code_of(&error).is_some_and(|code| settings.is_refusal(code)) => {
                        more.insert(number, sentence(&error));
                    }
                    Err(error) => return Err(self.give_up(failure(&error, false))),
                },
            }
        }
        let touched = keeper.as_ref().map(|keeper| keeper.with(batches)).unwrap_or_default();
        if let Some(Err(error)) = keeper.as_ref().map(|keeper| keeper.send(producer, &touched, stop)) {
            return Err(self.give_up(failure(&error, false)));
        }
        let sent = producer.wait(PATIENCE);
        let exact = keeper.is_some();
        for (number, code) in &sent.failed {
            match *number {
                usize::MAX => {}
                number if settings.is_refusal(*code) => {
                    more.insert(number, sentence(&KafkaError::MessageProduction(*code)));
                }
                _ => {}
            }
        }
        let other =
            sent.failed.iter().find(|(number, code)| *number == usize::MAX || !settings.is_refusal(*code));
        if let Some((_, code)) = other {
            let purged = matches!(code, Code::PurgeQueue | Code::PurgeInflight);
            let reason = purged.then(|| producer.reason()).flatten();
            let error = reason.unwrap_or(KafkaError::MessageProduction(*code));
            return Err(self.give_up(failure(&error, !exact)));
        }
        if sent.unreported {
            let error = KafkaError::MessageProduction(Code::MessageTimedOut);
            return Err(self.give_up(failure(&error, !exact)));
        }
        if !more.is_empty() {
            if producer.abort(PATIENCE).is_err() {
                self.live = None;
            }
            return Err(Failed::Refused(more));
        }
        match producer.commit(PATIENCE) {
            Ok(()) => {
                if let Some(keeper) = keeper {
                    keeper.took(touched);
                }
                Ok(())
            }
            Err(error) => {
                let aborted = matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort());
                Err(self.give_up(failure(&error, !aborted)))
            }
        }
    }

    /// The transaction ends here; where that cannot be told to the brokers, the next producer's beginning does.
    fn give_up(&mut self, error: DeliverError) -> Failed {
        let aborted = self.live.as_ref().is_some_and(|live| live.producer.abort(PATIENCE).is_ok());
        let exact = self.live.as_ref().is_some_and(|live| live.keeper.is_some());
        if !aborted || !exact || !matches!(error, DeliverError::NotThere(..)) {
            self.live = None;
        }
        match error {
            // The runner must ask before it delivers again.
            DeliverError::NotThere(text, cause) if self.live.is_none() => {
                Failed::Error(DeliverError::InDoubt(text, cause))
            }
            error => Failed::Error(error),
        }
    }

    fn set_aside(&mut self, batches: &[Batch], refused: &Refused) -> Result<(), DeliverError> {
        let mut events = batches.iter().flat_map(Batch::events).enumerate();
        for (number, why) in refused {
            let event = events.by_ref().find(|(at, _)| at == number).map(|(_, event)| event);
            self.dead.keep(event.into_iter(), why).map_err(|error| {
                let dir = self.dead.dir().display();
                DeliverError::not_there(format!("cannot keep dead letters in `{dir}`"), error)
            })?;
        }
        Ok(())
    }

    fn tell_omitted(&mut self, batches: &[Batch], refused: &Refused) {
        let mut first = 0;
        let of = |batch: &Batch| {
            let own = first..first + batch.len();
            first = own.end;
            Omitted { filtered: 0, dead_lettered: refused.range(own).count() }
        };
        self.omitted = batches.iter().map(of).collect();
    }
}

impl Sink for KafkaSink {
    fn destination(&self) -> Option<Destination> {
        let Settings { reach, exactly_once, marks_topic, .. } = &self.settings;
        exactly_once.then(|| Destination(format!("kafka:{}/{marks_topic}", reach.cluster.brokers)))
    }

    fn unheard(&self) -> Option<(&'static str, &'static str)> {
        let unanswered = self.settings.reach.cluster.properties.get("acks").is_some_and(|acks| acks == "0");
        unanswered.then_some(("acks = 0 asks the brokers for no answer", "acks = all"))
    }

    fn limit(&self) -> Limit {
        Limit { events: self.settings.batch * BATCHES_AT_ONCE, bytes: AT_ONCE }
    }

    fn delivered(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        self.key = Some(channel.clone());
        self.connect(channel)
    }

    fn deliver(&mut self, batches: &[Batch], stop: &Stop) -> Result<(), DeliverError> {
        if self.live.is_none()
            && let Some(channel) = self.key.clone()
        {
            self.connect(&channel)?;
        }
        let mut refused = Refused::new();
        loop {
            match self.transact(batches, &refused, stop) {
                Ok(()) => {
                    self.tell_omitted(batches, &refused);
                    return Ok(());
                }
                Err(Failed::Refused(more)) => {
                    self.set_aside(batches, &more)?;
                    refused.extend(more);
                    let exact = self.live.as_ref().is_some_and(|live| live.keeper.is_some());
                    if !exact && self.live.is_some() {
                        // All others have been acknowledged.
                        self.tell_omitted(batches, &refused);
                        return Ok(());
                    }
                }
                Err(Failed::Error(error)) => return Err(error),
            }
        }
    }

    fn omitted(&mut self) -> Vec<Omitted> {
        std::mem::take(&mut self.omitted)
    }

    fn retire(&mut self, streams: &[StreamId]) -> Result<(), DeliverError> {
        let Some(Live { producer, keeper: Some(keeper) }) = &mut self.live else { return Ok(()) };
        let stop = Stop::new();
        let done = producer.begin().and_then(|()| {
            keeper.forget(producer, streams, &stop)?;
            producer.wait(PATIENCE);
            producer.commit(PATIENCE)
        });
        match done {
            Ok(()) => {
                keeper.forgot(streams);
                Ok(())
            }
            Err(error) => match self.give_up(failure(&error, true)) {
                Failed::Error(error) => Err(error),
                Failed::Refused(_) => Ok(()),
            },
        }
    }
}

/// `doubtful`: the far side may have it.
fn failure(error: &KafkaError, doubtful: bool) -> DeliverError {
    match () {
        () if is_fenced(error) => DeliverError::Fenced(sentence(error)),
        () if doubtful => DeliverError::InDoubt(sentence(error), None),
        () => DeliverError::NotThere(sentence(error), None),
    }
}

fn is_fenced(error: &KafkaError) -> bool {
    matches!(code_of(error), Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch))
}

/// Whether the brokers do not take the message.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidTopic
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::InvalidRecord
            | Code::InvalidArgument
    )
}

/// Whether the brokers cannot do transactions, or this user may not.
fn lacks_transactions(error: &KafkaError) -> bool {
    matches!(
        code_of(error),
        Some(Code::UnsupportedFeature | Code::UnsupportedVersion | Code::TransactionalIdAuthorizationFailed)
    )
}
