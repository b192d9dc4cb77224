//! Ships the finished files of a directory, as Flume's Spooling Directory Source does.
//!
//! Differences by design: a file that changes while it is read, a name that comes again and undecodable text do not
//! end the source; a line of exactly the limit is followed by no empty event; an empty file gives none (as Flume 1.6).
//! Truth: Flume 1.11, `SpoolDirectorySource`, `ReliableSpoolingFileEventReader`, `LineDeserializer`, and runs of them.
use crate::codec::lines::Overlong;
use crate::codec::records::Framing;
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
const DESERIALIZER: Field = options::DESERIALIZER.doc("LINE; others are not built in this version");
const LENGTH: Field = Field::int("deserializer.maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("2048")
    .doc("longer lines become several events, in UTF-16 units");
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
        &[DESERIALIZER, LENGTH, OUTPUT, LINES, OLD_LENGTH, QUIET, LATE, RESCAN, DRAIN],
        options::OTHER_DESERIALIZERS,
    ],
    build: Build::Source(|at| Ok(Box::new(Spooling(build(at)?)))),
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

fn framing(at: &At<'_>) -> Result<Framing, Refusal> {
    options::check_deserializer(at)?;
    options::check_output(at)?;
    let length = at.opt_int(&OLD_LENGTH).unwrap_or_else(|| at.int(&LENGTH));
    options::lines(at, usize::try_from(length).unwrap_or(2048), Overlong::Split)
}

/// The source.
struct Spooling(Settings);

impl Source for Spooling {
    fn input(&self) -> Input {
        Input::Again
    }

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
