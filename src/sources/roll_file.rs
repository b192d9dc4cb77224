//! Follows rolling logs: a new file per period (`next`), or one live file that is emptied or replaced (`self`).
//!
//! Two types over the same code: the DataFlowKit platform's Roll File Source, and ningg's plug-in with its own
//! defaults.
//! Truth: the platform's manual of May 2016; flume-ng-extends-source of ningg, whose flaws (torn lines, lost tails,
//! stopping at a 4-byte character) are not kept.
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::Regex;

use crate::codec::charset::{Charset, Policy};
use crate::codec::java_regex::{self, Pattern};
use crate::codec::lines::{Overlong, Terminator};
use crate::codec::records::Framing;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::Headers;
use crate::flow::{Fatal, Kind, Outlet, Source, Stop};
use crate::tail::desk::Halt;
use crate::tail::follow::Manner;
use crate::tail::import;
use crate::tail::listing::Candidates;
use crate::tail::next::{Next, Order, Settings};
use crate::tail::period::Period;
use crate::tail::retire::Retire;
use crate::tail::rolls::{Live, Rolls};

const DIR: Field = Field::path("spoolDir").required().doc("the directory of the files");
const MODULE: Field = Field::choice("rollModule", &["next", "self"])
    .also(&["rollMode"])
    .doc("`next`: a new file per period; `self`: one live file. Default: `self` where rollPattern is set");
const TARGET: Field = Field::text("targetPattern")
    .required()
    .doc("`next`: a regular expression for whole file names; `self`: the name of the live file");
const ROLLED: Field =
    Field::regex("rollPattern").doc("`self`: a regular expression for the names that a roll produces");
const BATCH: Field =
    Field::int("batchSize", 1, 100_000).unit(Unit::Events).default("100").doc("most events per put");
const LENGTH: Field = Field::int("bufferMaxLineLength", 1, 16 << 20)
    .also(&["bufferMaxlineLength", "deserializer.maxLineLength"])
    .unit(Unit::Chars)
    .default("8192")
    .doc("the longest line, in UTF-16 units");
const OVERLONG: Field = Field::choice("overlong", &["truncate", "drop", "split"])
    .default("truncate")
    .doc("what becomes of longer lines: cut, dropped, or several events");
const DELETE: Field = Field::choice("deletePolicy", &["never", "immediate", "keep"])
    .default("never")
    .doc("`next`: finished files are renamed, deleted, or left as they are; no effect with `self`");
const SUFFIX: Field = Field::text("fileSuffix").default(".COMPLETED").doc("finished files get it");
const IGNORE: Field =
    Field::regex("ignorePattern").default("^$").doc("whole file names to leave out; wins over targetPattern");
const MULTILINE: Field =
    Field::regex("deserializer.multiline").doc("the first line of a record; other lines are joined to it");
const RECORD: Field = Field::int("maxRecordLength", 1, 64 << 20)
    .unit(Unit::Bytes)
    .default("1048576")
    .doc("a multi-line record that grows above is ended");
const END: Field = Field::text("deserializer.lineEndWith")
    .doc("what ends a line, instead of a line feed; `\\\\n` in the file is a backslash and an n");
const FILE: Field =
    Field::flag("fileHeader").default("false").doc("put the file's absolute path into a header");
const FILE_KEY: Field = Field::text("fileHeaderKey").default("file").doc("the name of that header");
const NAME: Field = Field::flag("basenameHeader").default("false").doc("put the file's name into a header");
const NAME_KEY: Field = Field::text("basenameHeaderKey").default("basename").doc("the name of that header");
const CHARSET: Field =
    Field::charset("inputCharset").default("UTF-8").doc("the files' charset; events are UTF-8");
const POLICY: Field = Field::choice("decodeErrorPolicy", &["FAIL", "REPLACE", "IGNORE"]).doc(
    "bytes that are no text; FAIL replaces them too, loudly, since nothing in a live file can be set aside",
);
const ORDER: Field = Field::choice("consumeOrder", &["oldest", "youngest", "random"])
    .default("oldest")
    .doc("which finished file comes first; the newest is always last");
const TRACKER: Field = Field::text("trackerDir")
    .default(".flumespooltail")
    .doc("only read, for the position that the Java plug-in left; ours are in the state directory");
const HISTORY: Field = Field::flag("readHistory")
    .default("false")
    .doc("`self`: read rolled files that are there at the first start");
const COMPRESSED: Field = Field::flag("readCompressed")
    .default("false")
    .refused("compressed files are not read in this version; leave it out");
const PERIOD: Field = Field::text("targetFilename")
    .doc("a SimpleDateFormat pattern: a name that contains the present period is never over");
const ZONE: Field = Field::text("timeZone").doc("the zone of targetFilename; default: the host's");
const QUIET: Field = Field::int("quietTime", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("a file with a successor is over when nothing has come for so long");
const LATE: Field = Field::int("lateTime", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("60000")
    .doc("watch a finished file for late lines so long");
const PARTIAL: Field = Field::int("partialLineTimeout", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("0")
    .doc("ship a last line without its end after so long; 0: it waits for its end");
const SILENCE: Field = Field::int("recordTimeout", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("5000")
    .doc("an open multi-line record is closed after so long; 0: it waits for the next");
const RESCAN: Field = Field::int("rescanInterval", 1, i64::MAX).unit(Unit::Millis).default("60000").doc(
    "look through the directory so often, beside the kernel's notices; every second where those do not work",
);
const DRAIN: Field = Field::int("drainQuiet", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("under `--until-drained`: quiet for so long is the end");
const BACKOFF: Field = Field::int("maxBackoff", i64::MIN, i64::MAX)
    .also(&["msxBackoff"])
    .default("4000")
    .ignored("a full channel wakes its source");
const DESERIALIZER: Field = Field::text("deserializer").default("LINE").doc("LINE; others are refused");
const OUTPUT: Field =
    Field::charset("deserializer.outputCharset").default("UTF-8").doc("UTF-8; others are refused");
const LINES: Field =
    Field::int("bufferMaxLines", i64::MIN, i64::MAX).ignored("Flume does not read it either");
const POLL: Field = Field::int("pollDelay", i64::MIN, i64::MAX).ignored("changes wake the source");

const SHARED: &[Field] = &[
    DIR,
    MODULE,
    ROLLED,
    BATCH,
    OVERLONG,
    DELETE,
    SUFFIX,
    IGNORE,
    MULTILINE,
    RECORD,
    END,
    FILE,
    FILE_KEY,
    NAME,
    NAME_KEY,
    CHARSET,
    POLICY,
    ORDER,
    TRACKER,
    HISTORY,
    COMPRESSED,
    ZONE,
    QUIET,
    LATE,
    PARTIAL,
    SILENCE,
    RESCAN,
    DRAIN,
    BACKOFF,
    DESERIALIZER,
    OUTPUT,
    LINES,
    POLL,
];

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "dfk_rollfile",
    class: "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldirectorytailfile.SpoolDirectoryTailFileSource",
    aliases: &[],
    summary: "follows rolling logs: a new file per period, or one live file",
    fields: &[&[TARGET, LENGTH, PERIOD], SHARED],
    build: Build::Source(|at| Ok(Box::new(build(at, false)?))),
};

const NINGG_TARGET: Field = Field::text("targetPattern")
    .default(r".*(\d){4}-(\d){2}-(\d){2}.*")
    .doc("a regular expression for whole file names; with rollModule = self the name of the live file");
const NINGG_LENGTH: Field = Field::int("deserializer.maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("2048")
    .doc("longer lines become several events, as in the Java plug-in");
const NINGG_BUFFER: Field = Field::int("bufferMaxLineLength", i64::MIN, i64::MAX)
    .also(&["bufferMaxlineLength"])
    .ignored("the Java plug-in does not read it; use deserializer.maxLineLength");
const NINGG_PERIOD: Field = Field::text("targetFilename")
    .default("yyyy-MM-dd")
    .doc("a SimpleDateFormat pattern: a name that contains the present period is never over");

const FORK_CHARSET: Field =
    Field::text("originFileCharset").ignored("only a fork of the plug-in has it; use inputCharset");
const FORK_CONVERT: Field =
    Field::flag("needConvertAfterSource").ignored("only a fork of the plug-in has it; use inputCharset");

/// ningg's plug-in: the same, with its own defaults.
pub static NINGG: Spec = Spec {
    kind: Kind::Source,
    name: "spooltail",
    class: "com.github.ningg.flume.source.SpoolDirectoryTailFileSource",
    aliases: &["org.apache.flume.source.SpoolDirectoryTailFileSource"],
    summary: "collects finished files of a directory, then follows the one of the present period",
    fields: &[&[NINGG_TARGET, NINGG_LENGTH, NINGG_BUFFER, NINGG_PERIOD, FORK_CHARSET, FORK_CONVERT], SHARED],
    build: Build::Source(|at| Ok(Box::new(build(at, true)?))),
};

/// How it rolls.
enum Roll {
    Next(Box<Settings>),
    Itself(Box<Rolls>),
}

fn build(at: &At<'_>, ningg: bool) -> Result<Roll, Refusal> {
    let (target, length, period) =
        if ningg { (&NINGG_TARGET, &NINGG_LENGTH, &NINGG_PERIOD) } else { (&TARGET, &LENGTH, &PERIOD) };
    let own_limit = if ningg && !at.is_set(&OVERLONG) { Overlong::Split } else { overlong(at) };
    let manner = manner(at, framing(at, at.count(length), own_limit)?);
    let own = match at.opt(&MODULE) {
        Some(word) => word.trim().eq_ignore_ascii_case("self"),
        None => at.is_set(&ROLLED),
    };
    if own { rolls(at, target, manner) } else { next(at, target, period, manner) }
}

fn pattern(at: &At<'_>, field: &Field) -> Result<Regex, Refusal> {
    java_regex::full_match(at.text(field))
        .map(|p| p.regex().clone())
        .map_err(|error| Refusal::at(field, error))
}

fn time(at: &At<'_>, field: &Field) -> Option<Duration> {
    Some(at.time(field)).filter(|time| !time.is_zero())
}

fn overlong(at: &At<'_>) -> Overlong {
    match at.choice(&OVERLONG) {
        "drop" => Overlong::Drop,
        "split" => Overlong::Split,
        _ => Overlong::Truncate,
    }
}

fn framing(at: &At<'_>, max_line: usize, overlong: Overlong) -> Result<Framing, Refusal> {
    if !at.text(&DESERIALIZER).eq_ignore_ascii_case("LINE") {
        return Err(Refusal::at(&DESERIALIZER, "only LINE is built in this version"));
    }
    if !at.text(&OUTPUT).eq_ignore_ascii_case("UTF-8") {
        return Err(Refusal::at(&OUTPUT, "events are UTF-8 in this version"));
    }
    let policy = at.opt(&POLICY).map(|_| match at.choice(&POLICY) {
        "FAIL" => Policy::Fail,
        "IGNORE" => Policy::Ignore,
        _ => Policy::Replace,
    });
    let charset = Charset::named(at.text(&CHARSET), policy)
        .ok_or_else(|| Refusal::at(&CHARSET, format!("no charset is called `{}`", at.text(&CHARSET))))?;
    let start = at.opt(&MULTILINE).map(java_regex::find).transpose();
    let start = start.map_err(|error| Refusal::at(&MULTILINE, error))?.map(Pattern::into_regex);
    let (bytes, unit) = charset.encode_ascii(at.opt(&END).unwrap_or("\n").as_bytes());
    let terminator = Terminator::new(&bytes, unit);
    Ok(Framing {
        terminator,
        start,
        max_record: at.count(&RECORD),
        charset,
        ..Framing::lines(max_line, overlong)
    })
}

fn manner(at: &At<'_>, framing: Framing) -> Manner {
    Manner {
        framing: Arc::new(framing),
        headers: Arc::new(Headers::default()),
        file_header: at.flag(&FILE).then(|| at.text(&FILE_KEY).to_string()),
        name_header: at.flag(&NAME).then(|| at.text(&NAME_KEY).to_string()),
    }
}

fn next(at: &At<'_>, target: &Field, period: &Field, manner: Manner) -> Result<Roll, Refusal> {
    let suffix = at.text(&SUFFIX).to_string();
    let dir = at.path(&DIR);
    let zone = at.opt(&ZONE);
    let period = at.opt(period).map(|pattern| Period::new(pattern, zone)).transpose();
    let tracker = dir.join(at.text(&TRACKER)).join(".flumespooltailfile-main.meta");
    Ok(Roll::Next(Box::new(Settings {
        candidates: Candidates {
            target: pattern(at, target)?,
            ignore: Some(pattern(at, &IGNORE)?),
            suffix: suffix.clone(),
            hidden: false,
            compressed: false,
        },
        manner,
        batch: at.count(&BATCH),
        retire: match at.choice(&DELETE) {
            "immediate" => Retire::Delete,
            "keep" => Retire::Keep,
            _ => Retire::Rename(suffix),
        },
        order: match at.choice(&ORDER) {
            "youngest" => Order::Youngest,
            "random" => Order::Random,
            _ => Order::Oldest,
        },
        period: period.map_err(|what| Refusal::at(&PERIOD, what))?,
        quiet: at.time(&QUIET),
        late: at.time(&LATE),
        rescan: at.time(&RESCAN),
        drain: at.time(&DRAIN),
        partial: time(at, &PARTIAL),
        record: time(at, &SILENCE).filter(|_| at.opt(&MULTILINE).is_some()),
        imported: None,
        memo: at.place.state_dir.join("imported").join(at.name),
        tracker,
        dir,
    })))
}

fn rolls(at: &At<'_>, target: &Field, manner: Manner) -> Result<Roll, Refusal> {
    let Some(rolled) = at.opt(&ROLLED) else {
        return Err(Refusal::at(&ROLLED, "with `rollModule = self` it is required")
            .instead("write a pattern for the names of rolled files"));
    };
    let rolled = java_regex::full_match(rolled).map_err(|error| Refusal::at(&ROLLED, error))?.into_regex();
    Ok(Roll::Itself(Box::new(Rolls {
        dir: at.path(&DIR),
        live: at.text(target).to_string(),
        rolled,
        manner,
        batch: at.count(&BATCH),
        history: at.flag(&HISTORY),
        started: at.place.state_dir.join("rolls").join(at.name),
        quiet: at.time(&QUIET),
        late: at.time(&LATE),
        rescan: at.time(&RESCAN),
        drain: at.time(&DRAIN),
        partial: time(at, &PARTIAL),
        record: time(at, &SILENCE).filter(|_| at.opt(&MULTILINE).is_some()),
    })))
}

impl Source for Roll {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let ended = match self {
            Roll::Next(settings) => {
                settings.imported = import::spool_position(&settings.tracker, &settings.memo, out.source());
                Next::new(out, stop, settings).run()
            }
            Roll::Itself(rolls) => Live::new(out, stop, rolls).run(),
        };
        Halt::at_end(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Counter;
    use crate::tail::testing::Rig;
    use std::fs;

    const TIMES: [(&str, &str); 5] = [
        ("spoolDir", "@/logs"),
        ("quietTime", "60"),
        ("lateTime", "150"),
        ("drainQuiet", "60"),
        ("recordTimeout", "100"),
    ];

    fn rig(spec: &'static Spec, more: &[(&str, &str)]) -> Rig {
        let values: Vec<_> = TIMES.iter().chain(more).copied().collect();
        let rig = Rig::new(spec, &values);
        fs::create_dir(rig.path("logs")).unwrap();
        rig
    }

    fn next(more: &[(&str, &str)]) -> Rig {
        let mut all = vec![("rollModule", "next"), ("targetPattern", r"file-(\d)*.dat")];
        all.extend_from_slice(more);
        rig(&SPEC, &all)
    }

    fn itself(more: &[(&str, &str)]) -> Rig {
        let mut all = vec![("targetPattern", "file.log"), ("rollPattern", r"file.log.(\d)+")];
        all.extend_from_slice(more);
        rig(&SPEC, &all)
    }

    #[test]
    fn next_all_of_one_file_comes_before_the_next_and_it_is_renamed() {
        let mut rig = next(&[]);
        rig.write("logs/file-01.dat", "one\n");
        rig.start();
        rig.expect(&["one"]);
        rig.write("logs/file-02.dat", "three\n");
        rig.append("logs/file-01.dat", "two\ntail without end");
        rig.expect(&["one", "two", "tail without end", "three"]);
        rig.until("it is renamed", |rig| rig.exists("logs/file-01.dat.COMPLETED"));
        rig.append("logs/file-02.dat", "four\n");
        rig.expect(&["one", "two", "tail without end", "three", "four"]);
        rig.append("logs/file-01.dat.COMPLETED", "\nlate\n");
        rig.expect(&["one", "two", "tail without end", "three", "four", "late"]);
        assert!(rig.exists("logs/file-02.dat"), "the newest is live");
        rig.stop();
    }

    #[test]
    fn next_a_restart_in_between_changes_nothing() {
        let mut rig = next(&[]);
        rig.write("logs/file-01.dat", "one\n");
        rig.start();
        rig.expect(&["one"]);
        rig.kill();
        rig.append("logs/file-01.dat", "two\n");
        rig.write("logs/file-02.dat", "three\n");
        rig.start();
        rig.expect(&["one", "two", "three"]);
        rig.kill();
        rig.start();
        rig.until("it is renamed", |rig| rig.exists("logs/file-01.dat.COMPLETED"));
        rig.until("its mark is gone", |rig| rig.record().streams.len() == 1);
        assert_eq!(rig.bodies(), ["one", "two", "three"]);
        rig.stop();
    }

    #[test]
    fn d5_nothing_is_retired_before_it_is_durable() {
        let mut rig = next(&[("deletePolicy", "immediate")]);
        rig.write("logs/file-01.dat", "one\n");
        rig.write("logs/file-02.dat", "two\n");
        rig.start();
        let stop = Stop::new();
        stop.wait(Duration::from_millis(500));
        assert!(rig.exists("logs/file-01.dat"), "nothing has been delivered yet");
        rig.until("it is deleted", |rig| !rig.exists("logs/file-01.dat"));
        assert_eq!(rig.bodies(), ["one", "two"]);
        rig.stop();
    }

    #[test]
    fn next_a_vanished_file_is_read_to_its_end_and_the_next_one_follows() {
        let mut rig = next(&[]);
        rig.write("logs/file-01.dat", "one\n");
        rig.start();
        rig.expect(&["one"]);
        rig.append("logs/file-01.dat", "two\n");
        fs::remove_file(rig.path("logs/file-01.dat")).unwrap();
        rig.write("logs/file-02.dat", "three\n");
        rig.expect(&["one", "two", "three"]);
        rig.stop();
    }

    #[test]
    fn next_a_file_renamed_or_copied_while_the_agent_is_down_is_found_again() {
        for copy in [false, true] {
            let mut rig = next(&[]);
            rig.write("logs/file-01.dat", "one\ntwo\n");
            rig.start();
            rig.expect(&["one", "two"]);
            rig.kill();
            rig.append("logs/file-01.dat", "three\n");
            if copy {
                fs::copy(rig.path("logs/file-01.dat"), rig.path("logs/file-00.dat")).unwrap();
                fs::remove_file(rig.path("logs/file-01.dat")).unwrap();
            } else {
                rig.rename("logs/file-01.dat", "logs/archived-01");
            }
            rig.write("logs/file-02.dat", "four\n");
            rig.start();
            rig.until("all four", |rig| rig.bodies().len() == 4);
            let mut bodies = rig.bodies();
            bodies.sort();
            assert_eq!(bodies, ["four", "one", "three", "two"], "copy: {copy}");
            rig.stop();
        }
    }

    #[test]
    fn next_keep_touches_nothing_and_repeats_nothing() {
        let mut rig = next(&[("deletePolicy", "keep")]);
        rig.write("logs/file-01.dat", "one\n");
        rig.write("logs/file-02.dat", "two\n");
        rig.write("logs/file-03.dat.gz", "never");
        rig.start();
        rig.expect(&["one", "two"]);
        rig.stop();
        rig.drain();
        assert_eq!(rig.bodies(), ["one", "two"]);
        assert!(rig.exists("logs/file-01.dat"));
    }

    #[test]
    fn ningg_the_present_period_is_never_over() {
        let mut rig = rig(&NINGG, &[("targetPattern", r".*\d{10}.*"), ("targetFilename", "yyyyMMddHH")]);
        let now = Period::new("yyyyMMddHH", None).unwrap().at(jiff::Timestamp::now());
        rig.write(&format!("logs/app-{now}"), "live\n");
        rig.write("logs/app-2099123123", "from the future\n");
        rig.start();
        rig.expect(&["live"]);
        rig.settle(300);
        assert_eq!(rig.bodies(), ["live"]);
        rig.stop();
    }

    #[test]
    fn ningg_long_lines_are_split_and_its_position_is_imported() {
        let mut rig = rig(&NINGG, &[]);
        rig.write("logs/x-2016-05-19", format!("old\n{}\n", "y".repeat(5000)));
        let mut meta = b"Obj\x01\x02\x08file".to_vec();
        let path = rig.path("logs/x-2016-05-19").display().to_string();
        meta.extend([(path.len() * 2) as u8, ((path.len() * 2) >> 7) as u8]);
        let length = meta.len();
        meta[length - 2] = (path.len() * 2) as u8 | if path.len() >= 64 { 0x80 } else { 0 };
        if path.len() < 64 {
            meta.pop();
        }
        meta.extend(path.as_bytes());
        meta.push(0);
        meta.extend([7; 16]);
        meta.extend([2, 2, 8]);
        meta.extend([7; 16]);
        rig.write("logs/.flumespooltail/.flumespooltailfile-main.meta", meta);
        rig.start();
        rig.until("three pieces", |rig| rig.bodies().len() == 3);
        let lengths: Vec<usize> = rig.bodies().iter().map(String::len).collect();
        assert_eq!(lengths, [2048, 2048, 904]);
        rig.stop();
    }

    /// The rows of the table in `tail/rolls.rs`, with the agent up and down.
    #[test]
    fn self_emptied_after_a_copy() {
        for down in [false, true] {
            let mut rig = itself(&[("batchSize", "1")]);
            rig.write("logs/file.log", "one\ntwo\n");
            rig.start();
            rig.expect(&["one", "two"]);
            if down {
                rig.kill();
            }
            rig.append("logs/file.log", "unread\n");
            fs::copy(rig.path("logs/file.log"), rig.path("logs/file.log.1")).unwrap();
            rig.write("logs/file.log", "new\n");
            if down {
                rig.start();
            }
            rig.expect(&["one", "two", "unread", "new"]);
            rig.append("logs/file.log", "newer\n");
            rig.expect(&["one", "two", "unread", "new", "newer"]);
            rig.kill();
            rig.drain();
            assert_eq!(rig.bodies(), ["one", "two", "unread", "new", "newer"], "down: {down}");
        }
    }

    #[test]
    fn self_a_copy_whose_truncation_is_still_to_come_changes_nothing() {
        let mut rig = itself(&[]);
        rig.write("logs/file.log", "one\ntwo\n");
        rig.start();
        rig.expect(&["one", "two"]);
        fs::copy(rig.path("logs/file.log"), rig.path("logs/file.log.1")).unwrap();
        rig.append("logs/file.log", "three\n");
        rig.expect(&["one", "two", "three"]);
        rig.kill();
        rig.start();
        rig.settle(150);
        assert_eq!(rig.bodies(), ["one", "two", "three"]);
        rig.stop();
    }

    #[test]
    fn self_renamed_and_created_anew() {
        for down in [false, true] {
            let mut rig = itself(&[]);
            rig.write("logs/file.log", "one\n");
            rig.start();
            rig.expect(&["one"]);
            if down {
                rig.kill();
            }
            rig.append("logs/file.log", "two\nno end");
            rig.rename("logs/file.log", "logs/file.log.1");
            rig.write("logs/file.log", "three\n");
            if down {
                rig.start();
            }
            rig.expect(&["one", "two", "no end", "three"]);
            rig.append("logs/file.log.1", "\nlate\n");
            rig.expect(&["one", "two", "no end", "three", "late"]);
            rig.kill();
            rig.drain();
            assert_eq!(rig.bodies(), ["one", "two", "no end", "three", "late"], "down: {down}");
        }
    }

    #[test]
    fn self_several_rolls_while_down_by_copy_and_by_rename() {
        for copy in [false, true] {
            let mut rig = itself(&[]);
            rig.write("logs/file.log.1", "history\n");
            Stop::new().wait(Duration::from_millis(30));
            rig.write("logs/file.log", "a1\na2\n");
            rig.start();
            rig.expect(&["a1", "a2"]);
            rig.kill();
            rig.append("logs/file.log", "a3\n");
            for (number, next) in [(2, "b1\nb2\n"), (3, "c1\n"), (4, "d1\n")] {
                let to = format!("logs/file.log.{number}");
                if copy {
                    fs::copy(rig.path("logs/file.log"), rig.path(&to)).unwrap();
                } else {
                    rig.rename("logs/file.log", &to);
                }
                rig.write("logs/file.log", next);
                Stop::new().wait(Duration::from_millis(12));
            }
            rig.start();
            rig.expect(&["a1", "a2", "a3", "b1", "b2", "c1", "d1"]);
            rig.kill();
            rig.drain();
            assert_eq!(rig.bodies(), ["a1", "a2", "a3", "b1", "b2", "c1", "d1"], "copy: {copy}");
        }
    }

    #[test]
    fn self_what_no_rolled_file_has_is_named_and_counted() {
        let mut rig = itself(&[]);
        rig.write("logs/file.log", "one\ntwo\nthr");
        rig.start();
        rig.expect(&["one", "two"]);
        rig.until("the torn line was seen", |rig| rig.counter(Counter::ReadBytes) == 6);
        rig.write("logs/file.log", "new\n");
        rig.expect(&["one", "two", "new"]);
        rig.until("counted", |rig| rig.counter(Counter::LostBytes) == 3);
        rig.stop();
    }

    #[test]
    fn self_history_is_read_when_asked_for() {
        let mut rig = itself(&[("readHistory", "true")]);
        rig.write("logs/file.log.1", "history\n");
        rig.write("logs/file.log", "one\n");
        rig.drain();
        assert_eq!(rig.bodies(), ["history", "one"]);
    }

    #[test]
    fn self_a_roll_before_the_first_byte_was_read_is_not_history() {
        let mut rig = itself(&[]);
        rig.start();
        rig.settle(20);
        rig.kill();
        rig.write("logs/file.log.1", "rolled while down\n");
        rig.write("logs/file.log", "live\n");
        rig.drain();
        assert_eq!(rig.bodies(), ["rolled while down", "live"]);
    }

    #[test]
    fn multi_line_records_close_by_silence_and_a_restart_cuts_them_where_they_were_cut() {
        let mut rig = itself(&[("deserializer.multiline", r"^\d{4}-"), ("bufferMaxLineLength", "3000")]);
        rig.write("logs/file.log", "2016-a\n at x\n");
        rig.start();
        rig.expect(&["2016-a\n at x"]);
        rig.append("logs/file.log", format!(" at y\n2016-b {}\n2016-c\n", "z".repeat(4000)));
        rig.until("the long one", |rig| rig.bodies().len() >= 3);
        assert_eq!(rig.bodies()[2].len(), 3000);
        assert_eq!(rig.counter(Counter::Truncated), 1);
        rig.kill();
        rig.drain();
        rig.append("logs/file.log", " at w\n2016-d\n2016-e\n");
        rig.start();
        rig.until("the rest", |rig| rig.bodies().len() >= 6);
        assert_eq!(&rig.bodies()[1], " at y", "r1: it was closed before");
        assert_eq!(&rig.bodies()[3..], ["2016-c\n at w", "2016-d", "2016-e"], "it was open still");
        rig.stop();
    }

    #[test]
    fn self_without_a_pattern_for_rolled_names_is_refused() {
        let values = [("spoolDir", "/x"), ("rollModule", "self"), ("targetPattern", "a.log")];
        let values = values.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let pulse = crate::flow::Pulse::new(Kind::Source, "s", "x");
        let at = At { name: "s", values: &values, place: &Default::default(), pulse: &pulse, channels: &[] };
        assert_eq!(build(&at, false).err().unwrap().key.as_deref(), Some("rollPattern"));
    }
}
