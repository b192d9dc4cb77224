//! A sink whose delivery is one transaction: of events, and of the marks they stand for.
//!
//! Invariants: `live` is there from the answer to `delivered` until something went wrong that only a new producer mends;
//! the runner asks again then. Brokers refuse batches and not messages for their size: a message is too large if its batch
//! had no other, so batches become smaller until that is so. Messages that are refused for good are dead letters before
//! the transaction without them commits.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::cluster::{Trouble, code_of, sentence};
use super::letters::{Letters, Scratch};
use super::producer::{Partition, REQUEST};
use super::reach::Reach;
use super::{Cluster, Keeper, Producer};
use crate::event::{Batch, EventRef, Marks, StreamId};
use crate::flow::{ChannelKey, DeadLetters, DeliverError, Destination, Limit, Omitted, Pulse, Sink, Stop};

/// How long brokers may take before it is said that they are waited for.
const FIRST: Duration = Duration::from_secs(5);
/// How long brokers may take for one delivery, where nobody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a transaction waits for more to carry, while more comes: it takes milliseconds, however little it carries.
const GATHER: Duration = Duration::from_millis(10);
/// The most that one transaction carries.
const AT_ONCE: usize = 8 << 20;
/// Batches that share a transaction.
const BATCHES_AT_ONCE: usize = 512;

/// How the sink was set.
pub struct Settings {
    pub name: String,
    pub reach: Reach,
    pub partition: Partition,
    pub batch: usize,
    pub exactly_once: bool,
    pub marks_topic: String,
    /// How long brokers may take for one delivery.
    pub patience: Duration,
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
    /// Bytes of messages in one batch; fewer once brokers have refused that many.
    batch_bytes: usize,
    omitted: Vec<Omitted>,
    scratch: Scratch,
}

/// Events of one delivery that are refused for good, by number, and why.
type Refused = BTreeMap<usize, String>;

/// Why a transaction did not commit.
enum Failed {
    /// Without these it may.
    Refused(Refused),
    /// Batches of these were too large as a whole; some are refused for themselves.
    TooMuch {
        refused: Refused,
        together: BTreeSet<usize>,
    },
    Error(DeliverError),
}

impl KafkaSink {
    pub fn new(settings: Settings, letters: Letters, dead: DeadLetters, pulse: Arc<Pulse>) -> KafkaSink {
        let set = settings.reach.cluster.properties.get("batch.size");
        let batch_bytes = set.and_then(|text| text.trim().parse().ok()).unwrap_or(REQUEST);
        KafkaSink {
            settings,
            letters,
            dead,
            pulse,
            key: None,
            live: None,
            beginning: None,
            without: false,
            batch_bytes,
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
                Err(trouble) if lacks_transactions(&trouble.error) => {
                    self.without = true;
                    let (name, why) = (&*self.pulse.name, trouble.sentence());
                    log::warn!(component = name; "sink `{name}` delivers at least once: transactions are not to be had: {why}");
                }
                Err(trouble) => return Err(failure(&self.settings, &trouble, false)),
            }
        }
        let Settings { name, partition, .. } = &self.settings;
        let producer =
            Producer::new(name, &cluster, *partition, &[("batch.size", &self.batch_bytes.to_string())]);
        let producer = producer.map_err(|error| failure(&self.settings, &error.into(), false))?;
        self.live = Some(Live { producer, keeper: None });
        Ok(None)
    }

    fn connect_exactly(&mut self, cluster: &Cluster, channel: &ChannelKey) -> Result<Marks, Trouble> {
        let Settings { name, partition, marks_topic, patience, .. } = &self.settings;
        let producer = match self.beginning.take() {
            Some(producer) => producer,
            None => {
                let id = format!("dataflowkit/{channel}/{name}");
                let batch = self.batch_bytes.to_string();
                let own = [
                    ("transactional.id", &*id),
                    ("enable.idempotence", "true"),
                    ("acks", "all"),
                    ("batch.size", &*batch),
                ];
                Producer::new(name, cluster, *partition, &own)?
            }
        };
        // K1, S3: first whoever had the name is fenced, then its marks are read.
        if let Err(error) = producer.init(FIRST) {
            let again = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            // Why nobody answers, the client tells beside.
            let reason = if again { producer.reason() } else { None };
            // Where its settings may be wrong, the next one has them anew.
            let mends = reason.as_ref().is_none_or(|reason| reason.rank() < 2);
            self.beginning = (again && mends).then_some(producer);
            return Err(reason.unwrap_or(error.into()));
        }
        let (keeper, marks) = Keeper::open(cluster, &producer, marks_topic, (channel, name), *patience)
            .map_err(|error| Trouble::of_topic(error, marks_topic))?;
        self.live = Some(Live { producer, keeper: Some(keeper) });
        Ok(marks)
    }

    /// One transaction of all but `refused`; where there are none, of what is `left`.
    fn transact(
        &mut self,
        batches: &[Batch],
        refused: &Refused,
        left: Option<&BTreeSet<usize>>,
        stop: &Stop,
    ) -> Result<(), Failed> {
        let Some(Live { producer, keeper }) = &mut self.live else {
            return Err(Failed::Error(DeliverError::InDoubt("it has no producer".into(), None)));
        };
        let Settings { patience, .. } = self.settings;
        let failed = |error: KafkaError| Failed::Error(failure(&self.settings, &error.into(), false));
        let settings = &self.settings;
        producer.begin().map_err(failed)?;
        let mut more = Refused::new();
        for (number, event) in batches.iter().flat_map(Batch::events).enumerate() {
            if refused.contains_key(&number) || left.is_some_and(|left| !left.contains(&number)) {
                continue;
            }
            match self.letters.letter(event, &mut self.scratch) {
                Err(why) => drop(more.insert(number, why)),
                Ok(letter) => match producer.send(number, letter, stop) {
                    Ok(()) => {}
                    Err(error) if code_of(&error).is_some_and(|code| settings.is_refusal(code)) => {
                        more.insert(number, sentence(&error));
                    }
                    // A message before it has ended the transaction: its report says why.
                    Err(error) if is_over(&error) => break,
                    Err(error) => return Err(self.give_up(error.into(), false)),
                },
            }
        }
        let touched = keeper.as_ref().map(|keeper| keeper.with(batches)).unwrap_or_default();
        if let Some(Err(error)) = keeper.as_ref().map(|keeper| keeper.send(producer, &touched, stop))
            && !is_over(&error)
        {
            return Err(self.give_up(error.into(), false));
        }
        let sent = producer.wait(patience);
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
        let others = || {
            sent.failed.iter().filter(|(number, code)| *number == usize::MAX || !settings.is_refusal(*code))
        };
        let purged = |code: &Code| matches!(code, Code::PurgeQueue | Code::PurgeInflight);
        // A refusal ends a transaction, and the client gives up what else was in it.
        let by_refusal = !more.is_empty() && !sent.unreported && others().all(|(_, code)| purged(code));
        if let Some((_, code)) = others().next().filter(|_| !by_refusal) {
            // What the client itself gives up says nothing of why.
            let given_up = purged(code) || *code == Code::MessageTimedOut;
            let why = if given_up { producer.why(sent.unreported) } else { None };
            let trouble = why.unwrap_or(KafkaError::MessageProduction(*code).into());
            return Err(self.give_up(trouble, !exact));
        }
        if sent.unreported {
            let error = KafkaError::MessageProduction(Code::MessageTimedOut);
            let trouble = producer.reason().unwrap_or(error.into());
            return Err(self.give_up(trouble, !exact));
        }
        if !more.is_empty() {
            let aborted = producer.abort(FIRST).is_ok();
            let together = together(batches, &sent.failed, self.batch_bytes);
            if !together.is_empty() {
                more.retain(|number, _| !together.contains(number));
                self.make_smaller();
                return Err(Failed::TooMuch { refused: more, together });
            }
            // What brokers have refused leaves a gap in the numbers of this producer: they would refuse what follows it.
            if !aborted || exact && !sent.failed.is_empty() {
                self.live = None;
            }
            return Err(Failed::Refused(more));
        }
        match producer.commit(patience) {
            Ok(()) => {
                if let Some(keeper) = keeper {
                    keeper.took(touched);
                }
                Ok(())
            }
            Err(error) => {
                let aborted = matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort());
                Err(self.give_up(error.into(), !aborted))
            }
        }
    }

    /// The next producer makes smaller batches.
    fn make_smaller(&mut self) {
        self.live = None;
        let (name, too_many) = (&*self.pulse.name, self.batch_bytes);
        self.batch_bytes = (too_many / 4).max(1);
        log::info!(component = name; "the brokers refuse batches of sink `{name}` of up to {too_many} bytes: they are made of up to {} now", self.batch_bytes);
    }

    /// The transaction ends here; where that cannot be told to the brokers, the next producer's beginning does.
    fn give_up(&mut self, trouble: Trouble, doubtful: bool) -> Failed {
        let error = failure(&self.settings, &trouble, doubtful);
        // What may have been committed is not for this producer to end.
        let ends = |live: &Live| (!doubtful || live.keeper.is_none()) && live.producer.abort(FIRST).is_ok();
        let aborted = self.live.as_ref().is_some_and(ends);
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
        let mut by_reason: BTreeMap<&str, Vec<EventRef<'_>>> = BTreeMap::new();
        let events = batches.iter().flat_map(Batch::events).enumerate();
        for (event, why) in events.filter_map(|(number, event)| Some((event, refused.get(&number)?))) {
            by_reason.entry(why).or_default().push(event);
        }
        for (why, events) in by_reason {
            self.dead.keep(events.into_iter(), why).map_err(|error| {
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

    fn gathers(&self) -> Duration {
        if self.settings.exactly_once && !self.without { GATHER } else { Duration::ZERO }
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
        let (mut refused, mut left) = (Refused::new(), None);
        loop {
            match self.transact(batches, &refused, left.as_ref(), stop) {
                Ok(()) => {
                    self.tell_omitted(batches, &refused);
                    return Ok(());
                }
                Err(Failed::Refused(more)) => {
                    self.set_aside(batches, &more)?;
                    refused.extend(more);
                    match (&self.live, self.key.clone()) {
                        // Without transactions all others have been acknowledged.
                        (Some(Live { keeper: None, .. }), _) => {
                            self.tell_omitted(batches, &refused);
                            return Ok(());
                        }
                        (None, Some(channel)) => drop(self.connect(&channel)?),
                        _ => {}
                    }
                }
                Err(Failed::TooMuch { refused: more, together }) => {
                    self.set_aside(batches, &more)?;
                    refused.extend(more);
                    let Some(channel) = self.key.clone() else { continue };
                    let exact = self.connect(&channel)?.is_some();
                    // Without transactions all others have been acknowledged.
                    left = (!exact).then_some(together);
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
        let (stop, patience) = (Stop::new(), self.settings.patience);
        let done = producer.begin().and_then(|()| {
            keeper.forget(producer, streams, &stop)?;
            producer.wait(patience);
            producer.commit(patience)
        });
        match done {
            Ok(()) => {
                keeper.forgot(streams);
                Ok(())
            }
            Err(error) => match self.give_up(error.into(), true) {
                Failed::Error(error) => Err(error),
                Failed::Refused(_) | Failed::TooMuch { .. } => Ok(()),
            },
        }
    }
}

/// `doubtful`: the far side may have it.
fn failure(settings: &Settings, trouble: &Trouble, doubtful: bool) -> DeliverError {
    if is_fenced(&trouble.error) {
        return DeliverError::Fenced(trouble.sentence());
    }
    let what = format!("waiting for brokers `{}`: {}", settings.reach.cluster.brokers, trouble.sentence());
    if doubtful { DeliverError::InDoubt(what, None) } else { DeliverError::NotThere(what, None) }
}

/// Whether the transaction had ended before.
fn is_over(error: &KafkaError) -> bool {
    code_of(error) == Some(Code::State)
}

/// Messages that were too large in batches with others; one that fills a batch of `most` bytes is alone in it.
fn together(batches: &[Batch], failed: &[(usize, Code)], most: usize) -> BTreeSet<usize> {
    let too_large =
        failed.iter().filter(|(number, code)| *number != usize::MAX && *code == Code::MessageSizeTooLarge);
    let too_large: BTreeSet<usize> = too_large.map(|(number, _)| *number).collect();
    if too_large.len() < 2 || most < 2 {
        return BTreeSet::new();
    }
    let events = batches.iter().flat_map(Batch::events).enumerate();
    let small = events.filter(|(number, event)| too_large.contains(number) && event.body().len() < most);
    small.map(|(number, _)| number).collect()
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
