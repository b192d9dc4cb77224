//! Which ranges of which streams lie in which segment: what the channel holds, and when a segment may go.
use std::collections::{BTreeMap, VecDeque};

use crate::event::{Mark, StreamId};

/// The ranges in every segment, oldest segment first.
#[derive(Debug, Default)]
pub struct Shelves {
    order: VecDeque<u64>,
    ranges: BTreeMap<u64, BTreeMap<StreamId, Mark>>,
}

impl Shelves {
    /// A segment follows those before.
    pub fn begin(&mut self, segment: u64) {
        self.order.push_back(segment);
    }

    pub fn insert(&mut self, segment: u64, stream: StreamId, from: u64, to: u64) {
        self.ranges.entry(segment).or_default().entry(stream).or_default().insert(from, to);
    }

    pub fn oldest(&self) -> Option<u64> {
        self.order.front().copied()
    }

    /// What lies in one segment.
    pub fn of(&self, segment: u64) -> impl Iterator<Item = (StreamId, &Mark)> {
        self.ranges.get(&segment).into_iter().flatten().map(|(stream, mark)| (*stream, mark))
    }

    pub fn has(&self, stream: StreamId) -> bool {
        self.ranges.values().any(|marks| marks.contains_key(&stream))
    }

    /// Takes a segment away; the streams that are in no other one.
    pub fn remove(&mut self, segment: u64) -> Vec<StreamId> {
        self.order.retain(|known| *known != segment);
        let gone = self.ranges.remove(&segment).unwrap_or_default();
        gone.into_keys().filter(|stream| !self.has(*stream)).collect()
    }

    /// What a failed write had put there does not count.
    pub fn forget(&mut self, segment: u64, stream: StreamId, from: u64, to: u64) {
        if let Some(mark) = self.ranges.get_mut(&segment).and_then(|marks| marks.get_mut(&stream)) {
            mark.remove(from, to);
        }
    }

    /// What lies above a position of a stream does not count.
    pub fn forget_above(&mut self, stream: StreamId, above: u64) {
        let marks = self.ranges.values_mut().filter_map(|marks| marks.get_mut(&stream));
        marks.for_each(|mark| mark.remove(above, u64::MAX));
    }

    /// All of it, by stream.
    pub fn by_stream(&self) -> BTreeMap<StreamId, Mark> {
        let mut all: BTreeMap<StreamId, Mark> = BTreeMap::new();
        for (stream, mark) in self.ranges.values().flatten() {
            all.entry(*stream).or_default().union(mark);
        }
        all
    }
}
