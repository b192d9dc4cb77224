//! What sources read: files of lines that grow, and events that come once. Bodies say what they are, so that whatever
//! arrives can be held against what was sent.
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::event::{Attributes, Batch, Builder, Span, Stream};
use crate::flow::Receipt;
use crate::sys::disk::simulated::Random;

/// A line of a file: its place, and whether a record begins with it (R1).
#[derive(Clone, Debug)]
pub struct Line {
    pub from: u64,
    pub to: u64,
    pub record: usize,
}

/// A file that can be read again until it is gone.
#[derive(Debug, Default)]
pub struct Input {
    pub lines: Vec<Line>,
    /// Lines that are there by now.
    pub written: usize,
    pub gone: bool,
}

/// Text of so many bytes that nothing else has.
fn text(what: &str, number: usize, len: u64) -> Vec<u8> {
    let mut bytes = format!("{what}{number}:").into_bytes();
    let mut noise = Random::of(number as u64, len);
    while (bytes.len() as u64) < len {
        bytes.extend_from_slice(format!("{:016x}", noise.draw()).as_bytes());
    }
    bytes.truncate(len.max(what.len() as u64 + 4) as usize);
    bytes
}

impl Input {
    pub fn random(dice: &mut Random) -> Input {
        let mut input = Input::default();
        let (mut at, mut record) = (0, 0);
        let longest = [12, 60, 900, 3000][dice.below(4) as usize];
        for n in 0..4 + dice.below(40) as usize {
            record += usize::from(n > 0 && dice.chance(0.7));
            let to = at + 11 + dice.below(longest);
            input.lines.push(Line { from: at, to, record });
            at = to;
        }
        input
    }

    pub fn end(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.to)
    }

    pub fn is_final(&self) -> bool {
        self.written == self.lines.len()
    }

    /// The body of an event that stands for `[from, to)`; none if no event may have these borders.
    pub fn body(&self, from: u64, to: u64) -> Option<Vec<u8>> {
        let first = self.lines.iter().position(|line| line.from == from)?;
        let last = self.lines.iter().position(|line| line.to == to)?;
        let lines = self.lines.get(first..=last)?;
        if lines.iter().any(|line| line.record != lines[0].record) {
            return None;
        }
        let text = |n: usize| text("line ", n, self.lines[n].to - self.lines[n].from - 1);
        Some((first..=last).map(text).collect::<Vec<_>>().join(&b'\n'))
    }

    /// An interceptor drops some records, whichever part of them it sees.
    pub fn is_filtered(record: usize) -> bool {
        record % 7 == 3
    }

    /// Records from `from` on; the last one may be closed by silence.
    pub fn read(&self, from: u64, cuts: &[u64], most: usize, silence: bool) -> Vec<Range<u64>> {
        let silence = silence || self.is_final();
        let written = &self.lines[..self.written];
        let begin = written.partition_point(|line| line.from < from);
        let (mut records, mut start) = (Vec::new(), None);
        for (n, line) in written.iter().enumerate().skip(begin) {
            let from = *start.get_or_insert(line.from);
            let next = written.get(n + 1);
            let closed = next.is_some_and(|next| next.record != line.record) || cuts.contains(&line.to);
            if closed || (next.is_none() && silence) {
                records.push(from..line.to);
                start = None;
            }
            if records.len() == most {
                break;
            }
        }
        records
    }

    pub fn batch(&self, stream: &Arc<Stream>, records: &[Range<u64>]) -> Batch {
        let mut builder = Builder::default();
        for range in records {
            let body = self.body(range.start, range.end).expect("records are whole lines");
            builder.push(&body, range.clone());
            let line = self.lines.iter().find(|line| line.from == range.start).expect("as above");
            if line.record % 3 == 0 {
                builder.header("record", &line.record.to_string());
            }
            if Input::is_filtered(line.record) {
                builder.header("drop", "yes");
            }
        }
        let (from, to) = (records[0].start, records[records.len() - 1].end);
        builder.finish(Some(Span::new(stream.clone(), from, to)))
    }
}

pub fn attributes_of(file: usize) -> Attributes {
    Attributes::default().with("file", file)
}

/// Events without a position: their source answers for each once its receipt is there.
#[derive(Debug, Default)]
pub struct Own {
    pub next: usize,
    pub receipts: Vec<(Receipt, Range<usize>)>,
    pub acked: BTreeSet<usize>,
    /// Acked, and by a weaker promise maybe lost since.
    pub excused: BTreeSet<usize>,
}

impl Own {
    pub fn body(number: usize) -> Vec<u8> {
        text("own ", number, 10 + (number as u64 * 37) % 400)
    }

    /// Which one it is, if it is whole.
    pub fn number(body: &[u8]) -> Option<usize> {
        let told = std::str::from_utf8(body).ok()?.strip_prefix("own ")?;
        let number = told.split(':').next()?.parse().ok()?;
        (Own::body(number) == body).then_some(number)
    }

    pub fn batch(&mut self, count: usize) -> (Batch, Range<usize>) {
        let numbers = self.next..self.next + count;
        self.next = numbers.end;
        let mut builder = Builder::default();
        numbers.clone().for_each(|number| {
            builder.push(&Own::body(number), 0..0);
        });
        (builder.finish(None), numbers)
    }

    /// Answers for what is held by now.
    pub fn answer(&mut self) -> usize {
        let before = self.receipts.len();
        let Own { receipts, acked, .. } = self;
        receipts.retain(|(receipt, numbers)| {
            let held = receipt.wait(std::time::Duration::ZERO);
            if held {
                acked.extend(numbers.clone());
            }
            !held
        });
        before - self.receipts.len()
    }
}
