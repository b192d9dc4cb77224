//! How a batch comes about, event by event.
use std::ops::Range;
use std::sync::Arc;

use super::{Batch, Headers, Overlay, Row, Span};

/// Collects events that do not lie in a file's buffer: from sockets, counters, decoded text.
#[derive(Debug, Default)]
pub struct Builder {
    bytes: Vec<u8>,
    rows: Vec<Row>,
    shared: Headers,
    overlay: Overlay,
}

impl Builder {
    /// Headers of all events of the batch.
    pub fn shared(headers: Headers) -> Builder {
        Builder { shared: headers, ..Builder::default() }
    }

    /// Appends an event; its range in the stream, if there is one, is `range`.
    pub fn push(&mut self, body: &[u8], range: Range<u64>) -> &mut Self {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(body);
        self.rows.push(Row { start, end: self.bytes.len() as u32, from: range.start, to: range.end });
        self.bytes.push(b'\n');
        self
    }

    /// Sets a header of the event pushed last.
    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        let row = self.rows.len().checked_sub(1).expect("a header belongs to an event that was pushed");
        self.overlay.set(row as u32, name, Some(value));
        self
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The batch, and an empty builder left behind.
    pub fn finish(&mut self, span: Option<Span>) -> Batch {
        let taken = std::mem::take(self);
        let batch = Batch::new(Arc::new(taken.bytes.into()), taken.rows, Arc::new(taken.shared), span);
        batch.with_overlay(taken.overlay)
    }
}
