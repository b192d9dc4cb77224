//! Runs one sink group, or a lone sink as a group of one: asks the destinations what they have, then leases, hands each
//! lease to the members in the order that the processor says, settles it as the one that took it, and syncs.
//!
//! One thread: the members of a group take turns, as in Flume. Rules: S2, S3 (reports before leasing), D1, D2 (what is
//! in doubt), D5, D6, K2 (fenced is final for that member). Flume's figure for a lease that nobody takes is a flat pause
//! of 5 s (`SinkRunner`).
//! D2: who left a lease in doubt is asked at once. If it tells, what it has is settled as its own and the others get the
//! rest. If it cannot tell, another member gets the lease, which is counted as possibly twice; with
//! `delivery = exactly-once`, and where there is nobody else, the lease waits.
mod gather;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::errand::{Errand, Told};
use super::member::Member;
use super::messages;
use super::source_runner::panic_text;
use super::turn::Turns;
use crate::event::Marks;
use crate::flow::{Channel, Counter, DeliverError, Lease, Limit, Outcome, Processor, Pulse, Stop, Wait};

/// The least pause before somebody who was left out is tried again.
const MOMENT: Duration = Duration::from_millis(10);

/// One group of sinks of the running graph.
pub struct SinkRunner {
    /// The group's; a lone sink's own.
    pub pulse: Arc<Pulse>,
    pub channel: Arc<dyn Channel>,
    /// Never empty.
    pub members: Vec<Member>,
    pub processor: Box<dyn Processor>,
    /// What is in doubt, and who cannot tell what it has, is waited for.
    pub exactly_once: bool,
    pub stop: Stop,
    /// Of the sources, some of which may have to go back.
    pub turns: Turns,
    /// Told when no member is left.
    pub fenced: Arc<AtomicBool>,
    /// The processor's times count from here.
    pub began: Instant,
}

/// Why work ends.
enum Halt {
    Stopped,
    AllOut,
}

/// How a member took a lease.
enum Tried {
    Took(Outcome),
    Not,
    /// Its destination has a part of it. The lease is back; the rest is leased again.
    Back,
}

impl SinkRunner {
    /// Runs until stopped, or until no member is left.
    pub fn run(mut self) {
        let pulse = self.pulse.clone();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            let what = format!("a defect ended it: {}", panic_text(&*panic));
            pulse.failing(&what);
            let (kind, name) = (pulse.kind.word(), &*pulse.name);
            log::error!(component = name, message_id = messages::FAILING; "{kind} `{name}`: {what}");
            self.fenced.store(true, SeqCst);
        }
        self.members.iter().for_each(|member| member.pulse.stopped());
        pulse.stopped();
    }

    fn work(&mut self) {
        match self.report().and_then(|()| self.drain()) {
            Ok(()) => {}
            // What others took before is made durable.
            Err(Halt::Stopped) => _ = self.sync_all(),
            Err(Halt::AllOut) => {
                self.fenced.store(true, SeqCst);
                if self.is_group() {
                    self.pulse.failing("all its sinks are out until the agent is restarted");
                }
            }
        }
    }

    fn is_group(&self) -> bool {
        self.members[0].group.is_some()
    }

    /// Members that are not out.
    fn present(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|index| !self.members[*index].is_out).collect()
    }

    /// S2, S3: the destinations tell what they have; nobody leases before.
    fn report(&mut self) -> Result<(), Halt> {
        self.pulse.working();
        self.members.iter().for_each(Member::rest);
        // S3: others must not wait for ever. Where there are none, nothing is gained by not knowing; but the sources of a
        // channel without a record wait too (S4).
        let mut alone = false;
        self.channel.look(&mut |book| alone = book.has_one_sink() && !book.is_new());
        let patient = alone || self.exactly_once;
        let limit = self.members.iter().map(|member| member.node.report_timeout).max().unwrap_or_default();
        let patience = Instant::now() + limit;
        while !self.ask_all()? {
            let left = patience.saturating_duration_since(Instant::now());
            if left.is_zero() && !patient {
                break;
            }
            let delay = self.retry_delay();
            self.pause(if patient { delay } else { delay.min(left) })?;
        }
        self.go_on_without();
        // What an earlier process delivered without a sync becomes durable now.
        self.members.iter_mut().for_each(Member::begins);
        Ok(())
    }

    /// Asks those that have not told; whether all have.
    fn ask_all(&mut self) -> Result<bool, Halt> {
        for index in self.present() {
            if !self.members[index].is_asked
                && let Some(marks) = self.ask(index)?
            {
                self.tell_channel(index, marks);
            }
        }
        Ok(self.present().iter().all(|index| self.members[*index].is_asked))
    }

    /// S3: the channel waits no longer for members that are out or cannot tell. These are asked before they are first used.
    fn go_on_without(&self) {
        for (index, member) in self.members.iter().enumerate().filter(|(_, member)| !member.is_asked) {
            if !member.is_out {
                let (name, group) = (member.name(), member.group.as_deref());
                let who = group
                    .map_or_else(String::new, |group| format!("; group `{group}` asks it before it is used"));
                log::warn!(component = name, message_id = messages::POSSIBLY_TWICE; "sink `{name}` goes on without knowing what its destination has: events may come twice{who}");
            }
            self.tell_channel(index, None);
        }
    }

    fn tell_channel(&self, index: usize, marks: Option<Marks>) {
        let member = &self.members[index];
        match self.channel.report(member.seat, marks) {
            Ok(back) => back.iter().for_each(|source| self.turns.again(source)),
            Err(error) => member.tell(Err(error)),
        }
    }

    fn drain(&mut self) -> Result<(), Halt> {
        loop {
            let wait = self.members.iter().filter(|member| !member.is_out).map(Member::until_sync);
            let wait = wait.min().unwrap_or_default();
            let lease = {
                let _waiting = self.pulse.wait(Wait::Events, self.channel.key().channel.clone());
                self.take(wait)
            };
            self.channel.must_go_back().iter().for_each(|source| self.turns.again(source));
            let idle = lease.is_none();
            if let Some(lease) = lease {
                self.hand_over(lease)?;
            }
            self.sync_due()?;
            if idle && self.stop.is_told() {
                return self.sync_all();
            }
        }
    }

    /// The most that any member takes in one commit.
    fn limit(&self) -> Limit {
        let limits = self.members.iter().filter(|member| !member.is_out).map(Member::limit);
        let least =
            |a: Limit, b: Limit| Limit { events: a.events.min(b.events), bytes: a.bytes.min(b.bytes) };
        limits.reduce(least).unwrap_or(Limit { events: 1, bytes: 1 })
    }

    /// Offers a lease to one member after another until one has it.
    fn hand_over(&mut self, lease: Lease) -> Result<(), Halt> {
        let mut errand = Errand::new(lease);
        loop {
            for index in self.order(&errand)? {
                match self.attempt(index, &mut errand)? {
                    Tried::Took(outcome) => {
                        self.settle(index, errand, outcome);
                        return Ok(());
                    }
                    Tried::Back => return Ok(()),
                    Tried::Not => self.did_not(index),
                }
                if errand.bound.is_some() {
                    break;
                }
            }
            self.pause(self.retry_delay())?;
        }
    }

    /// Who is tried now; waits while everybody is left out.
    fn order(&mut self, errand: &Errand) -> Result<Vec<usize>, Halt> {
        if let Some(index) = errand.bound.filter(|index| !self.members[*index].is_out) {
            return Ok(vec![index]);
        }
        loop {
            let now = self.began.elapsed();
            let order = self.processor.order(now);
            if !order.is_empty() {
                return Ok(order);
            }
            let due = self.processor.due().map_or(MOMENT, |due| due.saturating_sub(now).max(MOMENT));
            self.pause(due)?;
        }
    }

    fn did_not(&mut self, index: usize) {
        if !self.members[index].is_out {
            self.processor.failed(index, self.began.elapsed());
            self.members[index].pulse.add(Counter::Retries, 1);
        }
    }

    /// One member's try.
    fn attempt(&mut self, index: usize, errand: &mut Errand) -> Result<Tried, Halt> {
        // S3, D1: it could not tell before; it may have some of this by now.
        if !self.members[index].is_asked {
            match self.ask_of(index, errand)? {
                Told::NotNow => return Ok(Tried::Not),
                Told::All => return Ok(Tried::Took(Outcome::Delivered)),
                Told::Part => return Ok(Tried::Back),
                Told::Nothing | Told::NoRecord => {}
            }
        }
        let stop = self.stop.clone();
        match self.turn(index, |member| member.deliver(errand.batches(), &stop)) {
            Ok(()) => Ok(Tried::Took(Outcome::Delivered)),
            Err(DeliverError::Refused(why)) => match self.members[index].set_aside(errand.batches(), &why) {
                Ok(()) => Ok(Tried::Took(Outcome::DeadLettered)),
                Err(error) => self.failing(index, &error).map(|()| Tried::Not),
            },
            Err(error) => {
                let doubtful = matches!(error, DeliverError::InDoubt(..));
                if doubtful || self.members[index].is_broken {
                    errand.doubt(index);
                }
                self.failing(index, &error)?;
                if doubtful { self.resolve(index, errand) } else { Ok(Tried::Not) }
            }
        }
    }

    /// D2: the member is asked at once; whether it is waited for depends on who else there is.
    fn resolve(&mut self, index: usize, errand: &mut Errand) -> Result<Tried, Halt> {
        self.members[index].is_asked = false;
        loop {
            match self.ask_of(index, errand)? {
                Told::All => return Ok(Tried::Took(Outcome::Delivered)),
                Told::Part => {
                    self.did_not(index);
                    return Ok(Tried::Back);
                }
                Told::NotNow if self.waits_for(index) => self.pause(self.retry_delay())?,
                Told::NotNow | Told::Nothing | Told::NoRecord => break,
            }
        }
        // It may have some and will never tell: no other member gets it.
        errand.bound = (self.exactly_once && errand.is_doubted_by(index)).then_some(index);
        Ok(Tried::Not)
    }

    fn waits_for(&self, index: usize) -> bool {
        (self.exactly_once || self.members.len() == 1) && !self.members[index].is_out
    }

    /// Asks a member what it has, for the channel and for this lease.
    fn ask_of(&mut self, index: usize, errand: &mut Errand) -> Result<Told, Halt> {
        let Some(told) = self.ask(index)? else { return Ok(Told::NotNow) };
        let Some(marks) = told else {
            // Who keeps a record and has none yet has taken nothing; to the channel that is no evidence (S2).
            let keeps_record = self.members[index].node.keeps_record;
            return Ok(if keeps_record { errand.compare(index, &Marks::new()) } else { Told::NoRecord });
        };
        let mut told = errand.compare(index, &marks);
        if matches!(told, Told::Part) {
            if self.members.len() == 1 {
                errand.keep_missing(&marks);
                told = Told::Nothing;
            } else {
                // Back before the report, so that the channel drops what is there and leases the rest alone: another
                // destination's record must not claim what this one has.
                let events = errand.give_back();
                self.count_twice(errand, events);
            }
        }
        self.tell_channel(index, Some(marks));
        Ok(told)
    }

    /// What a member's destination has. `None`: it cannot tell now.
    fn ask(&mut self, index: usize) -> Result<Option<Option<Marks>>, Halt> {
        let channel = self.channel.clone();
        match self.turn(index, |member| member.ask(channel.key())) {
            Ok(told) => Ok(Some(told)),
            Err(error) => self.failing(index, &error).map(|()| None),
        }
    }

    /// One member works; the group waits for it.
    fn turn<T>(&mut self, index: usize, act: impl FnOnce(&mut Member) -> T) -> T {
        let (member, pulse) = (&mut self.members[index], &self.pulse);
        let waiting = member.group.is_some().then(|| pulse.wait(Wait::Peer, member.name().to_string()));
        let done = act(member);
        member.rest();
        drop(waiting);
        done
    }

    fn settle(&mut self, index: usize, mut errand: Errand, outcome: Outcome) {
        let (events, bytes, batches) = (errand.events, errand.bytes, errand.batches().len());
        let channel = self.channel.clone();
        let member = &mut self.members[index];
        if outcome == Outcome::Delivered {
            member.recovered(|| channel.depth().events as u64 + events);
            errand.omitted(&member.took(events, bytes, batches));
            // Positions alone prove nothing of the far side.
            if events > 0 {
                self.processor.succeeded(index);
            }
            self.count_twice(&errand, errand.in_doubt());
        }
        let member = &self.members[index];
        member.tell(errand.settle(member.seat, outcome));
    }

    /// Of events in doubt at one member and delivered again.
    fn count_twice(&self, errand: &Errand, events: u64) {
        if let Some(first) = errand.doubted_first() {
            self.members[first].pulse.add(Counter::PossiblyTwice, events);
        }
    }

    fn sync_due(&mut self) -> Result<(), Halt> {
        let present = self.present();
        if !present.iter().any(|index| self.members[*index].is_due()) {
            return Ok(());
        }
        // Who stands by has nothing to sync, and streams to forget.
        let due = |member: &Member| member.is_due() || member.is_synced();
        present.into_iter().try_for_each(|index| match due(&self.members[index]) {
            true => self.sync(index),
            false => Ok(()),
        })
    }

    fn sync_all(&mut self) -> Result<(), Halt> {
        self.present().into_iter().try_for_each(|index| self.sync(index))
    }

    /// D5, D6. After a sync in doubt the destination is asked what it still has: the kernel may have dropped what it
    /// could not write.
    fn sync(&mut self, index: usize) -> Result<(), Halt> {
        let channel = self.channel.clone();
        let Err(error) = self.turn(index, |member| member.sync(&*channel)) else { return Ok(()) };
        self.failing(index, &error)?;
        if matches!(error, DeliverError::InDoubt(..)) {
            self.members[index].is_asked = false;
            if let Some(marks) = self.ask(index)? {
                self.tell_channel(index, marks);
            }
        }
        Ok(())
    }

    /// Says a failure; one that is final takes the member out.
    fn failing(&mut self, index: usize, error: &DeliverError) -> Result<(), Halt> {
        let DeliverError::Fenced(why) = error else {
            self.members[index].failing(error);
            return Ok(());
        };
        let others = self.present().len() > 1;
        self.processor.out(index);
        self.members[index].leave(why, others);
        self.members[index].rest();
        if others { Ok(()) } else { Err(Halt::AllOut) }
    }

    /// The shortest that a member asks for.
    fn retry_delay(&self) -> Duration {
        let present = self.members.iter().filter(|member| !member.is_out);
        present.map(|member| member.node.retry_delay).min().unwrap_or(MOMENT)
    }

    fn pause(&self, time: Duration) -> Result<(), Halt> {
        let _waiting = self.pulse.wait(Wait::Retry, "destination");
        if self.stop.wait(time) { Err(Halt::Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
