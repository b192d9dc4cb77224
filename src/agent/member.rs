//! One member of a sink group, or a lone sink: its destination is asked, one delivery is tried, what was delivered is
//! synced.
//!
//! No retries here: when to try again, and with whom, is the runner's and the processor's.
//! Rules: D1 (one commit; asked at start and after every doubtful outcome), D5 (sync by time and by bytes), D6 (retired
//! streams), K2 (fenced is final). A defect in a sink ends that sink only.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::messages;
use super::source_runner::panic_text;
use crate::config::SinkNode;
use crate::event::{Batch, Marks, StreamId};
use crate::flow::{
    Channel, ChannelError, ChannelKey, Counter, DeadLetters, DeliverError, Limit, Omitted, Pulse, Seat, Sink,
    Stop, Wait,
};

/// How often a sink looks up that has nothing to sync.
const IDLE: Duration = Duration::from_secs(5);

/// One sink of the running graph.
pub struct Member {
    pub pulse: Arc<Pulse>,
    pub seat: Seat,
    pub node: SinkNode,
    /// The group it stands in; a lone sink has none.
    pub group: Option<Box<str>>,
    sink: Box<dyn Sink>,
    /// Where refused events go.
    dead_letters: DeadLetters,
    unsynced: Unsynced,
    /// Streams whose marks its destination should drop.
    retiring: Vec<StreamId>,
    /// Its destination has told what it has, and nothing has been in doubt since.
    pub is_asked: bool,
    /// Fenced, or ended by a defect: until the agent is restarted.
    pub is_out: bool,
    /// A defect ended it: what it was doing may have been done.
    pub is_broken: bool,
}

/// What was delivered and may not survive a power cut yet.
#[derive(Debug, Default)]
struct Unsynced {
    bytes: u64,
    since: Option<Instant>,
    /// The last sync failed: another one waits until then, so that a dead member does not hold its group up.
    not_before: Option<Instant>,
}

impl Member {
    /// A sink that has taken its seat at the channel.
    pub fn new(
        sink: Box<dyn Sink>,
        channel: &dyn Channel,
        node: &SinkNode,
        pulse: Arc<Pulse>,
        dead_letters: DeadLetters,
    ) -> Member {
        Member {
            seat: channel.attach(&node.node.name, sink.destination()),
            sink,
            pulse,
            node: node.clone(),
            group: None,
            dead_letters,
            unsynced: Unsynced::default(),
            retiring: Vec::new(),
            is_asked: false,
            is_out: false,
            is_broken: false,
        }
    }

    /// As a member of a group.
    pub fn of_group(self, group: &str) -> Member {
        Member { group: Some(group.into()), ..self }
    }

    pub fn name(&self) -> &str {
        &self.pulse.name
    }

    /// The most that one commit may carry.
    pub fn limit(&self) -> Limit {
        self.sink.limit()
    }

    /// How long a commit may wait for more to carry.
    pub fn gathers(&self) -> Duration {
        self.sink.gathers()
    }

    /// Declares that it waits for its turn. A lone sink's turn never ends.
    pub fn rest(&self) {
        match &self.group {
            _ if self.is_out => self.pulse.stopped(),
            Some(group) => self.pulse.rest(Wait::Events, group.to_string()),
            None => {}
        }
    }

    /// What its destination has.
    pub fn ask(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        let pulse = self.pulse.clone();
        let _waiting = pulse.wait(Wait::Peer, "destination");
        let told = self.guarded(|sink| sink.delivered(channel));
        self.is_asked |= told.is_ok();
        told
    }

    /// D1: one commit.
    pub fn deliver(&mut self, batches: &[Batch], stop: &Stop) -> Result<(), DeliverError> {
        let pulse = self.pulse.clone();
        let _waiting = pulse.wait(Wait::Disk, "destination");
        self.guarded(|sink| sink.deliver(batches, stop))
    }

    fn guarded<T>(
        &mut self,
        call: impl FnOnce(&mut dyn Sink) -> Result<T, DeliverError>,
    ) -> Result<T, DeliverError> {
        catch_unwind(AssertUnwindSafe(|| call(&mut *self.sink))).unwrap_or_else(|panic| {
            self.is_broken = true;
            Err(DeliverError::Fenced(format!("a defect ended it: {}", panic_text(&*panic))))
        })
    }

    /// What was delivered counts, and waits for a sync. Returns what of each batch did not go along.
    pub fn took(&mut self, events: u64, bytes: u64, batches: usize) -> Vec<Omitted> {
        let omitted = self.sink.omitted();
        let filtered = omitted.iter().map(|omitted| omitted.filtered as u64).sum();
        let gone: u64 = omitted.iter().map(|omitted| omitted.events() as u64).sum();
        self.pulse.add(Counter::Filtered, filtered);
        self.pulse.add(Counter::Delivered, events.saturating_sub(gone));
        self.pulse.add(Counter::DeliveredBytes, bytes);
        self.pulse.add(Counter::Batches, batches as u64);
        self.unsynced.bytes += bytes;
        self.unsynced.since.get_or_insert_with(Instant::now);
        omitted
    }

    /// The destination will never take these events: they are kept where an operator finds them.
    pub fn set_aside(&self, batches: &[Batch], why: &str) -> Result<(), DeliverError> {
        self.dead_letters.keep(batches.iter().flat_map(Batch::events), why).map_err(|error| {
            let dir = self.dead_letters.dir().display();
            DeliverError::not_there(format!("cannot keep dead letters in `{dir}`"), error)
        })
    }

    /// What an earlier process delivered without a sync is synced soon.
    pub fn begins(&mut self) {
        self.unsynced.since = Some(Instant::now());
    }

    /// How long until its next sync by time.
    pub fn until_sync(&self) -> Duration {
        let Unsynced { since, not_before, .. } = &self.unsynced;
        let Some(since) = since else { return IDLE };
        let now = Instant::now();
        let held_off = not_before.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        held_off.max(self.node.sync_interval.saturating_sub(since.elapsed()))
    }

    /// Whether it is time for a sync, by the clock or by bytes.
    pub fn is_due(&self) -> bool {
        let Unsynced { bytes, not_before, .. } = &self.unsynced;
        let held_off = not_before.is_some_and(|until| Instant::now() < until);
        self.until_sync().is_zero() || (*bytes >= self.node.sync_bytes && !held_off)
    }

    /// Nothing waits for a sync.
    pub fn is_synced(&self) -> bool {
        self.unsynced.since.is_none()
    }

    /// D5, D6.
    pub fn sync(&mut self, channel: &dyn Channel) -> Result<(), DeliverError> {
        self.retiring.extend(channel.retired(self.seat));
        if self.is_synced() && self.retiring.is_empty() {
            return Ok(());
        }
        let (pulse, retiring) = (self.pulse.clone(), std::mem::take(&mut self.retiring));
        let _waiting = pulse.wait(Wait::Disk, "destination's disk");
        let synced = self.guarded(|sink| {
            sink.sync().and_then(|()| if retiring.is_empty() { Ok(()) } else { sink.retire(&retiring) })
        });
        if synced.is_err() {
            self.retiring = retiring;
            self.unsynced.since = Some(Instant::now());
            self.unsynced.not_before = self.group.is_some().then(|| Instant::now() + self.node.retry_delay);
            return synced;
        }
        self.unsynced = Unsynced::default();
        self.tell(channel.synced(self.seat));
        Ok(())
    }

    /// A failure of the channel is the channel's own; it is said, and work goes on.
    pub fn tell(&self, done: Result<(), ChannelError>) {
        if let Err(error) = done {
            log::error!(component = self.name(); "{error}");
        }
    }

    /// Says a failure, once while it lasts.
    pub fn failing(&self, error: &DeliverError) {
        let (name, what) = (self.name(), error.to_string());
        if !self.pulse.failing(&what) {
            return;
        }
        let retry = self.node.retry_delay.as_secs_f32();
        let next = match &self.group {
            Some(group) => format!("group `{group}` decides who is tried next"),
            None => format!("trying again every {retry} s"),
        };
        log::error!(component = name, message_id = messages::FAILING; "sink `{name}` is failing: {what}; {next}");
    }

    /// Says that a failure is over; `waited` events had to wait for it.
    pub fn recovered(&self, waited: impl FnOnce() -> u64) {
        if let Some(time) = self.pulse.recovered() {
            let (name, waited) = (self.name(), waited());
            log::info!(component = name, message_id = messages::RECOVERED; "sink `{name}` recovered after {} s; {waited} events waited", time.as_secs());
        }
    }

    /// K2: it gets nothing any more.
    pub fn leave(&mut self, why: &str, others: bool) {
        self.is_out = true;
        self.pulse.failing(why);
        let name = self.name();
        let rest = match &self.group {
            Some(group) if others => format!("; group `{group}` goes on with its other sinks"),
            _ => String::new(),
        };
        log::error!(component = name, message_id = messages::FENCED; "sink `{name}` is out until the agent is restarted: {why}{rest}");
    }
}
