//! Follows all files of some directories that match: growing, renamed, emptied, deleted.
//!
//! Why inotify on directories, with a slow rescan: 10,000 quiet files cost one watch and no wake-up; the rescan covers
//! an overflow of the queue and file systems of other hosts.
//! Invariants: a file is known by device and inode as long as it is followed; a name only leads to it. A file that
//! lost its name is read to its end, and let go when it stayed quiet for `late`.
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::desk::{Desk, Doing, Halt};
use super::follow::{Followed, Manner, Turn};
use super::identity::{Face, Inode};
use super::leaving::{LOOK, Leaving};
use super::listing::{self, Candidates, Name};
use super::memory::Memory;
use crate::codec::records::Close;
use crate::flow::{Counter, Fatal, Wait};
use crate::sys::{self, Change, Watcher};

/// Descriptors kept open for files that are read to their end.
const OPEN: usize = 128;

/// Files of one directory whose names match.
pub struct Group {
    pub dir: PathBuf,
    pub candidates: Candidates,
    pub manner: Manner,
}

/// When what happens; every one an option of the source.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A quiet file's descriptor is closed.
    pub idle: Duration,
    /// An unterminated last line goes out.
    pub partial: Option<Duration>,
    /// An open multi-line record is closed.
    pub record: Option<Duration>,
    /// A file that lost its name is watched for late lines.
    pub late: Duration,
    /// All directories are looked through.
    pub rescan: Duration,
    /// With `until_drained`: all quiet for so long is the end.
    pub drain: Duration,
}

/// A file that is about to be followed.
#[derive(Clone, Copy, Debug)]
pub struct Met<'a> {
    pub path: &'a Path,
    pub face: &'a Face,
    pub size: u64,
    /// It was there when the source started.
    pub first: bool,
    /// Where the channels say to go on, if they know it.
    pub known: Option<u64>,
}

/// Where to begin a new file (else at 0), and a known one elsewhere than the channels say.
pub type StartAt<'a> = dyn FnMut(Met<'_>) -> Option<u64> + 'a;

struct File {
    followed: Followed,
    group: usize,
    name: OsString,
    /// Since when its name is no candidate any more.
    nameless: Option<Instant>,
    /// Waits in the queue of files to read.
    queued: bool,
}

/// The files followed.
pub struct Live<'a> {
    desk: &'a Desk<'a>,
    groups: &'a [Group],
    times: Times,
    most: u64,
    memory: Memory,
    pub leaving: Leaving,
    files: HashMap<u64, File>,
    by_inode: HashMap<(u64, u64), u64>,
    by_name: HashMap<(usize, OsString), u64>,
    open: BTreeSet<u64>,
    queue: VecDeque<u64>,
    next: u64,
    watcher: Watcher,
    dirs: Vec<Dir>,
    rescan_at: Instant,
    moved: Instant,
    first: bool,
    unmirrored: bool,
}

struct Dir {
    path: PathBuf,
    watched: bool,
    stale: bool,
    failing: Option<String>,
}

impl<'a> Live<'a> {
    pub fn new(desk: &'a Desk<'a>, groups: &'a [Group], times: Times, most: u64) -> Live<'a> {
        let (watcher, error) = Watcher::new();
        if let Some(error) = error {
            log::warn!(component = desk.out.source(); "cannot use inotify, directories are looked through every second: {error}");
        }
        let mut dirs: Vec<Dir> = Vec::new();
        for group in groups {
            if !dirs.iter().any(|dir| dir.path == group.dir) {
                dirs.push(Dir { path: group.dir.clone(), watched: false, stale: true, failing: None });
            }
        }
        Live {
            desk,
            groups,
            times,
            most,
            memory: Memory::of(desk.out),
            leaving: Leaving::default(),
            files: HashMap::new(),
            by_inode: HashMap::new(),
            by_name: HashMap::new(),
            open: BTreeSet::new(),
            queue: VecDeque::new(),
            next: 0,
            watcher,
            dirs,
            rescan_at: Instant::now(),
            moved: Instant::now(),
            first: true,
            unmirrored: true,
        }
    }

    /// Files that have a name, for the mirror.
    pub fn followed(&self) -> impl Iterator<Item = &Followed> {
        self.files.values().filter(|file| file.nameless.is_none()).map(|file| &file.followed)
    }

    /// Whether positions have changed since the mirror was written.
    pub fn has_moved(&self) -> bool {
        self.unmirrored
    }

    /// The mirror has been written.
    pub fn mirrored(&mut self) {
        self.unmirrored = false;
    }

    /// One round: looks where something changed, reads every file that has something for one turn. True: all files
    /// are read to their ends.
    pub fn round(&mut self, start: &mut StartAt<'_>) -> Result<bool, Halt> {
        self.hear();
        if self.rescan_at <= Instant::now() {
            self.dirs.iter_mut().for_each(|dir| dir.stale = true);
            let trusted = self.dirs.iter().all(|dir| dir.watched && !sys::is_remote(&dir.path));
            self.rescan_at = Instant::now()
                + if trusted { self.times.rescan } else { self.times.rescan.min(Duration::from_secs(1)) };
        }
        for dir in 0..self.dirs.len() {
            if std::mem::take(&mut self.dirs[dir].stale) {
                self.look_through(dir, start)?;
            }
        }
        self.first = false;
        for _ in 0..self.queue.len() {
            let Some(slot) = self.queue.pop_front() else { break };
            self.turn(slot)?;
        }
        self.let_go()?;
        self.leaving.settle(self.desk.out).map_err(Halt::Broken)?;
        Ok(self.queue.is_empty())
    }

    /// Waits for a change, the stop, or the next thing that is due; at most `most`.
    pub fn wait(&mut self, most: Option<Duration>) {
        let due = self.next_due();
        let time = match (due, most) {
            (Some(due), Some(most)) => Some(due.min(most)),
            (due, most) => due.or(most),
        };
        let on = self.dirs.iter().find(|dir| dir.failing.is_some()).or(self.dirs.first());
        let on = on.map_or(String::new(), |dir| dir.path.display().to_string());
        let _waiting = self.desk.out.pulse().wait(Wait::Input, on);
        self.watcher.wait(self.desk.stop.fd(), time);
    }

    /// Whether everything has been read and stayed quiet: a drained source ends then.
    pub fn is_drained(&mut self) -> bool {
        self.queue.is_empty() && !self.first && self.moved.elapsed() >= self.times.drain
    }

    /// Ships what a drained run still holds of files that are final, and looks at every file a last time. True: that
    /// was all.
    pub fn finish(&mut self, start: &mut StartAt<'_>) -> Result<bool, Halt> {
        self.dirs.iter_mut().for_each(|dir| dir.stale = true);
        if !self.round(start)? {
            return Ok(false);
        }
        let nameless: Vec<u64> = self.slots(|file| file.nameless.is_some());
        for slot in nameless {
            self.release(slot)?;
        }
        Ok(true)
    }

    fn slots(&self, which: impl Fn(&File) -> bool) -> Vec<u64> {
        self.files.iter().filter(|(_, file)| which(file)).map(|(slot, _)| *slot).collect()
    }

    fn next_due(&self) -> Option<Duration> {
        let mut due = vec![self.rescan_at.saturating_duration_since(Instant::now())];
        if !self.leaving.is_empty() {
            due.push(LOOK);
        }
        for file in self.open.iter().filter_map(|slot| self.files.get(slot)) {
            let quiet = file.followed.quiet_for();
            let mut after =
                |time: Duration| due.push(time.saturating_sub(quiet).max(Duration::from_millis(1)));
            if let Some(since) = file.nameless {
                let watched = quiet.min(since.elapsed());
                due.push(self.times.late.saturating_sub(watched).max(Duration::from_millis(1)));
            } else if file.followed.held == 0 {
                after(self.times.idle);
            } else {
                self.times
                    .partial
                    .into_iter()
                    .chain(self.times.record)
                    .filter(|time| *time > quiet)
                    .for_each(&mut after);
            }
        }
        if self.desk.out.until_drained() {
            due.push(self.times.drain.saturating_sub(self.moved.elapsed()).max(Duration::from_millis(5)));
        }
        due.into_iter().min()
    }

    /// Takes over what inotify has to say.
    fn hear(&mut self) {
        let (mut names, mut contents, mut lost) = (Vec::new(), Vec::new(), false);
        self.watcher.changes(|change| match change {
            Change::Content { dir, name } => contents.push((dir, name)),
            Change::Names { dir, name } => names.push((dir, name)),
            Change::Gone { dir } => names.push((dir, OsString::new())),
            Change::Lost => lost = true,
        });
        if lost {
            self.dirs.iter_mut().for_each(|dir| dir.stale = true);
        }
        for (dir, name) in contents {
            match self.by_name.get(&(dir, name.clone())) {
                Some(slot) => self.enqueue(*slot),
                None if self.group_of(dir, &name).is_some() => self.dirs[dir].stale = true,
                None => {}
            }
        }
        for (dir, name) in names {
            let gone = name.is_empty();
            if gone {
                self.dirs[dir].watched = false;
                self.rescan_at = Instant::now();
            }
            let known = self.by_name.contains_key(&(dir, name.clone()));
            self.dirs[dir].stale |= gone || known || self.group_of(dir, &name).is_some();
        }
    }

    fn enqueue(&mut self, slot: u64) {
        if let Some(file) = self.files.get_mut(&slot).filter(|file| !file.queued) {
            file.queued = true;
            self.queue.push_back(slot);
        }
    }

    fn group_of(&self, dir: usize, name: &OsStr) -> Option<usize> {
        let here = |group: &&Group| group.dir == self.dirs[dir].path && group.candidates.takes(name);
        self.groups.iter().position(|group| here(&group))
    }

    /// Looks at every name of a directory.
    fn look_through(&mut self, dir: usize, start: &mut StartAt<'_>) -> Result<(), Halt> {
        let path = self.dirs[dir].path.clone();
        if !self.dirs[dir].watched {
            // The watch comes first, so that nothing falls between it and the listing.
            self.dirs[dir].watched = self.watcher.add(&path, dir).is_ok();
        }
        let names = match listing::names(&path) {
            Ok(names) => names,
            Err(error) => {
                self.dirs[dir].watched = false;
                self.failed(dir, &path, &error);
                Vec::new()
            }
        };
        if !names.is_empty() || self.dirs[dir].watched {
            self.recovered(dir, &path);
            self.desk.forget_missing();
        }
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for name in &names {
            if let Some(group) = self.group_of(dir, &name.name) {
                match listing::regular(&path.join(&name.name)) {
                    Ok(Some(meta)) => found.push((listing::modified(&meta), name.name.clone(), group, meta)),
                    Ok(None) => {}
                    Err(error) => self.trouble(&path.join(&name.name), &error),
                }
            }
        }
        // Oldest first, as Flume reads them.
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        for (_, name, group, meta) in found {
            if let Some(slot) = self.met(dir, &path.join(&name), &name, group, &meta, start)? {
                seen.insert(slot);
            }
        }
        let gone = self.slots(|file| file.nameless.is_none() && self.groups[file.group].dir == path);
        for slot in gone.into_iter().filter(|slot| !seen.contains(slot)) {
            self.lost_its_name(dir, &path, slot, &names);
        }
        if self.dirs[dir].watched || !names.is_empty() {
            self.look_for_known(dir, &path, &names)?;
        }
        Ok(())
    }

    fn met(
        &mut self,
        dir: usize,
        path: &Path,
        name: &OsStr,
        group: usize,
        meta: &Metadata,
        start: &mut StartAt<'_>,
    ) -> Result<Option<u64>, Halt> {
        let key = (meta.dev(), meta.ino());
        if let Some(slot) = self.by_inode.get(&key).copied() {
            let file = self.files.get_mut(&slot).expect("both maps hold the same slots");
            if file.followed.face.inode.is_like(&Inode::of(meta)) {
                if file.name != name || file.nameless.is_some() {
                    file.followed.renamed(path);
                    self.by_name.remove(&(dir, std::mem::replace(&mut file.name, name.to_os_string())));
                    file.nameless = None;
                    file.group = group;
                    self.by_name.insert((dir, name.to_os_string()), slot);
                }
                if meta.len() != file.followed.size || !file.followed.is_done() && file.followed.held == 0 {
                    self.enqueue(slot);
                }
                return Ok(Some(slot));
            }
            // The inode belongs to a new file; the old one ended while its descriptor was closed.
            self.forget(slot);
        }
        self.open_new(dir, path, name, group, key, start)
    }

    fn open_new(
        &mut self,
        dir: usize,
        path: &Path,
        name: &OsStr,
        group: usize,
        key: (u64, u64),
        start: &mut StartAt<'_>,
    ) -> Result<Option<u64>, Halt> {
        let first = self.first;
        let manner = &self.groups[group].manner;
        let at = |face: &Face, size, known| start(Met { path, face, size, first, known });
        let followed = match Followed::open(self.desk, &mut self.memory, &mut self.leaving, manner, path, at)
        {
            Ok(followed) => followed,
            Err(Halt::Read(error)) => {
                self.trouble(path, &error);
                return Ok(None);
            }
            Err(halt) => return Err(halt),
        };
        let slot = self.adopt(dir, name, group, key, followed, None);
        Ok(Some(slot))
    }

    fn adopt(
        &mut self,
        dir: usize,
        name: &OsStr,
        group: usize,
        key: (u64, u64),
        mut followed: Followed,
        nameless: Option<Instant>,
    ) -> u64 {
        let slot = self.next;
        self.next += 1;
        self.by_inode.insert(key, slot);
        if let Some(older) = self.by_name.insert((dir, name.to_os_string()), slot)
            && let Some(older) = self.files.get_mut(&older)
        {
            older.nameless.get_or_insert_with(Instant::now);
        }
        let quiet = followed.is_done() && nameless.is_none();
        if quiet && self.open.len() >= OPEN {
            followed.close();
        } else {
            self.open.insert(slot);
        }
        self.files.insert(slot, File { followed, group, name: name.to_os_string(), nameless, queued: false });
        if !quiet {
            self.enqueue(slot);
        }
        self.desk.out.pulse().set(Counter::FilesOpen, self.files.len() as u64);
        slot
    }

    /// A file is no candidate any more: renamed, moved away or deleted. It is read to its end all the same.
    fn lost_its_name(&mut self, dir: usize, path: &Path, slot: u64, names: &[Name]) {
        let Some(file) = self.files.get_mut(&slot) else { return };
        let inode = file.followed.face.inode.number;
        file.nameless = Some(Instant::now());
        if self.by_name.get(&(dir, file.name.clone())) == Some(&slot) {
            self.by_name.remove(&(dir, file.name.clone()));
        }
        if let Some(now) = names.iter().find(|name| name.inode == inode) {
            file.followed.renamed(&path.join(&now.name));
            file.name = now.name.clone();
            self.by_name.insert((dir, now.name.clone()), slot);
        }
        self.open.insert(slot);
        self.enqueue(slot);
    }

    /// Known files that no candidate is: renamed to another name while nobody looked, or gone.
    fn look_for_known(&mut self, dir: usize, path: &Path, names: &[Name]) -> Result<(), Halt> {
        let here = |known: &&crate::flow::Known| {
            known.attributes.get("path").is_some_and(|old| Path::new(old).parent() == Some(path))
        };
        let left: Vec<_> = self.memory.unclaimed().filter(here).cloned().collect();
        for known in left {
            let inode = known.attributes.number("inode").unwrap_or(0);
            let group =
                known.attributes.get("path").and_then(|old| self.group_of(dir, Path::new(old).file_name()?));
            let now = names.iter().find(|name| name.inode == inode);
            let (Some(now), Some(group)) = (now, group) else {
                self.is_gone(&known);
                continue;
            };
            let path = path.join(&now.name);
            let manner = &self.groups[group].manner;
            // Only a file that is recognised is followed here; any other is none of ours.
            let mut one = Memory::default();
            one.insert(known.clone());
            let Ok(file) = std::fs::File::open(&path) else { continue };
            if !matches!(one.claim(&file), Ok(super::memory::Claim::Same(_))) {
                self.is_gone(&known);
                continue;
            }
            self.memory.remove(&known);
            let face = Face::of(&file).map_err(Halt::Read)?;
            let resume = self.desk.out.resume(&known, face.attributes(&path)).map_err(Halt::Broken)?;
            let followed = Followed::with(self.desk, manner, &path, file, face, resume)?;
            let key = (face.inode.device, face.inode.number);
            self.adopt(dir, &now.name, group, key, followed, Some(Instant::now()));
        }
        Ok(())
    }

    fn is_gone(&mut self, known: &crate::flow::Known) {
        self.memory.remove(known);
        self.leaving.tell_gone(self.desk, known);
    }

    fn turn(&mut self, slot: u64) -> Result<(), Halt> {
        let Some(file) = self.files.get_mut(&slot) else { return Ok(()) };
        file.queued = false;
        let close =
            file.followed.close_by_silence(self.times.partial, self.times.record, file.followed.quiet_for());
        let at = file.followed.reader.at();
        let turn = file.followed.turn(self.desk, close, self.most);
        if file.followed.reader.at() != at {
            self.moved = Instant::now();
            self.unmirrored = true;
        }
        match turn {
            Ok(Turn::More) => self.enqueue(slot),
            Ok(Turn::Quiet) => {
                if !self.open.contains(&slot) {
                    self.open.insert(slot);
                }
                if self.open.len() > OPEN && file.followed.held == 0 && file.nameless.is_none() {
                    file.followed.close();
                    self.open.remove(&slot);
                }
            }
            Ok(Turn::Truncated) => self.begin_again(slot)?,
            Ok(Turn::Undecodable) => {
                file.followed.reader.forgive = true;
                self.enqueue(slot);
            }
            // The listing tells what stands there now.
            Ok(Turn::Replaced) => self.dirs.iter_mut().for_each(|dir| dir.stale = true),
            Err(Halt::Read(error)) => {
                let path = file.followed.path.clone();
                let gone = error.kind() == io::ErrorKind::NotFound;
                if gone && file.nameless.is_some() {
                    // Deleted while closed: it had been read to its end.
                    self.forget(slot);
                } else {
                    self.trouble(&path, &error);
                }
            }
            Err(halt) => return Err(halt),
        }
        Ok(())
    }

    fn begin_again(&mut self, slot: u64) -> Result<(), Halt> {
        let file = self.files.remove(&slot).expect("looked up by the caller");
        let manner = &self.groups[file.group].manner;
        file.followed.tell_loss(self.desk);
        match file.followed.again(self.desk, &mut self.leaving, manner) {
            Ok(followed) => {
                self.files.insert(slot, File { followed, queued: false, ..file });
                self.enqueue(slot);
                Ok(())
            }
            Err(Halt::Read(_)) => {
                self.by_inode.retain(|_, other| *other != slot);
                self.by_name.retain(|_, other| *other != slot);
                self.open.remove(&slot);
                Ok(())
            }
            Err(halt) => Err(halt),
        }
    }

    /// Closes idle descriptors, closes silent records, and lets go of files without a name that stayed quiet.
    fn let_go(&mut self) -> Result<(), Halt> {
        let open: Vec<u64> = self.open.iter().copied().collect();
        for slot in open {
            let Some(file) = self.files.get_mut(&slot).filter(|file| !file.queued) else { continue };
            let quiet = file.followed.quiet_for();
            if file.nameless.is_some_and(|since| since.elapsed() >= self.times.late)
                && quiet >= self.times.late
            {
                self.release(slot)?;
            } else if file.followed.held > 0 {
                let due = |time: Option<Duration>| time.is_some_and(|time| quiet >= time);
                if due(self.times.partial) || due(self.times.record) && !file.followed.closed_by_silence() {
                    self.turn(slot)?;
                }
            } else if file.nameless.is_none() && quiet >= self.times.idle {
                file.followed.close();
                self.open.remove(&slot);
            }
        }
        Ok(())
    }

    /// Reads a final file to its very end, unterminated line included, and lets it go.
    fn release(&mut self, slot: u64) -> Result<(), Halt> {
        let Some(file) = self.files.get_mut(&slot) else { return Ok(()) };
        loop {
            match file.followed.turn(self.desk, Close::All, u64::MAX) {
                Ok(Turn::More) => {}
                Err(Halt::Read(_)) | Ok(_) => break,
                Err(halt) => return Err(halt),
            }
        }
        self.forget(slot);
        self.desk.out.pulse().add(Counter::FilesDone, 1);
        Ok(())
    }

    fn forget(&mut self, slot: u64) {
        let Some(file) = self.files.remove(&slot) else { return };
        self.leaving.add(file.followed.reader.stream.id, file.followed.reader.at());
        self.by_inode.retain(|_, other| *other != slot);
        self.by_name.retain(|_, other| *other != slot);
        self.open.remove(&slot);
        self.desk.out.pulse().set(Counter::FilesOpen, self.files.len() as u64);
    }

    fn trouble(&self, path: &Path, error: &io::Error) {
        let what = format!("cannot read `{}`: {error}", path.display());
        if self.desk.failing(Doing::Read, path, &what) {
            log::warn!(component = self.desk.out.source(); "{what}; other files go on, this one is tried again");
        }
    }

    fn failed(&mut self, dir: usize, path: &Path, error: &io::Error) {
        let what = format!("cannot look into `{}`: {error}", path.display());
        if self.desk.failing(Doing::Look, path, &what) {
            log::warn!(component = self.desk.out.source(); "{what}; trying again every second");
        }
        self.dirs[dir].failing = Some(what);
    }

    fn recovered(&mut self, dir: usize, path: &Path) {
        if self.dirs[dir].failing.take().is_some() {
            self.desk.mended(Doing::Look, path);
            log::info!(component = self.desk.out.source(); "`{}` can be read again", path.display());
        }
    }
}

/// Runs a loop of rounds until the stop, or until a drained run has ended. `each` is called between rounds and says
/// how long the next wait may be.
pub fn run(
    live: &mut Live<'_>,
    start: &mut StartAt<'_>,
    mut each: impl FnMut(&mut Live<'_>) -> Option<Duration>,
) -> Result<(), Fatal> {
    Halt::at_end(rounds(live, start, &mut each))
}

fn rounds(
    live: &mut Live<'_>,
    start: &mut StartAt<'_>,
    each: &mut impl FnMut(&mut Live<'_>) -> Option<Duration>,
) -> Result<(), Halt> {
    while !live.desk.stop.is_told() {
        let quiet = live.round(start)?;
        let most = each(live);
        if !quiet {
            continue;
        }
        if live.desk.out.until_drained() && live.is_drained() && live.finish(start)? {
            return Ok(());
        }
        live.wait(most);
    }
    Ok(())
}
