//! Ships the finished files of a directory, as Flume's Spooling Directory Source does: lines, Avro records, or whole
//! files.
//!
//! Differences by design: a file that changes while it is read, a name that comes again, undecodable text and broken
//! Avro do not end the source; a line of exactly the limit is followed by no empty event; an empty file gives none (as
//! Flume 1.6); a restart inside an Avro block repeats none of its records.
//! Truth: Flume 1.11, `SpoolDirectorySource`, `ReliableSpoolingFileEventReader`, `LineDeserializer`,
//! `AvroEventDeserializer`, `BlobDeserializer`, and runs of them.
use crate::codec::lines::Overlong;
use crate::codec::records::{Framing, SchemaHeader, Shape};
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::flow::{Fatal, Input, Kind, Outlet, Source, Stop};
use crate::tail::desk::Halt;
use crate::tail::import;
use crate::tail::listing::Candidates;
use crate::tail::options::{self, HEADERS};
use crate::tail::options::{
    BACKOFF, BATCH, CHARSET, DELETE, DIR, DRAIN, LATE, LINES, ORDER, OUTPUT, POLICY, RESCAN, SUFFIX,
};
use crate::tail::retire::Retire;
use crate::tail::spool::{Settings, Spool};

const INCLUDE: Field = Field::regex("includePattern").default("^.*$").doc("whole file names to take");
const IGNORE: Field = options::IGNORE
    .doc("whole file names to leave out, and directories not to go into; wins over includePattern");
const TRACKER: Field = Field::text("trackerDir")
    .default(".flumespool")
    .doc("for the markers of trackingPolicy; Flume's position in it is read at the first start");
const TRACKING: Field = Field::choice("trackingPolicy", &["rename", "tracker_dir"])
    .default("rename")
    .doc("finished files are renamed, or get a marker in trackerDir");
const POLL: Field =
    Field::int("pollDelay", 0, i64::MAX).unit(Unit::Millis).default("500").ignored("changes wake the source");
const RECURSIVE: Field = Field::flag("recursiveDirectorySearch")
    .default("false")
    .doc("go into sub-directories, looked at twice a second");
const DESERIALIZER: Field = options::DESERIALIZER.doc(
    "LINE: an event per line; AVRO: an event per record of Avro containers; BLOB: an event per file; or a class of Flume's",
);
const SCHEMA: Field = Field::choice("deserializer.schemaType", &["HASH", "LITERAL"]).default("HASH").doc(
    "AVRO: the schema's fingerprint goes into the header `flume.avro.schema.hash`, or its text into `flume.avro.schema.literal`",
);
const BLOB: Field = Field::int("deserializer.maxBlobLength", 1, i32::MAX as i64)
    .unit(Unit::Bytes)
    .default("100000000")
    .doc("BLOB: longer files become several events");
const LENGTH: Field = Field::int("deserializer.maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("2048")
    .doc("LINE: longer lines become several events, in UTF-16 units");
const OLD_LENGTH: Field = Field::int("bufferMaxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .doc("deprecated; where it is set it wins over deserializer.maxLineLength");
const QUIET: Field = options::QUIET
    .default("500")
    .doc("a file that has been read is final when it has been still for so long");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "spooldir",
    class: "org.apache.flume.source.SpoolDirectorySource",
    aliases: &[],
    summary: "ships the finished files of a directory",
    fields: &[
        &[DIR, SUFFIX, DELETE],
        HEADERS,
        &[BATCH, INCLUDE, IGNORE, TRACKER, TRACKING, ORDER, POLL, RECURSIVE, BACKOFF, CHARSET, POLICY],
        &[DESERIALIZER, LENGTH, OUTPUT, SCHEMA, BLOB, LINES, OLD_LENGTH, QUIET, LATE, RESCAN, DRAIN],
    ],
    build: Build::Source(|at| Ok(Box::new(Spooling { settings: build(at)?, idle: idle(at) }))),
};

fn build(at: &At<'_>) -> Result<Settings, Refusal> {
    let dir = at.path(&DIR);
    let tracker = dir.join(at.text(&TRACKER));
    Ok(Settings {
        candidates: Candidates {
            target: options::names(at, &INCLUDE)?,
            ignore: Some(options::names(at, &IGNORE)?),
            suffix: at.text(&SUFFIX).to_string(),
            hidden: false,
            compressed: true,
        },
        manner: options::manner(at, framing(at)?),
        batch: at.count(&BATCH),
        retire: retire(at),
        order: options::order(at),
        recursive: at.flag(&RECURSIVE),
        ready: None,
        quiet: at.time(&QUIET),
        times: options::times(at),
        remembered: None,
        imported: None,
        memo: at.place.state_dir.join("imported").join(at.name),
        tracker: tracker.join(".flumespool-main.meta"),
        dir,
    })
}

fn retire(at: &At<'_>) -> Retire {
    let suffix = at.text(&SUFFIX).to_string();
    let root = at.path(&DIR);
    match (at.choice(&DELETE), at.choice(&TRACKING)) {
        ("immediate", _) => Retire::Delete,
        (_, "tracker_dir") => Retire::Mark { tracker: root.join(at.text(&TRACKER)), root, suffix },
        _ => Retire::Rename(suffix),
    }
}

/// The deserializer, by Flume's name or class.
fn framing(at: &At<'_>) -> Result<Framing, Refusal> {
    let name = at.text(&DESERIALIZER);
    match name.to_ascii_uppercase().as_str() {
        _ if options::is_line(name) => {
            let length = at.opt_int(&OLD_LENGTH).unwrap_or_else(|| at.int(&LENGTH));
            options::lines(at, usize::try_from(length).unwrap_or(2048), Overlong::Split)
        }
        "AVRO" | "ORG.APACHE.FLUME.SERIALIZATION.AVROEVENTDESERIALIZER$BUILDER" => {
            Ok(Framing::container(match at.choice(&SCHEMA) {
                "LITERAL" => SchemaHeader::Literal,
                _ => SchemaHeader::Hash,
            }))
        }
        "BLOB" | "ORG.APACHE.FLUME.SINK.SOLR.MORPHLINE.BLOBDESERIALIZER$BUILDER" => {
            Ok(Framing::blob(at.count(&BLOB)))
        }
        _ => {
            let what =
                format!("there is no deserializer `{name}`; those of your own in Java cannot be loaded");
            Err(Refusal::at(&DESERIALIZER, what).instead("LINE, AVRO or BLOB"))
        }
    }
}

/// Keys that were set for another deserializer than the one there is: Flume does not look at them either.
fn idle(at: &At<'_>) -> Vec<&'static str> {
    const TEXT: &[Field] = &[CHARSET, POLICY, LENGTH, OUTPUT, OLD_LENGTH];
    let (text, schema, blob) = match framing(at).map(|framing| framing.shape) {
        Ok(Shape::Container { .. }) => (TEXT, false, true),
        Ok(Shape::Blob { .. }) => (TEXT, true, false),
        _ => (&[][..], true, true),
    };
    let more = [schema.then_some(SCHEMA), blob.then_some(BLOB)];
    text.iter()
        .copied()
        .chain(more.into_iter().flatten())
        .filter(|field| at.is_set(field))
        .map(|f| f.key)
        .collect()
}

/// The source.
struct Spooling {
    settings: Settings,
    /// Keys without effect.
    idle: Vec<&'static str>,
}

impl Source for Spooling {
    fn input(&self) -> Input {
        Input::Again
    }

    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        for key in &self.idle {
            log::warn!(component = out.source(); "`{key}` has no effect: this deserializer does not read it");
        }
        let settings = &mut self.settings;
        settings.imported = import::spool_position(&settings.tracker, &settings.memo, out.source());
        Halt::at_end(Spool::new(out, stop, settings).run())
    }
}

#[cfg(test)]
mod tests;
