//! What outlives the process: a log of frames that knows what is synced, and the fuse that ends a process between any
//! two of its effects.
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use dataflowkit::event::{Entry, Record};

use super::bug::Bug;
use super::dice::Dice;

/// What all parts of one world share.
pub struct Shared {
    bug: Option<Bug>,
    fuse: AtomicU64,
    effects: AtomicU64,
    tracing: AtomicBool,
    trace: Mutex<Vec<String>>,
}

impl Shared {
    pub fn new(bug: Option<Bug>, tracing: bool) -> Shared {
        let (fuse, effects, trace) = (AtomicU64::new(u64::MAX), AtomicU64::new(0), Mutex::default());
        Shared { bug, fuse, effects, tracing: AtomicBool::new(tracing), trace }
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Another effect on what outlives the process; false: the process is dead and has none.
    pub fn burn(&self) -> bool {
        let left = self.fuse.load(Relaxed);
        self.fuse.store(left.saturating_sub(1), Relaxed);
        if left > 0 {
            self.effects.store(self.effects.load(Relaxed) + 1, Relaxed);
        }
        left > 0
    }

    pub fn is_dead(&self) -> bool {
        self.fuse.load(Relaxed) == 0
    }

    /// The process dies after this many more effects.
    pub fn arm(&self, effects: u64) {
        self.fuse.store(effects, Relaxed);
    }

    pub fn disarm(&self) {
        self.fuse.store(u64::MAX, Relaxed);
    }

    pub fn effects(&self) -> u64 {
        self.effects.load(Relaxed)
    }

    pub fn say(&self, text: impl FnOnce() -> String) {
        if self.tracing.load(Relaxed) {
            self.trace.lock().unwrap().push(text());
        }
    }

    pub fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }
}

/// A journal: frames in order, the first `synced` of them certainly on the disk.
#[derive(Clone, Default)]
pub struct Log {
    frames: Vec<Vec<Entry>>,
    synced: usize,
}

impl Log {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn append(&mut self, shared: &Shared, entries: Vec<Entry>) -> bool {
        let alive = shared.burn();
        if alive && !entries.is_empty() {
            self.frames.push(entries);
        }
        alive
    }

    pub fn sync(&mut self, shared: &Shared) -> bool {
        let alive = shared.burn();
        if alive {
            self.synced = self.frames.len();
        }
        alive
    }

    /// Appends what is durable at once: a commit of a database.
    pub fn commit(&mut self, shared: &Shared, entries: Vec<Entry>) -> bool {
        let alive = self.append(shared, entries);
        if alive {
            self.synced = self.frames.len();
        }
        alive
    }

    /// What is not synced survives as a prefix of any length.
    pub fn power_cut(&mut self, dice: &mut Dice) {
        let kept = dice.between(self.synced, self.frames.len());
        self.frames.truncate(kept);
        self.synced = kept;
    }

    /// Put back from a backup, and so on the disk.
    pub fn restored(mut self) -> Log {
        self.synced = self.frames.len();
        self
    }

    pub fn lose(&mut self) {
        *self = Log::default();
    }

    pub fn replay(&self) -> Record {
        let mut record = Record::default();
        self.frames.iter().flatten().for_each(|entry| record.apply(entry));
        record
    }
}
