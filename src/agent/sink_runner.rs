//! Runs one sink: asks its destination what it has, then leases, delivers, settles and syncs, until the agent stops.
//!
//! Rules: S2, S3 (report before leasing), D1 (one commit), D2 (what is in doubt stays here until the destination has
//! been asked), D5 (sync by time and by bytes), D6 (retired streams), K2 (fenced is final). Flume's figure for a
//! failed delivery is a flat pause of 5 s (`SinkRunner`).
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::dead_letters;
use super::messages;
use super::source_runner::panic_text;
use super::turn::Turns;
use crate::config::SinkNode;
use crate::event::{Batch, Marks};
use crate::flow::{Channel, Counter, DeliverError, Lease, Outcome, Pulse, Seat, Sink, Stop, Wait};

/// How often an idle sink looks up.
const IDLE: Duration = Duration::from_secs(5);

/// One sink of the running graph.
pub struct SinkRunner {
    pub sink: Box<dyn Sink>,
    pub pulse: Arc<Pulse>,
    pub channel: Arc<dyn Channel>,
    pub seat: Seat,
    pub node: SinkNode,
    pub stop: Stop,
    /// Of the sources, some of which may have to go back.
    pub turns: Turns,
    pub fenced: Arc<AtomicBool>,
    pub unsynced: Unsynced,
    /// Where refused events go.
    pub dead_letters: PathBuf,
}

/// What was delivered and may not survive a power cut yet.
#[derive(Debug, Default)]
pub struct Unsynced {
    bytes: u64,
    since: Option<Instant>,
}

/// Why a lease was given up.
enum Halt {
    Stopped,
    Fenced(String),
}

impl SinkRunner {
    /// Runs until stopped; a defect in the sink is said and ends this sink only.
    pub fn run(mut self) {
        let (pulse, name) = (self.pulse.clone(), self.pulse.name.clone());
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            let what = format!("a defect ended it: {}", panic_text(&*panic));
            pulse.failing(&what);
            log::error!(component = &*name, message_id = messages::FAILING; "sink `{name}`: {what}");
            self.fenced.store(true, SeqCst);
        }
        pulse.stopped();
    }

    fn work(&mut self) {
        let ended = self.report().and_then(|()| self.drain());
        if let Err(Halt::Fenced(why)) = ended {
            self.pulse.failing(&why);
            self.fenced.store(true, SeqCst);
            log::error!(component = &*self.pulse.name, message_id = messages::FENCED; "sink `{}` is out until the agent is restarted: {why}", self.pulse.name);
        }
    }

    /// S2, S3: the destination tells what it has; nobody leases before.
    fn report(&mut self) -> Result<(), Halt> {
        self.pulse.working();
        let mut alone = false;
        self.channel.look(&mut |book| alone = book.has_one_sink() && !book.is_new());
        let patience = Instant::now() + self.node.report_timeout;
        let marks = loop {
            match self.sink.delivered(self.channel.key()) {
                Ok(marks) => break marks,
                Err(DeliverError::Fenced(why)) => return Err(Halt::Fenced(why)),
                // S3: others must not wait for it for ever. Where there are none, nothing is gained by not knowing; but
                // the sources of a channel without a record wait too (S4).
                Err(error) if alone || Instant::now() < patience => {
                    self.failing(&error);
                    let left = patience.saturating_duration_since(Instant::now());
                    let delay = self.node.retry_delay;
                    self.pause(if alone { delay } else { delay.min(left) })?;
                }
                Err(error) => {
                    self.failing(&error);
                    log::warn!(component = &*self.pulse.name, message_id = messages::POSSIBLY_TWICE; "sink `{}` goes on without knowing what its destination has: events may come twice", self.pulse.name);
                    break None;
                }
            }
        };
        self.tell_channel(marks);
        // What an earlier process delivered without a sync becomes durable now.
        self.unsynced.since = Some(Instant::now());
        Ok(())
    }

    fn tell_channel(&self, marks: Option<Marks>) {
        match self.channel.report(self.seat, marks) {
            Ok(back) => back.iter().for_each(|source| self.turns.again(source)),
            Err(error) => log::error!(component = &*self.pulse.name; "{error}"),
        }
    }

    fn drain(&mut self) -> Result<(), Halt> {
        loop {
            let wait = self.until_sync();
            let lease = {
                let _waiting = self.pulse.wait(Wait::Events, self.channel.key().channel.clone());
                self.channel.clone().take(self.seat, self.sink.limit(), wait, &self.stop)
            };
            self.channel.must_go_back().iter().for_each(|source| self.turns.again(source));
            let idle = lease.is_none();
            if let Some(lease) = lease {
                self.deliver(lease)?;
            }
            if self.unsynced.bytes >= self.node.sync_bytes || self.until_sync().is_zero() {
                self.sync()?;
            }
            if idle && self.stop.is_told() {
                self.sync()?;
                return Ok(());
            }
        }
    }

    fn until_sync(&self) -> Duration {
        match self.unsynced.since {
            Some(since) => self.node.sync_interval.saturating_sub(since.elapsed()),
            None => IDLE,
        }
    }

    /// D1, D2: one commit; tried again until the destination has it.
    fn deliver(&mut self, mut lease: Lease) -> Result<(), Halt> {
        let (events, bytes) = (lease.events() as u64, lease.bytes() as u64);
        loop {
            let delivered = {
                let _waiting = self.pulse.wait(Wait::Disk, "destination");
                self.sink.deliver(&lease.batches, &self.stop)
            };
            match delivered {
                Ok(()) => break,
                Err(DeliverError::Fenced(why)) => return Err(Halt::Fenced(why)),
                Err(DeliverError::Refused(why)) => {
                    match dead_letters::keep(&self.dead_letters, &lease.batches) {
                        Ok(()) => return self.set_aside(lease, &why),
                        Err(error) => {
                            let doing =
                                format!("cannot keep dead letters in `{}`", self.dead_letters.display());
                            self.failing(&DeliverError::not_there(doing, error));
                            self.pause(self.node.retry_delay)?;
                        }
                    }
                }
                Err(error) => {
                    self.failing(&error);
                    self.pulse.add(Counter::Retries, 1);
                    self.pause(self.node.retry_delay)?;
                    if matches!(error, DeliverError::InDoubt(..)) {
                        self.resolve(&mut lease.batches)?;
                    }
                }
            }
        }
        self.recovered(events);
        self.pulse.add(Counter::Delivered, events);
        self.pulse.add(Counter::DeliveredBytes, bytes);
        self.pulse.add(Counter::Batches, lease.batches.len() as u64);
        self.unsynced.bytes += bytes;
        self.unsynced.since.get_or_insert_with(Instant::now);
        if let Err(error) = lease.settle(Outcome::Delivered) {
            log::error!(component = &*self.pulse.name; "{error}");
        }
        Ok(())
    }

    /// The destination will never take these events; they are in the dead letters.
    fn set_aside(&self, lease: Lease, why: &str) -> Result<(), Halt> {
        let (events, name) = (lease.events() as u64, &*self.pulse.name);
        self.pulse.add(Counter::DeadLettered, events);
        log::error!(component = name; "sink `{name}` is refused {events} events: {why}; they are kept in `{}`", self.dead_letters.display());
        if let Err(error) = lease.settle(Outcome::DeadLettered) {
            log::error!(component = name; "{error}");
        }
        Ok(())
    }

    /// D2: the destination is asked what it has of a doubtful commit; the rest is delivered again.
    fn resolve(&mut self, batches: &mut [Batch]) -> Result<(), Halt> {
        loop {
            match self.sink.delivered(self.channel.key()) {
                Ok(Some(marks)) => {
                    drop_delivered(batches, &marks);
                    return Ok(());
                }
                Ok(None) => {
                    let events = batches.iter().map(Batch::len).sum::<usize>() as u64;
                    self.pulse.add(Counter::PossiblyTwice, events);
                    return Ok(());
                }
                Err(DeliverError::Fenced(why)) => return Err(Halt::Fenced(why)),
                Err(error) => {
                    self.failing(&error);
                    self.pause(self.node.retry_delay)?;
                }
            }
        }
    }

    /// D5, D6. After a sync in doubt the destination is asked what it still has: the kernel may have dropped what it
    /// could not write.
    fn sync(&mut self) -> Result<(), Halt> {
        let retired = self.channel.retired(self.seat);
        if self.unsynced.since.is_none() && retired.is_empty() {
            return Ok(());
        }
        let synced = {
            let _waiting = self.pulse.wait(Wait::Disk, "destination's disk");
            self.sink
                .sync()
                .and_then(|()| if retired.is_empty() { Ok(()) } else { self.sink.retire(&retired) })
        };
        match synced {
            Ok(()) => {
                self.unsynced = Unsynced::default();
                if let Err(error) = self.channel.synced(self.seat) {
                    log::error!(component = &*self.pulse.name; "{error}");
                }
            }
            Err(DeliverError::Fenced(why)) => return Err(Halt::Fenced(why)),
            Err(error) => {
                self.failing(&error);
                self.unsynced.since = Some(Instant::now());
                if matches!(error, DeliverError::InDoubt(..))
                    && let Ok(marks) = self.sink.delivered(self.channel.key())
                {
                    self.tell_channel(marks);
                }
            }
        }
        Ok(())
    }

    fn pause(&self, time: Duration) -> Result<(), Halt> {
        let _waiting = self.pulse.wait(Wait::Retry, "destination");
        if self.stop.wait(time) { Err(Halt::Stopped) } else { Ok(()) }
    }

    fn failing(&self, error: &DeliverError) {
        let (name, what) = (&*self.pulse.name, error.to_string());
        if self.pulse.failing(&what) {
            let retry = self.node.retry_delay.as_secs_f32();
            log::error!(component = name, message_id = messages::FAILING; "sink `{name}` is failing: {what}; trying again every {retry} s");
        }
    }

    fn recovered(&self, events: u64) {
        if let Some(time) = self.pulse.recovered() {
            let name = &*self.pulse.name;
            let waited = self.channel.depth().events as u64 + events;
            log::info!(component = name, message_id = messages::RECOVERED; "sink `{name}` recovered after {} s; {waited} events waited", time.as_secs());
        }
    }
}

fn drop_delivered(batches: &mut [Batch], marks: &Marks) {
    for batch in batches {
        let mark = batch.span().and_then(|span| marks.get(&span.stream.id)).map(|record| record.mark.clone());
        if let Some(mark) = mark {
            batch.drop_held(&mark);
        }
    }
}
