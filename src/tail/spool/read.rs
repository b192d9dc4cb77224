//! Reads one file to its end: final, set aside, or parked until it is still.
use std::path::Path;

use super::Spool;
use super::candidate::Look;
use crate::codec::records::Close;
use crate::flow::Counter;
use crate::tail::desk::Halt;
use crate::tail::follow::{Followed, Turn};
use crate::tail::next::still_for;
use crate::tail::retire::rename_numbered;

/// The end of names of files that are set aside.
const FAILED: &str = ".FAILED";

impl Spool<'_> {
    /// Reads the present file on; at its end it is final, or waits until it is still. True if there may be more to do
    /// at once.
    pub(super) fn read(&mut self) -> Result<bool, Halt> {
        let Some((followed, _)) = &mut self.current else { return Ok(false) };
        match followed.turn(&self.desk, Close::No, u64::MAX) {
            Ok(Turn::More) => Ok(true),
            Ok(Turn::Quiet) => self.at_end(),
            Ok(Turn::Undecodable) => self.set_aside().map(|()| true),
            Ok(Turn::Truncated) => self.begin_again().map(|()| true),
            Ok(Turn::Replaced) => {
                self.current = None;
                Ok(true)
            }
            Err(Halt::Read(error)) => {
                self.desk.cannot_read(&followed.path, &error);
                self.current = None;
                Ok(false)
            }
            Err(halt) => Err(halt),
        }
    }

    fn begin_again(&mut self) -> Result<(), Halt> {
        let Some((followed, _)) = self.current.take() else { return Ok(()) };
        followed.tell_loss(&self.desk);
        let next = followed.again(&self.desk, &mut self.leaving, &self.settings.manner)?;
        self.park(next)
    }

    fn at_end(&mut self) -> Result<bool, Halt> {
        let still = self.is_final();
        let Some((followed, look)) = self.current.take() else { return Ok(false) };
        if still == Some(false) && self.settings.ready.is_none() && followed.size == look.size {
            // Nothing came since it was opened: it is only too young to be final.
            self.current = Some((followed, look));
            return Ok(false);
        }
        match still {
            Some(true) => self.finish(followed)?,
            _ => self.park(followed)?,
        }
        Ok(true)
    }

    /// Whether the present file, read to its end, is as it was when it was chosen, or still for long enough; `None`:
    /// nobody can tell.
    fn is_final(&mut self) -> Option<bool> {
        let (followed, look) = self.current.as_mut()?;
        let end = followed.reader.at() + followed.held;
        let quiet = followed.quiet_for();
        let meta = followed.file().ok()??.metadata().ok()?;
        let same = match self.settings.ready {
            Some(_) => Look::of(&meta) == *look,
            None => still_for(&meta, quiet) >= self.settings.quiet,
        };
        Some(same && meta.len() == end)
    }

    fn park(&mut self, followed: Followed) -> Result<(), Halt> {
        self.parked.insert(followed.key(), followed);
        self.folder.look_again();
        Ok(())
    }

    /// Ships the unterminated rest of a final file, remembers it and hands it over.
    fn finish(&mut self, mut followed: Followed) -> Result<(), Halt> {
        loop {
            match followed.turn(&self.desk, Close::All, u64::MAX)? {
                Turn::More => {}
                Turn::Undecodable => {
                    self.current = Some((followed, Look { size: 0, modified: 0 }));
                    return self.set_aside();
                }
                _ => break,
            }
        }
        let name = name_of(&followed.path);
        if let Some(remembered) = &mut self.remembered
            && let Ok(Some(file)) = followed.file()
            && let Err(error) = remembered.add(&name, file)
        {
            log::warn!(component = self.desk.out.source(); "cannot remember `{name}`: {error}");
        }
        self.finished.add(followed);
        Ok(())
    }

    /// `decodeErrorPolicy = FAIL`, or no Avro: the file gets another name, the source goes on.
    fn set_aside(&mut self) -> Result<(), Halt> {
        let Some((followed, _)) = self.current.take() else { return Ok(()) };
        self.desk.out.pulse().add(Counter::DecodeErrors, 1);
        match rename_numbered(&followed.path, FAILED) {
            Ok(_) => {
                log::error!(component = self.desk.out.source(); "{}", why_set_aside(&followed));
                self.leaving.add(followed.reader.stream.id, followed.reader.position());
            }
            Err(error) => {
                let path = followed.path.clone();
                self.desk.cannot_read(&path, &error);
                self.park(followed)?;
            }
        }
        Ok(())
    }
}

fn why_set_aside(followed: &Followed) -> String {
    let (path, at) = (followed.path.display(), followed.reader.at());
    match &followed.reader.fault {
        None => format!(
            "`{path}` is no text of its charset after byte {at}: it is set aside as `{FAILED}`; decodeErrorPolicy = REPLACE would ship it"
        ),
        Some(fault) => {
            let records = followed.reader.position() - (at << followed.face.shift);
            format!(
                "`{path}` is no Avro after byte {at} and {records} records: {fault}; what lies before was shipped, and it is set aside as `{FAILED}`"
            )
        }
    }
}

pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
