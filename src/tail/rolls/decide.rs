//! Decides by the table: what comes before the live file, and whether that is a new one.
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use super::look::{Rolled, Seen};
use super::lost::Lost;
use super::{Live, Rest};
use crate::flow::Counter;
use crate::tail::desk::Halt;
use crate::tail::follow::Followed;
use crate::tail::identity::{Face, is_copy, is_prefix};
use crate::tail::listing::{self, Key};
use crate::tail::next::still_for;

impl Live<'_> {
    /// Looks, and decides; nothing is decided where the directory cannot be looked into.
    pub(super) fn reconcile(&mut self) -> Result<(), Halt> {
        let Some(mut seen) = self.look()? else { return Ok(()) };
        let emptied = std::mem::take(&mut self.emptied);
        self.undecided = false;
        let mut lost: Vec<Lost> = self.what_was_lost(&seen, emptied).into_iter().collect();
        if std::mem::take(&mut self.first) {
            lost = self.recognise(&seen)?;
            if !lost.is_empty()
                && let Some(now) = self.look()?
            {
                // A roll since the first look: the copy was there before the live file was found emptied.
                seen = now;
            }
        }
        self.forget_missing(&seen.rolled);
        self.read_unknown(&seen, lost, emptied)?;
        if emptied && let Some(current) = self.current.take() {
            let next = current.again(&self.desk, &mut self.leaving, &self.settings.manner)?;
            self.current = Some(next);
        }
        if self.current.is_none() {
            self.open_live(&seen)?;
        }
        self.folder.hurry = self.undecided || self.current.is_none() && seen.meta.is_some();
        Ok(())
    }

    /// While running: what the live file was, if it is that no more and nobody can read it on.
    fn what_was_lost(&mut self, seen: &Seen, emptied: bool) -> Option<Lost> {
        let current = self.current.as_mut()?;
        if emptied {
            return Some(Lost::emptied(current, seen.live.display().to_string()));
        }
        let own = current.key();
        if seen.meta.as_ref().is_some_and(|meta| listing::key(meta) == own) {
            return None;
        }
        if let Some(renamed) = seen.rolled.iter().find(|rolled| rolled.key() == own) {
            current.renamed(&renamed.path);
        } else if seen.meta.is_none() {
            // Between the rename and the new file, or deleted: what the descriptor still gives is read meanwhile.
            return None;
        }
        let mut followed = self.current.take()?;
        followed.moved = Instant::now();
        self.note(&followed);
        self.rests.push_back(Rest { followed, grows: true });
        None
    }

    /// Marks of rolled files that are gone go too.
    fn forget_missing(&mut self, rolled: &[Rolled]) {
        let mut there: HashSet<Key> = self.late.inodes();
        there.extend(rolled.iter().map(Rolled::key));
        there.extend(self.rests.iter().map(|rest| rest.followed.key()));
        there.extend(self.current.iter().map(Followed::key));
        let leaving = &mut self.leaving;
        self.known.retain(|key, (stream, end)| {
            let keep = there.contains(key);
            if !keep {
                leaving.add(*stream, *end);
            }
            keep
        });
    }

    /// Rolled files nobody knows: those that have the rest of what was lost from there, others whole.
    fn read_unknown(&mut self, seen: &Seen, lost: Vec<Lost>, emptied: bool) -> Result<(), Halt> {
        let unknown = self.unknown(seen);
        // Which generation each of them is: the youngest that fits, rather one that more than a beginning speaks for.
        let fits = |lost: &Lost, file: &File| lost.is_in(file).unwrap_or(false);
        let is_in = |file: &File| {
            let proved = lost.iter().rposition(|lost| lost.is_proved() && fits(lost, file));
            proved.or_else(|| lost.iter().rposition(|lost| fits(lost, file)))
        };
        let fitting: Vec<Option<usize>> = unknown.iter().map(|(_, file)| is_in(file)).collect();
        let mut lost: Vec<(bool, Option<Lost>)> =
            lost.into_iter().map(|lost| (lost.is_proved(), Some(lost))).collect();
        for (index, (rolled, file)) in unknown.into_iter().enumerate() {
            let Some(which) = fitting[index] else {
                self.read_new(rolled, file, &seen.live, emptied)?;
                continue;
            };
            // The newest that fits; another with the same beginning and the same end of what was read is one more copy.
            let is_newest = !fitting[index + 1..].contains(&Some(which));
            match lost[which].1.take_if(|_| is_newest) {
                Some(lost) => self.read_on(rolled, file, lost)?,
                None if lost[which].0 => self.skip(rolled, file)?,
                None => self.read_new(rolled, file, &seen.live, emptied)?,
            }
        }
        lost.into_iter().filter_map(|(_, lost)| lost).for_each(|lost| self.account(lost));
        Ok(())
    }

    fn unknown<'s>(&self, seen: &'s Seen) -> Vec<(&'s Rolled, File)> {
        let mut unknown = Vec::new();
        for rolled in seen.rolled.iter().filter(|rolled| !self.known.contains_key(&rolled.key())) {
            match rolled.file() {
                Ok(Some(file)) => unknown.push((rolled, file)),
                Ok(None) => {}
                Err(error) => self.desk.cannot_read_and(&rolled.path, &error, "it is tried again"),
            }
        }
        unknown
    }

    /// A rolled file that has nothing to do with what was lost.
    fn read_new(&mut self, rolled: &Rolled, file: File, live: &Path, emptied: bool) -> Result<(), Halt> {
        let meta = &rolled.meta;
        if meta.len() == 0 {
            // A copy just begun, or the old file of a roll that may still get a late line: the next look tells.
            self.undecided |= still_for(meta, Duration::ZERO) < self.settings.times.late;
            return Ok(());
        }
        if !self.settings.history && self.began.is_after(meta) {
            return self.skip(rolled, file);
        }
        if self.is_still_live(&file, live, emptied)? {
            return Ok(());
        }
        self.read_whole(rolled, file)
    }

    /// Whether a rolled file is a copy of what stands in the live file, or of what was read of it: its truncation is
    /// still to come.
    fn is_still_live(&self, file: &File, live: &Path, emptied: bool) -> Result<bool, Halt> {
        if let Some(current) = self.current.as_ref().filter(|_| !emptied) {
            let check = Some(current.reader.check()).filter(|check| check.at > 0);
            if current.reader.is_begun() && is_copy(file, &current.face, check).map_err(Halt::Read)? {
                return Ok(true);
            }
        }
        match File::open(live) {
            Ok(live) => is_prefix(file, &live).map_err(Halt::Read),
            Err(_) => Ok(false),
        }
    }

    /// P7: history at the first start is known as read before anything else is.
    fn skip(&mut self, rolled: &Rolled, file: File) -> Result<(), Halt> {
        let face = Face::of(&file).map_err(Halt::Read)?;
        let end = rolled.meta.len();
        let resume = self.desk.out.begin(face.attributes(&rolled.path), end).map_err(Halt::Broken)?;
        self.known.insert(rolled.key(), (resume.stream.id, end));
        Ok(())
    }

    /// F1: a copy is the same generation, so its rest is the rest of the same stream, with all that is held of it.
    fn read_on(&mut self, rolled: &Rolled, file: File, lost: Lost) -> Result<(), Halt> {
        let manner = &self.settings.manner;
        let followed = match lost.known {
            Some(known) => Followed::resumed(&self.desk, manner, &rolled.path, file, &known)?,
            None => {
                let Some(mut current) = self.current.take() else { return Ok(()) };
                current.moved_to(&self.desk, &rolled.path, file)?;
                current
            }
        };
        self.note(&followed);
        self.rests.push_back(Rest { followed, grows: false });
        Ok(())
    }

    fn read_whole(&mut self, rolled: &Rolled, file: File) -> Result<(), Halt> {
        let followed = Followed::begun(&self.desk, &self.settings.manner, &rolled.path, file, 0)?;
        self.note(&followed);
        self.rests.push_back(Rest { followed, grows: true });
        Ok(())
    }

    /// No rolled file has it.
    fn account(&mut self, lost: Lost) {
        if let Some(known) = &lost.known {
            self.leaving.add(known.id, known.high);
        }
        if lost.is_old {
            return;
        }
        let unread = self.current.as_ref().map_or(0, |current| current.size.saturating_sub(lost.at));
        let (path, at) = (lost.path, lost.at);
        log::warn!(
            component = self.desk.out.source(), bytes = unread;
            "`{path}` was emptied or replaced after byte {at} was read, and no rolled file has the rest: {unread} bytes seen and not read are lost"
        );
        self.desk.out.pulse().add(Counter::LostBytes, unread);
    }

    /// The live file as it was seen; where another one has its name by now, the next look tells.
    pub(super) fn open_live(&mut self, seen: &Seen) -> Result<(), Halt> {
        let Some(meta) = &seen.meta else { return Ok(()) };
        let (nothing, manner) = (|_: &Face, _: u64, _: Option<u64>| None, &self.settings.manner);
        let (live, memory, leaving) = (&seen.live, &mut self.memory, &mut self.leaving);
        let opened = listing::open(live, listing::key(meta)).map_err(Halt::Read).and_then(|file| {
            file.map(|file| Followed::open(&self.desk, memory, leaving, manner, live, file, nothing))
                .transpose()
        });
        match opened {
            Ok(Some(followed)) => self.current = Some(followed),
            Ok(None) => self.folder.look_again(),
            Err(Halt::Read(error)) => self.desk.cannot_read_and(live, &error, "it is tried again"),
            Err(halt) => return Err(halt),
        }
        Ok(())
    }
}
