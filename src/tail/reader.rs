//! Reads one file from a position into batches and puts them.
//!
//! Why stateless: the unfinished end of a chunk is read again with the next one, so a position is all there is to
//! keep, for one file or for 10,000. Every chunk begins with the at most 256 bytes before the position: so each read
//! also proves that the file is still the one that was read, at no further call.
//! Shape: chunk = [bytes before `at`][bytes from `at`]; batches share the chunk's buffer. `container` reads Avro files.
//! Invariants: `at` is a record boundary and all before it was put; `tail` is the hash of what lies before `at`.
//! Memory: one chunk, grown only for a record that is longer, up to the framing's window; of a line beyond it only
//! what the limit keeps is held (R2).
mod container;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::desk::{CHUNK, Desk, Halt};
use super::identity::{Face, HEAD, TAIL, hash_before, hash_of_head, hash_tail, head_text, read_at};
use crate::codec::avro::Header;
use crate::codec::lines::Overlong;
use crate::codec::records::{Close, Frame, Framing, Shape, View};
use crate::event::{Batch, Buf, Check, Headers, Row, Span, Stream};
use crate::flow::{Counter, FileGauge, PutError, Resume};

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was put; more may be there.
    More,
    /// All that is there was put but for `held` bytes, which wait for their end.
    End { held: u64 },
    /// The file is shorter than what was read of it, or other bytes stand there.
    Truncated,
    /// Bytes that are no text, under `decodeErrorPolicy = FAIL`, or no Avro; `fault` says more of the latter.
    Undecodable,
}

/// A line without an end in sight: what is kept of it, and how far its end was looked for.
struct Endless {
    body: Vec<u8>,
    kept: u64,
    scanned: u64,
}

/// One file being read.
pub struct Reader {
    pub stream: Arc<Stream>,
    pub headers: Arc<Headers>,
    pub gauge: Arc<FileGauge>,
    framing: Arc<Framing>,
    at: u64,
    /// Of a container: records of the block at `at` that were put.
    index: u64,
    tail: u64,
    cuts: VecDeque<u64>,
    /// Lines below this offset belong to the record that is open.
    known: u64,
    endless: Option<Box<Endless>>,
    /// The beginning of a container, once it was read.
    header: Option<Arc<Header>>,
    /// What is wrong with a container.
    pub fault: Option<String>,
    /// Length and hash of the file's first bytes, as far as they were seen with what was read first.
    pub head: (usize, u64),
    /// Undecodable bytes are replaced from now on.
    pub forgive: bool,
}

/// Events of the batch being made.
struct Making {
    rows: Vec<Row>,
    /// Bodies that had to be edited; without it rows point into the chunk.
    rendered: Option<Vec<u8>>,
    from: u64,
}

impl Reader {
    /// Goes on where the channels say.
    pub fn new(
        file: &File,
        resume: Resume,
        framing: &Arc<Framing>,
        headers: Arc<Headers>,
        gauge: Arc<FileGauge>,
    ) -> io::Result<Reader> {
        let mut framing = framing.clone();
        if framing.charset.depends_on_head() {
            let mut head = [0; 2];
            let got = read_at(file, &mut head, 0)?;
            framing = Arc::new(framing.for_file(&head[..got]));
        }
        let mut reader = Reader {
            stream: resume.stream,
            headers,
            gauge,
            framing,
            at: 0,
            index: 0,
            tail: 0,
            cuts: VecDeque::new(),
            known: 0,
            endless: None,
            header: None,
            fault: None,
            head: (0, 0),
            forgive: false,
        };
        reader.go_to(file, resume.from, resume.cuts)?;
        Ok(reader)
    }

    /// Evidence of what was read: the hash of what lies before the position.
    pub fn check(&self) -> Check {
        Check { at: self.position(), hash: self.tail }
    }

    /// The first byte that was not put yet; of a container, where the block begins that was not put whole.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What the channels know as the position: the byte, or the block and how many of its records were put.
    pub fn position(&self) -> u64 {
        (self.at << self.framing.shape.shift()) + self.index
    }

    fn go_to(&mut self, file: &File, position: u64, cuts: Vec<u64>) -> io::Result<()> {
        let shift = self.framing.shape.shift();
        let at = position >> shift;
        // A file shorter than its position shows as truncated at the first step.
        let tail = hash_before(file, at)?.unwrap_or(0);
        self.reach(Check { at: position, hash: tail });
        self.cuts = cuts.into_iter().filter(|cut| *cut > position).collect();
        self.known = at;
        self.endless = None;
        Ok(())
    }

    /// All below this position was put.
    fn reach(&mut self, check: Check) {
        self.at = check.at >> self.framing.shape.shift();
        self.index = check.at - (self.at << self.framing.shape.shift());
        self.tail = check.hash;
        self.gauge.position.store(self.at, Relaxed);
    }

    /// Reads one chunk and puts what it holds, at most `most` batches.
    pub fn step(&mut self, file: &File, desk: &Desk<'_>, close: Close, most: u64) -> Result<Step, Halt> {
        if self.endless.is_some() {
            return self.look_for_the_end(file, desk, close);
        }
        let lead = self.at.min(TAIL as u64) as usize;
        let mut size = CHUNK;
        match self.framing.shape {
            Shape::Container { schema } => return self.step_container(file, desk, close, schema),
            Shape::Blob { most } => {
                let rest = file.metadata().map_err(Halt::Read)?.len().saturating_sub(self.at);
                if close == Close::No && (1..most as u64).contains(&rest) {
                    // Nothing goes out before the file is final: it need not be read until then.
                    return Ok(Step::End { held: rest });
                }
                // One more byte tells that it is the end.
                size = size.max(lead + rest.min(most as u64) as usize + 1);
            }
            Shape::Lines => {}
        }
        loop {
            let (buf, filled) = desk.read(file, self.at - lead as u64, size)?;
            if !self.is_as_before(&buf[..filled], lead) {
                return Ok(Step::Truncated);
            }
            let at_end = filled < size;
            let before = self.at;
            let step = self.put_view(
                Arc::new(buf),
                lead,
                filled,
                desk,
                if at_end { close } else { Close::No },
                most,
            )?;
            let stuck = self.at == before && self.endless.is_none();
            match step {
                Step::End { .. } if !at_end && stuck => size *= 2,
                Step::End { .. } if !at_end => return Ok(Step::More),
                step => return Ok(step),
            }
        }
    }

    /// Whether these bytes, `lead` of them before the position, are of the file that was read; takes its head over.
    fn is_as_before(&mut self, bytes: &[u8], lead: usize) -> bool {
        if bytes.len() < lead || lead > 0 && hash_tail(&bytes[..lead]) != self.tail {
            return false;
        }
        if self.at == 0 && !self.begins_as_told(bytes) {
            if !self.cuts.is_empty() {
                // Of this generation something is held above the position (P3).
                return false;
            }
            // Nothing of the one that stood here before was put: this one is the stream.
            self.head = (0, 0);
            self.stream.describe(self.stream.attributes().with("head", head_text(0, hash_of_head(&[]))));
        }
        let length = bytes.len().min(HEAD);
        if self.at < TAIL as u64 && length > self.head.0 {
            self.see_head(length, hash_of_head(&bytes[..length]));
        }
        true
    }

    /// Whether the file's beginning is what the stream's attributes tell of it. Before the first put there is no tail
    /// that could show that the file was emptied and filled again.
    fn begins_as_told(&self, bytes: &[u8]) -> bool {
        let Some(face) = Face::told(&self.stream.attributes()) else { return true };
        bytes.get(..face.head_len).is_some_and(|head| hash_of_head(head) == face.head)
    }

    /// Whether anything of the stream was put, by this reader or before it.
    pub fn is_begun(&self) -> bool {
        self.at > 0 || !self.cuts.is_empty()
    }

    /// Told before anything of the file is put: a mark without a face could not be recognised after a kill.
    fn see_head(&mut self, length: usize, hash: u64) {
        let grown = length >= 2 * self.head.0.max(1);
        self.head = (length, hash);
        let attributes = self.stream.attributes();
        let told = Face::told(&attributes).map_or(0, |face| face.head_len);
        if grown && length > told {
            self.stream.describe(attributes.with("head", head_text(length, hash)));
        }
    }

    fn put_view(
        &mut self,
        buf: Arc<Buf>,
        lead: usize,
        filled: usize,
        desk: &Desk<'_>,
        close: Close,
        most: u64,
    ) -> Result<Step, Halt> {
        let base = self.at - lead as u64;
        let view = View { bytes: &buf[..filled], base };
        let framing = self.framing.clone();
        let plain = framing.is_plain();
        let (mut pos, mut batches) = (lead, 0);
        let mut making = Making::new(self.at, desk.batch, filled - lead);
        let step = loop {
            let (end, close) = self.horizon(base + pos as u64, view, close);
            if !(plain && making.take_plain(&framing, view, &mut pos, end, desk.batch)) {
                let known = (self.known.saturating_sub(base) as usize).clamp(pos, end);
                match framing.frame(view, pos, known, end, close) {
                    Frame::Record { body, to, edit, excess } => {
                        let row = Row {
                            start: body.start as u32,
                            end: body.end as u32,
                            from: base + pos as u64,
                            to: base + to as u64,
                        };
                        self.count_excess(desk, u64::from(excess > 0), excess as u64);
                        if !edit && making.rendered.is_none() {
                            making.rows.push(row);
                        } else if !self.render(view, row, edit, &mut making, desk) {
                            break Step::Undecodable;
                        }
                        pos = to;
                    }
                    Frame::Nothing { to, excess } => {
                        self.count_excess(desk, u64::from(excess > 0), excess as u64);
                        pos = to;
                    }
                    Frame::Endless { body } => {
                        self.put(&buf, &mut making, view, pos, desk)?;
                        return self.give_up(view, body, filled, desk);
                    }
                    Frame::More { known } => {
                        self.known = base + known as u64;
                        break Step::End { held: (filled - pos) as u64 };
                    }
                }
            }
            if making.rows.len() >= desk.batch {
                self.put(&buf, &mut making, view, pos, desk)?;
                batches += 1;
                if batches >= most {
                    return Ok(Step::More);
                }
            }
        };
        if base + pos as u64 > making.from {
            self.put(&buf, &mut making, view, pos, desk)?;
        }
        Ok(step)
    }

    /// How far to look from `at`: to the next cut, where any record ends (R1), else to all that is in view.
    #[inline]
    fn horizon(&mut self, at: u64, view: View<'_>, close: Close) -> (usize, Close) {
        while self.cuts.front().is_some_and(|cut| *cut <= at) {
            self.cuts.pop_front();
        }
        match self.cuts.front() {
            Some(cut) if *cut - view.base <= view.bytes.len() as u64 => {
                ((*cut - view.base) as usize, Close::All)
            }
            _ => (view.bytes.len(), close),
        }
    }

    fn count_excess(&self, desk: &Desk<'_>, lines: u64, bytes: u64) {
        if lines > 0 {
            desk.out.pulse().add(Counter::Truncated, lines);
            desk.out.pulse().add(Counter::TruncatedBytes, bytes);
        }
    }

    /// Appends an edited body, or a plain one to edited ones; false: it cannot be decoded.
    fn render(&self, view: View<'_>, row: Row, edit: bool, making: &mut Making, desk: &Desk<'_>) -> bool {
        let raw = &view.bytes[row.start as usize..row.end as usize];
        let bytes = making.rendered(view);
        let start = bytes.len();
        let mut kept = true;
        if edit {
            match self.framing.render(raw, view.base + u64::from(row.start), bytes, self.forgive) {
                Ok(rendered) => {
                    self.count_excess(desk, rendered.cut_lines, rendered.excess);
                    desk.out.pulse().add(Counter::DecodeErrors, rendered.wrong);
                    kept = rendered.kept;
                }
                Err(_) => {
                    bytes.truncate(start);
                    return false;
                }
            }
        } else {
            bytes.extend_from_slice(raw);
        }
        if kept {
            let end = bytes.len();
            bytes.push(b'\n');
            making.rows.push(Row { start: start as u32, end: end as u32, ..row });
        }
        true
    }

    /// Puts the batch that ends at `pos` and begins the next one there.
    fn put(
        &mut self,
        buf: &Arc<Buf>,
        making: &mut Making,
        view: View<'_>,
        pos: usize,
        desk: &Desk<'_>,
    ) -> Result<(), Halt> {
        let to = view.base + pos as u64;
        let hash = hash_tail(&view.bytes[..pos]);
        let made = std::mem::replace(making, Making::new(to, desk.batch, view.bytes.len() - pos));
        if made.from == to {
            return Ok(());
        }
        let body = made.rendered.map_or_else(|| buf.clone(), |bytes| Arc::new(Buf::from(bytes)));
        self.put_rows(body, made.rows, made.from, Check { at: to, hash }, desk)
    }

    fn put_rows(
        &mut self,
        buf: Arc<Buf>,
        rows: Vec<Row>,
        from: u64,
        check: Check,
        desk: &Desk<'_>,
    ) -> Result<(), Halt> {
        let mut span = Span::new(self.stream.clone(), from, check.at);
        span.check = Some(check);
        let mut batch = Batch::new(buf, rows, self.headers.clone(), Some(span));
        if let Some(header) = &desk.offset_header {
            for index in 0..batch.len() {
                let offset = batch.event(index).range().start.to_string();
                batch.set_header(index, header, Some(&offset));
            }
        }
        match desk.out.put_all(batch, desk.stop) {
            Ok(receipt) => receipt.forget(),
            Err(PutError::Gap { .. }) => return Err(Halt::Back),
            Err(PutError::Closed | PutError::Full(_)) => return Err(Halt::Stopped),
            Err(PutError::Broken(error)) => return Err(Halt::Broken(error)),
        }
        self.reach(check);
        Ok(())
    }

    /// P3: a channel has less than we believed; reads again from what all of them have. False: the file is not the one
    /// that was read any more, nothing was changed.
    pub fn go_back(&mut self, file: &File, desk: &Desk<'_>) -> Result<bool, Halt> {
        let (from, cuts) = desk.out.resumes_at(self.stream.id);
        let tail = hash_before(file, from >> self.framing.shape.shift()).map_err(Halt::Read)?;
        // After the new tail was taken: so that is of the same generation as the old one.
        if hash_before(file, self.at).map_err(Halt::Read)?.is_none_or(|now| self.at > 0 && now != self.tail) {
            return Ok(false);
        }
        self.go_to(file, from, cuts).map_err(Halt::Read)?;
        self.tail = tail.unwrap_or(0);
        Ok(true)
    }

    /// The same generation stands in another file now; goes on where the channels say.
    pub fn move_to(&mut self, file: &File, desk: &Desk<'_>) -> Result<(), Halt> {
        let (from, cuts) = desk.out.resumes_at(self.stream.id);
        self.go_to(file, from, cuts).map_err(Halt::Read)
    }

    /// R2: keeps what the limit keeps and looks for the end without holding what lies between.
    fn give_up(
        &mut self,
        view: View<'_>,
        body: std::ops::Range<usize>,
        filled: usize,
        desk: &Desk<'_>,
    ) -> Result<Step, Halt> {
        let mut text = Vec::new();
        let raw = &view.bytes[body.clone()];
        let decoded = self.framing.charset.forgiving().decode(raw, &mut text);
        desk.out.pulse().add(Counter::DecodeErrors, decoded.unwrap_or(0));
        self.framing.encode(&mut text, 0);
        let kept = view.base + body.end as u64;
        self.endless = Some(Box::new(Endless { body: text, kept, scanned: view.base + filled as u64 }));
        Ok(Step::More)
    }

    fn look_for_the_end(&mut self, file: &File, desk: &Desk<'_>, close: Close) -> Result<Step, Halt> {
        let Some(mut endless) = self.endless.take() else { return Ok(Step::More) };
        // A terminator may straddle two chunks; an even step back keeps the units of UTF-16.
        let back = (self.framing.terminator.len() as u64).next_multiple_of(2);
        let base = endless.scanned.saturating_sub(back).max(self.at);
        let (buf, filled) = desk.read(file, base, CHUNK)?;
        if base + (filled as u64) < endless.scanned {
            return Ok(Step::Truncated);
        }
        let view = View { bytes: &buf[..filled], base };
        let at_end = filled < CHUNK;
        let (end, close) = self.horizon(
            endless.scanned.min(base + filled as u64),
            view,
            if at_end { close } else { Close::No },
        );
        let found = self.framing.terminator.find(&buf[..end], base, 0);
        let (line_end, to) = match found {
            Some(at) => (at, at + self.framing.terminator.len()),
            None if close == Close::All => (end, end),
            None => {
                endless.scanned = base + filled as u64;
                let held = endless.scanned - self.at;
                self.endless = Some(endless);
                return Ok(if at_end { Step::End { held } } else { Step::More });
            }
        };
        self.put_endless(file, *endless, base + line_end as u64, base + to as u64, desk)?;
        Ok(Step::More)
    }

    fn put_endless(
        &mut self,
        file: &File,
        mut endless: Endless,
        line_end: u64,
        to: u64,
        desk: &Desk<'_>,
    ) -> Result<(), Halt> {
        let Some(hash) = hash_before(file, to).map_err(Halt::Read)? else { return Ok(()) };
        let drop = self.framing.overlong == Overlong::Drop;
        let excess = line_end.saturating_sub(if drop { self.at } else { endless.kept });
        let (mut rows, end) = (Vec::new(), endless.body.len() as u32);
        if !drop {
            rows.push(Row { start: 0, end, from: self.at, to });
        }
        endless.body.push(b'\n');
        self.put_rows(Arc::new(Buf::from(endless.body)), rows, self.at, Check { at: to, hash }, desk)?;
        self.count_excess(desk, 1, excess);
        self.known = self.at;
        Ok(())
    }
}

impl Making {
    /// Room for a batch of short lines, and no more than `bytes` can hold: single lines of many files stay small.
    fn new(from: u64, batch: usize, bytes: usize) -> Making {
        Making { rows: Vec::with_capacity(batch.min(1024).min(bytes / 32 + 1)), rendered: None, from }
    }

    /// Takes the plain lines from `pos` on, as many as the batch has room for; false: there are none.
    #[inline]
    fn take_plain(
        &mut self,
        framing: &Framing,
        view: View<'_>,
        pos: &mut usize,
        end: usize,
        batch: usize,
    ) -> bool {
        let (room, before) = (batch - self.rows.len(), *pos);
        *pos = framing.plain_lines(&view.bytes[..end], before, room, |at, text_end, to| {
            let (from, to) = (view.base + at as u64, view.base + to as u64);
            self.rows.push(Row { start: at as u32, end: text_end as u32, from, to });
        });
        *pos > before
    }

    /// The edited bodies; those that stood in the chunk so far are copied over first.
    fn rendered(&mut self, view: View<'_>) -> &mut Vec<u8> {
        if self.rendered.is_none() {
            let mut bytes = Vec::new();
            for row in &mut self.rows {
                let start = bytes.len() as u32;
                bytes.extend_from_slice(&view.bytes[row.start as usize..row.end as usize]);
                (row.start, row.end) = (start, bytes.len() as u32);
                bytes.push(b'\n');
            }
            self.rendered = Some(bytes);
        }
        self.rendered.as_mut().expect("set above")
    }
}
