//! Hands events to a program, which acknowledges them by printing: the way in for a sink in any language.
//!
//! Shape: the program runs as long as the sink does. Each commit goes to its stdin, and its answer comes from its stdout
//! (`commit` has the protocol; `examples/exec-sink.py` is a program of ten lines). At the end its stdin is closed, so that
//! it can finish; a second later it is asked to end, then killed. No process of its group outlives the agent.
//! Errors: what it says it has none of comes again after `retryDelay`. A program that ends, is silent for `timeout`, or
//! answers what was not asked leaves the commit in doubt: it is killed and started anew, the events come again and count
//! as possibly twice. A program that wants each event once keeps the `id` of the format `json` beside its data.
//! Not Flume's: there is no such sink there.
mod commit;
mod program;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::commit::{Format, Verdict, written};
use self::program::Program;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::Batch;
use crate::flow::{DeliverError, Kind, Limit, Pulse, Sink, Stop, Wait};
use crate::sys::child::argv;

const COMMAND: Field = Field::text("command")
    .required()
    .doc("the program that gets the events on its stdin and answers on its stdout");
const SHELL: Field = Field::text("shell").doc(
    "what the command is handed to, `/bin/sh -c` say; without it the command is split at white space, and quotes, `*` and `|` mean nothing",
);
const FORMAT: Field = Field::choice("format", &["lines", "json"]).default("lines").doc(
    "json: each event is a line `{\"headers\":{\"name\":\"value\"},\"body\":\"text\",\"id\":\"…\"}`, `bodyBase64` for a body that is no text; lines: bodies alone",
);
const BATCH_SIZE: Field =
    Field::int("batchSize", 1, 1_000_000).unit(Unit::Events).default("100").doc("events per commit");
const TIMEOUT: Field = Field::int("timeout", 1, 86_400_000)
    .unit(Unit::Millis)
    .default("60000")
    .doc("how long the program may take to answer a commit; then it is killed and started anew");
const THROTTLE: Field = Field::int("restartThrottle", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("1000")
    .doc("the least time between two starts of the program");
const LOG_ERRORS: Field =
    Field::flag("logStdErr").default("true").doc("whether what it writes to stderr is logged, line by line");

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "exec",
    class: "",
    aliases: &[],
    summary: "hands events to a program, which acknowledges them by printing",
    fields: &[&[COMMAND, SHELL, FORMAT, BATCH_SIZE, TIMEOUT, THROTTLE, LOG_ERRORS]],
    build: Build::Sink(build),
};

/// What one commit carries at most, however many events that are.
const AT_ONCE: usize = 4 << 20;
/// What a program may take to end when its stdin does, and again when it is asked to.
const FAREWELL: Duration = Duration::from_secs(1);

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    let argv = argv(at.text(&COMMAND), at.opt(&SHELL));
    if argv.is_empty() {
        return Err(Refusal::at(&COMMAND, "the command is blank"));
    }
    Ok(Box::new(Exec {
        argv,
        format: if at.choice(&FORMAT) == "json" { Format::Json } else { Format::Lines },
        batch: at.count(&BATCH_SIZE),
        timeout: at.time(&TIMEOUT),
        throttle: at.time(&THROTTLE),
        log_errors: at.flag(&LOG_ERRORS),
        pulse: at.pulse.clone(),
        program: None,
        started: None,
        number: 0,
    }))
}

struct Exec {
    argv: Vec<String>,
    format: Format,
    batch: usize,
    timeout: Duration,
    throttle: Duration,
    log_errors: bool,
    pulse: Arc<Pulse>,
    /// `None` until there is something to deliver.
    program: Option<Program>,
    /// When a program was started last.
    started: Option<Instant>,
    /// Of the last commit; never the same again, so that a late answer fits no other.
    number: u64,
}

impl Sink for Exec {
    fn limit(&self) -> Limit {
        Limit { events: self.batch, bytes: AT_ONCE }
    }

    fn deliver(&mut self, batches: &[Batch], stop: &Stop) -> Result<(), DeliverError> {
        // It keeps no record, so that there is nothing to tell it of marks alone.
        if batches.iter().all(Batch::is_empty) {
            return Ok(());
        }
        let mut program = self.running(stop)?;
        self.number += 1;
        let commit = written(self.number, batches, self.format);
        // A program that is in doubt is dropped, and killed by that.
        let verdict = program.commit(self.number, &commit, self.timeout, stop)?;
        self.program = Some(program);
        match verdict {
            Verdict::Ok => Ok(()),
            Verdict::Fail(why) => Err(DeliverError::NotThere(format!("`{}`: {why}", self.argv[0]), None)),
            Verdict::Refuse(why) => Err(DeliverError::Refused(format!("`{}`: {why}", self.argv[0]))),
        }
    }
}

impl Exec {
    /// The program, started where it does not run.
    fn running(&mut self, stop: &Stop) -> Result<Program, DeliverError> {
        if let Some(mut program) = self.program.take() {
            let Some(status) = program.ended() else { return Ok(program) };
            log::warn!(component = &*self.pulse.name; "`{}` has ended: {status}; it is started anew", self.argv[0]);
        }
        let since = self.started.map_or(Duration::MAX, |started| started.elapsed());
        if let Some(left) = self.throttle.checked_sub(since) {
            let _waiting = self.pulse.wait(Wait::Retry, "the next start of the program");
            if stop.wait(left) {
                return Err(DeliverError::NotThere("the agent ends".into(), None));
            }
        }
        self.started = Some(Instant::now());
        let failed = |error| DeliverError::not_there(format!("cannot run `{}`", self.argv[0]), error);
        Program::start(&self.argv, self.log_errors, self.pulse.clone()).map_err(failed)
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if let Some(program) = self.program.take() {
            program.dismiss(FAREWELL);
        }
    }
}

#[cfg(test)]
mod tests;
