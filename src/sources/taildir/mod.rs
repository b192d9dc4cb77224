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
use crate::flow::{Fatal, Input, Kind, Outlet, Source, Stop};
use crate::tail::desk::Desk;
use crate::tail::follow::Manner;
use crate::tail::listing::Candidates;
use crate::tail::live::{self, Group, Live, Met};
use crate::tail::mirror::{Mirror, Position};
use crate::tail::options::{self, BATCH, FILE_HEADER, PARTIAL};
use crate::tail::times::Times;

#[cfg(test)]
mod tests;

const FILEGROUPS: Field = Field::names("filegroups").required().doc("names of the groups of files");
const GROUP: Field = Field::prefix("filegroups.")
    .doc("`filegroups.NAME`: a directory, then a regular expression that the whole file name must match");
const HEADERS: Field =
    Field::prefix("headers.").doc("`headers.GROUP.KEY`: a header of all events of that group");
const POSITION: Field = Field::path("positionFile")
    .doc("a mirror of the positions as Flume writes it; read at the first start, and when somebody else changed it. Default: one in the state directory; the first start reads Flume's `~/.flume/taildir_position.json`");
const BATCHES: Field = Field::int("maxBatchCount", i64::MIN, i64::MAX)
    .default("9223372036854775807")
    .doc("batches from one file before the next file has its turn; 0 or less: no limit");
const TO_END: Field = Field::flag("skipToEnd")
    .default("false")
    .doc("begin files that are there at the first start at their end");
const OFFSET: Field = Field::flag("byteOffsetHeader")
    .default("false")
    .doc("put the offset of each line into the header `byteoffset`");
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
const BACKOFF: Field =
    Field::int("backoffSleepIncrement", i64::MIN, i64::MAX).default("1000").ignored(options::WOKEN);
const MAX_BACKOFF: Field =
    Field::int("maxBackoffSleep", i64::MIN, i64::MAX).default("5000").ignored(options::WOKEN);
const LINE: Field = Field::int("maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("1048576")
    .doc("longer lines become several events, nothing is dropped; Flume has no limit");
const LATE: Field = options::LATE.doc("watch a rotated file for late lines so long");
const RESCAN: Field = options::RESCAN.doc(
    "look through the directories so often, beside the kernel's notices; every second where those do not work",
);
const DRAIN: Field = options::DRAIN.doc("under `--until-drained`: all files quiet for so long is the end");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "taildir",
    class: "org.apache.flume.source.taildir.TaildirSource",
    aliases: &[],
    summary: "follows growing files by directory and pattern",
    fields: &[
        &[FILEGROUPS, GROUP, HEADERS, POSITION, BATCH, BATCHES, TO_END, OFFSET],
        FILE_HEADER,
        &[IDLE, WRITE, CACHE, BACKOFF, MAX_BACKOFF, LINE, PARTIAL, LATE, RESCAN, DRAIN],
    ],
    build: Build::Source(|at| Ok(Box::new(build(at)?))),
};

/// Flume's first write of the position file, after the start.
const FIRST_WRITE: Duration = Duration::from_secs(5);

struct Taildir {
    groups: Vec<Group>,
    times: Times,
    idle: Duration,
    batch: usize,
    most: u64,
    to_end: bool,
    offset_header: bool,
    position_file: Option<PathBuf>,
    /// The mirror where none is configured. Flume's default is one file for all agents of a user, whose positions must
    /// not pass from one instance to another; it is read at the first start only.
    own_position_file: PathBuf,
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
        idle: at.time(&IDLE),
        times: Times { partial: options::unless_zero(at, &PARTIAL), ..options::times(at) },
        batch: at.count(&BATCH),
        most: u64::try_from(at.int(&BATCHES))
            .ok()
            .filter(|most| *most > 0 && *most < i64::MAX as u64)
            .unwrap_or(u64::MAX),
        to_end: at.flag(&TO_END),
        offset_header: at.flag(&OFFSET),
        position_file: at.opt_path(&POSITION),
        own_position_file: at.place.state_dir.join("taildir").join(format!("{}.json", at.name)),
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
    let target = java_regex::full_match(pattern).map_err(refuse)?;
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
            file_header: options::file_header(at),
            name_header: None,
        },
    })
}

impl Taildir {
    fn mirror(&self) -> Mirror {
        let path = self.position_file.as_ref().unwrap_or(&self.own_position_file);
        Mirror::new(path.clone(), self.memo.clone())
    }
}

impl Source for Taildir {
    fn input(&self) -> Input {
        Input::Again
    }

    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let mut desk = Desk::new(out, stop, self.batch);
        desk.offset_header = self.offset_header.then(|| "byteoffset".to_string());
        let mut mirror = self.mirror();
        let imported = match (&self.position_file, self.memo.exists()) {
            (None, false) => Mirror::new(default_position_file(), self.memo.clone()).import(out.source()),
            _ => mirror.import(out.source()),
        };
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
        let mut live = Live::new(&desk, &self.groups, self.times, self.idle, self.most);
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
