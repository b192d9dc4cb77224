//! Where events go: a destination that commits events and marks at once, and syncs them later.
use std::collections::{BTreeMap, BTreeSet};

use super::input::{Input, Own};
use crate::event::{Batch, Mark, Marks, StreamId, StreamRecord};

/// What arrived: a part of a file, or an event without a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    Part { file: usize, from: u64, to: u64 },
    Own(usize),
}

#[derive(Clone, Debug, Default)]
struct State {
    items: usize,
    marks: Marks,
}

/// One destination.
#[derive(Debug, Default)]
pub struct Store {
    /// Whether it keeps marks beside its data.
    pub records: bool,
    pub items: Vec<Item>,
    begun: bool,
    now: State,
    durable: State,
    /// Went back to less than it had told: order and repeats begin anew there.
    pub turned: bool,
}

/// The content of an event, held against what was sent.
pub fn item_of(inputs: &[Input], batch: &Batch, index: usize) -> Option<Item> {
    let event = batch.event(index);
    if let Some(number) = Own::number(event.body()) {
        return Some(Item::Own(number));
    }
    let attributes = batch.span()?.stream.attributes();
    let (file, range) = (attributes.number("file")? as usize, event.range());
    let input = inputs.get(file)?;
    let record = input.lines.iter().find(|line| line.from == range.start)?.record;
    let header = (record % 3 == 0).then(|| record.to_string());
    let whole =
        input.body(range.start, range.end)? == event.body() && event.header("record") == header.as_deref();
    whole.then_some(Item::Part { file, from: range.start, to: range.end })
}

impl Store {
    pub fn new(records: bool) -> Store {
        Store { records, ..Store::default() }
    }

    /// What it says it has (S2).
    pub fn told(&self) -> Option<Marks> {
        (self.records && self.begun).then(|| self.now.marks.clone())
    }

    pub fn mark(&self, stream: StreamId) -> Mark {
        self.now.marks.get(&stream).map(|record| record.mark.clone()).unwrap_or_default()
    }

    /// One commit. `Err`: what is wrong with what arrived.
    pub fn deliver(&mut self, inputs: &[Input], batches: &[Batch]) -> Result<(), String> {
        self.begun = true;
        for batch in batches {
            let span = batch.span().ok_or("an event without a position came out")?;
            let had = self.mark(span.stream.id);
            for (index, row) in batch.rows().iter().enumerate() {
                let Some(item) = item_of(inputs, batch, index) else {
                    let body = String::from_utf8_lossy(batch.event(index).body()).into_owned();
                    let at = span.stream.attributes();
                    return Err(format!("torn: {row:?} of {at:?} {:?}: {body}", span.stream.id));
                };
                if self.records && had.overlaps(row.from, row.to) {
                    return Err(format!("twice: {item:?} of stream {:?}", span.stream.id));
                }
                self.items.push(item);
            }
            let (attributes, source) = (span.stream.attributes(), span.stream.source.clone());
            let fresh =
                || StreamRecord { source, attributes, mark: Mark::default(), checks: Default::default() };
            let record = self.now.marks.entry(span.stream.id).or_insert_with(fresh);
            record.mark.insert(span.from, span.to);
        }
        self.now.items = self.items.len();
        Ok(())
    }

    pub fn sync(&mut self) {
        self.durable = self.now.clone();
    }

    /// D6.
    pub fn retire(&mut self, streams: &[StreamId]) {
        for stream in streams {
            self.now.marks.remove(stream);
            self.durable.marks.remove(stream);
        }
    }

    /// The machine has crashed: what was not synced is gone.
    pub fn go_back_as_planned(&mut self) {
        self.now = self.durable.clone();
        self.items.truncate(self.durable.items);
    }

    /// The same while the channel lives on.
    pub fn go_back(&mut self) {
        self.go_back_as_planned();
        self.turned = true;
    }
}

impl Store {
    /// How often something came before what should have come before it, dead letters apart.
    pub fn disorder(&self, dead: &BTreeSet<Item>) -> u64 {
        let mut last: BTreeMap<Option<usize>, u64> = BTreeMap::new();
        let mut count = 0;
        for item in self.items.iter().filter(|item| !dead.contains(item)) {
            let (of, at) = match item {
                Item::Part { file, from, .. } => (Some(*file), *from),
                Item::Own(number) => (None, *number as u64),
            };
            let last = last.insert(of, at);
            count += u64::from(last.is_some_and(|last| last > at));
        }
        count
    }
}

/// What a lease holds, for dead letters.
pub fn items_of(inputs: &[Input], batches: &[Batch]) -> BTreeSet<Item> {
    let all =
        batches.iter().flat_map(|batch| (0..batch.len()).filter_map(|index| item_of(inputs, batch, index)));
    all.collect()
}
