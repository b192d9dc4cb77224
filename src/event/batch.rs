//! A columnar batch: one buffer with the bodies back to back, and columns that say where each event lies.
//!
//! Why: at 100-byte lines a batch costs about 10 ns per event; a map and an allocation each cost ten times that.
//! Shape: `rows[i] = { start, end }` into the buffer (body without its separator, which still lies behind it) and
//! `{ from, to }`, the event's own range in its stream. Several batches may share one buffer.
//! Invariants: rows rise in `from`; `from < to` for rows of a span; every row lies inside the span. Rows that were
//! filtered out leave a gap in the rows and none in the span, so marks move over them.
//! Slicing copies no body: rows, headers and buffer are shared.
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use super::{Buf, Headers, Overlay, Span, Stream, StreamId};

/// Buffers up to this size are not worth a copy: a few of them wait in a channel at a time.
const SMALL_BUFFER: usize = 16 << 10;

/// Where one event lies: its body in the buffer, its range in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub start: u32,
    pub end: u32,
    pub from: u64,
    pub to: u64,
}

/// Events moved together, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    buf: Arc<Buf>,
    rows: Arc<Vec<Row>>,
    window: Range<usize>,
    /// Bytes of the bodies in the window: asked by every keeper of a limit on the way.
    bytes: usize,
    shared: Arc<Headers>,
    overlay: Arc<Overlay>,
    span: Option<Span>,
}

/// One event of a batch, borrowed.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    batch: &'a Batch,
    row: usize,
}

impl<'a> EventRef<'a> {
    pub fn body(&self) -> &'a [u8] {
        let row = &self.batch.rows[self.row];
        &self.batch.buf[row.start as usize..row.end as usize]
    }

    /// The event's own range in the batch's stream; without a span it means nothing.
    pub fn range(&self) -> Range<u64> {
        let row = &self.batch.rows[self.row];
        row.from..row.to
    }

    /// The stream that `range` counts in, if the batch has one.
    pub fn stream(&self) -> Option<StreamId> {
        self.batch.span.as_ref().map(|span| span.stream.id)
    }

    pub fn header(&self, name: &str) -> Option<&'a str> {
        match self.batch.overlay.get(self.row as u32, name) {
            Some(own) => own,
            None => self.batch.shared.get(name),
        }
    }

    /// All headers, the shared ones first.
    pub fn headers(&self) -> Headers {
        let mut all = Headers::clone(&self.batch.shared);
        for (name, value) in self.batch.overlay.of(self.row as u32) {
            match value {
                Some(value) => all.set(name, value),
                None => all.remove(name),
            }
        }
        all
    }
}

impl Batch {
    /// A batch over `buf`, which several batches may share. `rows` must lie inside it and inside `span`.
    pub fn new(buf: Arc<Buf>, rows: Vec<Row>, shared: Arc<Headers>, span: Option<Span>) -> Batch {
        debug_assert!(rows.iter().all(|r| r.start <= r.end && r.end as usize <= buf.len()));
        debug_assert!(rows.windows(2).all(|w| w[0].to <= w[1].from));
        if let Some(span) = &span {
            debug_assert!(rows.iter().all(|r| span.from <= r.from && r.to <= span.to));
        }
        let (window, bytes) = (0..rows.len(), bytes_of(&rows));
        Batch { buf, window, bytes, rows: Arc::new(rows), shared, overlay: Arc::default(), span }
    }

    /// A batch without events: it moves marks (filtered, routed elsewhere, a starting position).
    pub fn empty(span: Span) -> Batch {
        Batch { span: Some(span), ..Batch::default() }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.window.len()
    }

    pub fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// Bytes of all bodies, separators not counted.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows[self.window.clone()]
    }

    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// The buffer that the rows point into.
    pub fn buffer(&self) -> &[u8] {
        &self.buf
    }

    /// The headers that all events share.
    pub fn shared(&self) -> &Headers {
        &self.shared
    }

    /// What differs from the shared headers: event, name, value (`None` hides a shared one); sorted by event.
    pub fn overlay(&self) -> impl ExactSizeIterator<Item = (u32, &str, Option<&str>)> {
        let first = self.window.start as u32;
        let cells = self.overlay.cells(first..self.window.end as u32);
        cells.map(move |(row, name, value)| (row - first, name, value))
    }

    /// The same events with headers of their own; the cells' rows count from the first event.
    pub fn with_overlay(mut self, overlay: Overlay) -> Batch {
        debug_assert!(self.window.start == 0 && self.overlay.is_empty());
        self.overlay = Arc::new(overlay);
        self
    }

    /// Gives a batch that has no span one: event `i` gets the range `[first + i, first + i + 1)` of `stream` (P8).
    pub fn positioned(mut self, stream: Arc<Stream>, first: u64) -> Batch {
        debug_assert!(self.span.is_none(), "a position that events have is never replaced");
        let rows = &mut Arc::make_mut(&mut self.rows)[self.window.clone()];
        for (row, from) in rows.iter_mut().zip(first..) {
            (row.from, row.to) = (from, from + 1);
        }
        self.span = Some(Span::new(stream, first, first + self.len() as u64));
        self
    }

    /// Moves few bodies out of a large buffer into one of their own, so that a trickle does not pin the buffers it was
    /// read with: where less than a quarter of more than 16 KiB is used. Else it is the batch as it was.
    pub fn compacted(self) -> Batch {
        if self.buf.len() <= SMALL_BUFFER || self.bytes() + self.len() >= self.buf.len() / 4 {
            return self;
        }
        let mut bytes = Vec::with_capacity(self.bytes() + self.len());
        let mut rows = Vec::with_capacity(self.len());
        for row in self.rows() {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(&self.buf[row.start as usize..row.end as usize]);
            rows.push(Row { start, end: bytes.len() as u32, ..*row });
            bytes.push(b'\n');
        }
        let mut overlay = Overlay::default();
        self.overlay().for_each(|(row, name, value)| overlay.push(row, name, value));
        Batch::new(Arc::new(bytes.into()), rows, self.shared, self.span).with_overlay(overlay)
    }

    /// The `index`-th event of this batch.
    pub fn event(&self, index: usize) -> EventRef<'_> {
        EventRef { batch: self, row: self.window.start + index }
    }

    pub fn events(&self) -> impl ExactSizeIterator<Item = EventRef<'_>> {
        self.window.clone().map(|row| EventRef { batch: self, row })
    }

    /// Cuts off the first `count` events as a batch of their own; the span is cut at the end of the last of them.
    /// Copies nothing. `count` is at most `len`; all events and the whole span go when it is equal.
    pub fn split_off_front(&mut self, count: usize) -> Batch {
        if count >= self.len() {
            let rest = match &self.span {
                Some(span) => Batch::empty(Span { from: span.to, ..span.clone() }),
                None => Batch::default(),
            };
            return std::mem::replace(self, rest);
        }
        let mut front = self.clone();
        front.window.end = front.window.start + count;
        self.window.start = front.window.end;
        front.bytes = bytes_of(front.rows());
        self.bytes -= front.bytes;
        if let Some(span) = &mut self.span {
            let cut = front.rows().last().map_or(span.from, |row| row.to);
            front.span = Some(span.cut_front(cut));
        }
        front
    }

    /// Puts two batches together again that `split_off_front` took apart.
    pub fn joined(mut self, rest: Batch) -> Batch {
        debug_assert!(Arc::ptr_eq(&self.rows, &rest.rows) || rest.rows.is_empty());
        self.window.end = self.window.end.max(rest.window.end);
        self.bytes += rest.bytes;
        if let (Some(span), Some(more)) = (&mut self.span, rest.span) {
            span.to = more.to;
            span.check = more.check.or(span.check);
        }
        self
    }

    /// Lets the span reach as far as one that adjoins it and has no events.
    pub fn extend_span(&mut self, more: &Span) {
        if let Some(span) = &mut self.span {
            debug_assert_eq!(span.to, more.from);
            span.to = more.to;
            span.check = more.check.or(span.check);
        }
    }

    /// Keeps the events for which `keep` holds. The span stays: marks move over what was dropped.
    pub fn retain(&mut self, mut keep: impl FnMut(EventRef<'_>) -> bool) -> usize {
        let kept: Vec<bool> = self.events().map(&mut keep).collect();
        let dropped = kept.iter().filter(|k| !**k).count();
        if dropped > 0 {
            self.keep_rows(|index| kept[index]);
        }
        dropped
    }

    fn keep_rows(&mut self, keep: impl Fn(usize) -> bool) {
        let mut numbers = vec![None; self.rows.len()];
        let mut rows = Vec::with_capacity(self.len());
        for (index, old) in self.window.clone().enumerate() {
            if keep(index) {
                numbers[old] = Some(rows.len() as u32);
                rows.push(self.rows[old]);
            }
        }
        if !self.overlay.is_empty() {
            Arc::make_mut(&mut self.overlay).renumber(|old| numbers[old as usize]);
        }
        (self.window, self.bytes) = (0..rows.len(), bytes_of(&rows));
        self.rows = Arc::new(rows);
    }

    /// Drops the events whose end lies in `held` and the part of the span below the held end: what a channel already
    /// has (P3). Returns how many events were dropped.
    pub fn drop_held(&mut self, held: &super::Mark) -> usize {
        match &self.span {
            Some(span) if held.overlaps(span.from, span.to) => {}
            _ => return 0,
        }
        let kept: Vec<bool> = self.rows().iter().map(|row| !held.contains(row.to - 1)).collect();
        let dropped = kept.iter().filter(|k| !**k).count();
        if dropped > 0 {
            self.keep_rows(|index| kept[index]);
        }
        dropped
    }

    /// Whether an event lies partly in `held`: its record was closed earlier when it was read before (R1).
    pub fn straddles(&self, held: &super::Mark) -> bool {
        self.rows().iter().any(|row| held.overlaps(row.from, row.to) && !held.covers(row.from, row.to))
    }

    /// What of the batch is not in `held` (P3), as batches whose spans claim nothing that is held: else a destination's
    /// record would say it has what another one brought in.
    pub fn without(self, held: &super::Mark) -> Vec<Batch> {
        let Some(span) = &self.span else { return vec![self] };
        if !held.overlaps(span.from, span.to) {
            return if self.is_empty() && span.from == span.to { Vec::new() } else { vec![self] };
        }
        let piece = |hole: Range<u64>| {
            let mut piece = self.clone();
            piece.retain(|event| hole.contains(&(event.range().end - 1)));
            let check = span.check.filter(|check| hole.start < check.at && check.at <= hole.end);
            piece.span = Some(Span { stream: span.stream.clone(), from: hole.start, to: hole.end, check });
            piece
        };
        held.missing(span.from, span.to).into_iter().map(piece).collect()
    }

    /// Sets a header of every event.
    pub fn set_shared(&mut self, name: &str, value: &str) {
        Arc::make_mut(&mut self.shared).set(name, value);
        if !self.overlay.is_empty() {
            let rows = self.window.clone();
            let overlay = Arc::make_mut(&mut self.overlay);
            for row in rows {
                if overlay.get(row as u32, name).is_some() {
                    overlay.set(row as u32, name, Some(value));
                }
            }
        }
    }

    /// Sets a header of one event, or takes it away with `None`.
    pub fn set_header(&mut self, index: usize, name: &str, value: Option<&str>) {
        let row = (self.window.start + index) as u32;
        Arc::make_mut(&mut self.overlay).set(row, name, value);
    }

    /// Sets headers of single events: number of the event, name, value, sorted by event. For many of them in one go.
    pub fn set_headers(&mut self, mut cells: Vec<(u32, Box<str>, Box<str>)>) {
        if cells.is_empty() {
            return;
        }
        cells.iter_mut().for_each(|cell| cell.0 += self.window.start as u32);
        Arc::make_mut(&mut self.overlay).set_all(cells);
    }

    /// Takes away from every event the headers for which `gone` holds.
    pub fn remove_headers(&mut self, mut gone: impl FnMut(&str) -> bool) {
        if !self.shared.is_empty() {
            Arc::make_mut(&mut self.shared).retain(|name| !gone(name));
        }
        if !self.overlay.is_empty() {
            Arc::make_mut(&mut self.overlay).retain(|name| !gone(name));
        }
    }

    /// Whether any event might have a header `name`; false is certain.
    pub fn may_have_header(&self, name: &str) -> bool {
        self.shared.get(name).is_some() || !self.overlay.is_empty()
    }

    /// Rewrites every body; `edit` appends the new body to the buffer it is given.
    pub fn map_bodies(&mut self, mut edit: impl FnMut(EventRef<'_>, &mut Vec<u8>)) {
        let mut bytes = Vec::with_capacity(self.bytes() + self.len());
        let mut rows = (*self.rows).clone();
        for row in self.window.clone() {
            let start = bytes.len() as u32;
            edit(EventRef { batch: self, row }, &mut bytes);
            rows[row] = Row { start, end: bytes.len() as u32, ..rows[row] };
            bytes.push(b'\n');
        }
        self.bytes = bytes_of(&rows[self.window.clone()]);
        self.rows = Arc::new(rows);
        self.buf = Arc::new(Buf::from(bytes));
    }

    /// The bodies, each followed by `\n`, as few slices as the buffer allows: one, where it still holds the lines as
    /// they were read.
    pub fn lines<'a>(&'a self, out: &mut Vec<IoSlice<'a>>) {
        self.each_line_slice(&mut |slice| out.push(IoSlice::new(slice)));
    }

    /// As `lines`, slice by slice.
    pub fn each_line_slice<'a>(&'a self, out: &mut dyn FnMut(&'a [u8])) {
        let mut rows = self.rows().iter();
        let Some(first) = rows.next() else { return };
        let (mut start, mut end) = (first.start as usize, first.end as usize);
        for row in rows {
            if row.start as usize != end + 1 || self.buf[end] != b'\n' {
                self.push_line(start, end, out);
                start = row.start as usize;
            }
            end = row.end as usize;
        }
        self.push_line(start, end, out);
    }

    fn push_line<'a>(&'a self, start: usize, end: usize, out: &mut dyn FnMut(&'a [u8])) {
        if self.buf.get(end) == Some(&b'\n') {
            out(&self.buf[start..=end]);
        } else {
            if start < end {
                out(&self.buf[start..end]);
            }
            out(b"\n");
        }
    }
}

fn bytes_of(rows: &[Row]) -> usize {
    rows.iter().map(|row| (row.end - row.start) as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Builder, Mark};

    fn three_lines() -> Batch {
        let buf: Buf = b"one\ntwo\r\nthree\n".to_vec().into();
        let rows = vec![
            Row { start: 0, end: 3, from: 100, to: 104 },
            Row { start: 4, end: 7, from: 104, to: 109 },
            Row { start: 9, end: 14, from: 109, to: 115 },
        ];
        let span = Span::new(Stream::mint("s", Attributes::default()), 100, 115);
        Batch::new(Arc::new(buf), rows, Arc::default(), Some(span))
    }

    fn text(batch: &Batch) -> String {
        let mut slices = Vec::new();
        batch.lines(&mut slices);
        slices.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()
    }

    #[test]
    fn lines_are_written_as_they_stand_except_where_the_separator_differs() {
        let batch = three_lines();
        assert_eq!(text(&batch), "one\ntwo\nthree\n");
        let mut slices = Vec::new();
        batch.lines(&mut slices);
        assert_eq!(slices.len(), 3, "`one\\ntwo`, a newline, `three\\n`");
    }

    #[test]
    fn a_prefix_of_a_batch_has_an_exact_end() {
        let mut rest = three_lines();
        let front = rest.split_off_front(2);
        assert_eq!((front.span().unwrap().from, front.span().unwrap().to), (100, 109));
        assert_eq!((rest.span().unwrap().from, rest.span().unwrap().to), (109, 115));
        assert_eq!((text(&front), text(&rest)), ("one\ntwo\n".into(), "three\n".into()));
    }

    #[test]
    fn filtered_events_leave_the_span_whole() {
        let mut batch = three_lines();
        batch.set_header(2, "k", Some("third"));
        assert_eq!(batch.retain(|e| e.body() != b"two"), 1);
        assert_eq!(text(&batch), "one\nthree\n");
        assert_eq!(batch.event(1).header("k"), Some("third"));
        assert_eq!(batch.event(0).header("k"), None);
        assert_eq!((batch.span().unwrap().from, batch.span().unwrap().to), (100, 115));
    }

    #[test]
    fn p3_exactly_what_is_held_is_dropped() {
        let mut batch = three_lines();
        let mut held = Mark::at(104);
        held.insert(109, 115);
        assert_eq!(batch.drop_held(&held), 2);
        assert_eq!(text(&batch), "two\n");
    }

    #[test]
    fn bodies_can_be_rewritten_without_moving_positions() {
        let mut batch = three_lines();
        batch.map_bodies(|event, out| {
            out.extend_from_slice(b"<");
            out.extend_from_slice(event.body());
        });
        assert_eq!(text(&batch), "<one\n<two\n<three\n");
        assert_eq!(batch.event(1).range(), 104..109);
    }

    #[test]
    fn p8_events_without_a_position_get_one_each() {
        let mut builder = Builder::default();
        for body in ["one", "two", "three"] {
            builder.push(body.as_bytes(), 0..0).header("k", body);
        }
        let mut batch = builder.finish(None);
        let _ = batch.split_off_front(1);
        let stream = Stream::mint("log", Attributes::default());
        let batch = batch.positioned(stream.clone(), 40);
        let ranges: Vec<_> = batch.events().map(|e| (e.body(), e.range(), e.header("k"))).collect();
        assert_eq!(ranges, [(&b"two"[..], 40..41, Some("two")), (b"three", 41..42, Some("three"))]);
        let span = batch.span().unwrap();
        assert_eq!((span.stream.id, span.from, span.to), (stream.id, 40, 42));
    }

    #[test]
    fn p8_a_batch_without_events_gets_an_empty_span() {
        let batch = Batch::default().positioned(Stream::mint("log", Attributes::default()), 40);
        assert_eq!((batch.span().unwrap().from, batch.span().unwrap().to), (40, 40));
    }

    /// Three lines at the end of a pooled buffer of `size` bytes.
    fn at_the_end_of(size: usize) -> Batch {
        let small = three_lines();
        let mut bytes = vec![b'x'; size];
        let at = size - small.buf.len();
        bytes[at..].copy_from_slice(&small.buf);
        let moved = |row: &Row| Row { start: row.start + at as u32, end: row.end + at as u32, ..*row };
        let rows = small.rows().iter().map(moved).collect();
        let shared: Headers = [("all", "a")].into_iter().collect();
        Batch::new(Arc::new(bytes.into()), rows, Arc::new(shared), small.span().cloned())
    }

    #[test]
    fn a_trickle_does_not_pin_the_buffer_it_was_read_with() {
        let mut batch = at_the_end_of(256 << 10);
        batch.set_header(1, "own", Some("second"));
        let _ = batch.split_off_front(1);
        let compacted = batch.clone().compacted();
        assert_eq!(compacted.buf.len(), "two\nthree\n".len());
        assert_eq!(compacted.rows.len(), 2);
        assert_eq!(text(&compacted), text(&batch));
        for (now, before) in compacted.events().zip(batch.events()) {
            assert_eq!((now.range(), now.headers()), (before.range(), before.headers()));
        }
        let (now, before) = (compacted.span().unwrap(), batch.span().unwrap());
        assert_eq!((now.stream.id, now.from, now.to), (before.stream.id, before.from, before.to));
    }

    #[test]
    fn a_small_or_well_used_buffer_stays_as_it_is() {
        let small = at_the_end_of(16 << 10);
        assert!(Arc::ptr_eq(&small.clone().compacted().buf, &small.buf));
        let bytes = vec![b'x'; 64 << 10];
        let rows = vec![Row { start: 0, end: 16 << 10, from: 0, to: 1 }];
        let used = Batch::new(Arc::new(bytes.into()), rows, Arc::default(), None);
        assert!(Arc::ptr_eq(&used.clone().compacted().buf, &used.buf));
    }
}
