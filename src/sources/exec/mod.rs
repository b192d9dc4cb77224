//! Runs a command; each line that it prints is an event.
//!
//! Also the way in for a source in any language: with `format = json` each line is an event with headers
//! (`codec::json_event`), and a line that is none is counted, named with its text, and skipped.
//! Shape: one thread starts the command, reads it and puts. A batch goes out when it is full, and `batchTimeout` after
//! the one before it at latest; so the first line after a silence goes out at once.
//! Differs from Flume's: a put waits for room, and the command with it, where Flume kills the command and drops what it
//! has printed. What is in the pipe is read to its end, however the command or the agent is stopped. No process of the
//! command's group outlives the agent (`sys::child`). With `--until-drained` it runs once, `restart` or not.
//! Guarantee: best effort (G0). What a command prints cannot be asked for again: what was read and is in no channel yet
//! goes with a kill -9, and so does what the command would have printed meanwhile.
//! Truth: Flume 1.11 `ExecSource`, and what it was seen to do.
mod desk;
mod lines;
mod run;

use std::sync::Arc;
use std::time::Duration;

use self::run::Run;
use crate::codec::charset::{Charset, Policy};
use crate::codec::encode::Output;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::flow::{Fatal, Input, Kind, Outlet, Source, Stop, Wait};
use crate::sys::child::{Child, Errors, argv};

const COMMAND: Field =
    Field::text("command").required().doc("what is run; each line that it prints is an event");
const SHELL: Field = Field::text("shell").doc(
    "what the command is handed to, `/bin/sh -c` say; without it the command is split at white space, and quotes, `*` and `|` mean nothing",
);
const RESTART: Field =
    Field::flag("restart").default("false").doc("whether it is run again when it has ended");
const THROTTLE: Field = Field::int("restartThrottle", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("10000")
    .doc("how long to wait before it is run again");
const LOG_ERRORS: Field = Field::flag("logStdErr")
    .default("false")
    .doc("whether what it writes to stderr is logged, line by line; it is read in any case");
const BATCH_SIZE: Field =
    Field::int("batchSize", 0, 1_000_000).unit(Unit::Events).default("20").doc("events per put");
const BATCH_TIMEOUT: Field = Field::int("batchTimeout", 1, 86_400_000)
    .unit(Unit::Millis)
    .default("3000")
    .doc("so long after the last put what is there is put, full batch or not");
const CHARSET: Field = Field::charset("charset").default("UTF-8").doc(
    "what it prints in, and bodies are in; what is no text in it becomes U+FFFD, or `?` where it has none",
);
const FORMAT: Field = Field::choice("format", &["lines", "json"]).default("lines").doc(
    "json: each line is an event, `{\"headers\":{\"name\":\"value\"},\"body\":\"text\"}`, `bodyBase64` for a body that is no text",
);
const LONGEST: Field = Field::int("maxLineLength", 1, 16 << 20)
    .unit(Unit::Chars)
    .default("1048576")
    .doc("a longer line becomes several events");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "exec",
    class: "org.apache.flume.source.ExecSource",
    aliases: &[],
    summary: "runs a command; each line that it prints is an event",
    fields: &[&[
        COMMAND,
        SHELL,
        RESTART,
        THROTTLE,
        LOG_ERRORS,
        BATCH_SIZE,
        BATCH_TIMEOUT,
        CHARSET,
        FORMAT,
        LONGEST,
    ]],
    build: Build::Source(build),
};

/// What one line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Lines,
    Json,
}

/// The keys, as they were checked.
#[derive(Clone, Debug)]
struct Settings {
    argv: Vec<String>,
    restart: Option<Duration>,
    log_errors: bool,
    batch_size: usize,
    batch_timeout: Duration,
    charset: Charset,
    /// What bodies are encoded in, other than UTF-8.
    output: Option<Output>,
    format: Format,
    longest: usize,
}

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    let name = at.text(&CHARSET);
    let unknown = || Refusal::at(&CHARSET, format!("there is no charset `{name}` that can be written"));
    let charset = Charset::named(name, Some(Policy::Replace)).ok_or_else(unknown)?;
    let output = Output::of(name).ok_or_else(unknown)?;
    let settings = Settings {
        argv: argv(at.text(&COMMAND), at.opt(&SHELL)),
        restart: at.flag(&RESTART).then(|| at.time(&THROTTLE)),
        log_errors: at.flag(&LOG_ERRORS),
        // 0 is 1 to Flume too: it looks after each line.
        batch_size: at.count(&BATCH_SIZE).max(1),
        batch_timeout: at.time(&BATCH_TIMEOUT),
        charset,
        output,
        format: if at.choice(&FORMAT) == "json" { Format::Json } else { Format::Lines },
        longest: at.count(&LONGEST),
    };
    if settings.argv.is_empty() {
        return Err(Refusal::at(&COMMAND, "the command is blank"));
    }
    Ok(Box::new(Exec { settings: Arc::new(settings) }))
}

struct Exec {
    settings: Arc<Settings>,
}

impl Source for Exec {
    fn input(&self) -> Input {
        Input::Fleeting {
            why: "what a command prints cannot be asked for again",
            better: "`TAILDIR` or `dfk_rollfile` on the file that the command follows or could write",
        }
    }

    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        loop {
            self.once(out, stop)?;
            if stop.is_told() || out.until_drained() {
                return Ok(());
            }
            let Some(throttle) = self.settings.restart else {
                let _waiting = out.pulse().wait(Wait::Input, "nothing: the command has ended");
                while !stop.wait(Duration::from_secs(3600)) {}
                return Ok(());
            };
            let _waiting = out.pulse().wait(Wait::Retry, "the next run of the command");
            if stop.wait(throttle) {
                return Ok(());
            }
        }
    }
}

impl Exec {
    /// Runs the command to its end, or to the agent's.
    fn once(&self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let program = &self.settings.argv[0];
        let status = match Child::start(&self.settings.argv, self.errors(out.source())) {
            Ok(child) => Run::new(&self.settings, child, out, stop).finish()?,
            Err(error) => {
                self.failed(out, &format!("cannot run `{program}`: {error}"));
                return Ok(());
            }
        };
        match status {
            _ if stop.is_told() => {}
            Some(status) if status.success() => {
                out.pulse().recovered();
                log::debug!(component = out.source(); "`{program}` has ended: {status}");
            }
            Some(status) => self.failed(out, &format!("`{program}` has ended: {status}")),
            None => self.failed(out, &format!("`{program}` ended its output, and was killed")),
        }
        Ok(())
    }

    /// It is told once, however often it comes again.
    fn failed(&self, out: &Outlet, what: &str) {
        let then = match self.settings.restart {
            Some(throttle) => format!("it is run again in {} s", throttle.as_secs_f32()),
            None => "it is not run again: `restart` is not true".to_string(),
        };
        if out.pulse().failing(what) {
            log::error!(component = out.source(); "source `{}`: {what}; {then}", out.source());
        }
    }

    /// Flume's words for a line of stderr; they are numbered from 1 in each run.
    fn errors(&self, source: &str) -> Option<Errors> {
        let (source, mut number) = (source.to_string(), 0u64);
        let log = move |line: &str| {
            number += 1;
            log::info!(component = source.as_str(); "StderrLogger[{number}] = '{line}'");
        };
        self.settings.log_errors.then(|| Box::new(log) as Errors)
    }
}
