//! What the frames of a log tell, added up: the one reading of a log that recovery and the commands share.
//!
//! Marks are those of the newest snapshot that verifies and of the marks frames behind it; the second copy in the
//! checkpoint directory counts where that snapshot is gone.
use std::collections::{BTreeMap, HashMap};
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use super::checkpoint;
use crate::codec::{marks, stored};
use crate::event::{Checks, Mark, Record, StreamId};
use crate::store::log::{Frame, Kind, State, snapshot_part};
use crate::sys::disk::Disk;

/// What the frames of a log add up to.
#[derive(Default)]
pub struct Story {
    snapshot: Snapshot,
    /// Entries behind the snapshot, by the number of their frame.
    marks: Vec<(u64, Vec<u8>)>,
    /// What lies in each segment, by stream.
    pub strips: BTreeMap<StreamId, Vec<Strip>>,
    pub sources: HashMap<StreamId, String>,
    /// Evidence beside the events (F1): what is held must be recognised, delivered or not.
    pub checks: HashMap<StreamId, Checks>,
    /// Events and bytes, by source.
    pub waiting: BTreeMap<String, (u64, usize)>,
    /// Frames of events.
    pub frames: u64,
    /// All ranges, and whether some lie in two frames: a write that had failed was found whole after all.
    whole: HashMap<StreamId, Mark>,
    pub repeats: bool,
    /// What lies in a segment and counts only as long as another one has it too.
    pub copies: Vec<(u64, StreamId, Range<u64>)>,
    /// What damaged frames were about.
    pub remains: BTreeMap<StreamId, Mark>,
}

/// Frames of one stream and one segment, each of which goes on where the one before ends.
#[derive(Clone, Debug)]
pub struct Strip {
    pub segment: u64,
    /// The numbers of the first frame and the last.
    pub numbers: RangeInclusive<u64>,
    pub range: Range<u64>,
}

impl Strip {
    /// Takes the next frame, if it goes on here.
    fn takes(&mut self, next: &Strip) -> bool {
        let joins = self.segment == next.segment
            && self.numbers.end() < next.numbers.start()
            && self.range.end == next.range.start;
        if joins {
            self.numbers = *self.numbers.start()..=*next.numbers.end();
            self.range.end = next.range.end;
        }
        joins
    }
}

/// The newest snapshot that is whole, and one that is being put together.
#[derive(Default)]
struct Snapshot {
    number: u64,
    entries: Option<Vec<u8>>,
    begun: u64,
    parts: Vec<u8>,
    next: u32,
}

impl Snapshot {
    /// Takes a part; true if a whole one is newer than what was known.
    fn take(&mut self, number: u64, meta: &[u8]) -> bool {
        let Some((part, parts, entries)) = snapshot_part(meta) else { return false };
        if part == 0 {
            (self.begun, self.next) = (number, 0);
            self.parts.clear();
        }
        if part != self.next || number != self.begun + u64::from(part) {
            self.next = u32::MAX;
            return false;
        }
        self.parts.extend_from_slice(entries);
        self.next += 1;
        if self.next < parts || (self.entries.is_some() && number < self.number) {
            return false;
        }
        self.number = number;
        self.entries = Some(std::mem::take(&mut self.parts));
        true
    }
}

impl Story {
    /// Takes a frame of the survey.
    pub fn hear(&mut self, frame: &Frame<'_>) {
        let number = frame.head.number;
        match frame.head.kind {
            Kind::Events => self.events(frame),
            // Marks are told once, and whole.
            _ if frame.state != State::Whole => {}
            // Segments may come in another order than they were written: a newer snapshot has it already.
            Kind::Marks if self.snapshot.entries.is_some() && number < self.snapshot.number => {}
            Kind::Marks => self.marks.push((number, frame.meta.to_vec())),
            Kind::Snapshot if self.snapshot.take(number, frame.meta) => {
                self.marks.retain(|(number, _)| *number > self.snapshot.number);
            }
            _ => {}
        }
    }

    fn events(&mut self, frame: &Frame<'_>) {
        let Some(span) = stored::span(frame.meta) else { return };
        match frame.state {
            State::Whole => {}
            State::Copy => return self.copies.push((frame.segment, span.stream, span.from..span.to)),
            State::Remains => {
                return self.remains.entry(span.stream).or_default().insert(span.from, span.to);
            }
        }
        let whole = self.whole.entry(span.stream).or_default();
        self.repeats |= whole.overlaps(span.from, span.to);
        whole.insert(span.from, span.to);
        self.frames += 1;
        let (segment, number) = (frame.segment, frame.head.number);
        let strip = Strip { segment, numbers: number..=number, range: span.from..span.to };
        let strips = self.strips.entry(span.stream).or_default();
        if !strips.last_mut().is_some_and(|last| last.takes(&strip)) {
            strips.push(strip);
        }
        self.sources.entry(span.stream).or_insert_with(|| span.source.into());
        if let Some(check) = span.check {
            self.checks.entry(span.stream).or_default().push(check);
        }
        if !self.waiting.contains_key(span.source) {
            self.waiting.insert(span.source.into(), (0, 0));
        }
        let waiting = self.waiting.get_mut(span.source).expect("inserted above");
        waiting.0 += u64::from(span.events);
        waiting.1 += (frame.body.len()).saturating_sub(span.events as usize);
    }

    /// The record, and whether there was any.
    pub fn record(&mut self) -> (Record, bool) {
        self.marks.sort_by_key(|(number, _)| *number);
        let mut record = Record::default();
        let entries = self.snapshot.entries.iter().chain(self.marks.iter().map(|(_, entries)| entries));
        let mut any = false;
        for entries in entries {
            any = true;
            marks::decode(entries).unwrap_or_default().iter().for_each(|entry| record.apply(entry));
        }
        (record, any)
    }

    /// What lies in each segment.
    pub fn shelves(&self) -> BTreeMap<u64, BTreeMap<StreamId, Mark>> {
        let mut shelves: BTreeMap<u64, BTreeMap<StreamId, Mark>> = BTreeMap::new();
        for (stream, strips) in &self.strips {
            for Strip { segment, range, .. } in strips {
                let shelf = shelves.entry(*segment).or_default();
                shelf.entry(*stream).or_default().insert(range.start, range.end);
            }
        }
        shelves
    }

    /// Where the log's own beginning is damaged, the copy of it in the checkpoint directory counts.
    pub fn second_copy(&mut self, disk: &dyn Disk, path: Option<&Path>, log: Option<u64>) {
        let Some((head, entries)) = path.and_then(|path| checkpoint::read(disk, path)) else { return };
        let newer = self.snapshot.entries.is_none() || head.number > self.snapshot.number + 1;
        if log == Some(head.log) && newer {
            self.marks.retain(|(number, _)| *number >= head.number);
            self.snapshot.entries = Some(entries);
            self.snapshot.number = head.number;
        }
    }
}

/// Ranges of streams.
pub type Holes = Vec<(StreamId, Range<u64>)>;

/// All that a mark has.
pub fn ranges(mark: &Mark) -> impl Iterator<Item = Range<u64>> {
    let low = (mark.low() > 0).then(|| 0..mark.low());
    low.into_iter().chain(mark.ranges().iter().cloned())
}
