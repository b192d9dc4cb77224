//! A batch as it lies in a channel's log: meta bytes that say what it is, and the bodies as they were read.
//!
//! Why two parts: the bodies go from the batch's buffer to the disk and back without a copy; the meta of a thousand
//! lines read from a file is a thousand bytes.
//! Shape of the meta, in this order (varint: LEB128 of a u64; text: varint length + UTF-8):
//! source (text), stream (u128 little-endian), from (varint), to - from (varint), check (byte 0, or 1 with at (varint)
//! and hash (u64 little-endian)), number of events (varint), shared headers (varint count, then name and value),
//! overlay (varint count, then rows since the last cell (varint), name, and varint 0 for a hidden header or length + 1
//! and the value), rows (`rows`; nothing if there are no events). It ends there.
//! Shape of the body: the buffer from the first event to the last, its newline included, in one piece; where events
//! fill less than three quarters of that, or lie in another order, each body with a newline behind it. No events: empty.
//! Invariants: what is decoded satisfies those of [`Batch`], whatever the bytes. The version is the segment's.
//! Errors: anything that does not decode to the last byte of the meta gives `None`; nothing panics, and nothing is
//! allocated that the meta's size does not justify.
//! Truth: this page; the golden bytes in `tests` hold it to its word.
use std::sync::Arc;

use crate::event::{Batch, Buf, Check, Headers, Overlay, Span, Stream, StreamId};

mod bytes;
mod rows;
#[cfg(test)]
mod tests;

use bytes::{Get, put_text, put_varint};

/// What recovery needs to know of a batch: whose it is, and which range it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSpan<'a> {
    pub source: &'a str,
    pub stream: StreamId,
    pub from: u64,
    pub to: u64,
    pub check: Option<Check>,
    pub events: u32,
}

/// Appends the meta of a batch that has a span to `meta`, and its bodies as slices of its own buffer to `bodies`.
pub fn encode<'a>(source: &str, batch: &'a Batch, meta: &mut Vec<u8>, bodies: &mut Vec<&'a [u8]>) {
    let span = batch.span().expect("a channel gives events without a position one before it stores them");
    put_text(meta, source);
    meta.extend_from_slice(&span.stream.id.0.to_le_bytes());
    put_varint(meta, span.from);
    put_varint(meta, span.to - span.from);
    put_check(meta, span.check);
    put_varint(meta, batch.len() as u64);
    put_headers(meta, batch.shared());
    put_overlay(meta, batch);
    rows::encode(batch, span.from, meta, bodies);
}

/// Whose and which range a stored batch is; looks neither at its headers nor at its rows.
pub fn span(meta: &[u8]) -> Option<StoredSpan<'_>> {
    get_span(&mut Get(meta))
}

/// The batch: its bodies are the `len` bytes of `buf` from `at` on, in which other batches may lie too. `stream` is
/// asked last, for the stream with the stored id.
pub fn decode(
    meta: &[u8],
    buf: &Arc<Buf>,
    at: usize,
    len: usize,
    stream: &mut dyn FnMut(StreamId) -> Arc<Stream>,
) -> Option<(Box<str>, Batch)> {
    let mut get = Get(meta);
    let stored = get_span(&mut get)?;
    let shared = get_headers(&mut get)?;
    let overlay = get_overlay(&mut get, stored.events)?;
    buf.get(at..at.checked_add(len)?)?;
    let rows = rows::decode(&mut get, &stored, at, len)?;
    if !get.0.is_empty() {
        return None;
    }
    let span = Span { stream: stream(stored.stream), from: stored.from, to: stored.to, check: stored.check };
    let buf = if rows.is_empty() { Arc::default() } else { buf.clone() };
    let batch = Batch::new(buf, rows, Arc::new(shared), Some(span)).with_overlay(overlay);
    Some((stored.source.into(), batch))
}

fn get_span<'a>(get: &mut Get<'a>) -> Option<StoredSpan<'a>> {
    let source = get.text()?;
    let stream = StreamId(u128::from_le_bytes(get.take()?));
    let from = get.varint()?;
    let to = from.checked_add(get.varint()?)?;
    let check = match get.take()? {
        [0] => None,
        [1] => Some(Check { at: get.varint()?, hash: u64::from_le_bytes(get.take()?) }),
        _ => return None,
    };
    let events = u32::try_from(get.varint()?).ok()?;
    Some(StoredSpan { source, stream, from, to, check, events })
}

fn put_check(meta: &mut Vec<u8>, check: Option<Check>) {
    meta.push(u8::from(check.is_some()));
    if let Some(check) = check {
        put_varint(meta, check.at);
        meta.extend_from_slice(&check.hash.to_le_bytes());
    }
}

fn put_headers(meta: &mut Vec<u8>, headers: &Headers) {
    put_varint(meta, headers.len() as u64);
    for (name, value) in headers.iter() {
        put_text(meta, name);
        put_text(meta, value);
    }
}

fn get_headers(get: &mut Get) -> Option<Headers> {
    let mut headers = Headers::default();
    for _ in 0..get.varint()? {
        let (name, value) = (get.text()?, get.text()?);
        headers.set(name, value);
    }
    Some(headers)
}

fn put_overlay(meta: &mut Vec<u8>, batch: &Batch) {
    let cells = batch.overlay();
    put_varint(meta, cells.len() as u64);
    let mut last = 0;
    for (row, name, value) in cells {
        put_varint(meta, u64::from(row - last));
        last = row;
        put_text(meta, name);
        put_varint(meta, value.map_or(0, |value| value.len() as u64 + 1));
        meta.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
}

fn get_overlay(get: &mut Get, events: u32) -> Option<Overlay> {
    let mut overlay = Overlay::default();
    let mut row = 0u64;
    for _ in 0..get.varint()? {
        row = row.checked_add(get.varint()?).filter(|row| *row < u64::from(events))?;
        let name = get.text()?;
        let value = match get.varint()? {
            0 => None,
            more => Some(get.text_of(more - 1)?),
        };
        overlay.push(row as u32, name, value);
    }
    Some(overlay)
}
