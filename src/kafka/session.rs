//! One client of a source at work: reads, puts, and commits what the channels keep.
//!
//! Shape: `look` finds topics, `arrive` begins the partitions that the group gives, `leave` finishes those that it takes
//! and commits; here messages become batches and go to the channels.
//! Invariants: the client is polled at least every second, whatever the channels have room for: partitions pause
//! meanwhile. What was taken and not put is dropped with its partition: it is read again.
mod arrive;
mod leave;
mod look;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use self::arrive::Arriving;
use self::leave::Leaving;
use super::cluster::{Cluster, code_of, is_away, told_of_reader};
use super::group::{Change, Member, Place};
use super::partition::{Partition, Taken};
use super::source::Settings;
use crate::event::{Batch, Span};
use crate::flow::{Fatal, Outlet, Prepared, Pulse, PutError, Stop, Wait};

/// How long one look at the client takes: so long a stop may have to wait.
const LOOK: Duration = Duration::from_millis(100);
/// The same while something else is waited for.
const SHORT: Duration = Duration::from_millis(20);
/// How long a full channel is waited for between two looks.
const ROOM: Duration = Duration::from_millis(500);
/// Bytes that end a batch.
const AT_ONCE: usize = 4 << 20;
/// How long brokers may take for an answer that everything waits for.
const ANSWER: Duration = Duration::from_secs(2);

/// Why a session ended.
pub enum End {
    /// Told to stop, or drained.
    Done,
    /// Another client may fare better.
    Again(String),
}

/// Of which partition a message was, and what became of it.
type Heard = Result<(usize, Taken), KafkaError>;

/// See the module.
pub struct Session<'s> {
    settings: &'s Settings,
    pulse: &'s Arc<Pulse>,
    out: &'s Outlet,
    stop: &'s Stop,
    member: Member,
    brokers: String,
    partitions: Vec<Partition>,
    /// Where the last message was from.
    last: usize,
    arriving: Option<Arriving>,
    leaving: Option<Leaving>,
    /// Batches that channels had no room for yet, oldest first.
    waiting: VecDeque<(Place, Prepared)>,
    paused: bool,
    /// When the first message came that is not in a batch.
    since: Option<Instant>,
    subscribed: Vec<String>,
    looked: Option<Instant>,
    /// What of the topics is not there.
    missing: Option<String>,
    /// Since when it is to be seen which topics are missing.
    suspects: bool,
    /// Offsets are to be looked at again from then on.
    examine: Option<Instant>,
    /// Asked for once; brokers before 0.10.1 have none.
    cluster: Option<Option<String>>,
    /// Partitions that seem to be of another topic; looked at again before that is believed.
    doubted: Vec<(Place, Instant)>,
    /// The group has answered.
    joined: bool,
    troubled: bool,
    resting: Option<String>,
    /// When something was committed last, or looked at.
    committed: Instant,
    /// Whether that counts is not known yet.
    unverified: bool,
    again: Option<String>,
}

impl<'s> Session<'s> {
    pub fn begin(
        settings: &'s Settings,
        cluster: &Cluster,
        pulse: &'s Arc<Pulse>,
        out: &'s Outlet,
        stop: &'s Stop,
    ) -> Result<Session<'s>, String> {
        let Settings { group, refresh, .. } = settings;
        let member = Member::new(cluster, group, *refresh).map_err(|error| told_of_reader(&error))?;
        Ok(Session {
            settings,
            pulse,
            out,
            stop,
            member,
            brokers: cluster.brokers.clone(),
            partitions: Vec::new(),
            last: 0,
            arriving: None,
            leaving: None,
            waiting: VecDeque::new(),
            paused: false,
            since: None,
            subscribed: Vec::new(),
            looked: None,
            missing: None,
            suspects: false,
            examine: None,
            cluster: None,
            doubted: Vec::new(),
            joined: false,
            troubled: pulse.trouble().is_some(),
            resting: None,
            committed: Instant::now(),
            unverified: false,
            again: None,
        })
    }

    pub fn run(&mut self) -> Result<End, Fatal> {
        while !self.stop.is_told() {
            self.look_for_topics();
            self.follow_group()?;
            self.put_waiting()?;
            self.read()?;
            if self.is_batch_due() {
                self.make_batches();
            }
            self.examine()?;
            self.commit();
            if let Some(why) = self.again.take() {
                self.farewell();
                return Ok(End::Again(why));
            }
            if self.is_drained() {
                break;
            }
        }
        self.farewell();
        Ok(End::Done)
    }

    fn name(&self) -> &str {
        &self.pulse.name
    }

    fn follow_group(&mut self) -> Result<(), Fatal> {
        while let Some(change) = self.member.change() {
            log::debug!("source `{}`: group `{}`: {change:?}", self.name(), self.settings.group);
            match change {
                Change::Given(places) => self.given(places),
                Change::Taken(places) => self.taken(places),
            }
        }
        self.finish_leaving();
        self.arrive()
    }

    /// How long to wait for a message now.
    fn patience(&self) -> Duration {
        let left = |since: Instant| self.settings.duration.saturating_sub(since.elapsed());
        match () {
            () if !self.waiting.is_empty() => Duration::ZERO,
            () if self.arriving.is_some() || self.leaving.is_some() => SHORT,
            () => self.since.map_or(LOOK, |since| left(since).min(LOOK)),
        }
    }

    /// Takes messages until there are none or a batch is full.
    fn read(&mut self) -> Result<(), Fatal> {
        self.rest();
        let mut time = self.patience();
        loop {
            let Some(heard) = self.hear(time)? else { return Ok(()) };
            time = Duration::ZERO;
            match heard {
                Ok((index, Taken::Other)) => self.begin_anew(index)?,
                Ok(_) => self.well(),
                Err(error) => self.on_error(error),
            }
            if self.is_batch_full() || self.again.is_some() {
                return Ok(());
            }
        }
    }

    /// One message, and where it went; `None`: nothing came.
    fn hear(&mut self, time: Duration) -> Result<Option<Heard>, Fatal> {
        let Session { member, partitions, settings, last, since, .. } = self;
        loop {
            let message = match member.poll(time) {
                None => return Ok(None),
                Some(Err(error)) => return Ok(Some(Err(error))),
                Some(Ok(message)) => message,
            };
            let (topic, number) = (message.topic(), message.partition());
            let is_it = |one: &Partition| one.place.1 == number && one.place.0 == topic;
            if !partitions.get(*last).is_some_and(is_it) {
                // One that the group has taken back meanwhile.
                let Some(index) = partitions.iter().position(is_it) else { continue };
                *last = index;
            }
            let taken = partitions[*last].take(&message, &settings.form, &settings.dead);
            let taken = taken.map_err(|error| {
                let dir = settings.dead.dir().display();
                Fatal::io(format!("cannot keep dead letters in `{dir}`"), error)
            })?;
            since.get_or_insert_with(Instant::now);
            return Ok(Some(Ok((*last, taken))));
        }
    }

    fn is_batch_full(&self) -> bool {
        let events: usize = self.partitions.iter().map(Partition::events).sum();
        events >= self.settings.batch
            || self.partitions.iter().map(Partition::bytes).sum::<usize>() >= AT_ONCE
    }

    fn is_batch_due(&self) -> bool {
        let Some(since) = self.since else { return false };
        since.elapsed() >= self.settings.duration
            || self.is_batch_full()
            || self.out.until_drained() && self.is_at_end()
    }

    fn make_batches(&mut self) {
        self.since = None;
        for partition in &mut self.partitions {
            if let Some(batch) = partition.batch() {
                self.resting = None;
                self.waiting.push_back((partition.place.clone(), self.out.prepare(batch)));
            }
        }
    }

    fn put_waiting(&mut self) -> Result<(), Fatal> {
        while let Some((place, prepared)) = self.waiting.pop_front() {
            match self.out.put_within(prepared, ROOM, self.stop) {
                Ok(receipt) => receipt.forget(),
                Err(PutError::Full(rest)) => {
                    self.waiting.push_front((place, *rest));
                    self.pause();
                    return Ok(());
                }
                Err(PutError::Gap { expected }) => self.go_back(&place, expected),
                Err(PutError::Closed) => return Ok(()),
                Err(PutError::Broken(error)) => return Err(error.into()),
            }
            self.resting = None;
        }
        if self.paused {
            self.paused = false;
            self.tell(self.member.resume(self.partitions.iter().map(|partition| &partition.place)));
        }
        Ok(())
    }

    fn pause(&mut self) {
        if !self.paused {
            self.paused = true;
            self.tell(self.member.pause(self.partitions.iter().map(|partition| &partition.place)));
        }
    }

    /// P3: the channels want it from `expected` on.
    fn go_back(&mut self, place: &Place, expected: u64) {
        self.waiting.retain(|(of, _)| of != place);
        if let Some(partition) = self.partitions.iter_mut().find(|partition| partition.place == *place) {
            partition.go(expected);
            self.seek(place, expected);
        }
    }

    fn seek(&mut self, place: &Place, to: u64) {
        if let Err(error) = self.member.seek(place, to, ANSWER) {
            log::debug!("cannot go to {to} of {place:?}: {error}");
            self.examine = Some(Instant::now() + ANSWER);
        }
    }

    /// Puts `[from, to)` as had, of which there are no events.
    fn skip(&self, span: Span) -> Result<(), Fatal> {
        match self.out.put_all(Batch::empty(span), self.stop) {
            Ok(receipt) => receipt.forget(),
            Err(PutError::Broken(error)) => return Err(error.into()),
            // It is put again when the partition comes again.
            Err(_) => {}
        }
        Ok(())
    }

    fn on_error(&mut self, error: KafkaError) {
        match &error {
            KafkaError::PartitionEOF(number) => {
                self.well();
                return self.ends(*number);
            }
            KafkaError::MessageConsumptionFatal(_) => {
                self.again = Some(told_of_reader(&error));
                return;
            }
            _ => {}
        }
        match code_of(&error) {
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => {
                self.examine.get_or_insert_with(Instant::now);
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                (self.suspects, self.looked) = (true, None);
            }
            Some(Code::SaslAuthenticationFailed | Code::Authentication | Code::SSL) => {
                // With credentials as they are then.
                self.again = Some(self.waiting_for_brokers(&error));
            }
            Some(
                Code::AllBrokersDown
                | Code::Resolve
                | Code::GroupAuthorizationFailed
                | Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed,
            ) => self.is_troubled(&error),
            _ => log::debug!("source `{}`: {error}", self.name()),
        }
    }

    fn waiting_for_brokers(&self, error: &KafkaError) -> String {
        // One sentence for all signs of it, which come in turn.
        let why = if is_away(error) { "no broker answers".to_string() } else { told_of_reader(error) };
        format!("waiting for brokers `{}`: {why}", self.brokers)
    }

    fn is_troubled(&mut self, error: &KafkaError) {
        let what = self.waiting_for_brokers(error);
        self.fails(what);
    }

    fn fails(&mut self, what: String) {
        let known = std::mem::replace(&mut self.troubled, true);
        let changed = if known { self.pulse.is_troubled_by(&what) } else { self.pulse.failing(&what) };
        if changed {
            let name = self.name();
            log::warn!(component = name; "source `{name}`: {what}");
        }
    }

    /// Brokers answer.
    fn well(&mut self) {
        if !std::mem::take(&mut self.troubled) {
            return;
        }
        if let Some(time) = self.pulse.recovered() {
            let name = self.name();
            log::info!(component = name; "source `{name}` recovered after {} s", time.as_secs());
        }
    }

    /// A request that never waits and fails only where the client has no such partition any more.
    fn tell(&self, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            log::debug!("source `{}`: {error}", self.name());
        }
    }

    /// Declares what is waited for, once.
    fn rest(&mut self) {
        let (what, on) = self.waits_for();
        if self.resting.as_ref() != Some(&on) {
            self.pulse.rest(what, on.clone());
            self.resting = Some(on);
        }
    }

    fn waits_for(&self) -> (Wait, String) {
        let group = &self.settings.group;
        match () {
            () if self.troubled => (Wait::Peer, format!("brokers `{}`", self.brokers)),
            () if !self.waiting.is_empty() => (Wait::Room, "room in its channels".into()),
            () if !self.partitions.is_empty() => (Wait::Input, "messages".into()),
            () if self.missing.is_some() => (Wait::Peer, self.missing.clone().unwrap_or_default()),
            () if self.joined => {
                (Wait::Input, format!("its turn: others of group `{group}` have all partitions"))
            }
            () => (Wait::Peer, format!("group `{group}` at brokers `{}`", self.brokers)),
        }
    }

    fn is_at_end(&self) -> bool {
        self.joined && self.partitions.iter().all(|partition| partition.at_end)
    }

    fn is_drained(&self) -> bool {
        let quiet = self.since.is_none() && self.waiting.is_empty();
        self.out.until_drained()
            && quiet
            && self.is_at_end()
            && self.arriving.is_none()
            && self.leaving.is_none()
    }

    /// Partition `number` of some topic has no more messages; the client does not say of which.
    fn ends(&mut self, number: i32) {
        let named = self.partitions.iter().filter(|partition| partition.place.1 == number).count();
        let member = &self.member;
        for partition in self.partitions.iter_mut().filter(|partition| partition.place.1 == number) {
            let at_end = || {
                let watermarks = member.watermarks(&partition.place, ANSWER);
                watermarks.is_ok_and(|(_, high)| partition.next >= high)
            };
            partition.at_end |= named == 1 || self.out.until_drained() && at_end();
        }
    }
}
