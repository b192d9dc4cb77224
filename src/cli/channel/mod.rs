//! `dataflowkit channel inspect|verify|export [DIR…]`: what lies in the log of a file channel.
//!
//! Reads only, takes no lock: it works while the agent runs, and on damaged directories.
//! Exit status: 0 looked at, and whole; 1 damaged (`verify`), or not all could be read (`export`); 2 there is no log to
//! look at, or no key to read it by.
mod export;
mod inspect;
mod verify;
mod whereabouts;

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::channels::file::{Hole, LogDirs, Look};
use crate::config::Spec;
use crate::store::log::KeyTrouble;

const NOTHING_TO_LOOK_AT: u8 = 2;

/// Looks into the log of a file channel: reads only, also while the agent runs
#[derive(Args, Clone, Debug)]
pub struct ChannelArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Tells what a channel's log holds: segments, events, marks, damage
    Inspect {
        #[command(flatten)]
        log: LogArgs,
        /// Prints everything, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Checks every frame, unpacked and decrypted; ends with 1 if anything is damaged
    Verify {
        #[command(flatten)]
        log: LogArgs,
        /// One object per finding
        #[arg(long)]
        json: bool,
    },
    /// Prints the events that wait, as JSON lines
    Export {
        #[command(flatten)]
        log: LogArgs,
        /// Everything that is stored, delivered or not
        #[arg(long)]
        all: bool,
        /// Bodies only, one per line
        #[arg(long)]
        raw: bool,
    },
}

/// Which log, and by which keys.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// Directories of the log, a channel's folder in the state directory, or INSTANCE/CHANNEL
    #[arg(value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// A key of an encrypted log: its name and its file
    #[arg(long = "key", value_name = "NAME=FILE", value_parser = super::define)]
    keys: Vec<(String, String)>,
    /// Takes the keys, and the directories where none are given, from this agent file
    #[arg(long, value_name = "FILE", requires = "channel")]
    conf: Option<PathBuf>,
    /// The agent of that file [default: the only one that has the channel]
    #[arg(short, long, value_name = "NAME", requires = "conf")]
    name: Option<String>,
    /// The channel of that agent
    #[arg(long, value_name = "NAME", requires = "conf")]
    channel: Option<String>,
    /// The state directory of the instance, for INSTANCE/CHANNEL and for channels without dataDirs
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// Runs the command; its exit status.
pub fn run(
    args: &ChannelArgs,
    specs: &[&'static Spec],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let (Command::Inspect { log, .. } | Command::Verify { log, .. } | Command::Export { log, .. }) =
        &args.command;
    let deep = matches!(args.command, Command::Verify { .. });
    let look = whereabouts::find(log, specs).and_then(|dirs| look(&dirs, deep).map(|look| (dirs, look)));
    let (dirs, look) = match look {
        Ok(look) => look,
        Err(why) => {
            writeln!(err, "dataflowkit channel: {why}")?;
            return Ok(NOTHING_TO_LOOK_AT);
        }
    };
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let status = match &args.command {
        Command::Inspect { json: true, .. } => inspect::json(&look, &dirs, &mut out),
        Command::Inspect { json: false, .. } => inspect::text(&look, &dirs, &mut out),
        Command::Verify { json, .. } => verify::run(&look, *json, &mut out, err),
        Command::Export { all, raw, .. } => export::run(&look, (*all, *raw), &mut out, err),
    }?;
    out.flush()?;
    Ok(status)
}

fn look(dirs: &LogDirs, deep: bool) -> Result<Look, String> {
    let look = Look::at(dirs, deep);
    let look = look.map_err(|(dir, error)| format!("cannot look into `{}`: {error}", dir.display()))?;
    let names: Vec<String> = dirs.dirs.iter().map(|dir| format!("`{}`", dir.display())).collect();
    match look.survey.segments.is_empty() {
        false => Ok(look),
        true => Err(format!("{} has no segment of a channel's log (NNNNNNNNNN.dfklog)", names.join(", "))),
    }
}

/// Where keys are lacking, nothing can be said of what they hide.
fn lacks_keys(look: &Look, err: &mut dyn Write) -> io::Result<bool> {
    for trouble in &look.locked {
        writeln!(err, "dataflowkit channel: {}", sentence(trouble))?;
    }
    Ok(!look.locked.is_empty())
}

fn sentence(trouble: &KeyTrouble) -> String {
    match trouble {
        KeyTrouble::Missing(alias) => format!(
            "the log is encrypted by the key `{alias}`: give it by `--key {alias}=FILE`, or the agent file by `--conf`"
        ),
        KeyTrouble::Wrong(alias) => {
            format!("the key `{alias}` that was given is not the one that the log is encrypted by")
        }
    }
}

/// A stream as users know it: by its path and source.
struct Named<'a>(&'a Look, crate::event::StreamId);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named(look, stream) = self;
        match (look.path(*stream), look.is_of_log(*stream)) {
            (Some(path), _) => write!(f, "`{path}` of source `{}`", look.source(*stream)),
            (None, true) => f.write_str("events that came without a position"),
            (None, false) => write!(f, "stream {stream} of source `{}`", look.source(*stream)),
        }
    }
}

/// What becomes of a hole.
fn fate(look: &Look, Hole { stream, range }: &Hole) -> String {
    let (from, to) = (range.start, range.end);
    match look.is_of_log(*stream) {
        true => {
            format!("{} events that came without a position are lost: nobody can read them again", to - from)
        }
        false => format!(
            "{from} to {to} of {} are missing; they are read again from there at the next start",
            Named(look, *stream)
        ),
    }
}
