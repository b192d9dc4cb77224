//! A running program, and a commit from its first byte to its answer.
//!
//! Invariants: an answer counts only once the whole commit is written, so that the next one begins where the program
//! looks for it. What was written in part, or has no answer, is in doubt.
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commit::{Verdict, answer};
use crate::flow::{DeliverError, Pulse, Stop, Wait};
use crate::sys::child::{Child, Errors};
use crate::sys::{Until, wait_for};

/// How long an answer is waited for once the agent ends.
const AT_THE_END: Duration = Duration::from_secs(1);
/// A line has no more; what is longer is cut.
const LONGEST: usize = 64 << 10;
/// What a program that has closed its stdout may take to end.
const ENDS: Duration = Duration::from_millis(200);

pub struct Program {
    name: String,
    child: Child,
    /// Printed, and not yet looked at.
    said: Vec<u8>,
    pulse: Arc<Pulse>,
}

/// A commit under way.
struct Commit<'a> {
    number: u64,
    rest: &'a [u8],
    until: Instant,
    stop: &'a Stop,
    /// The end of the agent has been seen.
    ends: bool,
    answer: Option<(u64, Verdict)>,
}

impl Program {
    pub fn start(argv: &[String], log_errors: bool, pulse: Arc<Pulse>) -> io::Result<Program> {
        let (name, own) = (argv[0].clone(), pulse.clone());
        let log = move |line: &str| log::info!(component = &*own.name; "`{name}` says: {line}");
        let child = Child::start(argv, log_errors.then(|| Box::new(log) as Errors))?;
        Ok(Program { name: argv[0].clone(), child, said: Vec::new(), pulse })
    }

    /// How it ended, if it has. One that would outlive a kill -9 of the agent is ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let [gone] = wait_for([(self.child.guard(), Until::Gone)], Some(Duration::ZERO)).unwrap_or([false]);
        if gone {
            self.child.kill();
        }
        self.child.ended(if gone { ENDS } else { Duration::ZERO })
    }

    /// Lets it go in order.
    pub fn dismiss(self, patience: Duration) {
        if let Some(status) = self.child.dismiss(patience).filter(|status| !status.success()) {
            log::warn!(component = &*self.pulse.name; "`{}` has ended: {status}", self.name);
        }
    }

    /// Writes a commit and waits for its answer.
    pub fn commit(
        &mut self,
        number: u64,
        bytes: &[u8],
        timeout: Duration,
        stop: &Stop,
    ) -> Result<Verdict, DeliverError> {
        let pulse = self.pulse.clone();
        let _waiting = pulse.wait(Wait::Peer, format!("`{}` to answer commit {number}", self.name));
        let until = Instant::now() + timeout;
        let mut commit = Commit { number, rest: bytes, until, stop, ends: false, answer: None };
        let talked = self.talk(&mut commit);
        talked.map_err(|(why, cause)| match commit.rest.len() == bytes.len() {
            true => DeliverError::NotThere(why, cause),
            false => DeliverError::InDoubt(why, cause),
        })
    }

    fn talk(&mut self, commit: &mut Commit<'_>) -> Result<Verdict, (String, Option<io::Error>)> {
        let (name, number) = (self.name.clone(), commit.number);
        let broken = |error: io::Error| (format!("`{name}` cannot be talked to"), Some(error));
        loop {
            commit.answer = commit.answer.take().or_else(|| self.answer());
            if let Some((of, verdict)) = commit.answer.take_if(|_| commit.rest.is_empty()) {
                return match of == number {
                    true => Ok(verdict),
                    false => {
                        Err((format!("`{name}` answers commit {of} where it was asked for {number}"), None))
                    }
                };
            }
            let Some(left) = commit.until.checked_duration_since(Instant::now()) else {
                return Err((
                    format!("`{name}` gave no answer to commit {number} in time, and is killed"),
                    None,
                ));
            };
            let [output, input, stop] = self.wait(commit, left).map_err(broken)?;
            if output && !self.listen().map_err(broken)? {
                let how =
                    self.child.ended(ENDS).map_or("it closed its stdout".into(), |status| status.to_string());
                return Err((
                    format!("`{name}` has ended without an answer to commit {number}: {how}"),
                    None,
                ));
            }
            if input && !commit.rest.is_empty() {
                let written = written(self.child.write(commit.rest)).map_err(broken)?;
                commit.rest = &commit.rest[written..];
            }
            if stop && !commit.ends {
                (commit.ends, commit.until) = (true, commit.until.min(Instant::now() + AT_THE_END));
            }
        }
    }

    /// Waits for output, for room to write, for the agent's end: for what of these is of interest now.
    fn wait(&self, commit: &Commit<'_>, time: Duration) -> io::Result<[bool; 3]> {
        let output = (self.child.output(), Until::Readable);
        let input = self.child.input().filter(|_| !commit.rest.is_empty());
        let input = input.map_or(output, |input| (input, Until::Writable));
        let stop = if commit.ends { output } else { (commit.stop.fd(), Until::Readable) };
        wait_for([output, input, stop], Some(time))
    }

    /// Takes what it has printed; false at the end of that.
    fn listen(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.child.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => self.said.extend_from_slice(&buffer[..count]),
            Err(error) => _ = written(Err(error))?,
        }
        self.said.truncate(LONGEST);
        Ok(true)
    }

    /// The next answer among what it has printed; all else is told and passed over.
    fn answer(&mut self) -> Option<(u64, Verdict)> {
        while let Some(end) = memchr::memchr(b'\n', &self.said) {
            let line: Vec<u8> = self.said.drain(..=end).collect();
            let answer = answer(&line);
            if answer.is_some() {
                return answer;
            }
            let line = String::from_utf8_lossy(&line);
            log::warn!(component = &*self.pulse.name; "`{}` prints what is no answer: {}", self.name, line.trim_end());
        }
        None
    }
}

/// A call that would have to wait has done nothing.
fn written(done: io::Result<usize>) -> io::Result<usize> {
    match done {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        done => done,
    }
}
