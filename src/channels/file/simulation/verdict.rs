//! What must hold once everything has been drained.
use std::collections::BTreeMap;

use super::input::Input;
use super::life::Life;
use super::store::Item;
use super::world::World;
use crate::flow::Channel;

/// What one history, or many, came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub histories: u64,
    pub crashes: u64,
    pub calls: u64,
    pub lost: u64,
    pub twice: u64,
    pub disorder: u64,
    pub acked: u64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, more: Figures) {
        self.histories += more.histories;
        self.crashes += more.crashes;
        self.calls += more.calls;
        self.lost += more.lost;
        self.twice += more.twice;
        self.disorder += more.disorder;
        self.acked += more.acked;
    }
}

impl World {
    /// Counts what arrived.
    pub fn judge(&self, figures: &mut Figures) {
        let stores = self.stores.borrow();
        let exact = stores.iter().all(|store| store.records);
        let mut counts: BTreeMap<Item, u64> = BTreeMap::new();
        let mut lines: Vec<Vec<u64>> =
            self.inputs.borrow().iter().map(|input| vec![0; input.lines.len()]).collect();
        for item in stores.iter().flat_map(|store| &store.items) {
            match item {
                Item::Own(_) => *counts.entry(*item).or_default() += 1,
                Item::Part { file, from, to } => self.count(*file, *from, *to, &mut lines[*file]),
            }
        }
        let mut dead: Vec<Vec<u64>> = lines.iter().map(|lines| vec![0; lines.len()]).collect();
        for item in self.dead.borrow().iter() {
            if let Item::Part { file, from, to } = item {
                self.count(*file, *from, *to, &mut dead[*file]);
            }
        }
        for (file, input) in self.inputs.borrow().iter().enumerate() {
            for (n, line) in input.lines.iter().enumerate() {
                let (count, dead) = (lines[file][n], dead[file][n] > 0);
                let wanted = u64::from(!Input::is_filtered(line.record));
                let where_at = || format!("line {n} of file {file} ({}..{})", line.from, line.to);
                if count < wanted && !dead {
                    figures.lost += 1;
                    self.fail(format!("lost: {}", where_at()));
                }
                if count > wanted && (exact || wanted == 0) {
                    figures.twice += 1;
                    self.fail(format!("{count} times: {}", where_at()));
                }
            }
        }
        let own = self.own.borrow();
        figures.acked += own.acked.len() as u64;
        for number in own.acked.iter().filter(|_| !self.plan.unreadable) {
            let item = Item::Own(*number);
            if !counts.contains_key(&item) && !self.dead.borrow().contains(&item) {
                figures.lost += 1;
                self.fail(format!("lost: own event {number} was acked"));
            }
        }
        for (item, count) in counts.iter().filter(|(_, count)| exact && **count > 1) {
            figures.twice += 1;
            self.fail(format!("{count} times: {item:?}"));
        }
        let ordered = stores.len() == 1 && exact && !stores[0].turned;
        let disorder: u64 = stores.iter().map(|store| store.disorder(&self.dead.borrow())).sum();
        if ordered {
            figures.disorder += disorder;
            if disorder > 0 && !self.holes.get() {
                self.fail(format!("{disorder} events out of order"));
            }
        }
    }

    fn count(&self, file: usize, from: u64, to: u64, counts: &mut [u64]) {
        let inputs = self.inputs.borrow();
        let lines = inputs[file].lines.iter().enumerate();
        lines.filter(|(_, line)| from <= line.from && line.to <= to).for_each(|(n, _)| counts[n] += 1);
    }
}

impl Life {
    /// Nothing is left of what was: room, memory, segments.
    pub fn judge(&self) {
        let depth = self.channel.depth();
        let queue = self.channel.lock();
        let rest = (
            queue.in_flight,
            queue.unheld_weight,
            queue.window.bytes(),
            queue.window.events(),
            queue.on_disk,
        );
        let (used, reserved) = (queue.used, queue.reserved);
        drop(queue);
        if (depth.events, depth.bytes) != (0, 0) || reserved.events != 0 || reserved.bytes != 0 {
            self.world.fail(format!("room is kept: used {used:?}, reserved {reserved:?}"));
        }
        if rest != (0, 0, 0, 0, 0) {
            self.world.fail(format!("in flight, unheld, window and disk are {rest:?}"));
        }
        for (source, ledger) in self.channel.ledgers() {
            if ledger.in_flight != 0 || !ledger.balances() {
                self.world.fail(format!("the ledger of {source} ends with {ledger:?}"));
            }
        }
        if self.world.segments() > 1 {
            self.world.fail(format!("{} segments are kept", self.world.segments()));
        }
        if !self.channel.is_drained() {
            self.world.fail("it is not drained".into());
        }
    }
}
