//! The DataFlowKit platform's File Source: files that are finished before they are read.
//!
//! Why two looks: an old modification time is no proof (`cp -p`, `tar`, clocks), so a file is taken only when size,
//! modification time and inode were the same twice, `readyInterval` apart.
//! Truth: the platform's manual of May 2016; where it is silent, Flume's spooldir.
use std::time::Duration;

use crate::codec::records::Framing;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::flow::{Fatal, Input, Kind, Outlet, Source, Stop};
use crate::tail::desk::Halt;
use crate::tail::import;
use crate::tail::listing::Candidates;
use crate::tail::options::{self, HEADERS, RECORDS};
use crate::tail::options::{
    BACKOFF, CHARSET, DELETE, DESERIALIZER, DIR, DRAIN, IGNORE, LATE, LENGTH, ORDER, OVERLONG, POLICY,
    RESCAN, SUFFIX,
};
use crate::tail::retire::Retire;
use crate::tail::spool::{Settings, Spool};

const BATCH: Field = options::BATCH.default("500");
const TARGET: Field = Field::regex("targetPattern").default(".*").doc("whole file names to take");
const TRACKER: Field = Field::text("trackerDir")
    .default(".flumespool")
    .doc("only read, for the position that Flume left; ours are in the state directory");
const POLL: Field = Field::int("pollDelay", i64::MIN, i64::MAX).ignored("changes wake the source");
const READY: Field = Field::int("readyInterval", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("two looks so far apart must find a file unchanged before it is read");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "dfk_file",
    class: "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource",
    aliases: &[],
    summary: "ships files that are finished, after a look and a second look",
    fields: &[
        &[DIR, BATCH, LENGTH, OVERLONG],
        HEADERS,
        &[DELETE, SUFFIX, TARGET, IGNORE],
        RECORDS,
        &[TRACKER, ORDER, CHARSET, POLICY, BACKOFF, DESERIALIZER, READY, LATE, RESCAN, DRAIN],
        &[options::OUTPUT, options::LINES, POLL],
    ],
    build: Build::Source(|at| Ok(Box::new(Finished(build(at)?)))),
};

fn build(at: &At<'_>) -> Result<Settings, Refusal> {
    let dir = at.path(&DIR);
    let suffix = at.text(&SUFFIX).to_string();
    Ok(Settings {
        candidates: Candidates {
            target: options::names(at, &TARGET)?,
            ignore: Some(options::names(at, &IGNORE)?),
            suffix: suffix.clone(),
            hidden: false,
            compressed: true,
        },
        manner: options::manner(at, framing(at)?),
        batch: at.count(&BATCH),
        retire: if at.choice(&DELETE) == "immediate" { Retire::Delete } else { Retire::Rename(suffix) },
        order: options::order(at),
        recursive: false,
        ready: Some(at.time(&READY)),
        quiet: Duration::ZERO,
        times: options::times(at),
        remembered: Some(at.place.state_dir.join("retired").join(at.name)),
        imported: None,
        memo: at.place.state_dir.join("imported").join(at.name),
        tracker: dir.join(at.text(&TRACKER)).join(".flumespool-main.meta"),
        dir,
    })
}

fn framing(at: &At<'_>) -> Result<Framing, Refusal> {
    options::check_deserializer(at)?;
    options::records(at, at.count(&LENGTH), options::overlong(at))
}

/// The source.
struct Finished(Settings);

impl Source for Finished {
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
