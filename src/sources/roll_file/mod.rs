//! Follows rolling logs: a new file per period (`next`), or one live file that is emptied or replaced (`self`).
//!
//! Two types over the same code: the DataFlowKit platform's Roll File Source, and ningg's plug-in with its own
//! defaults.
//! Truth: the platform's manual of May 2016; flume-ng-extends-source of ningg, whose flaws (torn lines, lost tails,
//! stopping at a 4-byte character) are not kept.
use crate::codec::lines::Overlong;
use crate::codec::records::Framing;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::flow::{Fatal, Input, Kind, Outlet, Source, Stop};
use crate::tail::desk::Halt;
use crate::tail::follow::Manner;
use crate::tail::import;
use crate::tail::listing::Candidates;
use crate::tail::next::{Next, Settings};
use crate::tail::options::{self, HEADERS, RECORDS};
use crate::tail::options::{
    BATCH, CHARSET, DESERIALIZER, DIR, IGNORE, LATE, LENGTH, LINES, OUTPUT, OVERLONG, PARTIAL, RESCAN,
    SILENCE, SUFFIX,
};
use crate::tail::period::Period;
use crate::tail::retire::Retire;
use crate::tail::rolls::{Live, Rolls};

#[cfg(test)]
mod tests;

const MODULE: Field = Field::choice("rollModule", &["next", "self"])
    .also(&["rollMode"])
    .doc("`next`: a new file per period; `self`: one live file. Default: `self` where rollPattern is set");
const TARGET: Field = Field::text("targetPattern")
    .required()
    .doc("`next`: a regular expression for whole file names; `self`: the name of the live file");
const ROLLED: Field =
    Field::regex("rollPattern").doc("`self`: a regular expression for the names that a roll produces");
const DELETE: Field = Field::choice("deletePolicy", &["never", "immediate", "keep"])
    .default("never")
    .doc("`next`: finished files are renamed, deleted, or left as they are; no effect with `self`");
const POLICY: Field = options::POLICY.doc(
    "bytes that are no text; FAIL replaces them too, loudly, since nothing in a live file can be set aside",
);
const ORDER: Field = options::ORDER.doc("which finished file comes first; the newest is always last");
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
const QUIET: Field =
    options::QUIET.default("2000").doc("a file with a successor is over when nothing has come for so long");
const DRAIN: Field = options::DRAIN.doc("under `--until-drained`: quiet for so long is the end");
const BACKOFF: Field = options::BACKOFF.also(&["msxBackoff"]);
const POLL: Field = Field::int("pollDelay", i64::MIN, i64::MAX).ignored("changes wake the source");

/// What both types have beside their own, with [`RECORDS`] and [`HEADERS`].
const FILES: &[Field] = &[DIR, MODULE, ROLLED, BATCH, OVERLONG, DELETE, SUFFIX, IGNORE];
const FOLLOWING: &[Field] = &[
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
    fields: &[&[TARGET, LENGTH, PERIOD], FILES, RECORDS, HEADERS, FOLLOWING],
    build: Build::Source(|at| Ok(Box::new(build(at, false)?))),
};

/// Of a fork of the plug-in.
const FORK: &[Field] = &[
    Field::text("originFileCharset").ignored("only a fork of the plug-in has it; use inputCharset"),
    Field::flag("needConvertAfterSource").ignored("only a fork of the plug-in has it; use inputCharset"),
];
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

/// ningg's plug-in: the same, with its own defaults.
pub static NINGG: Spec = Spec {
    kind: Kind::Source,
    name: "spooltail",
    class: "com.github.ningg.flume.source.SpoolDirectoryTailFileSource",
    aliases: &["org.apache.flume.source.SpoolDirectoryTailFileSource"],
    summary: "collects finished files of a directory, then follows the one of the present period",
    fields: &[
        &[NINGG_TARGET, NINGG_LENGTH, NINGG_BUFFER, NINGG_PERIOD],
        FORK,
        FILES,
        RECORDS,
        HEADERS,
        FOLLOWING,
    ],
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
    let own_limit = if ningg && !at.is_set(&OVERLONG) { Overlong::Split } else { options::overlong(at) };
    let manner = options::manner(at, framing(at, at.count(length), own_limit)?);
    let own = match at.opt(&MODULE) {
        Some(word) => word.trim().eq_ignore_ascii_case("self"),
        None => at.is_set(&ROLLED),
    };
    if own { rolls(at, target, manner) } else { next(at, target, period, manner) }
}

fn framing(at: &At<'_>, longest: usize, overlong: Overlong) -> Result<Framing, Refusal> {
    options::check_deserializer(at)?;
    options::records(at, longest, overlong)
}

fn next(at: &At<'_>, target: &Field, period: &Field, manner: Manner) -> Result<Roll, Refusal> {
    let suffix = at.text(&SUFFIX).to_string();
    let dir = at.path(&DIR);
    let zone = at.opt(&ZONE);
    let period = at.opt(period).map(|pattern| Period::new(pattern, zone)).transpose();
    let tracker = dir.join(at.text(&TRACKER)).join(".flumespooltailfile-main.meta");
    Ok(Roll::Next(Box::new(Settings {
        candidates: Candidates {
            target: options::names(at, target)?,
            ignore: Some(options::names(at, &IGNORE)?),
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
        order: options::order(at),
        period: period.map_err(|what| Refusal::at(&PERIOD, what))?,
        quiet: at.time(&QUIET),
        times: options::times_of_live_files(at),
        imported: None,
        memo: at.place.state_dir.join("imported").join(at.name),
        tracker,
        dir,
    })))
}

fn rolls(at: &At<'_>, target: &Field, manner: Manner) -> Result<Roll, Refusal> {
    if at.opt(&ROLLED).is_none() {
        return Err(Refusal::at(&ROLLED, "with `rollModule = self` it is required")
            .instead("write a pattern for the names of rolled files"));
    }
    Ok(Roll::Itself(Box::new(Rolls {
        dir: at.path(&DIR),
        live: at.text(target).to_string(),
        rolled: options::names(at, &ROLLED)?,
        manner,
        batch: at.count(&BATCH),
        history: at.flag(&HISTORY),
        started: at.place.state_dir.join("rolls").join(at.name),
        quiet: at.time(&QUIET),
        times: options::times_of_live_files(at),
    })))
}

impl Source for Roll {
    fn input(&self) -> Input {
        Input::Again
    }

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
