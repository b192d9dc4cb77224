//! Files that have been read to their end: retired once durable (D5), watched for late lines, then let go (D6).
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::desk::{Desk, Doing, Halt};
use super::follow::{Followed, Turn};
use super::identity::Inode;
use super::leaving::{LOOK, Leaving};
use super::listing::{self, Name};
use super::retire::{Retire, Retired};
use crate::codec::records::Close;
use crate::flow::Counter;

/// Finished files whose descriptors are kept for late lines; beyond it the oldest are let go early.
const OPEN: usize = 512;

/// One finished file.
struct Done {
    followed: Followed,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for durability, then for its retirement.
    Waits,
    /// Retired since; late lines are shipped.
    Retired(Instant),
    /// Kept under its name: never again unless it changes.
    Kept,
}

/// The finished files of a source.
pub struct Finished {
    retire: Retire,
    late: Duration,
    files: Vec<Done>,
    look_at: Instant,
    /// Marks of files that were let go are dropped; else their names still stand and must stay known.
    forgets: bool,
}

impl Finished {
    pub fn new(retire: Retire, late: Duration) -> Finished {
        Finished { retire, late, files: Vec::new(), look_at: Instant::now(), forgets: true }
    }

    /// Nothing is retired; files are watched for late lines and stay known.
    pub fn watching(late: Duration) -> Finished {
        Finished { forgets: false, ..Finished::new(Retire::Keep, late) }
    }

    /// Read to its end; to be retired.
    pub fn add(&mut self, followed: Followed) {
        let mut followed = followed;
        if self.files.len() >= OPEN {
            followed.close();
        }
        self.files.push(Done { followed, stage: Stage::Waits });
        self.look_at = Instant::now();
    }

    /// Retired already, or gone: only late lines may come.
    pub fn add_retired(&mut self, followed: Followed) {
        self.files.push(Done { followed, stage: Stage::Retired(Instant::now()) });
        self.look_at = Instant::now();
    }

    /// Whether a retirement is still to come.
    pub fn is_settled(&self) -> bool {
        self.files.iter().all(|done| done.stage != Stage::Waits)
    }

    /// Inodes that are no candidates, finished as they are.
    pub fn inodes(&self) -> HashSet<(u64, u64)> {
        let key = |done: &Done| (done.followed.face.inode.device, done.followed.face.inode.number);
        self.files.iter().map(key).collect()
    }

    /// Takes a file out again that has changed since it was finished.
    pub fn take_changed(&mut self, key: (u64, u64), size: u64) -> Option<Followed> {
        let changed = |done: &Done| {
            let inode = done.followed.face.inode;
            (inode.device, inode.number) == key
                && done.stage != Stage::Waits
                && size != done.followed.reader.at()
        };
        let index = self.files.iter().position(changed)?;
        Some(self.files.swap_remove(index).followed)
    }

    /// When to look again.
    pub fn due(&self) -> Option<Duration> {
        let due = |done: &Done| match done.stage {
            Stage::Waits => Some(LOOK),
            Stage::Retired(since) => {
                Some(self.late.saturating_sub(since.elapsed().min(done.followed.quiet_for())))
            }
            Stage::Kept => None,
        };
        self.files.iter().filter_map(due).min().map(|due| due.max(Duration::from_millis(5)))
    }

    /// Reads late lines, retires what is durable, lets go of what stayed quiet. True: something was done.
    pub fn look(&mut self, desk: &Desk<'_>, leaving: &mut Leaving) -> Result<bool, Halt> {
        if Instant::now() < self.look_at {
            return Ok(false);
        }
        self.look_at = Instant::now() + self.due().unwrap_or(LOOK).min(LOOK);
        let mut any = false;
        let mut index = 0;
        while index < self.files.len() {
            if self.files[index].stage == Stage::Kept {
                index += 1;
                continue;
            }
            any |= self.read_late(desk, index)?;
            match self.files[index].stage {
                Stage::Waits => any |= self.retire(desk, index),
                Stage::Retired(since) => {
                    let quiet = since.elapsed().min(self.files[index].followed.quiet_for());
                    if quiet >= self.late || self.files.len() > OPEN {
                        self.let_go(desk, leaving, index)?;
                        continue;
                    }
                }
                Stage::Kept => {}
            }
            index += 1;
        }
        Ok(any)
    }

    fn read_late(&mut self, desk: &Desk<'_>, index: usize) -> Result<bool, Halt> {
        let followed = &mut self.files[index].followed;
        if !followed.is_open() {
            return Ok(false);
        }
        let at = followed.reader.at();
        let turn = match followed.turn(desk, Close::No, u64::MAX) {
            Ok(turn) => turn,
            // What cannot be read now is tried again at the next look.
            Err(Halt::Read(_)) => return Ok(false),
            Err(halt) => return Err(halt),
        };
        if turn == Turn::Undecodable {
            followed.reader.forgive = true;
        }
        let late = followed.reader.at() - at.min(followed.reader.at());
        if late > 0 {
            let path = followed.path.display();
            log::info!(component = desk.out.source(), bytes = late; "`{path}` got {late} late bytes after it was finished; they were shipped");
        }
        Ok(late > 0)
    }

    fn retire(&mut self, desk: &Desk<'_>, index: usize) -> bool {
        let done = &mut self.files[index];
        let followed = &mut done.followed;
        if desk.out.durable(followed.reader.stream.id) < followed.reader.position() || !followed.is_done() {
            return false;
        }
        if self.retire == Retire::Delete && grown(followed) {
            return true;
        }
        match self.retire.finish_own(followed) {
            Ok(Retired::Renamed(to, numbered)) => {
                if numbered {
                    log::warn!(component = desk.out.source(); "`{}` was used again: it is `{}` now", followed.path.display(), to.display());
                }
                desk.mended(Doing::Retire, &followed.path);
                followed.renamed(&to);
                done.stage = Stage::Retired(Instant::now());
            }
            Ok(Retired::Deleted) => done.stage = Stage::Retired(Instant::now()),
            Ok(Retired::Kept) => {
                followed.close();
                done.stage = Stage::Kept;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                done.stage = Stage::Retired(Instant::now())
            }
            Err(error) => {
                let what = format!("cannot retire `{}`: {error}", followed.path.display());
                if desk.failing(Doing::Retire, &followed.path, &what) {
                    log::error!(component = desk.out.source(); "{what}; it has been delivered and is not read again, this is tried again");
                }
                return false;
            }
        }
        desk.out.pulse().add(Counter::FilesDone, 1);
        followed.reader.gauge.behind_since_ms.store(0, Relaxed);
        true
    }

    fn let_go(&mut self, desk: &Desk<'_>, leaving: &mut Leaving, index: usize) -> Result<(), Halt> {
        let mut done = self.files.swap_remove(index);
        match done.followed.turn(desk, Close::All, u64::MAX) {
            Ok(_) | Err(Halt::Read(_)) => {}
            Err(halt) => return Err(halt),
        }
        if self.forgets {
            leaving.add(done.followed.reader.stream.id, done.followed.reader.position());
        }
        Ok(())
    }

    /// Kept files under the names they have now; the marks of those that are gone go too.
    pub fn follow_names(&mut self, dir: &Path, names: &[Name], leaving: &mut Leaving) {
        let kept = self.files.iter().any(|done| done.stage == Stage::Kept);
        let names: HashMap<u64, &Name> =
            names.iter().filter(|_| kept).map(|name| (name.inode, name)).collect();
        self.files.retain_mut(|Done { followed, stage }| {
            if *stage != Stage::Kept {
                return true;
            }
            let Some(name) = names.get(&followed.face.inode.number) else {
                leaving.add(followed.reader.stream.id, followed.reader.position());
                return false;
            };
            if followed.path.file_name() != Some(&name.name) {
                followed.renamed(&dir.join(&name.name));
            }
            true
        });
    }

    /// Kept files that have changed since: they are read on.
    pub fn changed_kept(&self) -> Vec<(u64, u64, u64)> {
        let changed = |done: &Done| {
            let meta = listing::regular(&done.followed.path).ok()??;
            let inode = done.followed.face.inode;
            if !inode.is_like(&Inode::of(&meta)) {
                return None;
            }
            (meta.len() != done.followed.reader.at()).then_some((inode.device, inode.number, meta.len()))
        };
        self.files.iter().filter(|done| done.stage == Stage::Kept).filter_map(changed).collect()
    }
}

/// Whether bytes came that were not read yet, seen on the open descriptor right before the file is deleted.
fn grown(followed: &mut Followed) -> bool {
    let at = followed.reader.at();
    matches!(followed.file(), Ok(Some(file)) if file.metadata().is_ok_and(|meta| meta.len() != at))
}
