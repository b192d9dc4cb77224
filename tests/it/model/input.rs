//! Inputs: files of lines that grow. A record is a line and the continuations behind it; silence closes one early, so
//! that where records end depends on when and from where they are read (R1).
use std::collections::BTreeSet;
use std::ops::Range;

use dataflowkit::event::{Attributes, Batch, Builder, EventRef, Span, Stream, StreamId};
use dataflowkit::flow::{Interceptor, Routes, Selector};
use std::sync::Arc;

use super::dice::Dice;

#[derive(Clone)]
pub struct Line {
    pub from: u64,
    pub to: u64,
    pub first: bool,
    pub record: u8,
}

#[derive(Clone)]
pub struct File {
    pub source: usize,
    pub lines: Vec<Line>,
    /// Lines the writer has written by now.
    pub written: usize,
    pub deleted: bool,
    /// Places where silence has closed a record inside.
    pub silences: BTreeSet<u64>,
    /// Stream ids of it that were minted.
    pub minted: u64,
}

impl File {
    pub fn random(dice: &mut Dice, source: usize, lines: usize) -> File {
        let (mut at, mut record) = (0, 0);
        let line = |n: usize| {
            let first = n == 0 || lines > 50 || !dice.one_in(3);
            record += u8::from(first && n > 0);
            let from = at;
            at += if lines > 50 { 1 } else { dice.between(1, 3) as u64 };
            Line { from, to: at, first, record }
        };
        let lines = (0..lines).map(line).collect();
        File { source, lines, written: 0, deleted: false, silences: BTreeSet::new(), minted: 0 }
    }

    pub fn end(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.to)
    }

    pub fn is_final(&self) -> bool {
        self.written == self.lines.len()
    }

    /// Records from `from` on, at most `most`; the last may be closed by silence.
    pub fn read(&mut self, from: u64, cuts: &[u64], most: usize, silence: bool) -> Vec<(Range<u64>, u8)> {
        let silence = silence || self.is_final();
        let written = &self.lines[..self.written];
        let begin = written.partition_point(|line| line.from < from);
        let (mut records, mut start) = (Vec::new(), None);
        for (n, line) in written.iter().enumerate().skip(begin) {
            let (from, record) = *start.get_or_insert((line.from, line.record));
            let next = self.lines.get(n + 1).filter(|_| n + 1 < self.written);
            let closed = next.is_some_and(|next| next.first) || cuts.binary_search(&line.to).is_ok();
            let silent = next.is_none() && silence;
            if closed || silent {
                if silent && self.lines.get(n + 1).is_some_and(|next| !next.first) {
                    self.silences.insert(line.to);
                }
                records.push((from..line.to, record));
                start = None;
            }
            if records.len() == most {
                break;
            }
        }
        records
    }
}

/// A stream id says which file it is of, so that the verdict can tell.
pub fn id_of(file: usize, mint: u64) -> StreamId {
    StreamId(((file as u128) << 64) | (mint as u128) << 32)
}

pub fn file_of(stream: StreamId) -> usize {
    (stream.0 >> 64) as usize
}

pub fn attributes_of(file: usize) -> Attributes {
    Attributes::default().with("file", file)
}

/// The batch of what was read. A body is its record's number, so that routing can follow the content.
pub fn batch_of(stream: &Arc<Stream>, records: &[(Range<u64>, u8)]) -> Batch {
    let mut builder = Builder::default();
    for (range, record) in records {
        builder.push(&[*record], range.clone());
    }
    let (from, to) = (records[0].0.start, records[records.len() - 1].0.end);
    builder.finish(Some(Span::new(stream.clone(), from, to)))
}

/// What one source does to events, in one version of its configuration.
#[derive(Clone, Copy)]
pub struct Rule {
    pub salt: u64,
    pub version: u64,
    pub kind: Kind,
    pub filters: bool,
    /// Channels that it chooses from; those added later get every event.
    pub base: u32,
    pub channels: u32,
    pub optional: u64,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Replicate,
    Multiplex,
    Subset,
}

impl Rule {
    fn roll(&self, record: u8, purpose: u64) -> u64 {
        Dice::of(self.salt ^ (purpose << 20), self.version << 8 | u64::from(record)).next()
    }

    pub fn passes(&self, record: u8) -> bool {
        !self.filters || !self.roll(record, 1).is_multiple_of(3)
    }

    /// Channels of a record, as bits.
    pub fn mask(&self, record: u8) -> u64 {
        let base = (1 << self.base) - 1;
        let chosen = match self.kind {
            Kind::Replicate => base,
            Kind::Multiplex => 1 << (self.roll(record, 2) % u64::from(self.base)),
            Kind::Subset => self.roll(record, 3) & base,
        };
        chosen | (((1 << self.channels) - 1) & !base)
    }

    /// Channels that a record reaches, filter included.
    pub fn reaches(&self, record: u8) -> u64 {
        if self.passes(record) { self.mask(record) } else { 0 }
    }
}

impl Interceptor for Rule {
    fn apply(&mut self, batch: &mut Batch) {
        if self.filters {
            batch.retain(|event| self.passes(event.body()[0]));
        }
    }
}

impl Selector for Rule {
    fn route(&self, event: EventRef<'_>) -> Routes {
        let mask = self.mask(event.body()[0]);
        Routes { required: mask & !self.optional, optional: mask & self.optional }
    }

    fn constant(&self) -> Option<Routes> {
        let all = (1 << self.channels) - 1;
        let routes = Routes { required: all & !self.optional, optional: all & self.optional };
        matches!(self.kind, Kind::Replicate).then_some(routes)
    }

    fn required(&self) -> u64 {
        ((1 << self.channels) - 1) & !self.optional
    }
}
