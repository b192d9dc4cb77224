//! Ships the finished files of a directory, as Flume's Spooling Directory Source does.
//!
//! Differences by design: a file that changes while it is read, a name that comes again and undecodable text do not
//! end the source; a line of exactly the limit is followed by no empty event; an empty file gives none (as Flume 1.6).
//! Truth: Flume 1.11, `SpoolDirectorySource`, `ReliableSpoolingFileEventReader`, `LineDeserializer`, and runs of them.
use std::sync::Arc;

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
const SUFFIX: Field = Field::text("fileSuffix").default(".COMPLETED").doc("finished files get it");
const DELETE: Field = Field::choice("deletePolicy", &["never", "immediate"])
    .default("never")
    .doc("finished files are renamed, or deleted");
const FILE: Field =
    Field::flag("fileHeader").default("false").doc("put the file's absolute path into a header");
const FILE_KEY: Field = Field::text("fileHeaderKey").default("file").doc("the name of that header");
const NAME: Field = Field::flag("basenameHeader").default("false").doc("put the file's name into a header");
const NAME_KEY: Field = Field::text("basenameHeaderKey").default("basename").doc("the name of that header");
const BATCH: Field =
    Field::int("batchSize", 1, 100_000).unit(Unit::Events).default("100").doc("most events per put");
const INCLUDE: Field = Field::regex("includePattern").default("^.*$").doc("whole file names to take");
const IGNORE: Field = Field::regex("ignorePattern")
    .default("^$")
    .doc("whole file names to leave out, and directories not to go into; wins over includePattern");
const TRACKER: Field = Field::text("trackerDir")
    .default(".flumespool")
    .doc("for the markers of trackingPolicy; Flume's position in it is read at the first start");
const TRACKING: Field = Field::choice("trackingPolicy", &["rename", "tracker_dir"])
    .default("rename")
    .doc("finished files are renamed, or get a marker in trackerDir");
const ORDER: Field = Field::choice("consumeOrder", &["oldest", "youngest", "random"])
    .default("oldest")
    .doc("which file comes first, by modification time");
const POLL: Field =
    Field::int("pollDelay", 0, i64::MAX).unit(Unit::Millis).default("500").ignored("changes wake the source");
const RECURSIVE: Field = Field::flag("recursiveDirectorySearch")
    .default("false")
    .doc("go into sub-directories, looked at twice a second");
const BACKOFF: Field =
    Field::int("maxBackoff", i64::MIN, i64::MAX).default("4000").ignored("a full channel wakes its source");
const CHARSET: Field =
    Field::charset("inputCharset").default("UTF-8").doc("the files' charset; events are UTF-8");
const POLICY: Field = Field::choice("decodeErrorPolicy", &["FAIL", "REPLACE", "IGNORE"]).doc(
    "bytes that are no text: set the file aside as `.FAILED`, replace them, or leave them out; not set, UTF-8 passes untouched",
);
const DESERIALIZER: Field =
    Field::text("deserializer").default("LINE").doc("LINE; others are not built in this version");
const LENGTH: Field = Field::int("deserializer.maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("2048")
    .doc("longer lines become several events, in UTF-16 units");
const OUTPUT: Field =
    Field::charset("deserializer.outputCharset").default("UTF-8").doc("UTF-8; others are refused");
const LINES: Field =
    Field::int("bufferMaxLines", i64::MIN, i64::MAX).ignored("Flume does not read it either");
const OLD_LENGTH: Field = Field::int("bufferMaxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .doc("deprecated; where it is set it wins over deserializer.maxLineLength");
const SCHEMA: Field = Field::text("deserializer.schemaType").ignored("only the AVRO deserializer has it");
const BLOB: Field =
    Field::int("deserializer.maxBlobLength", i64::MIN, i64::MAX).ignored("only the BLOB deserializer has it");
const QUIET: Field = Field::int("quietTime", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("500")
    .doc("a file that has been read is final when it has been still for so long");
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
    name: "spooldir",
    class: "org.apache.flume.source.SpoolDirectorySource",
    aliases: &[],
    summary: "ships the finished files of a directory",
    fields: &[&[
        DIR,
        SUFFIX,
        DELETE,
        FILE,
        FILE_KEY,
        NAME,
        NAME_KEY,
        BATCH,
        INCLUDE,
        IGNORE,
        TRACKER,
        TRACKING,
        ORDER,
        POLL,
        RECURSIVE,
        BACKOFF,
        CHARSET,
        POLICY,
        DESERIALIZER,
        LENGTH,
        OUTPUT,
        SCHEMA,
        BLOB,
        LINES,
        OLD_LENGTH,
        QUIET,
        LATE,
        RESCAN,
        DRAIN,
    ]],
    build: Build::Source(|at| Ok(Box::new(Spooling(build(at)?)))),
};

fn build(at: &At<'_>) -> Result<Settings, Refusal> {
    let dir = at.path(&DIR);
    let suffix = at.text(&SUFFIX).to_string();
    let tracker = dir.join(at.text(&TRACKER));
    let regex = |field: &Field| {
        java_regex::full_match(at.text(field))
            .map(Pattern::into_regex)
            .map_err(|error| Refusal::at(field, error))
    };
    Ok(Settings {
        candidates: Candidates {
            target: regex(&INCLUDE)?,
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
        retire: match (at.choice(&DELETE), at.choice(&TRACKING)) {
            ("immediate", _) => Retire::Delete,
            (_, "tracker_dir") => Retire::Mark { root: dir.clone(), tracker: tracker.clone(), suffix },
            _ => Retire::Rename(suffix),
        },
        order: match at.choice(&ORDER) {
            "youngest" => Order::Youngest,
            "random" => Order::Random,
            _ => Order::Oldest,
        },
        recursive: at.flag(&RECURSIVE),
        ready: None,
        quiet: at.time(&QUIET),
        late: at.time(&LATE),
        rescan: at.time(&RESCAN),
        drain: at.time(&DRAIN),
        remembered: None,
        imported: None,
        memo: at.place.state_dir.join("imported").join(at.name),
        tracker: tracker.join(".flumespool-main.meta"),
        dir,
    })
}

fn framing(at: &At<'_>) -> Result<Framing, Refusal> {
    if !at.text(&DESERIALIZER).eq_ignore_ascii_case("LINE") {
        let what = format!("the deserializer `{}` is not built in this version", at.text(&DESERIALIZER));
        return Err(Refusal::at(&DESERIALIZER, what).instead("use `LINE`"));
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
    let length = at.opt_int(&OLD_LENGTH).unwrap_or_else(|| at.int(&LENGTH));
    let (bytes, unit) = charset.encode_ascii(b"\n");
    let terminator = Terminator::new(&bytes, unit);
    Ok(Framing {
        charset,
        terminator,
        ..Framing::lines(usize::try_from(length).unwrap_or(2048), Overlong::Split)
    })
}

/// A spooling directory, by either of its types.
struct Spooling(Settings);

impl Source for Spooling {
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
    use std::time::Duration;

    fn rig(more: &[(&str, &str)]) -> Rig {
        let mut values = vec![
            ("spoolDir", "@/in"),
            ("quietTime", "30"),
            ("lateTime", "50"),
            ("drainQuiet", "60"),
            ("rescanInterval", "40"),
        ];
        values.extend_from_slice(more);
        let rig = Rig::new(&SPEC, &values);
        fs::create_dir(rig.path("in")).unwrap();
        rig
    }

    #[test]
    fn files_come_oldest_first_whole_and_are_renamed() {
        let mut rig = rig(&[("basenameHeader", "true")]);
        rig.write("in/b", "b1\r\nb2");
        Stop::new().wait(Duration::from_millis(15));
        rig.write("in/a", "a1\n\na3\n");
        rig.write("in/.hidden", "no");
        rig.write("in/empty", "");
        rig.drain();
        assert_eq!(rig.bodies(), ["b1\r", "b2", "a1", "", "a3"]);
        assert_eq!(rig.events()[0].headers.get("basename"), Some("b"));
        assert!(rig.exists("in/b.COMPLETED") && rig.exists("in/empty.COMPLETED") && !rig.exists("in/a"));
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_on() {
        let mut rig = rig(&[("quietTime", "200")]);
        rig.write("in/a", "one\ntw");
        rig.start();
        rig.expect(&["one"]);
        rig.append("in/a", "o\nthree\n");
        rig.expect(&["one", "two", "three"]);
        rig.until("renamed", |rig| rig.exists("in/a.COMPLETED"));
        rig.stop();
    }

    #[test]
    fn a_name_that_comes_again_is_shipped_and_numbered() {
        let mut rig = rig(&[]);
        for text in ["first\n", "second\n"] {
            rig.write("in/a", text);
            rig.drain();
        }
        assert_eq!(rig.bodies(), ["first", "second"]);
        assert_eq!(fs::read_to_string(rig.path("in/a.COMPLETED.1")).unwrap(), "second\n");
    }

    #[test]
    fn a_kill_in_the_middle_repeats_and_loses_nothing() {
        let mut rig = rig(&[("batchSize", "7")]);
        let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        rig.write("in/a", lines.join("\n") + "\n");
        for _ in 0..5 {
            rig.start();
            Stop::new().wait(Duration::from_millis(20));
            rig.deliver(9);
            rig.kill();
        }
        rig.drain();
        assert_eq!(rig.bodies(), lines);
    }

    #[test]
    fn markers_stand_for_finished_files() {
        let mut rig = rig(&[("trackingPolicy", "tracker_dir"), ("trackerDir", "@/t")]);
        rig.write("in/a", "one\n");
        rig.drain();
        rig.drain();
        assert_eq!(rig.bodies(), ["one"]);
        assert!(rig.exists("in/a") && rig.exists("t/a.COMPLETED"));
    }

    #[test]
    fn undecodable_text_is_set_aside_and_the_others_go_on() {
        let mut rig = rig(&[("decodeErrorPolicy", "FAIL"), ("inputCharset", "GBK")]);
        rig.write("in/bad", b"good\n\xff\xff\nmore\n");
        Stop::new().wait(Duration::from_millis(15));
        rig.write("in/fine", b"\xd6\xd0\xce\xc4\n");
        rig.start();
        rig.expect(&["good", "中文"]);
        assert_eq!(rig.counter(Counter::DecodeErrors), 1);
        assert!(rig.exists("in/bad.FAILED"));
        rig.stop();
    }

    #[test]
    fn t23_long_lines_become_several_events_without_a_phantom() {
        let mut rig = rig(&[("deserializer.maxLineLength", "10")]);
        rig.write("in/a", "1234567890\n12345678901\n😀x\n");
        rig.drain();
        assert_eq!(rig.bodies(), ["1234567890", "1234567890", "1", "😀x"]);
    }

    #[test]
    fn directories_are_searched_when_asked_for() {
        let mut rig = rig(&[("recursiveDirectorySearch", "true"), ("ignorePattern", "no")]);
        rig.write("in/sub/deep/a", "deep\n");
        rig.write("in/no/a", "never\n");
        rig.drain();
        assert_eq!(rig.bodies(), ["deep"]);
        assert!(rig.exists("in/sub/deep/a.COMPLETED"));
    }

    #[test]
    fn other_deserializers_are_refused() {
        let values = [("spoolDir", "/x"), ("deserializer", "AVRO")];
        let values = values.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let pulse = crate::flow::Pulse::new(Kind::Source, "s", "x");
        let at = At { name: "s", values: &values, place: &Default::default(), pulse: &pulse, channels: &[] };
        assert_eq!(build(&at).err().unwrap().key.as_deref(), Some("deserializer"));
    }
}
