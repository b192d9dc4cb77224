//! Reads followed files, one turn each, and lets go of those that are done.
use std::io;

use super::Live;
use crate::flow::Counter;
use crate::tail::desk::Halt;
use crate::tail::follow::Turn;

impl Live<'_> {
    pub(super) fn turn(&mut self, slot: u64) -> Result<(), Halt> {
        let Some(file) = self.files.get_mut(slot) else { return Ok(()) };
        file.queued = false;
        let close = file.followed.close_by_silence(&self.times);
        let at = file.followed.reader.at();
        let turn = file.followed.turn(self.desk, close, self.most);
        if file.followed.reader.at() != at {
            self.moved = std::time::Instant::now();
            self.unmirrored = true;
        }
        match turn {
            Ok(Turn::More) => self.files.enqueue(slot),
            Ok(Turn::Quiet) => self.files.rest(slot),
            Ok(Turn::Truncated) => self.begin_again(slot)?,
            Ok(Turn::Undecodable) => {
                file.followed.reader.forgive = true;
                self.files.enqueue(slot);
            }
            // The listing tells what stands there now.
            Ok(Turn::Replaced) => self.dirs.doubt_all(),
            Err(Halt::Read(error)) => self.cannot_read(slot, &error),
            Err(halt) => return Err(halt),
        }
        Ok(())
    }

    fn cannot_read(&mut self, slot: u64, error: &io::Error) {
        let Some(file) = self.files.get_mut(slot) else { return };
        // Closed when it had been read to its end: deleted since, or renamed and not found yet.
        if error.kind() != io::ErrorKind::NotFound || file.nameless.is_none() {
            self.desk.cannot_read(&file.followed.path, error);
        }
    }

    fn begin_again(&mut self, slot: u64) -> Result<(), Halt> {
        let (desk, groups, leaving) = (self.desk, self.groups, &mut self.leaving);
        let again = self.files.replace(slot, |followed, group| {
            followed.tell_loss(desk);
            followed.again(desk, leaving, &groups[group].manner)
        });
        match again {
            // It is found anew where it can be read again.
            Err(Halt::Read(_)) => Ok(()),
            other => other,
        }
    }

    /// Closes idle descriptors, closes silent records, and lets go of files without a name that stayed quiet.
    pub(super) fn let_go(&mut self) -> Result<(), Halt> {
        let open: Vec<u64> = self.files.open().map(|(slot, _)| slot).collect();
        for slot in open {
            let Some(file) = self.files.get_mut(slot).filter(|file| !file.queued) else { continue };
            let quiet = file.followed.quiet_for();
            let late = file.patience(self.times.late);
            if file.nameless.is_some_and(|since| since.elapsed() >= late) && quiet >= late {
                self.release(slot)?;
            } else if file.followed.held > 0 {
                let due = |time: Option<std::time::Duration>| time.is_some_and(|time| quiet >= time);
                if due(self.times.partial) || due(self.times.record) && !file.followed.closed_by_silence() {
                    self.turn(slot)?;
                }
            } else if file.nameless.is_none() && quiet >= self.idle {
                self.files.close(slot);
            }
        }
        Ok(())
    }

    /// Reads a final file to its very end, unterminated line included, and lets it go.
    pub(super) fn release(&mut self, slot: u64) -> Result<(), Halt> {
        let Some(file) = self.files.get_mut(slot) else { return Ok(()) };
        file.followed.read_out(self.desk)?;
        self.forget(slot);
        self.desk.out.pulse().add(Counter::FilesDone, 1);
        Ok(())
    }

    pub(super) fn forget(&mut self, slot: u64) {
        let Some(file) = self.files.remove(slot) else { return };
        self.leaving.add(file.followed.reader.stream.id, file.followed.reader.position());
        self.desk.out.pulse().set(Counter::FilesOpen, self.files.len() as u64);
    }
}
