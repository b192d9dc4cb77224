//! At the start: what the channels know is held against what is there.
//!
//! Invariants: after it, every known stream is followed, lost, or leaving.
use std::fs::{File, Metadata};
use std::path::Path;
use std::time::Duration;

use super::look::Seen;
use super::lost::Lost;
use super::{Live, Rest};
use crate::flow::Known;
use crate::tail::desk::Halt;
use crate::tail::follow::Followed;
use crate::tail::identity::Face;
use crate::tail::listing::Name;
use crate::tail::memory::{self, Claim};
use crate::tail::next::still_for;

impl Live<'_> {
    /// Goes on with known files, wherever they are now; generations of the live file that it is no more, oldest first.
    pub(super) fn recognise(&mut self, seen: &Seen) -> Result<Vec<Lost>, Halt> {
        for rolled in &seen.rolled {
            let Ok(Some(file)) = rolled.file() else { continue };
            if let Claim::Same(known) = self.memory.claim_same(&file).map_err(Halt::Read)? {
                self.resume(&rolled.path, file, &known, &rolled.meta)?;
            }
        }
        let mut lost: Vec<Lost> = self.recognise_live(seen)?.into_iter().collect();
        let left: Vec<Known> = self.memory.unclaimed().cloned().collect();
        for known in left {
            self.memory.remove(&known);
            let was_live = known.attributes.get("path").is_some_and(|path| Path::new(path) == seen.live);
            if !was_live {
                self.leaving.add(known.id, known.high);
            } else if self.is_older_than_live(&known) {
                lost.push(Lost::of(known).old());
            } else {
                lost.extend(self.moved_away(&seen.names, known)?);
            }
        }
        lost.sort_by_key(Lost::begun);
        let last = lost.len().saturating_sub(1);
        lost.iter_mut().take(last).for_each(|lost| lost.is_old = true);
        Ok(lost)
    }

    fn recognise_live(&mut self, seen: &Seen) -> Result<Option<Lost>, Halt> {
        let Some(file) = seen.meta.as_ref().and_then(|_| File::open(&seen.live).ok()) else {
            return Ok(None);
        };
        match self.memory.claim(&file).map_err(Halt::Read)? {
            Claim::Same(known) => {
                let mut followed =
                    Followed::resumed(&self.desk, &self.settings.manner, &seen.live, file, &known)?;
                // Still, now that its tail was taken: else a roll came in between, and that tail is another's.
                let file = followed.file().map_err(Halt::Read)?;
                if file.is_none_or(|file| !memory::is_same(&known, file).unwrap_or(false)) {
                    return Ok(Some(Lost::of(known)));
                }
                self.current = Some(followed);
                Ok(None)
            }
            Claim::Shortened(known, _) => {
                // Opened through memory again, which knows what to do with it.
                self.memory.insert(known);
                self.open_live(seen)?;
                Ok(None)
            }
            Claim::Replaced(known) => Ok(Some(Lost::of(known))),
            Claim::New => Ok(None),
        }
    }

    /// An older generation of the live file: only a copy has it.
    fn is_older_than_live(&self, known: &Known) -> bool {
        let Some(current) = &self.current else { return false };
        Face::told(&known.attributes).is_some_and(|face| face.inode.is_like(&current.face.inode))
    }

    /// The old live file under a name that is not a rolled one is finished all the same; `Some`: it is not there.
    fn moved_away(&mut self, names: &[Name], known: Known) -> Result<Option<Lost>, Halt> {
        let inode = known.attributes.number("inode").unwrap_or(0);
        let path =
            names.iter().find(|name| name.inode == inode).map(|name| self.settings.dir.join(&name.name));
        if let Some(path) = path
            && let Ok(file) = File::open(&path)
            && memory::is_same(&known, &file).map_err(Halt::Read)?
        {
            let meta = file.metadata().map_err(Halt::Read)?;
            self.resume(&path, file, &known, &meta)?;
            return Ok(None);
        }
        Ok(Some(Lost::of(known)))
    }

    /// A rolled file that is known: the rest of it is read first, if there is one.
    fn resume(&mut self, path: &Path, file: File, known: &Known, meta: &Metadata) -> Result<(), Halt> {
        let followed = Followed::resumed(&self.desk, &self.settings.manner, path, file, known)?;
        self.note(&followed);
        if known.from < meta.len() {
            self.rests.push_back(Rest { followed, grows: true });
        } else if still_for(meta, Duration::MAX) < self.settings.times.late {
            self.late.add_retired(followed);
        }
        Ok(())
    }
}
