//! What the sinks of a run do: report, lease, deliver, sync, resolve what is in doubt.
use super::*;

impl Life {
    /// What one runner does next.
    pub fn sink_step(&self) {
        if self.is_down() {
            return;
        }
        let Ok(mut runners) = self.runners.try_borrow_mut() else { return };
        let which = self.world.below(runners.len() as u64) as usize;
        let runner = &mut runners[which];
        if !runner.reported {
            return self.report(which, runner);
        }
        let hand = std::mem::replace(&mut runner.hand, Hand::Empty);
        runner.hand = match hand {
            Hand::Empty => self.take(runner.seat),
            Hand::Leased(lease) => {
                let back = !self.world.draining.get() && self.world.chance(0.1);
                if back { Hand::Empty } else { self.deliver(which, lease) }
            }
            Hand::Kept(lease) => self.deliver(which, lease),
            Hand::Delivered(lease) => {
                let settled = lease.settle(Outcome::Delivered);
                self.world.say(|| format!("sink {which}: settled {}", settled.is_ok()));
                Hand::Empty
            }
            Hand::Doubtful(lease) => self.resolve(which, runner, lease),
            Hand::Late(batches) => {
                self.commit(which, &batches);
                Hand::Empty
            }
        };
    }

    /// S2, S3: the destination tells what it has.
    fn report(&self, which: usize, runner: &mut Runner) {
        let asked = !self.world.tricks(Trick::RecordNotAsked);
        let marks = self.world.stores.borrow()[which].told().filter(|_| asked);
        self.world.say(|| {
            let told =
                marks.iter().flatten().map(|(id, r)| format!(" {id:?} {:?}", r.mark)).collect::<String>();
            format!("sink {which}: destination has{told}")
        });
        runner.reported = true;
        match self.channel.report(runner.seat, marks) {
            Ok(back) => self.goes_back(&back),
            Err(error) => self.world.fail(format!("a report fails: {error}")),
        }
    }

    fn goes_back(&self, sources: &[Box<str>]) {
        if sources.iter().any(|source| **source == *TAIL) && !self.world.tricks(Trick::BackIgnored) {
            self.world.say(|| "the source must go back".into());
            self.back.set(true);
        }
    }

    fn take(&self, seat: Seat) -> Hand {
        let events = if self.world.draining.get() { 1000 } else { 1 + self.world.below(20) as usize };
        let limit = Limit { events, bytes: usize::MAX };
        let lease = STOP.with(|stop| self.channel.clone().take(seat, limit, Duration::ZERO, stop));
        self.goes_back(&self.channel.must_go_back());
        let Some(lease) = lease else { return Hand::Empty };
        self.world.say(|| {
            let spans = lease.batches.iter().filter_map(Batch::span);
            let spans = spans.map(|s| format!(" {:?} {}..{}", s.stream.id, s.from, s.to)).collect::<String>();
            format!("{seat:?}: leased{spans}")
        });
        Hand::Leased(lease)
    }

    fn commit(&self, which: usize, batches: &[Batch]) {
        let delivered = self.world.stores.borrow_mut()[which].deliver(&self.world.inputs.borrow(), batches);
        if let Err(fault) = delivered {
            self.world.fail(fault);
        }
    }

    fn deliver(&self, which: usize, lease: Lease) -> Hand {
        if self.world.tricks(Trick::SettlesBeforeDelivery) {
            let batches = lease.batches.clone();
            let _ = lease.settle(Outcome::Delivered);
            return Hand::Late(batches);
        }
        let fate = if self.world.draining.get() { 19 } else { self.world.below(20) };
        self.world.say(|| format!("sink {which}: delivers, fate {fate}"));
        match fate {
            0 => Hand::Kept(lease),
            3 => Hand::Doubtful(lease),
            4 => {
                self.commit(which, &lease.batches);
                match self.world.tricks(Trick::DoubtIsFailure) {
                    true => Hand::Leased(lease),
                    false => Hand::Doubtful(lease),
                }
            }
            5 if self.world.chance(0.3) => {
                self.world.dead.borrow_mut().extend(items_of(&self.world.inputs.borrow(), &lease.batches));
                let _ = lease.settle(Outcome::DeadLettered);
                Hand::Empty
            }
            _ => {
                self.commit(which, &lease.batches);
                Hand::Delivered(lease)
            }
        }
    }

    /// D2: the destination is asked what it has of a doubtful commit.
    fn resolve(&self, which: usize, runner: &mut Runner, mut lease: Lease) -> Hand {
        if !self.world.stores.borrow()[which].records {
            return Hand::Kept(lease);
        }
        if self.world.chance(0.5) {
            self.report(which, runner);
        }
        for batch in &mut lease.batches {
            let stream = batch.span().map(|span| span.stream.id);
            let had = stream.map(|stream| self.world.stores.borrow()[which].mark(stream)).unwrap_or_default();
            batch.drop_held(&had);
        }
        Hand::Kept(lease)
    }

    /// D5, D6: the destination syncs, or finds that it lost what was not synced.
    pub fn sink_sync(&self) {
        let Ok(mut runners) = self.runners.try_borrow_mut() else { return };
        let which = self.world.below(runners.len() as u64) as usize;
        let runner = &mut runners[which];
        if !runner.reported || !matches!(runner.hand, Hand::Empty) || self.is_down() {
            return;
        }
        if !self.world.draining.get() && self.world.chance(0.08) && self.world.stores.borrow()[which].records
        {
            self.world.say(|| format!("destination {which} goes back"));
            self.world.stores.borrow_mut()[which].go_back();
            return self.report(which, runner);
        }
        let retired = self.channel.retired(runner.seat);
        self.world.say(|| format!("sink {which}: syncs, retires {retired:?}"));
        if !self.world.tricks(Trick::SyncedWithoutSync) {
            self.world.stores.borrow_mut()[which].sync();
        }
        self.world.stores.borrow_mut()[which].retire(&retired);
        let _ = self.channel.synced(runner.seat);
    }

    pub fn report_again(&self) {
        let Ok(mut runners) = self.runners.try_borrow_mut() else { return };
        let which = self.world.below(runners.len() as u64) as usize;
        let runner = &mut runners[which];
        if !matches!(runner.hand, Hand::Delivered(_) | Hand::Late(_)) {
            self.report(which, runner);
        }
    }
}
