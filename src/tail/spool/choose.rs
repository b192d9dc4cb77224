//! Takes the next file that is ready to be read.
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::Spool;
use super::candidate::Candidate;
use super::read::name_of;
use crate::tail::desk::Halt;
use crate::tail::follow::Followed;
use crate::tail::identity::Face;
use crate::tail::listing;
use crate::tail::next::still_for;

impl Spool<'_> {
    fn is_ready(&self, candidate: &Candidate) -> bool {
        match self.settings.ready {
            Some(ready) => self.looks.get(&candidate.key).is_some_and(|(_, since)| since.elapsed() >= ready),
            // One that changed while it was read waits until it is still.
            None => !self.parked.contains_key(&candidate.key) || self.is_still(candidate),
        }
    }

    fn is_still(&self, candidate: &Candidate) -> bool {
        let meta = listing::regular(&candidate.path).ok().flatten();
        meta.is_some_and(|meta| still_for(&meta, Duration::MAX) >= self.settings.quiet)
    }

    /// Takes the next file that is ready; true if there may be more to do at once.
    pub(super) fn choose(&mut self) -> Result<bool, Halt> {
        let Some(index) = self.waiting.iter().position(|candidate| self.is_ready(candidate)) else {
            return Ok(false);
        };
        let candidate = self.waiting.remove(index);
        self.looks.remove(&candidate.key);
        let opened = match self.parked.remove(&candidate.key) {
            Some(followed) => Ok(Some(followed)),
            None => self.open(&candidate),
        };
        match opened {
            Ok(Some(followed)) => {
                self.current = Some((followed, candidate.look));
                Ok(true)
            }
            Ok(None) => {
                self.folder.look_again();
                Ok(!self.waiting.is_empty())
            }
            Err(Halt::Read(error)) => {
                self.desk.cannot_read(&candidate.path, &error);
                Ok(!self.waiting.is_empty())
            }
            Err(halt) => Err(halt),
        }
    }

    /// `None`: it is not there any more under this name.
    fn open(&mut self, candidate: &Candidate) -> Result<Option<Followed>, Halt> {
        let path = &*candidate.path;
        let Some(file) = listing::open(path, candidate.key).map_err(Halt::Read)? else { return Ok(None) };
        let imported = self.settings.imported.as_ref();
        let begin = imported.and_then(|imported| imported.begin(path));
        let seen = self.was_shipped(path, &file);
        let start = |_: &Face, size: u64, known: Option<u64>| match known {
            Some(_) => None,
            None if seen => Some(size),
            None => begin.filter(|at| *at <= size),
        };
        let manner = &self.settings.manner;
        let followed =
            Followed::open(&self.desk, &mut self.memory, &mut self.leaving, manner, path, file, start)?;
        if let Some(imported) = imported {
            imported.opened(path, self.desk.out.source());
        }
        if seen {
            log::warn!(component = self.desk.out.source(); "`{}` was shipped before and came back: it is not shipped again", path.display());
        }
        Ok(Some(followed))
    }

    fn was_shipped(&self, path: &Path, file: &File) -> bool {
        let remembered = self.remembered.as_ref();
        remembered.is_some_and(|remembered| remembered.knows(&name_of(path), file).unwrap_or(false))
    }
}
