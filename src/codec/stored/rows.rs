//! The rows of a stored batch: where each body lies, and which range of the stream it is.
//!
//! Why three forms: lines of a file and events of a log follow a rule, so that a row is only the length of its body.
//! Shape: a byte `form | width << 4`, then for
//! - *lines* (0): gap, first, tail (varints), then a length per row. Row after row begins `gap` bytes behind the end of
//!   the one before, in the body and in the stream alike; the last one's range ends `tail` behind its body;
//! - *ordinals* (1): gap, first (varints), then a length per row. As lines in the body; in the stream one each;
//! - *general* (2, width 0): per row four varints: gap to the row before in the body, length of the body, gap to the row
//!   before in the stream, length of the range.
//!
//! `first` and the first row's gap in the stream count from the span's start; the first body begins the bytes. Lengths are
//! little-endian, all of `width` bytes (1, 2, 4), as the longest needs: that takes a fifth of the time of a varint.

use super::StoredSpan;
use super::bytes::{Get, put_varint};
use crate::event::{Batch, Row};

const LINES: u8 = 0;
const ORDINALS: u8 = 1;
const GENERAL: u8 = 2;

/// Appends the rows to `meta` and their bodies to `bodies`; `base` is where the span begins.
pub fn encode<'a>(batch: &'a Batch, base: u64, meta: &mut Vec<u8>, bodies: &mut Vec<&'a [u8]>) {
    let rows = batch.rows();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
    let seen = Seen::of(rows);
    let gathered = seen.is_sparse(first, last);
    if gathered {
        batch.each_line_slice(&mut |slice| bodies.push(slice));
    } else {
        let (start, end) = (first.start as usize, last.end as usize);
        let newline = usize::from(batch.buffer().get(end) == Some(&b'\n'));
        bodies.push(&batch.buffer()[start..end + newline]);
    }
    let gap = if gathered { 1 } else { seen.gap };
    let begin = |form: u8, meta: &mut Vec<u8>| {
        meta.push(form | seen.width << 4);
        put_varint(meta, u64::from(gap));
        put_varint(meta, first.from - base);
    };
    if seen.lines && seen.even && !gathered {
        begin(LINES, meta);
        put_varint(meta, last.to - last.from - u64::from(last.end - last.start));
        put_lengths(rows, seen.width, meta);
    } else if seen.ordinals && (seen.even || gathered) {
        begin(ORDINALS, meta);
        put_lengths(rows, seen.width, meta);
    } else {
        meta.push(GENERAL);
        put_general(rows, base, gathered, meta);
    }
}

/// What the rows of a batch have in common.
struct Seen {
    /// Bytes of a length.
    width: u8,
    /// Bytes between two bodies, if `even`.
    gap: u32,
    /// Bodies with a separator each.
    used: u64,
    ordered: bool,
    even: bool,
    lines: bool,
    ordinals: bool,
}

impl Seen {
    /// One pass without branches: this runs for every event.
    fn of(rows: &[Row]) -> Seen {
        let last = rows[rows.len() - 1];
        let gap = if rows.len() > 1 { rows[1].start.wrapping_sub(rows[0].end) } else { 1 };
        let len = last.end - last.start;
        let (mut used, mut bits) = (u64::from(len) + 1, len);
        // What differs from the rule, as bits: zero where no row does.
        let (mut uneven, mut apart, mut no_line, mut no_ordinal) = (0, 0, 0, 0);
        let mut ordered = true;
        for pair in rows.windows(2) {
            let (row, next) = (&pair[0], &pair[1]);
            let (len, range) = (row.end - row.start, row.to - row.from);
            used += u64::from(len) + 1;
            bits |= len;
            ordered &= row.end <= next.start;
            uneven |= next.start.wrapping_sub(row.end) ^ gap;
            apart |= row.to ^ next.from;
            no_line |= range ^ (u64::from(len) + u64::from(gap));
            no_ordinal |= range ^ 1;
        }
        let (even, joined) = (uneven == 0, apart == 0);
        let lines = joined && no_line == 0 && gap > 0 && last.to - last.from >= u64::from(len);
        let ordinals = joined && no_ordinal == 0 && last.to - last.from == 1;
        let width = match bits {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        Seen { width, gap, used, ordered, even, lines, ordinals }
    }

    /// Whether the bodies are better gathered: what lies between them would be written for nothing.
    fn is_sparse(&self, first: &Row, last: &Row) -> bool {
        !self.ordered || self.used < u64::from(last.end - first.start + 1) / 4 * 3
    }
}

fn put_lengths(rows: &[Row], width: u8, meta: &mut Vec<u8>) {
    match width {
        1 => put_lengths_of::<1>(rows, meta),
        2 => put_lengths_of::<2>(rows, meta),
        _ => put_lengths_of::<4>(rows, meta),
    }
}

fn put_lengths_of<const WIDTH: usize>(rows: &[Row], meta: &mut Vec<u8>) {
    let at = meta.len();
    meta.resize(at + rows.len() * WIDTH, 0);
    for (cell, row) in meta[at..].as_chunks_mut::<WIDTH>().0.iter_mut().zip(rows) {
        cell.copy_from_slice(&(row.end - row.start).to_le_bytes()[..WIDTH]);
    }
}

fn put_general(rows: &[Row], base: u64, gathered: bool, meta: &mut Vec<u8>) {
    meta.reserve(rows.len() * 5);
    let (mut end, mut to) = (rows[0].start, base);
    for (index, row) in rows.iter().enumerate() {
        let gap = if gathered { u32::from(index > 0) } else { row.start - end };
        put_varint(meta, u64::from(gap));
        put_varint(meta, u64::from(row.end - row.start));
        put_varint(meta, row.from - to);
        put_varint(meta, row.to - row.from);
        (end, to) = (row.end, row.to);
    }
}

/// The rows over the bytes `at..at + len` of a buffer.
pub fn decode(get: &mut Get, span: &StoredSpan, at: usize, len: usize) -> Option<Vec<Row>> {
    u32::try_from(at.checked_add(len)?).ok()?;
    let body = Body { at: at as u64, end: (at + len) as u64 };
    if span.events == 0 {
        return Some(Vec::new());
    }
    let [tag] = get.take()?;
    if tag == GENERAL {
        return body.general(get, span);
    }
    let gap = u64::from(u32::try_from(get.varint()?).ok()?);
    let from = span.from.checked_add(get.varint()?)?;
    let tail = match tag & 0x0f {
        LINES => Some(get.varint()?),
        ORDINALS => None,
        _ => return None,
    };
    let even = Even { gap, from, tail };
    match tag >> 4 {
        1 => body.even::<1>(get, span, &even),
        2 => body.even::<2>(get, span, &even),
        4 => body.even::<4>(get, span, &even),
        _ => None,
    }
}

/// The bytes of a buffer in which bodies may lie; the ends fit u32.
struct Body {
    at: u64,
    end: u64,
}

/// What rows that follow a rule begin with; no tail: ordinals.
struct Even {
    gap: u64,
    from: u64,
    tail: Option<u64>,
}

impl Body {
    /// The sum is checked first, so that nothing can go over in the loop.
    fn even<const WIDTH: usize>(&self, get: &mut Get, span: &StoredSpan, even: &Even) -> Option<Vec<Row>> {
        let count = span.events as usize;
        let cells = get.bytes(count.checked_mul(WIDTH)?)?.as_chunks::<WIDTH>().0;
        let lengths = cells.iter().map(|cell| {
            let mut bytes = [0; 4];
            bytes[..WIDTH].copy_from_slice(cell);
            u64::from(u32::from_le_bytes(bytes))
        });
        let gaps = even.gap.checked_mul(count as u64 - 1)?;
        let total = lengths.clone().sum::<u64>().checked_add(gaps)?;
        if self.at.checked_add(total)? > self.end {
            return None;
        }
        let range = match even.tail {
            Some(tail) => total.checked_add(tail)?,
            None => count as u64,
        };
        if even.from.checked_add(range)? > span.to {
            return None;
        }
        let (mut at, mut from, gap) = (self.at, even.from, even.gap);
        let Some(tail) = even.tail else {
            let row = |len| {
                let row = Row { start: at as u32, end: (at + len) as u32, from, to: from + 1 };
                (at, from) = (at + len + gap, from + 1);
                row
            };
            return Some(lengths.map(row).collect());
        };
        let row = |len| {
            // Behind the last row this may go beyond the span; its end is set below.
            let row =
                Row { start: at as u32, end: (at + len) as u32, from, to: from.wrapping_add(len + gap) };
            (at, from) = (at + len + gap, row.to);
            row
        };
        let mut rows: Vec<Row> = lengths.map(row).collect();
        let last = rows.last_mut()?;
        last.to = last.from + u64::from(last.end - last.start) + tail;
        (last.from < last.to && (gap > 0 || count == 1)).then_some(rows)
    }

    fn general(&self, get: &mut Get, span: &StoredSpan) -> Option<Vec<Row>> {
        let count = span.events as usize;
        // Four varints take at least four bytes.
        if get.0.len() / 4 < count {
            return None;
        }
        let mut rows = Vec::with_capacity(count);
        let (mut end, mut to) = (self.at, span.from);
        for _ in 0..count {
            let start = end.checked_add(get.varint()?)?;
            end = start.checked_add(get.varint()?)?;
            let from = to.checked_add(get.varint()?)?;
            to = from.checked_add(get.varint()?)?;
            if end > self.end || to > span.to || from >= to {
                return None;
            }
            rows.push(Row { start: start as u32, end: end as u32, from, to });
        }
        Some(rows)
    }
}
