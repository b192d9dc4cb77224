//! Follows growing files by directory and pattern, as Flume's TAILDIR does.
//!
//! Differences by design: a renamed file is the same stream and is not read again, whatever its new name; a rotated
//! file is read to its end at once instead of at the idle timeout; an unterminated line waits for its end.
//! Truth: flume-taildir-source 1.11, `TaildirSource`, `ReliableTaildirEventReader`, and runs of it.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::codec::java_regex;
use crate::codec::lines::Overlong;
use crate::codec::records::Framing;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::Headers;
use crate::flow::{Fatal, Kind, Outlet, Source, Stop};
use crate::tail::desk::Desk;
use crate::tail::follow::Manner;
use crate::tail::listing::Candidates;
use crate::tail::live::{self, Group, Live, Met, Times};
use crate::tail::mirror::{Mirror, Position};

const FILEGROUPS: Field = Field::names("filegroups").required().doc("names of the groups of files");
const GROUP: Field = Field::prefix("filegroups.")
    .doc("`filegroups.NAME`: a directory, then a regular expression that the whole file name must match");
const HEADERS: Field =
    Field::prefix("headers.").doc("`headers.GROUP.KEY`: a header of all events of that group");
const POSITION: Field = Field::path("positionFile")
    .doc("a mirror of the positions as Flume writes it; read at the first start. Default: `~/.flume/taildir_position.json`");
const BATCH: Field =
    Field::int("batchSize", 1, 100_000).unit(Unit::Events).default("100").doc("most events per put");
const BATCHES: Field = Field::int("maxBatchCount", i64::MIN, i64::MAX)
    .default("9223372036854775807")
    .doc("batches from one file before the next file has its turn; 0 or less: no limit");
const TO_END: Field = Field::flag("skipToEnd")
    .default("false")
    .doc("begin files that are there at the first start at their end");
const OFFSET: Field = Field::flag("byteOffsetHeader")
    .default("false")
    .doc("put the offset of each line into the header `byteoffset`");
const FILE: Field =
    Field::flag("fileHeader").default("false").doc("put the file's absolute path into a header");
const FILE_KEY: Field = Field::text("fileHeaderKey").default("file").doc("the name of that header");
const IDLE: Field = Field::int("idleTimeout", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("120000")
    .doc("close the descriptor of a file that has been read and stayed quiet for so long");
const WRITE: Field = Field::int("writePosInterval", 1, i64::MAX)
    .unit(Unit::Millis)
    .default("3000")
    .doc("how often the position file is written; the first time 5 s after the start");
const CACHE: Field = Field::flag("cachePatternMatching")
    .default("true")
    .ignored("directories are watched, so nothing is listed again that has not changed");
const BACKOFF: Field = Field::int("backoffSleepIncrement", i64::MIN, i64::MAX)
    .default("1000")
    .ignored("a full channel wakes its source");
const MAX_BACKOFF: Field = Field::int("maxBackoffSleep", i64::MIN, i64::MAX)
    .default("5000")
    .ignored("a full channel wakes its source");
const LINE: Field = Field::int("maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("1048576")
    .doc("longer lines become several events, nothing is dropped; Flume has no limit");
const PARTIAL: Field = Field::int("partialLineTimeout", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("0")
    .doc("ship a last line without its end after so long; 0: it waits for its end");
const LATE: Field = Field::int("lateTime", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("60000")
    .doc("watch a rotated file for late lines so long");
const RESCAN: Field = Field::int("rescanInterval", 1, i64::MAX)
    .unit(Unit::Millis)
    .default("60000")
    .doc("look through the directories so often, beside the kernel's notices; every second where those do not work");
const QUIET: Field = Field::int("drainQuiet", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("2000")
    .doc("under `--until-drained`: all files quiet for so long is the end");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "taildir",
    class: "org.apache.flume.source.taildir.TaildirSource",
    aliases: &[],
    summary: "follows growing files by directory and pattern",
    fields: &[&[
        FILEGROUPS,
        GROUP,
        HEADERS,
        POSITION,
        BATCH,
        BATCHES,
        TO_END,
        OFFSET,
        FILE,
        FILE_KEY,
        IDLE,
        WRITE,
        CACHE,
        BACKOFF,
        MAX_BACKOFF,
        LINE,
        PARTIAL,
        LATE,
        RESCAN,
        QUIET,
    ]],
    build: Build::Source(|at| Ok(Box::new(build(at)?))),
};

/// Flume's first write of the position file, after the start.
const FIRST_WRITE: Duration = Duration::from_secs(5);

struct Taildir {
    groups: Vec<Group>,
    times: Times,
    batch: usize,
    most: u64,
    to_end: bool,
    offset_header: bool,
    position_file: PathBuf,
    memo: PathBuf,
    write_every: Duration,
}

fn build(at: &At<'_>) -> Result<Taildir, Refusal> {
    let framing = Framing { strip_cr: true, ..Framing::lines(at.count(&LINE), Overlong::Split) };
    let framing = Arc::new(framing);
    let paths: HashMap<&str, &str> = at.under(&GROUP).into_iter().collect();
    let mut groups = Vec::new();
    for name in at.names(&FILEGROUPS) {
        // Flume ignores a group without a path; the graph's check names it.
        let Some(path) = paths.get(name.as_str()) else { continue };
        groups.push(group(at, &name, path, &framing)?);
    }
    if groups.is_empty() {
        return Err(Refusal::at(&FILEGROUPS, "no group of files has a path")
            .instead("write `filegroups.NAME = /directory/pattern` for each name"));
    }
    Ok(Taildir {
        groups,
        times: Times {
            idle: at.time(&IDLE),
            partial: Some(at.time(&PARTIAL)).filter(|time| !time.is_zero()),
            record: None,
            late: at.time(&LATE),
            rescan: at.time(&RESCAN),
            drain: at.time(&QUIET),
        },
        batch: at.count(&BATCH),
        most: u64::try_from(at.int(&BATCHES))
            .ok()
            .filter(|most| *most > 0 && *most < i64::MAX as u64)
            .unwrap_or(u64::MAX),
        to_end: at.flag(&TO_END),
        offset_header: at.flag(&OFFSET),
        position_file: at.opt_path(&POSITION).unwrap_or_else(default_position_file),
        memo: at.place.state_dir.join("taildir").join(at.name),
        write_every: at.time(&WRITE),
    })
}

fn default_position_file() -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    home.join(".flume/taildir_position.json")
}

fn group(at: &At<'_>, name: &str, path: &str, framing: &Arc<Framing>) -> Result<Group, Refusal> {
    let refuse = |what: String| Refusal { key: Some(format!("filegroups.{name}")), what, instead: None };
    let Some((dir, pattern)) = path.rsplit_once('/') else {
        return Err(refuse(format!("`{path}` names no directory")));
    };
    let target = java_regex::full_match(pattern).map_err(refuse)?.into_regex();
    let dir = at.place.config_dir.join(if dir.is_empty() { "/" } else { dir });
    let prefix = format!("{name}.");
    let own =
        at.under(&HEADERS).into_iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value)));
    Ok(Group {
        dir,
        candidates: Candidates {
            target,
            ignore: None,
            suffix: String::new(),
            hidden: true,
            compressed: true,
        },
        manner: Manner {
            framing: framing.clone(),
            headers: Arc::new(own.collect::<Headers>()),
            file_header: at.flag(&FILE).then(|| at.text(&FILE_KEY).to_string()),
            name_header: None,
        },
    })
}

impl Source for Taildir {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let mut desk = Desk::new(out, stop, self.batch);
        desk.offset_header = self.offset_header.then(|| "byteoffset".to_string());
        let mut mirror = Mirror::new(self.position_file.clone(), self.memo.clone());
        let imported = mirror.import(out.source());
        let to_end = self.to_end;
        let mut start = |met: Met<'_>| {
            let key = (met.face.inode.number, met.path.to_string_lossy().into_owned());
            match imported.get(&key).copied() {
                // As Flume: a position beyond the end is no position.
                Some(at) if at > met.size => Some(0),
                Some(at) => Some(at),
                None => (met.known.is_none() && to_end && met.first).then_some(met.size),
            }
        };
        let mut live = Live::new(&desk, &self.groups, self.times, self.most);
        let (began, mut written) = (Instant::now(), None::<Instant>);
        let every = self.write_every;
        let ended = live::run(&mut live, &mut start, |live| {
            let due = written.map_or(began + FIRST_WRITE, |written| written + every);
            let left = due.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return live.has_moved().then_some(left);
            }
            written = Some(Instant::now());
            write(&mut mirror, live, out.source());
            None
        });
        write(&mut mirror, &mut live, out.source());
        ended
    }
}

fn write(mirror: &mut Mirror, live: &mut Live<'_>, source: &str) {
    let mut positions: Vec<Position> = live
        .followed()
        .map(|file| Position {
            inode: file.face.inode.number,
            pos: file.reader.at(),
            file: file.path.to_string_lossy().into_owned(),
        })
        .collect();
    positions.sort_by(|a, b| a.file.cmp(&b.file));
    match mirror.write(&positions) {
        Ok(()) => live.mirrored(),
        Err(error) => {
            log::warn!(component = source; "cannot write `{}`: {error}", mirror.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Counter;
    use crate::tail::testing::Rig;

    fn rig(more: &[(&str, &str)]) -> Rig {
        let mut values = vec![
            ("filegroups", "g"),
            ("filegroups.g", r"@/logs/.*\.log"),
            ("positionFile", "@/pos.json"),
            ("drainQuiet", "50"),
            ("lateTime", "100"),
            ("writePosInterval", "10"),
        ];
        values.extend_from_slice(more);
        let rig = Rig::new(&SPEC, &values);
        std::fs::create_dir(rig.path("logs")).unwrap();
        rig
    }

    #[test]
    fn whole_lines_come_and_torn_ones_wait() {
        let mut rig = rig(&[]);
        rig.write("logs/a.log", "one\r\n\nthr");
        rig.start();
        rig.expect(&["one", ""]);
        rig.append("logs/a.log", "ee\nfour\n");
        rig.expect(&["one", "", "three", "four"]);
        rig.kill();
        rig.append("logs/a.log", "five\n");
        rig.start();
        rig.expect(&["one", "", "three", "four", "five"]);
        rig.stop();
    }

    #[test]
    fn a_rename_repeats_nothing_and_its_unread_lines_come_at_once() {
        let mut rig = rig(&[]);
        rig.write("logs/a.log", "one\n");
        rig.start();
        rig.expect(&["one"]);
        rig.append("logs/a.log", "two\n");
        rig.rename("logs/a.log", "logs/b.log");
        rig.write("logs/a.log", "three\n");
        rig.until("three lines", |rig| rig.bodies().len() >= 3);
        rig.append("logs/b.log", "late\n");
        rig.until("the late line", |rig| rig.bodies().len() >= 4);
        rig.rename("logs/b.log", "logs/b.old");
        rig.append("logs/b.old", "later\n");
        rig.until("the later line", |rig| rig.bodies().len() >= 5);
        rig.settle(50);
        let mut bodies = rig.bodies();
        bodies.sort();
        assert_eq!(bodies, ["late", "later", "one", "three", "two"]);
        rig.stop();
    }

    #[test]
    fn a_rename_while_the_agent_is_down_repeats_and_loses_nothing() {
        let mut rig = rig(&[]);
        rig.write("logs/a.log", "one\ntwo\n");
        rig.start();
        rig.expect(&["one", "two"]);
        rig.kill();
        rig.append("logs/a.log", "three\n");
        rig.rename("logs/a.log", "logs/a.log.1");
        rig.write("logs/a.log", "four\n");
        rig.drain();
        let mut bodies = rig.bodies();
        bodies.sort();
        assert_eq!(bodies, ["four", "one", "three", "two"]);
    }

    #[test]
    fn a_truncated_file_is_read_from_its_start() {
        let mut rig = rig(&[]);
        rig.write("logs/a.log", "one\ntwo\n");
        rig.start();
        rig.expect(&["one", "two"]);
        rig.write("logs/a.log", "uno\n");
        rig.expect(&["one", "two", "uno"]);
        // Refilled past the old position between two looks.
        rig.kill();
        rig.write("logs/a.log", "eins\nzwei\ndrei\n");
        rig.start();
        rig.expect(&["one", "two", "uno", "eins", "zwei", "drei"]);
        rig.stop();
    }

    #[test]
    fn a_deleted_file_is_read_to_its_end() {
        let mut rig = rig(&[]);
        rig.write("logs/a.log", "one\n");
        rig.start();
        rig.expect(&["one"]);
        rig.append("logs/a.log", "two\nunended");
        std::fs::remove_file(rig.path("logs/a.log")).unwrap();
        rig.expect(&["one", "two", "unended"]);
        rig.until("the mark is gone", |rig| rig.record().streams.is_empty());
        rig.stop();
    }

    #[test]
    fn the_position_file_is_flumes_and_moving_it_moves_us() {
        let mut rig = rig(&[]);
        rig.write("logs/a.log", "one\ntwo\nthree\n");
        use std::os::unix::fs::MetadataExt;
        let inode = std::fs::metadata(rig.path("logs/a.log")).unwrap().ino();
        let path = rig.path("logs/a.log").display().to_string();
        let text = |pos: u64| format!("[{{\"inode\":{inode},\"pos\":{pos},\"file\":\"{path}\"}}]");
        rig.write("pos.json", text(4));
        rig.start();
        rig.expect(&["two", "three"]);
        rig.stop();
        assert_eq!(std::fs::read_to_string(rig.path("pos.json")).unwrap(), text(14));
        // Flume went on from there, and came back.
        rig.append("logs/a.log", "four\nfive\n");
        rig.write("pos.json", text(19));
        rig.start();
        rig.expect(&["two", "three", "five"]);
        rig.stop();
    }

    #[test]
    fn headers_offsets_and_skipping_to_the_end() {
        let more = [
            ("skipToEnd", "true"),
            ("fileHeader", "true"),
            ("byteOffsetHeader", "true"),
            ("headers.g.k", "v"),
        ];
        let mut rig = rig(&more);
        rig.write("logs/a.log", "old\n");
        rig.start();
        rig.until("the file is followed", |rig| rig.counter(Counter::FilesOpen) == 1);
        rig.append("logs/a.log", "new\n");
        rig.write("logs/b.log", "all\n");
        rig.until("two lines", |rig| rig.bodies().len() == 2);
        let event = rig.events().into_iter().find(|got| got.body == "new").unwrap();
        assert_eq!(event.headers.get("k"), Some("v"));
        assert_eq!(event.headers.get("byteoffset"), Some("4"));
        assert_eq!(event.headers.get("file"), Some(rig.path("logs/a.log").to_str().unwrap()));
        rig.stop();
    }

    #[test]
    fn a_line_above_the_limit_is_split_and_nothing_is_dropped() {
        let mut rig = rig(&[("maxLineLength", "300000")]);
        let long = "x".repeat(1_000_000);
        rig.write("logs/a.log", format!("{long}\nend\n"));
        rig.drain();
        let lengths: Vec<usize> = rig.bodies().iter().map(String::len).collect();
        assert_eq!(lengths, [300_000, 300_000, 300_000, 100_000, 3]);
    }

    #[test]
    fn a_missing_directory_is_waited_for_and_an_unreadable_file_stops_nothing() {
        let mut rig = rig(&[]);
        std::fs::remove_dir(rig.path("logs")).unwrap();
        rig.set("rescanInterval", "20");
        rig.start();
        rig.until("a sentence", |rig| rig.trouble().is_some_and(|what| what.contains("cannot look into")));
        rig.write("logs/a.log", "nul \0 and \u{fffd} pass\n");
        // A directory with a matching name is no file; a dangling link is none either.
        std::fs::create_dir(rig.path("logs/dir.log")).unwrap();
        std::os::unix::fs::symlink("nowhere", rig.path("logs/link.log")).unwrap();
        rig.expect(&["nul \0 and \u{fffd} pass"]);
        rig.stop();
    }
}
