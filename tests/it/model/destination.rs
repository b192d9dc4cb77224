//! Destinations: data, and for some a record of marks beside it, kept per channel (K1).
//!
//! `Files` writes the data, then a frame with its length, and syncs both later; `Transaction` commits both at once and
//! durably; `Plain` keeps no record and syncs later.
use dataflowkit::event::{Batch, Entry, FileLength, Had, Mark, Marks, Record, StreamId};

use super::bug::Bug;
use super::dice::Dice;
use super::disk::{Log, Shared};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Files,
    Transaction,
    Plain,
}

/// One event that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub stream: StreamId,
    pub from: u64,
    pub to: u64,
}

/// How a delivery is to end; the process may die at any of its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Done,
    Failed,
    DoubtfulDone,
    DoubtfulFailed,
}

/// What one channel has brought to one destination.
#[derive(Clone)]
pub struct Store {
    pub class: Class,
    pub data: Vec<Item>,
    synced: usize,
    log: Log,
    record: Record,
    backup: Option<(Vec<Item>, Log)>,
}

const FILE: &str = "data";

impl Store {
    pub fn new(class: Class) -> Store {
        let (log, record) = Default::default();
        Store { class, data: Vec::new(), synced: 0, log, record, backup: None }
    }

    /// What the destination says it has; a crash's or a doubtful commit's unrecorded end of the data is cut off first.
    pub fn ask(&mut self, shared: &Shared, boot: u64) -> Option<Marks> {
        if self.class == Class::Plain {
            return None;
        }
        let fresh = self.log.is_empty();
        self.record = self.log.replay();
        let boot = if shared.has(Bug::DurableIsDeliveredAfterReboot) { "0".into() } else { boot.to_string() };
        if self.record.boot.as_ref() != Some(&boot) {
            let entry = Entry::Boot { id: boot };
            self.record.apply(&entry);
            self.log.append(shared, vec![entry]);
        }
        if self.class == Class::Files && !shared.is_dead() && !shared.has(Bug::DataNotCutBack) {
            let length = self.record.place(0).and_then(|p| p.files.get(FILE)).map_or(0, |l| l.delivered);
            self.data.truncate(length as usize);
            self.synced = self.synced.min(self.data.len());
        }
        let mut marks = self.record.marks(0);
        if shared.has(Bug::HighWaterInsteadOfRanges) {
            marks.values_mut().for_each(|stream| stream.mark = Mark::at(stream.mark.high()));
        }
        (!fresh).then_some(marks)
    }

    fn frame(&self, batches: &[Batch], length: usize) -> Vec<Entry> {
        let (mut entries, mut had) = (Vec::new(), Vec::new());
        for span in batches.iter().filter_map(Batch::span) {
            let stream = span.stream.id;
            if !self.record.streams.contains_key(&stream) {
                let attributes = span.stream.attributes();
                entries.push(Entry::Describe { stream, source: span.stream.source.clone(), attributes });
            }
            had.push(Had { stream, from: span.from, to: span.to, check: None });
        }
        let files = vec![FileLength { name: FILE.into(), length: length as u64 }];
        entries.push(Entry::Delivered { place: 0, had, files });
        entries
    }

    fn note(&mut self, shared: &Shared, entries: Vec<Entry>) -> bool {
        if !self.log.append(shared, entries.clone()) {
            return false;
        }
        entries.iter().for_each(|entry| self.record.apply(entry));
        true
    }

    fn write(&mut self, shared: &Shared, batches: &[Batch]) -> bool {
        let alive = shared.burn();
        if alive {
            self.data.extend(items(batches));
        }
        alive
    }

    /// One commit; false: the process died on the way.
    pub fn deliver(&mut self, shared: &Shared, batches: &[Batch], fate: Fate) -> bool {
        if fate == Fate::Failed {
            return true;
        }
        let length = self.data.len() + items(batches).count();
        match self.class {
            Class::Plain => fate == Fate::DoubtfulFailed || self.write(shared, batches),
            Class::Files => {
                let frame = self.frame(batches, length);
                if shared.has(Bug::RecordBeforeData) {
                    return self.note(shared, frame) && self.write(shared, batches);
                }
                self.write(shared, batches) && (fate == Fate::DoubtfulFailed || self.note(shared, frame))
            }
            Class::Transaction => {
                let mut frame = self.frame(batches, length);
                frame.push(Entry::Durable { place: 0 });
                if fate == Fate::DoubtfulFailed {
                    return true;
                }
                if !self.log.commit(shared, frame.clone()) {
                    return false;
                }
                frame.iter().for_each(|entry| self.record.apply(entry));
                self.data.extend(items(batches));
                self.synced = self.data.len();
                true
            }
        }
    }

    pub fn sync(&mut self, shared: &Shared) -> bool {
        if !shared.burn() {
            return false;
        }
        if !shared.has(Bug::DurableWithoutSync) {
            self.synced = self.data.len();
        }
        self.class != Class::Files
            || self.note(shared, vec![Entry::Durable { place: 0 }]) && self.log.sync(shared)
    }

    /// The kernel writes back what a sink that leaves has delivered, where no record says what is durable.
    pub fn flush(&mut self) {
        if self.class == Class::Plain {
            self.synced = self.data.len();
        }
    }

    pub fn retire(&mut self, shared: &Shared, stream: StreamId) {
        if self.class != Class::Plain && self.record.streams.contains_key(&stream) {
            self.note(shared, vec![Entry::Retire { stream }]);
        }
    }

    pub fn power_cut(&mut self, dice: &mut Dice) {
        if self.class == Class::Transaction {
            self.log.power_cut(&mut Dice::of(0, 0));
            return;
        }
        self.data.truncate(dice.between(self.synced, self.data.len()));
        self.synced = self.data.len();
        self.log.power_cut(dice);
    }

    pub fn back_up(&mut self) {
        if self.class != Class::Plain && !self.log.is_empty() {
            self.backup = Some((self.data.clone(), self.log.clone()));
        }
    }

    pub fn forget_backup(&mut self) {
        self.backup = None;
    }

    /// The destination goes back to its backup, if there is one.
    pub fn restore(&mut self) -> bool {
        let Some((data, log)) = self.backup.clone() else { return false };
        (self.data, self.log) = (data, log.restored());
        self.synced = self.data.len();
        self.record = self.log.replay();
        true
    }

    /// What the record claims at this moment, as a process that starts now would read it.
    pub fn claims(&self) -> Marks {
        self.record.marks(0)
    }
}

fn items(batches: &[Batch]) -> impl Iterator<Item = Item> + '_ {
    batches.iter().flat_map(|batch| {
        let stream = batch.span().expect("every batch of the model has a span").stream.id;
        batch.rows().iter().map(move |row| Item { stream, from: row.from, to: row.to })
    })
}
