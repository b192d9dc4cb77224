//! Events as the bytes of a file, by Flume's event serializers and two of ours.
//!
//! `TEXT`: the body, then `\n`. `HEADER_AND_TEXT`: the headers as Java prints a map, a space, the body, `\n`. Bodies
//! are written as they are, embedded newlines too. `AVRO_EVENT` and the Avro serializer of the HDFS sink write object
//! containers ([`avro`]); `JSON` and `CSV` are ours.
//! Invariants: what one call gives is whole: a file cut behind any number of calls can be read. So the first call of a
//! file has its header, and every call of an Avro file ends with a whole block.
//! Truth: Flume 1.11 `BodyTextEventSerializer`, `HeaderAndBodyTextEventSerializer`, `FlumeEventAvroEventSerializer`,
//! `AvroEventSerializer`; RFC 4180.
pub mod avro;
mod csv;
mod json;
pub mod schemas;

use std::io::{self, IoSlice};

use self::avro::{Blocks, Opening};
use super::java_map;
use crate::event::Batch;

/// How events become bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serializer {
    Text {
        newline: bool,
    },
    HeaderAndText {
        newline: bool,
    },
    /// Records of headers and body.
    AvroEvent(Blocks),
    /// Bodies are datums already; where no event tells its schema, this is where it stands.
    AvroDatum {
        blocks: Blocks,
        schema_url: Option<String>,
    },
    Json,
    Csv {
        columns: Vec<String>,
        names: bool,
    },
}

/// What a serializer may be told by the sink that has it.
#[derive(Clone, Debug)]
pub struct Options {
    pub newline: bool,
    pub blocks: Blocks,
    pub schema_url: Option<String>,
    /// Headers that become columns.
    pub columns: Vec<String>,
    /// A file begins with the names of its columns.
    pub names: bool,
}

/// The names there are, for messages.
pub const NAMES: &str = "TEXT, HEADER_AND_TEXT, AVRO_EVENT, JSON or CSV";

impl Serializer {
    /// The serializer of this name or Java class; `Err` says what is wrong with it.
    pub fn named(name: &str, options: Options) -> Result<Serializer, String> {
        const PACKAGE: &str = "org.apache.flume.serialization.";
        let Options { newline, blocks, schema_url, columns, names } = options;
        let short = name.strip_prefix(PACKAGE).unwrap_or(name);
        match short.strip_suffix("$Builder").unwrap_or(short).to_ascii_uppercase().as_str() {
            "TEXT" | "BODYTEXTEVENTSERIALIZER" => Ok(Serializer::Text { newline }),
            "HEADER_AND_TEXT" | "HEADERANDBODYTEXTEVENTSERIALIZER" => {
                Ok(Serializer::HeaderAndText { newline })
            }
            "AVRO_EVENT" | "FLUMEEVENTAVROEVENTSERIALIZER" => Ok(Serializer::AvroEvent(blocks)),
            "ORG.APACHE.FLUME.SINK.HDFS.AVROEVENTSERIALIZER" => {
                Ok(Serializer::AvroDatum { blocks, schema_url })
            }
            "JSON" => Ok(Serializer::Json),
            "CSV" => Ok(Serializer::Csv { columns, names }),
            _ => Err(format!("there is no serializer `{name}`; those of your own in Java cannot be loaded")),
        }
    }

    /// The bytes of all events, as few slices as possible; `scratch` holds what is not in the batches' buffers. With
    /// `first` nothing is in the file yet. Without events there are no bytes.
    pub fn slices<'a>(
        &self,
        file: &Opening,
        first: bool,
        batches: &'a [Batch],
        scratch: &'a mut Vec<u8>,
        out: &mut Vec<IoSlice<'a>>,
    ) -> io::Result<()> {
        scratch.clear();
        if batches.iter().all(Batch::is_empty) {
            return Ok(());
        }
        let mut events = batches.iter().flat_map(Batch::events);
        match self {
            Serializer::Text { newline: true } => batches.iter().for_each(|batch| batch.lines(out)),
            Serializer::Text { newline: false } => {
                out.extend(
                    events.map(|event| event.body()).filter(|body| !body.is_empty()).map(IoSlice::new),
                );
            }
            Serializer::HeaderAndText { newline } => events.for_each(|event| {
                java_map::print(&event.headers(), scratch);
                scratch.push(b' ');
                scratch.extend_from_slice(event.body());
                scratch.extend(newline.then_some(b'\n'));
            }),
            Serializer::AvroEvent(blocks) => avro::events(*blocks, file, first, events, scratch)?,
            Serializer::AvroDatum { blocks, .. } => avro::datums(*blocks, file, first, events, scratch)?,
            Serializer::Json => events.try_for_each(|event| json::line(event, scratch))?,
            Serializer::Csv { columns, names } => {
                if first && *names {
                    csv::names(columns, scratch);
                }
                events.for_each(|event| csv::row(columns, event, scratch));
            }
        }
        if !scratch.is_empty() {
            out.push(IoSlice::new(scratch));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
