//! Events in Avro object containers: as records of headers and body, or bodies that are datums already.
//!
//! Invariants: a call ends with the marker of the file, so a container that is cut behind a call is one. The marker is
//! the file's own: it is never appended to by another process.
//! Truth: Flume 1.11 `FlumeEventAvroEventSerializer`, `AbstractAvroEventSerializer`.
use std::io;
use std::sync::Arc;

use crate::codec::avro::Codec;
use crate::codec::avro::container::{Sync, put_block, put_header};
use crate::codec::avro::wire::{put_bytes, put_long};
use crate::event::EventRef;

/// What Flume's own events are in a file.
pub const EVENT: &str = r#"{"type":"record","name":"Event","fields":[{"name":"headers","type":{"type":"map","values":"string"}},{"name":"body","type":"bytes"}]}"#;

/// How the blocks of a file are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub codec: Codec,
    /// A block ends after so many bytes that are not packed yet.
    pub interval: usize,
}

/// What one file begins with, and its blocks end with.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    pub sync: Sync,
    /// Of datums: the schema of all of them.
    pub schema: Arc<str>,
}

/// Datums on their way into blocks.
struct Packer<'a> {
    blocks: Blocks,
    sync: &'a Sync,
    datums: Vec<u8>,
    count: u64,
    out: &'a mut Vec<u8>,
}

impl Packer<'_> {
    /// A datum was appended.
    fn end_datum(&mut self) -> io::Result<()> {
        self.count += 1;
        if self.datums.len() >= self.blocks.interval { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.count > 0 {
            put_block(self.count, &self.datums, self.blocks.codec, self.sync, self.out)?;
            self.datums.clear();
            self.count = 0;
        }
        Ok(())
    }
}

/// Appends events as records of headers and body.
pub fn events<'a>(
    blocks: Blocks,
    file: &Opening,
    first: bool,
    events: impl Iterator<Item = EventRef<'a>>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    pack(blocks, file, first.then_some(EVENT), events, out, put_event)
}

/// One event as the datum that Flume's own components exchange: `AvroFlumeEvent`, headers and body.
pub fn put_event(event: EventRef<'_>, datum: &mut Vec<u8>) {
    let headers = event.headers();
    if !headers.is_empty() {
        put_long(headers.len() as i64, datum);
    }
    for (name, value) in headers.iter() {
        put_bytes(name.as_bytes(), datum);
        put_bytes(value.as_bytes(), datum);
    }
    put_long(0, datum);
    put_bytes(event.body(), datum);
}

/// Appends events whose bodies are datums of the file's schema.
pub fn datums<'a>(
    blocks: Blocks,
    file: &Opening,
    first: bool,
    events: impl Iterator<Item = EventRef<'a>>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    pack(blocks, file, first.then_some(&file.schema), events, out, |event, datum| {
        datum.extend_from_slice(event.body());
    })
}

fn pack<'a>(
    blocks: Blocks,
    file: &Opening,
    schema: Option<&str>,
    events: impl Iterator<Item = EventRef<'a>>,
    out: &mut Vec<u8>,
    put: impl Fn(EventRef<'a>, &mut Vec<u8>),
) -> io::Result<()> {
    if let Some(schema) = schema {
        put_header(schema, blocks.codec, &file.sync, out);
    }
    let mut packer = Packer { blocks, sync: &file.sync, datums: Vec::new(), count: 0, out };
    for event in events {
        put(event, &mut packer.datums);
        packer.end_datum()?;
    }
    packer.end_block()
}
