//! Reads what comes before the live file, one after the other, then the live file.
use std::time::{Duration, Instant};

use super::{Live, Rest};
use crate::codec::records::Close;
use crate::tail::desk::Halt;
use crate::tail::follow::{Followed, Turn};
use crate::tail::next::still_for;

impl Live<'_> {
    /// Reads the first rest on; true if there may be more to do at once.
    pub(super) fn read_rest(&mut self) -> Result<bool, Halt> {
        let Some(rest) = self.rests.front_mut() else { return Ok(false) };
        let at = rest.followed.reader.at();
        match rest.followed.turn(&self.desk, Close::No, u64::MAX) {
            Ok(Turn::More) => return Ok(true),
            Ok(Turn::Undecodable) => {
                rest.followed.reader.forgive = true;
                return Ok(true);
            }
            Ok(Turn::Quiet | Turn::Truncated | Turn::Replaced) => {}
            Err(Halt::Read(error)) => {
                let path = &rest.followed.path;
                self.desk.cannot_read_and(path, &error, "it is tried again, the live file waits");
                return Ok(false);
            }
            Err(halt) => return Err(halt),
        }
        if rest.followed.reader.at() != at {
            self.moved = Instant::now();
        }
        if rest.grows && still(&mut rest.followed) < self.settings.quiet {
            return Ok(false);
        }
        self.end_rest()?;
        Ok(true)
    }

    /// Ships the unterminated end of what is final, and goes on to the next.
    fn end_rest(&mut self) -> Result<(), Halt> {
        let Some(Rest { mut followed, .. }) = self.rests.pop_front() else { return Ok(()) };
        followed.read_out(&self.desk)?;
        self.note(&followed);
        let late = self.settings.times.late;
        let young = |meta: std::fs::Metadata| still_for(&meta, Duration::ZERO) < late;
        if matches!(followed.file(), Ok(Some(file)) if file.metadata().is_ok_and(young)) {
            self.late.add_retired(followed);
        }
        self.folder.look_again();
        Ok(())
    }

    /// A rolled file is dealt with.
    pub(super) fn note(&mut self, followed: &Followed) {
        self.known.insert(followed.key(), (followed.reader.stream.id, followed.reader.at()));
    }

    /// Reads the live file on; true if there may be more to do at once.
    pub(super) fn read_live(&mut self) -> Result<bool, Halt> {
        let Some(current) = &mut self.current else { return Ok(false) };
        let close = current.close_by_silence(&self.settings.times);
        let at = current.reader.at();
        let turn = current.turn(&self.desk, close, u64::MAX);
        if current.reader.at() != at {
            self.moved = Instant::now();
        }
        match turn {
            Ok(Turn::Quiet) => return Ok(false),
            Ok(Turn::More) => {}
            Ok(Turn::Truncated) => self.emptied = true,
            Ok(Turn::Undecodable) => current.reader.forgive = true,
            Ok(Turn::Replaced) => {
                self.current = None;
                self.folder.look_again();
            }
            Err(Halt::Read(error)) => {
                self.desk.cannot_read_and(&current.path, &error, "it is tried again");
                return Ok(false);
            }
            Err(halt) => return Err(halt),
        }
        Ok(true)
    }
}

/// How long a file has not moved, by its own clock where that tells.
fn still(followed: &mut Followed) -> Duration {
    let quiet = followed.quiet_for();
    match followed.file() {
        Ok(Some(file)) => file.metadata().map_or(quiet, |meta| still_for(&meta, quiet)),
        _ => quiet,
    }
}
