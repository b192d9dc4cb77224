//! One live file that is emptied or replaced at each roll; rolled files only serve to find what was not read yet.
//!
//! Why decide on the live file: a program may copy before it empties; who starts anew at the sight of a rolled name
//! repeats everything, or loses what stood between. What is seen and what is done:
//!
//! | seen | done |
//! | --- | --- |
//! | a rolled name, the live file still is what was read | a copy was made: go on with the live file |
//! | live file shorter, or other bytes before the position | emptied: the rolled file with the same head and the same bytes before the position has the rest; then the live file from 0 |
//! | the live name leads to another inode | renamed: finish the old inode, quiet for `quiet`, then the live file from 0 |
//! | rolled files nobody knows | rolls that happened unseen: oldest first, whole, then the live file |
//! | nothing fits | the live file from 0; the bytes in doubt are named |
//!
//! Invariants: every rolled file that was dealt with is a known stream as long as it is there, history (last written
//! before the first start) included (P7). So an unknown rolled file is unread, unless it is a copy of the live file as it stands.
use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::bytes::Regex;

use super::desk::{Desk, Doing, Halt};
use super::finished::Finished;
use super::folder::Folder;
use super::follow::{Followed, Manner, Turn};
use super::identity::{Face, Inode, is_copy, is_prefix};
use super::leaving::{LOOK, Leaving};
use super::listing::{self, Name};
use super::memory::{Claim, Memory};
use super::next::still_for;
use crate::codec::java_regex;
use crate::codec::records::Close;
use crate::event::{Check, StreamId};
use crate::flow::{Counter, Known, Outlet, Stop};
use crate::sys;

/// How the source was set.
#[derive(Clone)]
pub struct Rolls {
    pub dir: PathBuf,
    /// The name of the live file, or a pattern that matches exactly one name.
    pub live: String,
    pub rolled: Regex,
    pub manner: Manner,
    pub batch: usize,
    /// Read rolled files that are there at the first start.
    pub history: bool,
    /// Keeps when the source started for the first time.
    pub started: PathBuf,
    pub quiet: Duration,
    pub late: Duration,
    pub rescan: Duration,
    pub drain: Duration,
    pub partial: Option<Duration>,
    pub record: Option<Duration>,
}

type Key = (u64, u64);

fn key(meta: &Metadata) -> Key {
    (meta.dev(), meta.ino())
}

/// What was read of a generation that is in the live file no more.
struct Lost {
    face: Face,
    at: u64,
    check: Option<Check>,
    stream: Option<(StreamId, u64)>,
    path: String,
}

/// What is to be read before the live file.
struct Rest {
    followed: Followed,
    /// It may still grow: the old inode of a rename.
    grows: bool,
}

/// The live file and what comes before it.
pub struct Live<'a> {
    desk: Desk<'a>,
    settings: &'a Rolls,
    folder: Folder,
    memory: Memory,
    leaving: Leaving,
    /// Old inodes that are watched for late lines.
    late: Finished,
    current: Option<Followed>,
    rests: VecDeque<Rest>,
    /// Rolled files that were dealt with.
    known: HashMap<Key, (StreamId, u64)>,
    emptied: bool,
    /// A rolled file is empty yet: look again soon.
    undecided: bool,
    /// Rolled files that are older are history.
    began: Began,
    first: bool,
    moved: Instant,
}

impl<'a> Live<'a> {
    pub fn new(out: &'a Outlet, stop: &'a Stop, settings: &'a Rolls) -> Live<'a> {
        Live {
            desk: Desk::new(out, stop, settings.batch),
            settings,
            folder: Folder::new(settings.dir.clone(), settings.rescan),
            memory: Memory::of(out),
            leaving: Leaving::default(),
            late: Finished::watching(settings.late),
            current: None,
            rests: VecDeque::new(),
            known: HashMap::new(),
            emptied: false,
            undecided: false,
            began: Began::default(),
            first: true,
            moved: Instant::now(),
        }
    }

    /// Follows until the stop, or until a drained run has ended.
    pub fn run(&mut self) -> Result<(), Halt> {
        self.began = Began::first(&self.settings.started, &self.settings.dir.join(&self.settings.live))
            .unwrap_or_else(|error| {
                log::warn!(component = self.desk.out.source(); "cannot keep `{}`: {error}", self.settings.started.display());
                Began::default()
            });
        while !self.desk.stop.is_told() {
            if self.round()? {
                self.moved = Instant::now();
                continue;
            }
            let quiet = self.moved.elapsed() >= self.settings.drain;
            if self.desk.out.until_drained() && !self.first && self.rests.is_empty() && quiet {
                return Ok(());
            }
            let due = self.due();
            self.folder.wait(&self.desk, due);
        }
        Ok(())
    }

    fn due(&self) -> Duration {
        let mut due = self.late.due().unwrap_or(Duration::from_secs(3600));
        let mut after = |time: Duration| due = due.min(time.max(Duration::from_millis(5)));
        if !self.leaving.is_empty() {
            after(LOOK);
        }
        if let Some(rest) = self.rests.front() {
            after(self.settings.quiet.saturating_sub(rest.followed.quiet_for()));
        } else if let Some(current) = self.current.as_ref().filter(|current| current.held > 0) {
            let quiet = current.quiet_for();
            let times = self.settings.partial.into_iter().chain(self.settings.record);
            times.filter(|time| *time > quiet).for_each(|time| after(time - quiet));
        }
        if self.desk.out.until_drained() {
            after(self.settings.drain.saturating_sub(self.moved.elapsed()));
        }
        due
    }

    /// One round; true if there may be more to do at once.
    fn round(&mut self) -> Result<bool, Halt> {
        self.late.look(&self.desk, &mut self.leaving)?;
        self.leaving.settle(self.desk.out).map_err(Halt::Broken)?;
        if !self.rests.is_empty() {
            self.folder.hear();
            return self.read_rest();
        }
        let names =
            if self.emptied { self.folder.names(&self.desk) } else { self.folder.changed_names(&self.desk) };
        if let Some(names) = names {
            self.reconcile(&names)?;
            if !self.rests.is_empty() {
                return Ok(true);
            }
        }
        self.read_live()
    }

    fn read_rest(&mut self) -> Result<bool, Halt> {
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
                let what = format!("cannot read `{}`: {error}", rest.followed.path.display());
                if self.desk.failing(Doing::Read, &rest.followed.path, &what) {
                    log::warn!(component = self.desk.out.source(); "{what}; it is tried again, the live file waits");
                }
                return Ok(false);
            }
            Err(halt) => return Err(halt),
        }
        if rest.followed.reader.at() != at {
            self.moved = Instant::now();
        }
        let quiet = rest.followed.quiet_for();
        let still = match rest.followed.file() {
            Ok(Some(file)) => file.metadata().map_or(quiet, |meta| still_for(&meta, quiet)),
            _ => quiet,
        };
        if rest.grows && still < self.settings.quiet {
            return Ok(false);
        }
        self.end_rest()?;
        Ok(true)
    }

    /// Ships the unterminated end of what is final, and goes on to the next.
    fn end_rest(&mut self) -> Result<(), Halt> {
        let Some(mut rest) = self.rests.pop_front() else { return Ok(()) };
        loop {
            match rest.followed.turn(&self.desk, Close::All, u64::MAX) {
                Ok(Turn::More) => {}
                Ok(_) | Err(Halt::Read(_)) => break,
                Err(halt) => return Err(halt),
            }
        }
        self.note(&rest.followed);
        let young = match rest.followed.file() {
            Ok(Some(file)) => {
                file.metadata().is_ok_and(|meta| still_for(&meta, Duration::ZERO) < self.settings.late)
            }
            _ => false,
        };
        if young {
            self.late.add_retired(rest.followed);
        }
        self.folder.look_again();
        Ok(())
    }

    /// A rolled file is dealt with.
    fn note(&mut self, followed: &Followed) {
        let inode = followed.face.inode;
        let value = (followed.reader.stream.id, followed.reader.at());
        self.known.insert((inode.device, inode.number), value);
    }

    fn read_live(&mut self) -> Result<bool, Halt> {
        let Some(current) = &mut self.current else { return Ok(false) };
        let close =
            current.close_by_silence(self.settings.partial, self.settings.record, current.quiet_for());
        let at = current.reader.at();
        let turn = current.turn(&self.desk, close, u64::MAX);
        if current.reader.at() != at {
            self.moved = Instant::now();
        }
        match turn {
            Ok(Turn::More) => Ok(true),
            Ok(Turn::Quiet) => Ok(false),
            Ok(Turn::Truncated) => {
                self.emptied = true;
                Ok(true)
            }
            Ok(Turn::Replaced) => {
                self.current = None;
                self.folder.look_again();
                Ok(true)
            }
            Ok(Turn::Undecodable) => {
                current.reader.forgive = true;
                Ok(true)
            }
            Err(Halt::Read(error)) => {
                let what = format!("cannot read `{}`: {error}", current.path.display());
                if self.desk.failing(Doing::Read, &current.path, &what) {
                    log::warn!(component = self.desk.out.source(); "{what}; it is tried again");
                }
                Ok(false)
            }
            Err(halt) => Err(halt),
        }
    }

    /// The path of the live file.
    fn live_path(&self, names: &[Name]) -> PathBuf {
        let literal = self.settings.dir.join(&self.settings.live);
        if literal.exists() {
            return literal;
        }
        let Ok(pattern) = java_regex::full_match(&self.settings.live) else { return literal };
        let rolled = &self.settings.rolled;
        let fits =
            |name: &&Name| pattern.is_match(name.name.as_bytes()) && !rolled.is_match(name.name.as_bytes());
        let mut fitting = names.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => self.settings.dir.join(&only.name),
            _ => literal,
        }
    }

    /// Rolled files, oldest first.
    fn rolled(&self, names: &[Name], live: &Path) -> Vec<(PathBuf, Metadata)> {
        let mut rolled = Vec::new();
        for name in names.iter().filter(|name| self.settings.rolled.is_match(name.name.as_bytes())) {
            let path = self.settings.dir.join(&name.name);
            match listing::regular(&path) {
                Ok(Some(meta)) if path != live => rolled.push((path, meta)),
                Ok(_) => {}
                Err(error) => {
                    let what = format!("cannot read `{}`: {error}", path.display());
                    if self.desk.failing(Doing::Read, &path, &what) {
                        log::warn!(component = self.desk.out.source(); "{what}");
                    }
                }
            }
        }
        rolled.sort_by(|a, b| {
            listing::modified(&a.1).cmp(&listing::modified(&b.1)).then_with(|| a.0.cmp(&b.0))
        });
        rolled
    }

    /// Decides by the table above.
    fn reconcile(&mut self, names: &[Name]) -> Result<(), Halt> {
        let live = self.live_path(names);
        let live_meta = listing::regular(&live).map_err(Halt::Read)?;
        let rolled = self.rolled(names, &live);
        let emptied = std::mem::take(&mut self.emptied);
        self.undecided = false;
        let mut lost = self.what_was_lost(&rolled, &live, live_meta.as_ref(), emptied);
        if std::mem::take(&mut self.first) {
            lost = self.recognise(&rolled, names, &live, live_meta.as_ref())?;
        }
        self.forget_missing(&rolled);
        self.read_unknown(&rolled, &live, lost, emptied)?;
        if emptied && let Some(current) = self.current.take() {
            let next = current.again(&self.desk, &mut self.leaving, &self.settings.manner)?;
            self.current = Some(next);
        }
        if self.current.is_none() && live_meta.is_some() {
            self.open_live(&live)?;
        }
        self.folder.hurry = self.undecided || self.current.is_none() && live_meta.is_some();
        Ok(())
    }

    /// While running: what the live file was, if it is that no more.
    fn what_was_lost(
        &mut self,
        rolled: &[(PathBuf, Metadata)],
        live: &Path,
        live_meta: Option<&Metadata>,
        emptied: bool,
    ) -> Option<Lost> {
        let current = self.current.as_mut()?;
        if emptied {
            let check = Some(current.reader.check()).filter(|check| check.at > 0);
            let path = live.display().to_string();
            return Some(Lost { face: current.face, at: current.reader.at(), check, stream: None, path });
        }
        let inode = current.face.inode;
        let own = (inode.device, inode.number);
        if live_meta.is_some_and(|meta| key(meta) == own) {
            return None;
        }
        let renamed = rolled.iter().find(|(_, meta)| key(meta) == own);
        if let Some((path, _)) = renamed {
            current.renamed(path);
        } else if live_meta.is_none() {
            // Between the rename and the new file, or deleted: what the descriptor still gives is read meanwhile.
            return None;
        }
        let mut followed = self.current.take()?;
        followed.moved = Instant::now();
        self.rests.push_back(Rest { followed, grows: true });
        if let Some(rest) = self.rests.back() {
            let value = (rest.followed.reader.stream.id, rest.followed.reader.at());
            self.known.insert(own, value);
        }
        None
    }

    /// At the start: rolled files and the live one are held against what the channels know.
    fn recognise(
        &mut self,
        rolled: &[(PathBuf, Metadata)],
        names: &[Name],
        live: &Path,
        live_meta: Option<&Metadata>,
    ) -> Result<Option<Lost>, Halt> {
        for (path, meta) in rolled {
            let Ok(file) = File::open(path) else { continue };
            let Claim::Same(known) = self.memory.claim_same(&file).map_err(Halt::Read)? else { continue };
            self.resume(path, file, &known, meta)?;
        }
        let mut lost = None;
        if live_meta.is_some()
            && let Ok(file) = File::open(live)
        {
            let claim = self.memory.claim(&file).map_err(Halt::Read)?;
            match claim {
                Claim::Same(known) | Claim::Shortened(known, _) => {
                    // Opened through memory again, which knows what to do with either.
                    self.memory.insert(known);
                    self.open_live(live)?;
                }
                Claim::Replaced(known) => lost = Some(Lost::of(known)),
                Claim::New => {}
            }
        }
        let left: Vec<Known> = self.memory.unclaimed().cloned().collect();
        for known in left {
            self.memory.remove(&known);
            if self.current.as_ref().is_some_and(|current| {
                Face::told(&known.attributes).is_some_and(|face| face.inode.is_like(&current.face.inode))
            }) {
                // An older generation of the live file: all that is left of it is its mark.
                self.leaving.add(known.id, known.high);
            } else if known.attributes.get("path").is_some_and(|path| Path::new(path) == live)
                && lost.is_none()
            {
                lost = self.moved_away(names, known)?;
            } else {
                self.leaving.add(known.id, known.high);
            }
        }
        Ok(lost)
    }

    /// The old live file under a name that is not a rolled one is finished all the same; `Some`: it is not there.
    fn moved_away(&mut self, names: &[Name], known: Known) -> Result<Option<Lost>, Halt> {
        let inode = known.attributes.number("inode").unwrap_or(0);
        let lost = Lost::of(known.clone());
        let Some(name) = names.iter().find(|name| name.inode == inode) else { return Ok(Some(lost)) };
        let path = self.settings.dir.join(&name.name);
        let mut one = Memory::default();
        one.insert(known);
        if let Ok(file) = File::open(&path)
            && let Claim::Same(known) = one.claim_same(&file).map_err(Halt::Read)?
        {
            let meta = file.metadata().map_err(Halt::Read)?;
            self.resume(&path, file, &known, &meta)?;
            return Ok(None);
        }
        Ok(Some(lost))
    }

    /// A rolled file that is known: the rest of it is read first, if there is one.
    fn resume(&mut self, path: &Path, file: File, known: &Known, meta: &Metadata) -> Result<(), Halt> {
        let face = Face::of(&file).map_err(Halt::Read)?;
        let resume = self.desk.out.resume(known, face.attributes(path)).map_err(Halt::Broken)?;
        let followed = Followed::with(&self.desk, &self.settings.manner, path, file, face, resume)?;
        self.note(&followed);
        if known.from < meta.len() {
            self.rests.push_back(Rest { followed, grows: true });
        } else {
            let age = still_for(meta, Duration::MAX);
            if age < self.settings.late {
                self.late.add_retired(followed);
            }
        }
        Ok(())
    }

    /// P7: history at the first start is known as read before anything else is.
    fn skip(&mut self, path: &Path, file: File, meta: &Metadata) -> Result<(), Halt> {
        let face = Face::of(&file).map_err(Halt::Read)?;
        let resume = self.desk.out.begin(face.attributes(path), meta.len()).map_err(Halt::Broken)?;
        self.known.insert(key(meta), (resume.stream.id, meta.len()));
        Ok(())
    }

    /// Marks of rolled files that are gone go too.
    fn forget_missing(&mut self, rolled: &[(PathBuf, Metadata)]) {
        let there: Vec<Key> = rolled.iter().map(|(_, meta)| key(meta)).collect();
        let watched = self.late.inodes();
        let leaving = &mut self.leaving;
        let current = self.current.as_ref().map(|c| (c.face.inode.device, c.face.inode.number));
        let rests: Vec<Key> = self
            .rests
            .iter()
            .map(|rest| (rest.followed.face.inode.device, rest.followed.face.inode.number))
            .collect();
        self.known.retain(|key, (stream, end)| {
            let keep =
                there.contains(key) || watched.contains(key) || rests.contains(key) || current == Some(*key);
            if !keep {
                leaving.add(*stream, *end);
            }
            keep
        });
    }

    /// Rolled files nobody knows: the one that has the rest of what was lost from there, others whole.
    fn read_unknown(
        &mut self,
        rolled: &[(PathBuf, Metadata)],
        live: &Path,
        lost: Option<Lost>,
        emptied: bool,
    ) -> Result<(), Halt> {
        let mut unknown = Vec::new();
        for (path, meta) in rolled {
            if self.known.contains_key(&key(meta)) {
                continue;
            }
            match File::open(path) {
                Ok(file) => unknown.push((path, file, meta)),
                Err(error) => self.cannot_open(path, &error),
            }
        }
        // The newest that fits; another with the same beginning and the same end of what was read is one more copy.
        let fits = |file: &File| {
            lost.as_ref().is_some_and(|lost| is_copy(file, &lost.face, lost.check).unwrap_or(false))
        };
        let fitting: Vec<bool> = unknown.iter().map(|(_, file, _)| fits(file)).collect();
        let rest = fitting.iter().rposition(|fits| *fits);
        for (index, (path, file, meta)) in unknown.into_iter().enumerate() {
            match &lost {
                Some(lost) if rest == Some(index) => {
                    self.read_whole(path, file, lost.at.min(meta.len()), false)?
                }
                Some(_) if fitting[index] => self.skip(path, file, meta)?,
                // A copy just begun, or the old file of a roll that may still get a late line: the next look tells.
                _ if meta.len() == 0 => {
                    self.undecided |= still_for(meta, Duration::ZERO) < self.settings.late
                }
                _ if !self.settings.history && self.began.is_after(meta) => self.skip(path, file, meta)?,
                _ if self.is_still_live(&file, live, emptied)? => {}
                _ => self.read_whole(path, file, 0, true)?,
            }
        }
        if let Some(lost) = lost {
            self.account(lost, rest.is_some());
        }
        Ok(())
    }

    fn cannot_open(&self, path: &Path, error: &io::Error) {
        let what = format!("cannot read `{}`: {error}", path.display());
        if self.desk.failing(Doing::Read, path, &what) {
            log::warn!(component = self.desk.out.source(); "{what}; it is tried again");
        }
    }

    /// Whether a rolled file is a copy of what stands in the live file, or of what was read of it: its truncation is
    /// still to come.
    fn is_still_live(&self, file: &File, live: &Path, emptied: bool) -> Result<bool, Halt> {
        if let Some(current) = self.current.as_ref().filter(|_| !emptied) {
            let check = Some(current.reader.check()).filter(|check| check.at > 0);
            if check.is_some() && is_copy(file, &current.face, check).map_err(Halt::Read)? {
                return Ok(true);
            }
        }
        match File::open(live) {
            Ok(live) => is_prefix(file, &live).map_err(Halt::Read),
            Err(_) => Ok(false),
        }
    }

    fn read_whole(&mut self, path: &Path, file: File, from: u64, grows: bool) -> Result<(), Halt> {
        let face = Face::of(&file).map_err(Halt::Read)?;
        let resume = self.desk.out.begin(face.attributes(path), from).map_err(Halt::Broken)?;
        let followed = Followed::with(&self.desk, &self.settings.manner, path, file, face, resume)?;
        self.note(&followed);
        self.rests.push_back(Rest { followed, grows });
        Ok(())
    }

    fn account(&mut self, lost: Lost, found: bool) {
        if let Some((stream, high)) = lost.stream {
            self.leaving.add(stream, high);
        }
        if found {
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

    fn open_live(&mut self, live: &Path) -> Result<(), Halt> {
        let nothing = |_: &Face, _: u64, _: Option<u64>| None;
        let manner = &self.settings.manner;
        match Followed::open(&self.desk, &mut self.memory, &mut self.leaving, manner, live, nothing) {
            Ok(followed) => self.current = Some(followed),
            Err(Halt::Read(error)) => self.cannot_open(live, &error),
            Err(halt) => return Err(halt),
        }
        Ok(())
    }
}

/// When the source started for the first time, and what the live file was then.
///
/// Why kept: what was rolled after it is no history, also where a kill left no mark of it.
/// Shape: one line, milliseconds since 1970, then inode and birth of the live file, or zeros.
#[derive(Clone, Copy, Debug, Default)]
struct Began {
    ms: u64,
    inode: u64,
    birth: u64,
}

impl Began {
    fn first(path: &Path, live: &Path) -> io::Result<Began> {
        if let Ok(text) = fs::read_to_string(path) {
            let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
            if let (Some(ms), Some(inode), Some(birth)) = (numbers.next(), numbers.next(), numbers.next()) {
                return Ok(Began { ms, inode, birth });
            }
        }
        let inode = fs::metadata(live).ok().map(|meta| Inode::of(&meta));
        let (inode, birth) = inode.map_or((0, 0), |inode| (inode.number, inode.birth));
        let began = Began { ms: sys::wall_ms(), inode, birth };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        sys::replace_with(path, format!("{} {inode} {birth}\n", began.ms).as_bytes())?;
        Ok(began)
    }

    /// Whether a file was last written before the first start, and was not the live file then.
    fn is_after(&self, meta: &Metadata) -> bool {
        // Modification times lag behind the clock by a tick of the kernel.
        const TICK_MS: i128 = 12;
        let live = Inode { device: 0, number: self.inode, birth: self.birth };
        let old = listing::modified(meta) / 1_000_000 + TICK_MS < i128::from(self.ms);
        old && !live.is_like(&Inode::of(meta))
    }
}

impl Lost {
    fn of(known: Known) -> Lost {
        let nobody = || Face::told(&crate::event::Attributes::default().with("inode", 0).with("head", "0:0"));
        let face = Face::told(&known.attributes).or_else(nobody).expect("the fallback is well-formed");
        Lost {
            face,
            at: known.from,
            check: known.checks.below(known.from),
            stream: Some((known.id, known.high)),
            path: known.attributes.get("path").unwrap_or("?").into(),
        }
    }
}
