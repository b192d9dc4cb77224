//! One run of the command: its output, from the first byte to the last.
//!
//! Why the output's end counts and not the command's: what a killed command has printed is still in the pipe, and what
//! it has started may go on printing.
use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::Settings;
use super::desk::{Desk, Halt};
use super::lines::Lines;
use crate::flow::{Fatal, Outlet, Stop, Wait};
use crate::sys::child::Child;
use crate::sys::{Until, wait_for};

/// Bytes of one read: as much as a pipe holds.
const READ: usize = 64 << 10;
/// What a command may take to end when it is asked to; then it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// What a wait for output came to.
#[derive(Debug, PartialEq, Eq)]
enum Output {
    Some(usize),
    /// None in time.
    None,
    End,
}

/// A running command.
pub struct Run<'a> {
    child: Child,
    lines: Lines,
    desk: Desk<'a>,
    out: &'a Outlet,
    stop: &'a Stop,
    buffer: Vec<u8>,
    /// The group's guard is there, as far as we know.
    guarded: bool,
}

impl<'a> Run<'a> {
    pub fn new(settings: &'a Settings, child: Child, out: &'a Outlet, stop: &'a Stop) -> Run<'a> {
        let lines = Lines::new(settings.charset, settings.longest);
        Run {
            child,
            lines,
            desk: Desk::new(settings, out, stop),
            out,
            stop,
            buffer: vec![0; READ],
            guarded: true,
        }
    }

    /// Reads until the output has ended, or the agent ends. `None`: it had to be killed.
    pub fn finish(mut self) -> Result<Option<ExitStatus>, Fatal> {
        let read = self.read().and_then(|()| self.last_words());
        match read {
            Ok(()) => {}
            // The channels are closed; nothing can be put any more.
            Err(Halt::Closed) => return Ok(None),
            Err(Halt::Failed(fatal)) => return Err(fatal),
        }
        self.child.terminate();
        Ok(self.child.ended(GRACE))
    }

    /// Until the output ends or the agent does.
    fn read(&mut self) -> Result<(), Halt> {
        while !self.stop.is_told() {
            match self.next(self.desk.due())? {
                Output::Some(count) => self.take(count)?,
                Output::None => {}
                Output::End => return Ok(()),
            }
            if self.desk.due().is_some_and(|left| left.is_zero()) {
                self.desk.put()?;
            }
        }
        Ok(())
    }

    /// Asks the command to end, where it has not, and reads what it still has to say.
    fn last_words(&mut self) -> Result<(), Halt> {
        if self.stop.is_told() {
            self.child.terminate();
            let until = Instant::now() + GRACE;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                match self.next(Some(left))? {
                    Output::Some(count) => self.take(count)?,
                    Output::None => {}
                    Output::End => break,
                }
            }
        }
        let Run { lines, desk, .. } = self;
        lines.finish(|line| desk.line(line))?;
        desk.replaced(std::mem::take(&mut lines.replaced));
        desk.put()
    }

    /// Waits for output, for `time`, or for the agent's end, if that has not come.
    fn next(&mut self, time: Option<Duration>) -> Result<Output, Halt> {
        let failed = |error| Halt::Failed(Fatal::io("cannot read what the command prints", error));
        let output = (self.child.output(), Until::Readable);
        // What has happened already is not waited for.
        let stop = if self.stop.is_told() { output } else { (self.stop.fd(), Until::Readable) };
        let guard = if self.guarded { (self.child.guard(), Until::Gone) } else { output };
        let [there, _, gone] = {
            let _waiting = self.out.pulse().wait(Wait::Input, "what the command prints");
            wait_for([output, stop, guard], time).map_err(failed)?
        };
        if gone && self.guarded {
            // Nobody would end the command if the agent were killed now.
            self.guarded = false;
            self.child.kill();
        }
        if !there {
            return Ok(Output::None);
        }
        match self.child.read(&mut self.buffer) {
            Ok(0) => Ok(Output::End),
            Ok(count) => Ok(Output::Some(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Output::None)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn take(&mut self, count: usize) -> Result<(), Halt> {
        let Run { lines, desk, buffer, .. } = self;
        lines.push(&buffer[..count], |line| desk.line(line))?;
        desk.replaced(std::mem::take(&mut lines.replaced));
        Ok(())
    }
}
