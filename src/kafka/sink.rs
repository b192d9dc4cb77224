//! A sink whose delivery is one transaction: of events, and of the marks they stand for.
//!
//! Shape: `connect` makes the producer, `transaction` is one try with it, `delivery` is what the tries have come to. Here
//! is what follows from how a try ended.
//! Invariants: `live` is there from the answer to `delivered` until something went wrong that only a new producer mends;
//! the runner asks again then. Brokers refuse batches and not messages for their size: a message is too large if its batch
//! had no other, so batches become smaller until that is so. Messages that are refused for good are dead letters before
//! the transaction without them commits.
mod connect;
mod delivery;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use self::connect::Live;
use self::delivery::{Delivery, Refused};
use self::transaction::{Ended, Transaction};
use super::Producer;
use super::cluster::{Trouble, code_of};
use super::letters::{Letters, Scratch};
use super::producer::{Failures, Partition, REQUEST};
use super::reach::Reach;
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

    /// One try at what a delivery still has to send.
    fn go_on(&mut self, delivery: &mut Delivery<'_>, stop: &Stop) -> Result<(), DeliverError> {
        let mut live = self.live()?;
        let KafkaSink { settings, letters, scratch, .. } = self;
        match (Transaction { settings, letters, scratch, live: &mut live, stop }).run(delivery) {
            Ok(()) => {
                self.live = Some(live);
                delivery.has_arrived();
                Ok(())
            }
            Err(Ended::Refused(refused, failures)) => self.leave_out(live, delivery, refused, &failures),
            Err(Ended::Trouble { trouble, doubtful }) => Err(self.give_up(live, &trouble, doubtful)),
        }
    }

    /// The producer there is, else a new one.
    fn live(&mut self) -> Result<Live, DeliverError> {
        if self.live.is_none()
            && let Some(channel) = self.key.clone()
        {
            self.connect(&channel)?;
        }
        self.live.take().ok_or_else(|| DeliverError::InDoubt("it has no producer".into(), None))
    }

    /// What is refused becomes dead letters, unless only its company was too large.
    fn leave_out(
        &mut self,
        live: Live,
        delivery: &mut Delivery<'_>,
        mut refused: Refused,
        failures: &Failures,
    ) -> Result<(), DeliverError> {
        let aborted = live.producer.abort(FIRST).is_ok();
        let together = delivery.too_large_together(failures, self.batch_bytes);
        refused.retain(|number, _| !together.contains(number));
        let is_exact = live.is_exact();
        // What brokers have refused leaves a gap in the numbers of a producer with transactions: they would refuse what
        // follows it.
        let goes_on = aborted && together.is_empty() && (!is_exact || failures.is_empty());
        self.live = goes_on.then_some(live);
        self.set_aside(delivery, &refused)?;
        delivery.refuse(refused);
        if !together.is_empty() {
            self.make_smaller();
        }
        if !is_exact {
            delivery.has_arrived_but(together);
        }
        Ok(())
    }

    fn set_aside(&self, delivery: &Delivery<'_>, refused: &Refused) -> Result<(), DeliverError> {
        let mut by_reason: BTreeMap<&str, Vec<EventRef<'_>>> = BTreeMap::new();
        for (event, why) in
            delivery.events().filter_map(|(number, event)| Some((event, refused.get(&number)?)))
        {
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

    /// The next producer makes smaller batches.
    fn make_smaller(&mut self) {
        let (name, too_many) = (&*self.pulse.name, self.batch_bytes);
        self.batch_bytes = (too_many / 4).max(1);
        log::info!(component = name; "the brokers refuse batches of sink `{name}` of up to {too_many} bytes: they are made of up to {} now", self.batch_bytes);
    }

    /// The transaction ends here; where that cannot be told to the brokers, the next producer's beginning does.
    fn give_up(&mut self, live: Live, trouble: &Trouble, doubtful: bool) -> DeliverError {
        let error = failure(&self.settings, trouble, doubtful);
        // What may have been committed is not for this producer to end.
        let aborted = !(doubtful && live.is_exact()) && live.producer.abort(FIRST).is_ok();
        match error {
            DeliverError::NotThere(..) if aborted && live.is_exact() => {
                self.live = Some(live);
                error
            }
            // The runner must ask before it delivers again.
            DeliverError::NotThere(text, cause) => DeliverError::InDoubt(text, cause),
            error => error,
        }
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
        let mut delivery = Delivery::of(batches);
        while !delivery.is_done() {
            self.go_on(&mut delivery, stop)?;
        }
        self.omitted = delivery.omitted();
        Ok(())
    }

    fn omitted(&mut self) -> Vec<Omitted> {
        std::mem::take(&mut self.omitted)
    }

    fn retire(&mut self, streams: &[StreamId]) -> Result<(), DeliverError> {
        let Some(mut live) = self.live.take() else { return Ok(()) };
        match live.retire(streams, self.settings.patience) {
            Ok(()) => {
                self.live = Some(live);
                Ok(())
            }
            Err(error) => Err(self.give_up(live, &error.into(), true)),
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

fn is_fenced(error: &KafkaError) -> bool {
    matches!(code_of(error), Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch))
}
