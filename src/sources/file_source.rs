//! The DataFlowKit platform's File Source: files that are finished before they are read.
//!
//! Why two looks: an old modification time is no proof (`cp -p`, `tar`, clocks), so a file is taken only when size,
//! modification time and inode were the same twice, `readyInterval` apart.
//! Truth: the platform's manual of May 2016; where it is silent, Flume's spooldir.
use std::sync::Arc;
use std::time::Duration;

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
use crate::tail::next::Order;
use crate::tail::retire::Retire;
use crate::tail::spool::{Settings, Spool};

const DIR: Field = Field::path("spoolDir").required().doc("the directory of the files");
const BATCH: Field =
    Field::int("batchSize", 1, 100_000).unit(Unit::Events).default("500").doc("most events per put");
const LENGTH: Field = Field::int("bufferMaxLineLength", 1, 16 << 20)
    .also(&["bufferMaxlineLength", "deserializer.maxLineLength"])
    .unit(Unit::Chars)
    .default("8192")
    .doc("the longest line, in UTF-16 units");
const OVERLONG: Field = Field::choice("overlong", &["truncate", "drop", "split"])
    .default("truncate")
    .doc("what becomes of longer lines: cut, dropped, or several events");
const FILE: Field =
    Field::flag("fileHeader").default("false").doc("put the file's absolute path into a header");
const FILE_KEY: Field = Field::text("fileHeaderKey").default("file").doc("the name of that header");
const NAME: Field = Field::flag("basenameHeader").default("false").doc("put the file's name into a header");
const NAME_KEY: Field = Field::text("basenameHeaderKey").default("basename").doc("the name of that header");
const DELETE: Field = Field::choice("deletePolicy", &["never", "immediate"])
    .default("never")
    .doc("finished files are renamed, or deleted");
const SUFFIX: Field = Field::text("fileSuffix").default(".COMPLETED").doc("finished files get it");
const TARGET: Field = Field::regex("targetPattern").default(".*").doc("whole file names to take");
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
const TRACKER: Field = Field::text("trackerDir")
    .default(".flumespool")
    .doc("only read, for the position that Flume left; ours are in the state directory");
const ORDER: Field = Field::choice("consumeOrder", &["oldest", "youngest", "random"])
    .default("oldest")
    .doc("which file comes first, by modification time");
const CHARSET: Field =
    Field::charset("inputCharset").default("UTF-8").doc("the files' charset; events are UTF-8");
const POLICY: Field = Field::choice("decodeErrorPolicy", &["FAIL", "REPLACE", "IGNORE"]).doc(
    "bytes that are no text: set the file aside as `.FAILED`, replace them, or leave them out; not set, UTF-8 passes untouched",
);
const BACKOFF: Field =
    Field::int("maxBackoff", i64::MIN, i64::MAX).default("4000").ignored("a full channel wakes its source");
const DESERIALIZER: Field = Field::text("deserializer").default("LINE").doc("LINE; others are refused");
const OUTPUT: Field =
    Field::charset("deserializer.outputCharset").default("UTF-8").doc("UTF-8; others are refused");
const LINES: Field =
    Field::int("bufferMaxLines", i64::MIN, i64::MAX).ignored("Flume does not read it either");
const POLL: Field = Field::int("pollDelay", i64::MIN, i64::MAX).ignored("changes wake the source");
const READY: Field = Field::int("readyInterval", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("two looks so far apart must find a file unchanged before it is read");
const LATE: Field = Field::int("lateTime", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("60000")
    .doc("watch a finished file for late lines so long");
const RESCAN: Field = Field::int("rescanInterval", 1, i64::MAX).unit(Unit::Millis).default("60000").doc(
    "look through the directory so often, beside the kernel's notices; every second where those do not work",
);
const DRAIN: Field = Field::int("drainQuiet", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("under `--until-drained`: nothing to read for so long is the end");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "dfk_file",
    class: "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource",
    aliases: &[],
    summary: "ships files that are finished, after a look and a second look",
    fields: &[&[
        DIR,
        BATCH,
        LENGTH,
        OVERLONG,
        FILE,
        FILE_KEY,
        NAME,
        NAME_KEY,
        DELETE,
        SUFFIX,
        TARGET,
        IGNORE,
        MULTILINE,
        RECORD,
        END,
        TRACKER,
        ORDER,
        CHARSET,
        POLICY,
        BACKOFF,
        DESERIALIZER,
        OUTPUT,
        LINES,
        POLL,
        READY,
        LATE,
        RESCAN,
        DRAIN,
    ]],
    build: Build::Source(|at| Ok(Box::new(Finished(build(at)?)))),
};

fn build(at: &At<'_>) -> Result<Settings, Refusal> {
    let dir = at.path(&DIR);
    let suffix = at.text(&SUFFIX).to_string();
    let regex = |field: &Field| {
        java_regex::full_match(at.text(field))
            .map(Pattern::into_regex)
            .map_err(|error| Refusal::at(field, error))
    };
    Ok(Settings {
        candidates: Candidates {
            target: regex(&TARGET)?,
            ignore: Some(regex(&IGNORE)?),
            suffix: suffix.clone(),
            hidden: false,
            compressed: true,
        },
        manner: Manner {
            framing: Arc::new(framing(at)?),
            headers: Arc::new(Headers::default()),
            file_header: at.flag(&FILE).then(|| at.text(&FILE_KEY).to_string()),
            name_header: at.flag(&NAME).then(|| at.text(&NAME_KEY).to_string()),
        },
        batch: at.count(&BATCH),
        retire: if at.choice(&DELETE) == "immediate" { Retire::Delete } else { Retire::Rename(suffix) },
        order: match at.choice(&ORDER) {
            "youngest" => Order::Youngest,
            "random" => Order::Random,
            _ => Order::Oldest,
        },
        recursive: false,
        ready: Some(at.time(&READY)),
        quiet: Duration::ZERO,
        late: at.time(&LATE),
        rescan: at.time(&RESCAN),
        drain: at.time(&DRAIN),
        remembered: Some(at.place.state_dir.join("retired").join(at.name)),
        imported: None,
        memo: at.place.state_dir.join("imported").join(at.name),
        tracker: dir.join(at.text(&TRACKER)).join(".flumespool-main.meta"),
        dir,
    })
}

fn framing(at: &At<'_>) -> Result<Framing, Refusal> {
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
    let overlong = match at.choice(&OVERLONG) {
        "drop" => Overlong::Drop,
        "split" => Overlong::Split,
        _ => Overlong::Truncate,
    };
    let (bytes, unit) = charset.encode_ascii(at.opt(&END).unwrap_or("\n").as_bytes());
    let terminator = Terminator::new(&bytes, unit);
    let max_record = at.count(&RECORD);
    Ok(Framing { terminator, start, max_record, charset, ..Framing::lines(at.count(&LENGTH), overlong) })
}

/// The source.
struct Finished(Settings);

impl Source for Finished {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        self.0.imported = import::spool_position(&self.0.tracker, &self.0.memo, out.source());
        Halt::at_end(Spool::new(out, stop, &self.0).run())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Counter;
    use crate::tail::testing::Rig;
    use std::fs;
    use std::time::Instant;

    fn rig(more: &[(&str, &str)]) -> Rig {
        let mut values =
            vec![("spoolDir", "@/in"), ("readyInterval", "60"), ("lateTime", "30"), ("drainQuiet", "150")];
        values.extend_from_slice(more);
        let rig = Rig::new(&SPEC, &values);
        fs::create_dir(rig.path("in")).unwrap();
        rig
    }

    #[test]
    fn a_growing_file_is_not_touched_and_a_finished_one_waits_for_the_second_look() {
        let mut rig = rig(&[("readyInterval", "200")]);
        rig.start();
        rig.write("in/a", "one\n");
        for _ in 0..6 {
            rig.settle(60);
            rig.append("in/a", "more\n");
        }
        assert!(rig.bodies().is_empty());
        let finished = Instant::now();
        rig.until("it is shipped", |rig| rig.bodies().len() == 7);
        assert!(finished.elapsed() >= Duration::from_millis(200));
        rig.until("renamed", |rig| rig.exists("in/a.COMPLETED"));
        rig.stop();
    }

    #[test]
    fn records_of_several_lines_and_names_by_pattern() {
        let more = [("targetPattern", r"file-*(\d+).dat"), ("deserializer.multiline", r"^\d{4}-\d{2}")];
        let mut rig = rig(&more);
        rig.write("in/file-1.dat", "2016-01 a\n at x\n at y\n2016-02 b\n at z");
        rig.write("in/other.txt", "no");
        rig.drain();
        assert_eq!(rig.bodies(), ["2016-01 a\n at x\n at y", "2016-02 b\n at z"]);
        assert!(rig.exists("in/other.txt"));
    }

    #[test]
    fn lines_may_end_with_anything_and_long_ones_are_cut() {
        let mut rig = rig(&[("deserializer.lineEndWith", "\\n"), ("bufferMaxLineLength", "5")]);
        rig.write("in/a", "a\\nb12345678\\nc");
        rig.start();
        rig.expect(&["a", "b1234", "c"]);
        assert_eq!((rig.counter(Counter::Truncated), rig.counter(Counter::TruncatedBytes)), (1, 4));
        rig.stop();
    }

    #[test]
    fn r2_a_line_far_beyond_memory_is_cut_and_its_excess_only_counted() {
        let mut rig = rig(&[("bufferMaxLineLength", "1000")]);
        let mut text = vec![b'x'; 3_000_000];
        text.extend(b"\nnext\n");
        rig.write("in/a", &text);
        rig.start();
        rig.until("both lines", |rig| rig.bodies().len() == 2);
        assert_eq!((rig.bodies()[0].len(), &*rig.bodies()[1]), (1000, "next"));
        assert_eq!(rig.counter(Counter::TruncatedBytes), 2_999_000);
        rig.stop();
    }

    #[test]
    fn f2_the_very_file_that_was_shipped_is_not_shipped_again_an_equal_one_is() {
        let mut rig = rig(&[]);
        rig.write("in/a", "one\n");
        rig.drain();
        rig.rename("in/a.COMPLETED", "in/a");
        rig.drain();
        assert_eq!(rig.bodies(), ["one"], "renamed back");
        assert!(rig.exists("in/a.COMPLETED"));
        rig.write("in/a", "one\n");
        rig.drain();
        assert_eq!(rig.bodies(), ["one", "one"], "an identical daily file is new data");
        assert!(rig.exists("in/a.COMPLETED.1"));
    }
}
