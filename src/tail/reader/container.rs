//! Reads Avro containers: one block at a step, its records as events.
//!
//! Why positions are no byte offsets: records of a packed block have none, and there may be more of them than bytes.
//! Shape: position = (offset of the block << 24) + records of the block below it; the end of a block is the start of
//! the next one. So a position says where to read again and what to drop, also after a kill.
//! Invariants: a block is put only if its end verifies, its records one by one up to the first that is wrong. Of what
//! is wrong nothing is put, and the position stays before it.
//! Errors: what ends too early is held until the file is final; then, or where bytes can never be right, `fault` says
//! what it is and the step is `Undecodable`.
use std::borrow::Cow;
use std::fs::File;
use std::sync::Arc;

use super::{Reader, Step};
use crate::codec::avro::wire::Input;
use crate::codec::avro::{Block, Fault, Header, codec};
use crate::codec::records::{Close, SchemaHeader};
use crate::event::{Buf, Check, Headers, Row};
use crate::tail::desk::{CHUNK, Desk, Halt};
use crate::tail::identity::{HEAD, TAIL, hash_before, hash_tail};

/// A header has a schema and little else.
const LONGEST_HEADER: usize = 16 << 20;

/// A block in memory, whose records are to be put.
struct Unpacked {
    count: u64,
    /// Bytes of the block in the file.
    length: u64,
    body: Arc<Buf>,
    /// Where the records lie in the body.
    start: usize,
    end: usize,
    /// What the position behind the block is recognised by.
    tail: u64,
}

impl Reader {
    pub(super) fn step_container(
        &mut self,
        file: &File,
        desk: &Desk<'_>,
        close: Close,
        schema: SchemaHeader,
    ) -> Result<Step, Halt> {
        if self.at == 0 {
            let (head, seen) = desk.read(file, 0, HEAD)?;
            if !self.is_as_before(&head[..seen], 0) {
                return Ok(Step::Truncated);
            }
            self.header = None;
        }
        let header = match &self.header {
            Some(header) => header.clone(),
            None => match self.open(file, desk, schema)? {
                Ok(header) => header,
                Err(Fault::Ends) => return self.ended(file, close, "inside its header"),
                Err(fault) => return Ok(self.wrong(fault)),
            },
        };
        if self.at == 0 {
            return self.put_header(file, desk, header.length as u64);
        }
        self.step_block(file, desk, close, &header)
    }

    /// Reads the header, wherever the position is.
    fn open(
        &mut self,
        file: &File,
        desk: &Desk<'_>,
        schema: SchemaHeader,
    ) -> Result<Result<Arc<Header>, Fault>, Halt> {
        let mut size = CHUNK;
        let read = loop {
            let (buf, filled) = desk.read(file, 0, size)?;
            match Header::read(&buf[..filled]) {
                Err(Fault::Ends) if filled == size && size < LONGEST_HEADER => size *= 2,
                Err(Fault::Ends) if filled == size => {
                    break Err(Fault::Bad(format!("its header is longer than {LONGEST_HEADER} bytes")));
                }
                read => break read,
            }
        };
        let header = match read {
            Ok(header) => Arc::new(header),
            Err(fault) => return Ok(Err(fault)),
        };
        let mut headers = Headers::clone(&self.headers);
        match schema {
            SchemaHeader::Hash => headers.set("flume.avro.schema.hash", &header.schema.fingerprint()),
            SchemaHeader::Literal => headers.set("flume.avro.schema.literal", &header.text),
        }
        self.headers = Arc::new(headers);
        self.header = Some(header.clone());
        Ok(Ok(header))
    }

    /// The header stands for no event; the position moves over it.
    fn put_header(&mut self, file: &File, desk: &Desk<'_>, length: u64) -> Result<Step, Halt> {
        let Some(hash) = hash_before(file, length).map_err(Halt::Read)? else { return Ok(Step::Truncated) };
        let check = Check { at: self.position_of(length, 0), hash };
        self.put_rows(Arc::default(), Vec::new(), 0, check, desk)?;
        Ok(Step::More)
    }

    fn position_of(&self, offset: u64, index: u64) -> u64 {
        (offset << self.framing.shape.shift()) + index
    }

    /// Whether each record of the block at the position can have one of its own.
    fn has_positions(&self, count: u64, length: u64) -> bool {
        let shift = self.framing.shape.shift();
        count >> shift == 0 && (self.at + length) >> (u64::BITS - shift) == 0
    }

    fn step_block(
        &mut self,
        file: &File,
        desk: &Desk<'_>,
        close: Close,
        header: &Header,
    ) -> Result<Step, Halt> {
        let lead = self.at.min(TAIL as u64) as usize;
        let mut size = CHUNK;
        loop {
            let (buf, filled) = desk.read(file, self.at - lead as u64, size)?;
            if !self.is_as_before(&buf[..filled], lead) {
                return Ok(Step::Truncated);
            }
            let (bytes, at_end) = (&buf[lead..filled], filled < size);
            let block = match Block::read(bytes, &header.sync) {
                Ok(block) => block,
                Err(Fault::Ends) if bytes.is_empty() => return Ok(Step::End { held: 0 }),
                Err(Fault::Ends) if at_end => return self.ended(file, close, "inside a block"),
                Err(Fault::Ends) => {
                    size = lead + Block::needs(bytes).unwrap_or(codec::MOST) + 1;
                    continue;
                }
                Err(fault) => return Ok(self.wrong(fault)),
            };
            let (count, length) = (block.count, block.length as u64);
            if !self.has_positions(count, length) {
                return Ok(
                    self.wrong(Fault::bad("a block has over 16 million records, or the file over 1 TiB"))
                );
            }
            let tail = hash_tail(&buf[..lead + block.length]);
            let (start, packed) = (lead + block.start, block.packed.len());
            let (body, start, end) = match header.codec.unpack(block.packed) {
                Ok(Cow::Owned(datums)) => {
                    let end = datums.len();
                    (Arc::new(Buf::from(datums)), 0, end)
                }
                Ok(Cow::Borrowed(_)) => (Arc::new(buf), start, start + packed),
                Err(fault) => return Ok(self.wrong(fault)),
            };
            return self.put_block(desk, header, Unpacked { count, length, body, start, end, tail });
        }
    }

    /// Puts the records of a block that were not put yet.
    fn put_block(&mut self, desk: &Desk<'_>, header: &Header, block: Unpacked) -> Result<Step, Halt> {
        let (offset, tail) = (self.at, self.tail);
        let mut from = self.position();
        let mut rows = Vec::with_capacity(desk.batch.min(block.count as usize));
        let mut input = Input::new(&block.body[block.start..block.end]);
        let mut fault = None;
        for index in 0..block.count {
            let start = block.start + input.at();
            if let Err(wrong) = header.schema.skip(&mut input) {
                fault = Some(wrong);
                break;
            }
            if index < self.index {
                continue;
            }
            let (next, hash) = match index + 1 {
                next if next == block.count => (self.position_of(offset + block.length, 0), block.tail),
                next => (self.position_of(offset, next), tail),
            };
            let end = block.start + input.at();
            rows.push(Row {
                start: start as u32,
                end: end as u32,
                from: self.position_of(offset, index),
                to: next,
            });
            if rows.len() >= desk.batch {
                let full = std::mem::take(&mut rows);
                self.put_rows(block.body.clone(), full, from, Check { at: next, hash }, desk)?;
                from = next;
            }
        }
        if let Some(last) = rows.last().map(|row| row.to) {
            let hash = if fault.is_none() { block.tail } else { tail };
            self.put_rows(block.body.clone(), rows, from, Check { at: last, hash }, desk)?;
        }
        match fault {
            Some(Fault::Ends) => Ok(self.wrong(Fault::bad("a record goes beyond the end of its block"))),
            Some(fault) => Ok(self.wrong(fault)),
            None if !input.is_at_end() => {
                Ok(self.wrong(Fault::bad("a block has bytes behind its last record")))
            }
            None => {
                if self.at == offset {
                    // Without records, or without any that was not put, it is moved over as well.
                    let check = Check { at: self.position_of(offset + block.length, 0), hash: block.tail };
                    self.put_rows(Arc::default(), Vec::new(), self.position(), check, desk)?;
                }
                Ok(Step::More)
            }
        }
    }

    /// The file ends too early: more may come, unless it is final.
    fn ended(&mut self, file: &File, close: Close, place: &str) -> Result<Step, Halt> {
        let held = file.metadata().map_err(Halt::Read)?.len().saturating_sub(self.at);
        if close == Close::All && held > 0 {
            return Ok(self.wrong(Fault::Bad(format!("it ends {place}"))));
        }
        Ok(Step::End { held })
    }

    fn wrong(&mut self, fault: Fault) -> Step {
        self.fault = Some(fault.to_string());
        Step::Undecodable
    }
}
