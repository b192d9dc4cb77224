//! The state behind the simulated disk: what each call meets, and what a crash leaves.
//!
//! Invariants: what a call draws depends on the seed and the call's number only, so a history repeats up to the call
//! where it is made to differ. A life ends with each `kill` and `power_cut`; what was opened in it is dead then.
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;

use super::faults::{Call, Fault, Plan};
use super::inode::Inode;
use super::lies::Lie;
use super::names::{Ino, Names};
use super::random::Random;
use super::{Figures, crashed};

/// Syncs that a removal can overtake; see `Lie::RemoveOvertakesSyncs`.
const OVERTAKEN: usize = 8;

/// How a call is carried out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    Whole,
    /// A read or write of a part; the number chooses its size.
    Part(u64),
    /// A sync that fails.
    Fails(Fault),
}

/// What a sync is about.
#[derive(Clone, Debug)]
pub(super) enum Synced {
    File(Ino),
    Directory(PathBuf),
}

#[derive(Clone, Debug)]
pub(super) struct World {
    seed: u64,
    pub life: u64,
    /// Power cuts so far.
    pub cuts: u64,
    pub calls: u64,
    pub calls_of: [u64; Call::COUNT],
    pub crash_at: Option<u64>,
    pub crashed: bool,
    /// Rises with every change and sync.
    sequence: u64,
    pub names: Names,
    pub inodes: BTreeMap<Ino, Inode>,
    pub locks: Vec<Ino>,
    pub capacity: u64,
    pub plan: Plan,
    pub lies: Vec<Lie>,
    /// What the last removed file held, for `Lie::AllocateGivesGarbage`.
    pub garbage: Vec<u8>,
    /// Syncs that are not done yet, and when; only under `Lie::RemoveOvertakesSyncs`.
    waiting: VecDeque<(u64, Synced)>,
    /// The sequence at the last removal.
    pub removed_at: u64,
    pub figures: Figures,
}

impl World {
    pub fn new(seed: u64, capacity: u64) -> World {
        World {
            seed,
            life: 0,
            cuts: 0,
            calls: 0,
            calls_of: [0; Call::COUNT],
            crash_at: None,
            crashed: false,
            sequence: 0,
            names: Names::default(),
            inodes: BTreeMap::new(),
            locks: Vec::new(),
            capacity,
            plan: Plan::default(),
            lies: Vec::new(),
            garbage: Vec::new(),
            waiting: VecDeque::new(),
            removed_at: 0,
            figures: Figures::default(),
        }
    }

    pub fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub fn told(&self, lie: Lie) -> bool {
        self.lies.contains(&lie)
    }

    /// Counts a call of a life and lets it happen, fail, or be the last one.
    pub fn call<T>(
        &mut self,
        call: Call,
        life: u64,
        act: impl FnOnce(&mut World, Turn) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.crashed || life != self.life {
            return Err(crashed());
        }
        let (number, nth) = (self.calls, self.calls_of[call as usize]);
        self.calls += 1;
        self.calls_of[call as usize] += 1;
        let mut random = Random::of(self.seed, number);
        if self.crash_at.is_some_and(|at| number >= at) {
            self.crashed = true;
            match random.below(3) {
                0 => {}
                1 => drop(act(self, Turn::Whole)),
                _ => drop(act(self, Turn::Part(random.draw()))),
            }
            return Err(crashed());
        }
        match self.plan.fault(call, nth, &mut random) {
            None => act(self, Turn::Whole),
            Some(fault) => self.fail(call, fault, &mut random, act),
        }
    }

    fn fail<T>(
        &mut self,
        call: Call,
        fault: Fault,
        random: &mut Random,
        act: impl FnOnce(&mut World, Turn) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(error) = fault.error() else { return act(self, Turn::Part(random.draw())) };
        match call {
            _ if fault == Fault::Interrupted => {}
            Call::Sync => return act(self, Turn::Fails(fault)),
            Call::Write if random.coin() => drop(act(self, Turn::Part(random.draw()))),
            _ => {}
        }
        Err(error)
    }

    /// Does a sync, or, under the lie, an earlier one in its place.
    pub fn settle(&mut self, before: u64, synced: Synced) {
        self.waiting.push_back((before, synced));
        let most = if self.told(Lie::RemoveOvertakesSyncs) { OVERTAKEN } else { 0 };
        while self.waiting.len() > most {
            let (before, synced) = self.waiting.pop_front().expect("longer than some length");
            self.settle_now(before, &synced);
        }
    }

    /// Does the syncs that still wait.
    pub fn settle_all(&mut self) {
        for (before, synced) in std::mem::take(&mut self.waiting) {
            self.settle_now(before, &synced);
        }
    }

    fn settle_now(&mut self, before: u64, synced: &Synced) {
        let forgets_appends = self.told(Lie::SyncForgetsAppends);
        match synced {
            Synced::Directory(dir) => self.names.sync_directory(dir, before),
            Synced::File(ino) => match self.inodes.get_mut(ino) {
                Some(inode) if forgets_appends => inode.sync_without_appends(before),
                Some(inode) => inode.sync(before),
                None => {}
            },
        }
    }

    /// Forgets an inode that nothing leads to any more.
    pub fn let_go(&mut self, ino: Ino) {
        let unused = self.inodes.get(&ino).is_some_and(|inode| inode.handles == 0);
        if unused && !self.names.lead_to(ino) {
            self.inodes.remove(&ino);
        }
    }

    /// Ends the process: what it opened and locked is dead, the rest stays as it is.
    pub fn kill(&mut self) {
        self.life += 1;
        self.crashed = false;
        self.crash_at = None;
        self.locks.clear();
        self.inodes.values_mut().for_each(|inode| inode.handles = 0);
        let names = &self.names;
        self.inodes.retain(|ino, _| names.lead_to(*ino));
    }

    /// Ends the process and the kernel: a legal part of what was not synced is left.
    pub fn cut_power(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        self.settle_some(&mut random);
        self.names.cut_power(&mut random);
        for (ino, inode) in &mut self.inodes {
            *inode = Inode::found(inode.after_power_cut(&mut Random::of(seed, *ino)));
        }
        self.cuts += 1;
        self.kill();
    }

    /// The syncs that a removal has overtaken may not have come to pass, the last ones first.
    fn settle_some(&mut self, random: &mut Random) {
        let waiting = std::mem::take(&mut self.waiting);
        let overtaken = waiting.iter().filter(|(at, _)| *at < self.removed_at).count() as u64;
        let done = random.below(overtaken + 1) as usize;
        for (index, (at, synced)) in waiting.iter().enumerate() {
            if index < done || *at > self.removed_at {
                self.settle_now(*at, synced);
            }
        }
    }

    /// Another seed for each power cut.
    pub fn seed_of_cut(&self) -> u64 {
        Random::of(self.seed ^ 0x6375_7470_6f77_6572, self.calls ^ (self.life << 32)).draw()
    }
}
