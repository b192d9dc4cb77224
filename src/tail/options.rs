//! Options that file sources share: each key declared once, and read in one place.
//!
//! Why here: the same key must have the same range, unit and meaning in every file source. A source lists the groups
//! it has; one that differs in a default or a sentence says so over the shared constant (`BATCH.default("500")`), and
//! reads its own.
//! Invariants: a function reads only fields of the groups named in its doc; a source that calls it lists them.
//! Errors: a value that only we can judge is refused with its key.
use std::sync::Arc;
use std::time::Duration;

use super::follow::Manner;
use super::next::Order;
use super::times::Times;
use crate::codec::charset::{Charset, Policy};
use crate::codec::encode::Output;
use crate::codec::java_regex::{self, Pattern};
use crate::codec::lines::{Overlong, Terminator};
use crate::codec::records::Framing;
use crate::config::{At, Field, Refusal, Unit};
use crate::event::Headers;

pub const DIR: Field = Field::path("spoolDir").required().doc("the directory of the files");
pub const BATCH: Field =
    Field::int("batchSize", 1, 100_000).unit(Unit::Events).default("100").doc("most events per put");
pub const SUFFIX: Field = Field::text("fileSuffix").default(".COMPLETED").doc("finished files get it");
pub const IGNORE: Field =
    Field::regex("ignorePattern").default("^$").doc("whole file names to leave out; wins over targetPattern");
pub const DELETE: Field = Field::choice("deletePolicy", &["never", "immediate"])
    .default("never")
    .doc("finished files are renamed, or deleted");
pub const ORDER: Field = Field::choice("consumeOrder", &["oldest", "youngest", "random"])
    .default("oldest")
    .doc("which file comes first, by modification time; `random`: as the directory lists them, with no time spent on order");

const FILE: Field =
    Field::flag("fileHeader").default("false").doc("put the file's absolute path into a header");
const FILE_KEY: Field = Field::text("fileHeaderKey").default("file").doc("the name of that header");
const NAME: Field = Field::flag("basenameHeader").default("false").doc("put the file's name into a header");
const NAME_KEY: Field = Field::text("basenameHeaderKey").default("basename").doc("the name of that header");
/// The header with the path.
pub const FILE_HEADER: &[Field] = &[FILE, FILE_KEY];
/// Both headers.
pub const HEADERS: &[Field] = &[FILE, FILE_KEY, NAME, NAME_KEY];

pub const CHARSET: Field =
    Field::charset("inputCharset").default("UTF-8").doc("the files' charset; events are UTF-8");
pub const POLICY: Field = Field::choice("decodeErrorPolicy", &["FAIL", "REPLACE", "IGNORE"]).doc(
    "bytes that are no text: set the file aside as `.FAILED`, replace them, or leave them out; not set, UTF-8 passes untouched",
);
pub const DESERIALIZER: Field =
    Field::text("deserializer").default("LINE").doc("LINE; `spooldir` knows others as well");
pub const OUTPUT: Field = Field::charset("deserializer.outputCharset").default("UTF-8").doc(
    "what bodies are encoded in; with another one than UTF-8, decodeErrorPolicy is FAIL unless it is set",
);

/// The longest line, as the platform's sources have it.
pub const LENGTH: Field = Field::int("bufferMaxLineLength", 1, 16 << 20)
    .also(&["bufferMaxlineLength", "deserializer.maxLineLength"])
    .unit(Unit::Chars)
    .default("8192")
    .doc("the longest line, in UTF-16 units");
pub const OVERLONG: Field = Field::choice("overlong", &["truncate", "drop", "split"])
    .default("truncate")
    .doc("what becomes of longer lines: cut, dropped, or several events");
const MULTILINE: Field =
    Field::regex("deserializer.multiline").doc("the first line of a record; other lines are joined to it");
const RECORD: Field = Field::int("maxRecordLength", 1, 64 << 20)
    .unit(Unit::Bytes)
    .default("1048576")
    .doc("a multi-line record that grows above is ended");
const END: Field = Field::text("deserializer.lineEndWith")
    .doc("what ends a line, instead of a line feed; `\\\\n` in the file is a backslash and an n");
/// Records of several lines and lines of another end.
pub const RECORDS: &[Field] = &[MULTILINE, RECORD, END];

pub const QUIET: Field = Field::int("quietTime", 0, i64::MAX).unit(Unit::Millis);
pub const PARTIAL: Field = Field::int("partialLineTimeout", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("0")
    .doc("ship a last line without its end after so long; 0: it waits for its end");
pub const SILENCE: Field = Field::int("recordTimeout", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("5000")
    .doc("an open multi-line record is closed after so long; 0: it waits for the next");
pub const LATE: Field = Field::int("lateTime", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("60000")
    .doc("watch a finished file for late lines so long");
pub const RESCAN: Field = Field::int("rescanInterval", 1, i64::MAX).unit(Unit::Millis).default("60000").doc(
    "look through the directory so often, beside the kernel's notices; every second where those do not work",
);
pub const DRAIN: Field = Field::int("drainQuiet", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("under `--until-drained`: nothing to read for so long is the end");

pub const LINES: Field =
    Field::int("bufferMaxLines", i64::MIN, i64::MAX).ignored("Flume does not read it either");
/// Why pauses of Flume's sources have no effect here.
pub const WOKEN: &str = "a full channel wakes its source";
pub const BACKOFF: Field = Field::int("maxBackoff", i64::MIN, i64::MAX).default("4000").ignored(WOKEN);

/// A pattern for whole names.
pub fn names(at: &At<'_>, field: &Field) -> Result<Pattern, Refusal> {
    java_regex::full_match(at.text(field)).map_err(|error| Refusal::at(field, error))
}

/// A time that 0 turns off.
pub fn unless_zero(at: &At<'_>, field: &Field) -> Option<Duration> {
    Some(at.time(field)).filter(|time| !time.is_zero())
}

/// [`LATE`], [`RESCAN`], [`DRAIN`]; no file is given up to silence.
pub fn times(at: &At<'_>) -> Times {
    Times {
        late: at.time(&LATE),
        rescan: at.time(&RESCAN),
        drain: at.time(&DRAIN),
        partial: None,
        record: None,
    }
}

/// The same, with [`PARTIAL`], [`SILENCE`] and the group [`RECORDS`].
pub fn times_of_live_files(at: &At<'_>) -> Times {
    Times {
        partial: unless_zero(at, &PARTIAL),
        record: unless_zero(at, &SILENCE).filter(|_| at.opt(&MULTILINE).is_some()),
        ..times(at)
    }
}

/// [`ORDER`].
pub fn order(at: &At<'_>) -> Order {
    match at.choice(&ORDER) {
        "youngest" => Order::Youngest,
        "random" => Order::Random,
        _ => Order::Oldest,
    }
}

/// The group [`HEADERS`].
pub fn manner(at: &At<'_>, framing: Framing) -> Manner {
    Manner {
        framing: Arc::new(framing),
        headers: Arc::new(Headers::default()),
        file_header: file_header(at),
        name_header: at.flag(&NAME).then(|| at.text(&NAME_KEY).to_string()),
    }
}

/// The group [`FILE_HEADER`] or [`HEADERS`].
pub fn file_header(at: &At<'_>) -> Option<String> {
    at.flag(&FILE).then(|| at.text(&FILE_KEY).to_string())
}

/// Whether a deserializer reads lines, by Flume's name or class.
pub fn is_line(name: &str) -> bool {
    name.eq_ignore_ascii_case("LINE") || name == "org.apache.flume.serialization.LineDeserializer$Builder"
}

/// [`DESERIALIZER`], of which a source of text has one.
pub fn check_deserializer(at: &At<'_>) -> Result<(), Refusal> {
    let name = at.text(&DESERIALIZER);
    if is_line(name) {
        return Ok(());
    }
    let what = format!("this source reads lines and has no deserializer `{name}`");
    Err(Refusal::at(&DESERIALIZER, what).instead("`LINE`, or a `spooldir` source"))
}

/// [`OUTPUT`].
fn output(at: &At<'_>) -> Result<Option<Output>, Refusal> {
    let name = at.text(&OUTPUT);
    Output::of(name).ok_or_else(|| Refusal::at(&OUTPUT, format!("no charset to write is called `{name}`")))
}

/// [`CHARSET`] and [`POLICY`]; `decoded`: raw bytes cannot be passed on as they are.
fn charset(at: &At<'_>, decoded: bool) -> Result<Charset, Refusal> {
    let policy = at.opt(&POLICY).map(|_| match at.choice(&POLICY) {
        "FAIL" => Policy::Fail,
        "IGNORE" => Policy::Ignore,
        _ => Policy::Replace,
    });
    let policy = policy.or(decoded.then_some(Policy::Fail));
    let name = at.text(&CHARSET);
    Charset::named(name, policy)
        .ok_or_else(|| Refusal::at(&CHARSET, format!("no charset is called `{name}`")))
}

/// [`OVERLONG`].
pub fn overlong(at: &At<'_>) -> Overlong {
    match at.choice(&OVERLONG) {
        "drop" => Overlong::Drop,
        "split" => Overlong::Split,
        _ => Overlong::Truncate,
    }
}

/// Lines of [`CHARSET`], by [`POLICY`], as [`OUTPUT`].
pub fn lines(at: &At<'_>, longest: usize, overlong: Overlong) -> Result<Framing, Refusal> {
    ended_by(at, "\n", Framing::lines(longest, overlong))
}

/// The same, with the group [`RECORDS`].
pub fn records(at: &At<'_>, longest: usize, overlong: Overlong) -> Result<Framing, Refusal> {
    let start = at.opt(&MULTILINE).map(java_regex::find).transpose();
    let start = start.map_err(|error| Refusal::at(&MULTILINE, error))?;
    let lines = Framing::lines(longest, overlong);
    ended_by(at, at.opt(&END).unwrap_or("\n"), Framing { start, max_record: at.count(&RECORD), ..lines })
}

fn ended_by(at: &At<'_>, end: &str, framing: Framing) -> Result<Framing, Refusal> {
    let output = output(at)?;
    let charset = charset(at, output.is_some())?;
    let (bytes, unit) = charset.encode_ascii(end.as_bytes());
    Ok(Framing { terminator: Terminator::new(&bytes, unit), charset, output, ..framing })
}
