//! Writes events into files of one directory and begins a new file every so often; exactly once across kill -9.
//!
//! Why a record beside the data: the lengths of the files and the marks they stand for must change together. The data
//! are one `writev`, the record is one unsynced append; a kill between the two leaves bytes beyond the recorded length,
//! which the next start cuts off (`recover`). See `record` for its shape.
//! Differs from Flume's: the directory is created; an idle sink creates no empty files; a failed batch leaves nothing
//! behind, so its retry repeats nothing; a file that exists is never written over.
//! Shape: this file declares it; `sink` opens, writes and syncs, `write` is one delivery, `schema` those of Avro datums.
//! Invariants: in this process no data file is longer than recorded when a call returns, unless it says "in doubt". A
//! file is final when one with a higher number exists or the agent has stopped.
//! Errors: a full disk, a vanished directory, missing permission: not there, and right again when the cause is gone.
//! A second process on the same key and directory: fenced (K2). A failed sync takes back all that was not durable.
//! Truth: Flume 1.11 `RollingFileSink`; the positions protocol, summarised in `ARCHITECTURE.md`.
mod data;
mod name;
mod read;
mod record;
mod recover;
mod schema;
mod sink;
mod slots;
#[cfg(test)]
mod tests;
mod timer;
mod write;

use crate::codec::avro::Codec;
use crate::codec::serializer::avro::Blocks;
use crate::codec::serializer::schemas::local_path;
use crate::codec::serializer::{self, Options, Serializer};
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::flow::{Kind, Sink};

use name::{Manager, Names};
pub use read::recorded;
use sink::FileRoll;

const DIRECTORY: Field = Field::path("sink.directory")
    .also(&["sinks.directory", "directory"])
    .required()
    .doc("where the files go; created if missing");
const ROLL_INTERVAL: Field = Field::int("sink.rollInterval", i64::MIN, i64::MAX)
    .also(&["sinks.rollInterval"])
    .unit(Unit::Seconds)
    .default("30")
    .doc("a new file every so many seconds, if there are events; 0 or less: never");
const ROLL_MILLIS: Field = Field::int("sink.rollIntervalMillis", 1, i64::MAX)
    .unit(Unit::Millis)
    .doc("as sink.rollInterval, in milliseconds; wins over it");
const BATCH_SIZE: Field = Field::int("sink.batchSize", 1, 1_000_000)
    .also(&["batchSize", "sinks.batchSize"])
    .unit(Unit::Events)
    .default("100")
    .doc("events per write");
const SERIALIZER: Field = Field::text("sink.serializer")
    .also(&["sinks.serializer"])
    .default("TEXT")
    .doc("TEXT: the body; HEADER_AND_TEXT: the headers before it; AVRO_EVENT: an Avro container of both; JSON: a line with both; CSV: chosen headers and the body; or a class of Flume's");
const NEWLINE: Field = Field::flag("sink.serializer.appendNewline")
    .also(&["sinks.serializer.appendNewline"])
    .default("true")
    .doc("TEXT and HEADER_AND_TEXT: whether a newline follows each event");
const SYNC_INTERVAL: Field = Field::int("sink.serializer.syncIntervalBytes", 1, 1 << 30)
    .also(&["sinks.serializer.syncIntervalBytes"])
    .unit(Unit::Bytes)
    .default("2048000")
    .doc("Avro files: a block ends after so many bytes, and with every write");
const CODEC: Field =
    Field::choice("sink.serializer.compressionCodec", &["null", "deflate", "snappy", "zstandard"])
        .also(&["sinks.serializer.compressionCodec"])
        .default("null")
        .lenient()
        .doc("Avro files: how their blocks are packed");
const SCHEMA: Field = Field::text("sink.serializer.schemaURL").also(&["sinks.serializer.schemaURL"]).doc(
    "Avro files of org.apache.flume.sink.hdfs.AvroEventSerializer$Builder: a local file with the schema of events that do not tell theirs in a header",
);
const COLUMNS: Field =
    Field::names("sink.serializer.columns").doc("CSV: headers that become columns, before the body");
const COLUMN_NAMES: Field = Field::flag("sink.serializer.columnNames")
    .default("false")
    .doc("CSV: whether a file begins with the names of its columns");
const MANAGER: Field = Field::text("sink.pathManager")
    .also(&["sinks.pathManager"])
    .default("DEFAULT")
    .doc("DEFAULT: names by the time of the start; ROLLTIME: by the local time of the roll");
const PREFIX: Field = Field::text("sink.pathManager.prefix")
    .also(&["sinks.pathManager.prefix"])
    .default("")
    .doc("what names begin with");
const EXTENSION: Field = Field::text("sink.pathManager.extension")
    .also(&["sinks.pathManager.extension"])
    .default("")
    .doc("what names end with, after a dot");

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "file_roll",
    class: "org.apache.flume.sink.RollingFileSink",
    aliases: &[],
    summary: "writes events into files of one directory, exactly once across kill -9",
    fields: &[&[
        DIRECTORY,
        ROLL_INTERVAL,
        ROLL_MILLIS,
        BATCH_SIZE,
        SERIALIZER,
        NEWLINE,
        SYNC_INTERVAL,
        CODEC,
        SCHEMA,
        COLUMNS,
        COLUMN_NAMES,
        MANAGER,
        PREFIX,
        EXTENSION,
    ]],
    build: Build::Sink(build),
};

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    let serializer = serializer(at)?;
    let names = Names::new(manager(at)?, name_part(at, &PREFIX)?, name_part(at, &EXTENSION)?);
    let interval = if at.is_set(&ROLL_MILLIS) { at.time(&ROLL_MILLIS) } else { at.time(&ROLL_INTERVAL) };
    let sink = FileRoll::new(at.name, at.path(&DIRECTORY), serializer, names, interval);
    Ok(Box::new(sink.with_batch(at.count(&BATCH_SIZE))))
}

fn serializer(at: &At) -> Result<Serializer, Refusal> {
    let schema_url = at.opt(&SCHEMA).map(str::to_string);
    if let Some(url) = &schema_url {
        local_path(url).map_err(|what| Refusal::at(&SCHEMA, what))?;
    }
    let codec = Codec::named(at.choice(&CODEC)).expect("all words of the field are codecs");
    let options = Options {
        newline: at.flag(&NEWLINE),
        blocks: Blocks { codec, interval: at.count(&SYNC_INTERVAL) },
        schema_url,
        columns: at.names(&COLUMNS),
        names: at.flag(&COLUMN_NAMES),
    };
    Serializer::named(at.text(&SERIALIZER), options)
        .map_err(|what| Refusal::at(&SERIALIZER, what).instead(serializer::NAMES))
}

fn manager(at: &At) -> Result<Manager, Refusal> {
    match at.text(&MANAGER).to_ascii_uppercase().as_str() {
        "DEFAULT" => Ok(Manager::Default),
        "ROLLTIME" => Ok(Manager::RollTime),
        other if other.ends_with(".DEFAULTPATHMANAGER$BUILDER") => Ok(Manager::Default),
        other if other.ends_with(".ROLLTIMEPATHMANAGER$BUILDER") => Ok(Manager::RollTime),
        _ => {
            let what = format!("there is no path manager `{}`", at.text(&MANAGER));
            Err(Refusal::at(&MANAGER, what).instead("DEFAULT or ROLLTIME"))
        }
    }
}

/// A text that becomes part of a file's name.
fn name_part<'a>(at: &'a At, field: &Field) -> Result<&'a str, Refusal> {
    let text = at.text(field);
    if text.contains('/') {
        return Err(Refusal::at(field, format!("`{text}` holds a `/`, and a file's name cannot")));
    }
    Ok(text)
}
