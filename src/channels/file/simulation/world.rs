//! What outlives a process: the disk, the inputs, the destinations; and the choices of one history, all from its seed.
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::fakes::{Fake, Trick};
use super::input::{Input, Own};
use super::store::{Item, Store};
use crate::channels::file::{Settings, checkpoint};
use crate::flow::Limit;
use crate::store::log::cipher::Algorithm;
use crate::store::log::{self as log, KeyRing, Packing};
use crate::sys::disk::SimulatedDisk;
use crate::sys::disk::simulated::{Call, Fault, Random};

/// How this history's channel is set up.
pub struct Plan {
    pub dirs: Vec<PathBuf>,
    pub segment_bytes: u64,
    pub packing: Packing,
    pub keys: Arc<KeyRing>,
    pub settings: Settings,
    /// Chances of faults are drawn anew for each life.
    pub faulty: bool,
    /// The disk cannot read now and then, and segments are copied: what only the log has may be lost.
    pub unreadable: bool,
    pub copies: bool,
    pub small_disk: bool,
}

pub struct World {
    pub disk: SimulatedDisk,
    pub plan: Plan,
    pub fake: Option<Fake>,
    pub dice: RefCell<Random>,
    pub inputs: RefCell<Vec<Input>>,
    pub own: RefCell<Own>,
    pub stores: RefCell<Vec<Store>>,
    pub dead: RefCell<BTreeSet<Item>>,
    pub fault: RefCell<Option<String>>,
    pub tracing: bool,
    pub trace: RefCell<Vec<String>>,
    pub crashes: Cell<u64>,
    /// A power cut took something from between frames that are left. What fills the hole comes behind them where a
    /// second crash follows before that is settled: which frames were passed over is not kept.
    pub holes: Cell<bool>,
    /// Capacity of the disk.
    pub room: Cell<u64>,
    /// The last drain: nothing fails, nothing is left undone.
    pub draining: Cell<bool>,
}

impl World {
    pub fn new(seed: u64, fake: Option<Fake>, tracing: bool) -> World {
        let mut dice = Random::of(seed, 0);
        let disk = SimulatedDisk::new(seed);
        if let Some(Fake::Lie(lie)) = fake {
            disk.tell(lie);
        }
        let plan = Plan::random(&mut dice);
        let files = 1 + dice.below(3);
        let inputs = (0..files).map(|_| Input::random(&mut dice)).collect();
        let sinks = [1, 1, 1, 2, 3][dice.below(5) as usize];
        let store = |_| Store::new(!dice.chance(0.12));
        let stores = (0..sinks).map(store).collect();
        World {
            disk,
            plan,
            fake,
            dice: RefCell::new(dice),
            inputs: RefCell::new(inputs),
            own: RefCell::default(),
            stores: RefCell::new(stores),
            dead: RefCell::default(),
            fault: RefCell::default(),
            tracing,
            trace: RefCell::default(),
            crashes: Cell::new(0),
            holes: Cell::new(false),
            room: Cell::new(1 << 40),
            draining: Cell::new(false),
        }
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.tracing {
            self.trace.borrow_mut().push(format!("{:>6}  {}", self.disk.calls(), what()));
        }
    }

    pub fn fail(&self, what: String) {
        self.say(|| format!("FAULT {what}"));
        self.fault.borrow_mut().get_or_insert(what);
    }

    pub fn tricks(&self, trick: Trick) -> bool {
        self.fake == Some(Fake::Trick(trick))
    }

    pub fn below(&self, end: u64) -> u64 {
        self.dice.borrow_mut().below(end)
    }

    pub fn chance(&self, of_one: f64) -> bool {
        self.dice.borrow_mut().chance(of_one)
    }

    /// Whether power cuts, or crashes of any kind, may take what was acked: a weaker promise was asked for.
    fn is_weak(&self, power_cut: bool) -> bool {
        let settings = &self.plan.settings;
        settings.memory.is_some() || (power_cut && settings.sync_every.is_some())
    }

    /// Kills the process, or the machine.
    pub fn crash(&self) {
        let power_cut = self.chance(0.6);
        self.crashes.set(self.crashes.get() + 1);
        self.say(|| if power_cut { "power cut".into() } else { "kill".into() });
        match power_cut {
            true => self.disk.power_cut(),
            false => self.disk.kill(),
        }
        if power_cut {
            self.stores.borrow_mut().iter_mut().for_each(Store::go_back_as_planned);
        }
        let mut own = self.own.borrow_mut();
        own.receipts.clear();
        if self.is_weak(power_cut) {
            let acked = std::mem::take(&mut own.acked);
            own.excused.extend(acked);
        }
        drop(own);
        if self.plan.copies && self.chance(0.2) {
            self.copy_a_segment();
        }
    }

    /// Somebody copies a segment under another number.
    fn copy_a_segment(&self) {
        let paths: Vec<PathBuf> = self.disk.paths().into_iter().filter(|path| is_segment(path)).collect();
        let Some(path) = paths.get(self.below(paths.len().max(1) as u64) as usize) else { return };
        let content = self.disk.content(path).unwrap_or_default();
        let copy = path.with_file_name(format!("{:010}.dfklog", 5_000 + self.disk.calls()));
        self.say(|| format!("{} is copied to {}", path.display(), copy.display()));
        self.disk.put(&copy, content);
    }

    /// The disk has so much room from now on.
    pub fn set_room(&self, free: u64) {
        self.room.set(self.disk.used() + free);
        self.disk.set_capacity(self.room.get());
    }

    pub fn segments(&self) -> usize {
        self.disk.paths().iter().filter(|path| is_segment(path)).count()
    }

    /// What can fail in this life.
    pub fn draw_faults(&self) {
        self.disk.fail_no_more();
        let mut dice = self.dice.borrow_mut();
        if !self.plan.faulty || dice.chance(0.4) {
            return;
        }
        let often = [0.01, 0.05, 0.2][dice.below(3) as usize];
        for (call, fault) in [
            (Call::Write, Fault::Short),
            (Call::Write, Fault::Interrupted),
            (Call::Write, Fault::Io),
            (Call::Write, Fault::Full),
            (Call::Read, Fault::Short),
            (Call::Read, Fault::Interrupted),
            (Call::Sync, Fault::Io),
            (Call::Sync, Fault::Interrupted),
            (Call::SyncDirectory, Fault::Io),
            (Call::Create, Fault::Io),
            (Call::Rename, Fault::Io),
            (Call::Remove, Fault::Io),
            (Call::Allocate, Fault::Full),
            (Call::SetLength, Fault::Io),
        ] {
            if dice.chance(0.3) {
                self.disk.fail_often(call, fault, often);
            }
        }
        if self.plan.unreadable && dice.coin() {
            self.disk.fail_often(Call::Read, Fault::Io, often);
            self.disk.fail_often(Call::Open, Fault::Io, often);
        }
    }
}

fn is_segment(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "dfklog")
}

impl Plan {
    fn random(dice: &mut Random) -> Plan {
        let dirs = (0..1 + dice.below(3)).map(|n| PathBuf::from(format!("/data{n}"))).collect();
        let packing = [Packing::None, Packing::None, Packing::None, Packing::Lz4, Packing::Zstd]
            [dice.below(5) as usize];
        let memory = dice.chance(0.2).then(|| Limit { events: dice.below(20) as usize, bytes: 4000 });
        let capacity = [20, 60, 400][dice.below(3) as usize];
        let settings = Settings {
            capacity,
            transaction: 1 + dice.below(15) as usize,
            keep_alive: Duration::ZERO,
            empty_delay: Duration::ZERO,
            memory,
            before_spill: Duration::ZERO,
            sync_every: dice.chance(0.1).then_some(Duration::ZERO),
            checkpoint: dice.chance(0.4).then(|| checkpoint::path("/marks".as_ref())),
        };
        let faulty = dice.chance(0.5);
        Plan {
            dirs,
            segment_bytes: [1500, 4000, 12_000, 60_000][dice.below(4) as usize],
            packing,
            keys: Arc::new(if dice.chance(0.05) { keys(dice) } else { KeyRing::default() }),
            settings,
            faulty,
            unreadable: faulty && dice.chance(0.2),
            copies: dice.chance(0.1),
            small_disk: dice.chance(0.2),
        }
    }

    pub fn log(&self) -> log::Settings {
        log::Settings {
            dirs: self.dirs.clone(),
            segment_bytes: self.segment_bytes,
            minimum_free: if self.small_disk { 2000 } else { 0 },
            packing: self.packing,
            keys: self.keys.clone(),
        }
    }
}

fn keys(dice: &mut Random) -> KeyRing {
    let algorithm = if dice.coin() { Algorithm::AesGcm } else { Algorithm::AesCtr };
    KeyRing { active: Some(("key".into(), algorithm)), keys: [("key".into(), vec![7; 16])].into() }
}
