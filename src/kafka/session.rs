//! One client of a source at work: reads, puts, and commits what the channels keep.
//!
//! Shape: `look` finds topics, `arrive` begins the partitions that the group gives, `leave` finishes those that it takes
//! and commits, `put` makes batches for the channels, `trouble` says what goes wrong; here is the loop that reads.
//! Invariants: the client is polled at least every second, whatever the channels have room for: partitions pause
//! meanwhile. What was taken and not put is dropped with its partition: it is read again.
mod arrive;
mod leave;
mod look;
mod put;
mod trouble;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::error::KafkaError;

use self::arrive::Arriving;
use self::leave::Leaving;
use super::cluster::{Cluster, told_of_reader};
use super::group::{Change, Member, Place};
use super::partition::{Partition, Taken};
use super::source::Settings;
use crate::flow::{Fatal, Outlet, Prepared, Pulse, Stop};

/// How long one look at the client takes: so long a stop may have to wait.
const LOOK: Duration = Duration::from_millis(100);
/// The same while something else is waited for.
const SHORT: Duration = Duration::from_millis(20);
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
