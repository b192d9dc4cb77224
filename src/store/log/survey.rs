//! What lies in the directories of a log: every frame that verifies, in which segment, in which order, and what does
//! not. Read-only and total: no content makes it fail.
//!
//! Invariants: runs are sorted by number and do not overlap; a number counts once, however often it is there. Frames
//! behind the recorded end of a segment (a failed write, a cut that was seen before) do not count.
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bug::{self, Bug};
use super::frame::{Head, Kind};
use super::header::{HEADER, Header};
use super::scan::{self, Bad, Seen};
use super::seal::{ENCRYPTED, KeyRing, Sealing};
use crate::event::Mark;
use crate::sys::disk::{Disk, DiskFile, read_up_to};

/// Segments that are fetched while the ones before are looked at.
const AHEAD: usize = 4;

pub const EXTENSION: &str = ".dfklog";
/// No segment has this number or a higher one: a file of such a name is none of ours.
const LAST: u64 = 1 << 62;

/// Frames that follow each other in one segment, by number and by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub segment: u64,
    pub from: u64,
    pub to: u64,
    /// Numbers of the frames.
    pub numbers: Range<u64>,
}

impl Run {
    /// Whether `next` goes on where this run ends.
    pub fn joins(&self, next: &Run) -> bool {
        self.segment == next.segment && self.to == next.from && self.numbers.end == next.numbers.start
    }
}

/// Where a segment ends for good, and the numbers of the frames behind, which do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub segment: u64,
    pub at: u64,
    pub void: Range<u64>,
}

/// A segment as found.
#[derive(Clone, Debug)]
pub struct Found {
    pub path: PathBuf,
    pub bytes: u64,
    pub header: Option<Header>,
    pub damaged: bool,
}

impl Found {
    /// The number that it was written under; `named`: the one of its name, which somebody may have changed.
    pub fn number(&self, named: u64) -> u64 {
        self.header.as_ref().map_or(named, |header| header.segment)
    }
}

/// What is wrong with a part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The end of the last write, which was cut off.
    Cut,
    /// Bytes that were whole once.
    Broken,
    /// A frame that is there a second time.
    Copy,
    /// It belongs to another log.
    Foreign,
    /// Encrypted by a key that is not there.
    NoKey(String),
    /// Encrypted, and what says how is gone with the header.
    Sealed,
    Unreadable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Cut => f.write_str("are a write that was cut off"),
            Fault::Broken => f.write_str("are damaged"),
            Fault::Copy => f.write_str("are a copy of a frame that is there already"),
            Fault::Foreign => f.write_str("belong to another channel's log"),
            Fault::NoKey(alias) => write!(f, "are encrypted by the key `{alias}`, which is not configured"),
            Fault::Sealed => f.write_str("are encrypted, and the header that says how is damaged"),
            Fault::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// A part of a segment that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub path: PathBuf,
    pub from: u64,
    pub to: u64,
    pub fault: Fault,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Survey {
    /// The log's id; `None`: nothing tells, the log is new.
    pub log: Option<u64>,
    pub segments: BTreeMap<u64, Found>,
    pub runs: Vec<Run>,
    pub damage: Vec<Damage>,
    /// Numbers of frames that were written and are gone.
    pub missing: Vec<Range<u64>>,
    pub next_number: u64,
    pub next_segment: u64,
    /// Frames below this number were synced for certain.
    pub durable: u64,
    /// Where segments end by the word of later ones.
    pub ends: Vec<End>,
}

/// A frame as a survey hands it out: decrypted, verified.
pub struct Frame<'a> {
    pub segment: u64,
    pub at: u64,
    pub head: Head,
    pub meta: &'a [u8],
    /// As stored; packed bodies are packed still.
    pub body: &'a [u8],
    pub state: State,
}

/// What is left of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Whole,
    /// Whole, and there in another place as well, which counts as long as it is there.
    Copy,
    /// The body does not verify: this is only what the frame was about.
    Remains,
}

/// Surveys the directories; `see` gets every frame in the order of segments and places.
pub fn survey(
    disk: &dyn Disk,
    dirs: &[PathBuf],
    keys: &KeyRing,
    see: &mut dyn FnMut(Frame<'_>),
) -> io::Result<Survey> {
    let mut survey = Survey::default();
    let mut files = survey.list(disk, dirs)?;
    survey.log = survey.identify(&files);
    let ends = survey.ends(&files);
    let mut tell = Telling { see, seen: Mark::default(), remains: Vec::new(), tails: Vec::new() };
    let order = survey.order();
    for (index, key) in order.iter().enumerate() {
        let ahead = order[index..].iter().take(AHEAD).filter_map(|key| files.get(key));
        ahead.skip(if index == 0 { 0 } else { AHEAD - 1 }).for_each(|file| file.will_read());
        let Some(file) = files.remove(key) else { continue };
        if let Err(error) = survey.read(*key, &*file, keys, &ends, &mut tell) {
            survey.unreadable(*key, &error);
        }
    }
    survey.conclude(&mut tell, &ends);
    survey.ends = ends;
    Ok(survey)
}

/// What one survey carries from segment to segment.
struct Telling<'a> {
    see: &'a mut dyn FnMut(Frame<'_>),
    /// Numbers of the frames that count.
    seen: Mark,
    remains: Vec<Remains>,
    tails: Vec<Tail>,
}

/// What a damaged frame was about.
struct Remains {
    segment: u64,
    at: u64,
    head: Head,
    meta: Vec<u8>,
}

/// A bad end of a segment: which damage, and the number of the frame that should begin there, if anything tells.
struct Tail {
    segment: u64,
    damage: usize,
    next: Option<u64>,
}

impl Survey {
    /// The segments in the order in which they were written, as far as they tell.
    pub fn order(&self) -> Vec<u64> {
        let mut order: Vec<u64> = self.segments.keys().copied().collect();
        order.sort_by_key(|key| (self.segments[key].number(*key), *key));
        order
    }

    fn list(&mut self, disk: &dyn Disk, dirs: &[PathBuf]) -> io::Result<BTreeMap<u64, Arc<dyn DiskFile>>> {
        let mut files: BTreeMap<u64, Arc<dyn DiskFile>> = BTreeMap::new();
        for dir in dirs {
            let listed = match disk.list(dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                listed => listed?,
            };
            for entry in listed {
                let Some(number) = number_of(Path::new(&entry.name)) else { continue };
                self.next_segment = self.next_segment.max(number + 1);
                let key = if self.segments.contains_key(&number) {
                    u64::MAX - self.segments.len() as u64
                } else {
                    number
                };
                let path = dir.join(&entry.name);
                let found = Found { path: path.clone(), bytes: entry.len, header: None, damaged: false };
                self.segments.insert(key, found);
                match disk.open(&path) {
                    Ok(file) => {
                        // A header that cannot be read is damaged like any other.
                        let header = head_of(&*file).unwrap_or_default();
                        self.segments.get_mut(&key).expect("inserted above").header = header;
                        files.insert(key, file);
                    }
                    Err(error) => self.unreadable(key, &error),
                }
            }
        }
        Ok(files)
    }

    /// The whole of a segment is as good as gone; set aside, it may be read one day.
    fn unreadable(&mut self, key: u64, error: &io::Error) {
        let found = self.segments.get_mut(&key).expect("listed");
        let (path, fault) = (found.path.clone(), Fault::Unreadable(error.to_string()));
        found.damaged = true;
        self.damage.push(Damage { path, from: 0, to: found.bytes, fault });
    }

    /// The id that most segments have; one without a header has that of its first frame.
    fn identify(&self, files: &BTreeMap<u64, Arc<dyn DiskFile>>) -> Option<u64> {
        let mut votes: BTreeMap<u64, usize> = BTreeMap::new();
        for (key, found) in &self.segments {
            let header = found.header.as_ref().map(|header| header.log);
            let log = header.or_else(|| files.get(key).and_then(|file| first_log(&**file)));
            log.into_iter().for_each(|log| *votes.entry(log).or_default() += 1);
        }
        votes.into_iter().max_by_key(|(_, votes)| *votes).map(|(log, _)| log)
    }

    /// Where segments end by the word of later ones.
    fn ends(&self, files: &BTreeMap<u64, Arc<dyn DiskFile>>) -> Vec<End> {
        let told = files.values().flat_map(|file| {
            let mut bytes = vec![0; 64 << 10];
            let read = read_up_to(&**file, &mut bytes, HEADER as u64).unwrap_or(0);
            let head = Head::decode(&bytes[..read]);
            let head = head.filter(|head| head.kind == Kind::Ends && Some(head.log) == self.log);
            head.and_then(|head| head.verify(&bytes[..read]).map(|(meta, _)| decode_ends(meta)))
                .unwrap_or_default()
        });
        told.collect()
    }

    fn read(
        &mut self,
        key: u64,
        file: &dyn DiskFile,
        keys: &KeyRing,
        ends: &[End],
        tell: &mut Telling<'_>,
    ) -> io::Result<()> {
        let Survey { log, segments, runs, damage, next_number, durable, .. } = self;
        let found = segments.get_mut(&key).expect("listed");
        let path = found.path.clone();
        if found.header.as_ref().is_some_and(|header| Some(header.log) != *log) {
            damage.push(Damage { path, from: 0, to: found.bytes, fault: Fault::Foreign });
            found.damaged = true;
            return Ok(());
        }
        let number = found.number(key);
        let end = ends.iter().filter(|end| end.segment == number).map(|end| end.at).min().unwrap_or(u64::MAX);
        let sealing = Sealing::of_segment(found.header.as_ref(), keys);
        let mut whole: Vec<Damage> = Vec::new();
        let mut next = found.header.as_ref().map(|header| header.first);
        let from = if found.header.is_some() { HEADER as u64 } else { 0 };
        let bad = scan::scan(file, from, *log, &mut |at_hand| {
            let (head, at, meta, body) = match at_hand {
                Seen::Frame { head, at, meta, body } if at < end => (head, at, meta, body),
                Seen::Remains { head, at, meta } if at < end && head.packing & ENCRYPTED == 0 => {
                    return tell.remains.push(Remains { segment: key, at, head, meta: meta.to_vec() });
                }
                _ => return,
            };
            let to = at + head.size() as u64;
            next = Some(head.number.saturating_add(1));
            if tell.seen.contains(head.number) && !bug::on(Bug::CopiesCount) {
                if let Ok((meta, body)) = sealing.open(&head, meta, body) {
                    let (meta, body, state) = (&*meta, &*body, State::Copy);
                    (tell.see)(Frame { segment: key, at, head, meta, body, state });
                }
                return add(&mut whole, Damage { path: path.clone(), from: at, to, fault: Fault::Copy });
            }
            tell.seen.insert(head.number, head.number.saturating_add(1));
            // Also of a frame that no key opens now: it keeps its number.
            *next_number = (*next_number).max(head.number.saturating_add(1));
            *durable = (*durable).max(head.durable);
            match sealing.open(&head, meta, body) {
                Ok((meta, body)) => {
                    let (meta, body, state) = (&*meta, &*body, State::Whole);
                    (tell.see)(Frame { segment: key, at, head, meta, body, state });
                    let numbers = head.number..head.number.saturating_add(1);
                    push(runs, Run { segment: key, from: at, to, numbers });
                }
                Err(fault) => add(&mut whole, Damage { path: path.clone(), from: at, to, fault }),
            }
        })?;
        for bad in bad.into_iter().filter(|bad| bad.from < end) {
            let fault = fault_of(&bad);
            if fault == Fault::Cut {
                tell.tails.push(Tail { segment: key, damage: damage.len(), next });
            }
            damage.push(Damage { path: path.clone(), from: bad.from, to: bad.to, fault });
        }
        damage.append(&mut whole);
        found.damaged = damage.iter().any(|damage| damage.path == path && damage.fault != Fault::Cut);
        Ok(())
    }

    /// Sorts the runs and tells what is missing between them.
    fn conclude(&mut self, tell: &mut Telling<'_>, ends: &[End]) {
        self.runs.sort_by_key(|run| run.numbers.start);
        self.next_number = ends.iter().map(|end| end.void.end).fold(self.next_number, u64::max);
        let headers = self.segments.values().filter_map(|found| found.header.as_ref());
        let first = headers.filter(|header| Some(header.log) == self.log).map(|header| header.first).min();
        let first =
            first.into_iter().chain(self.runs.first().map(|run| run.numbers.start)).min().unwrap_or(0);
        let mut known = tell.seen.clone();
        ends.iter().for_each(|end| known.insert(end.void.start, end.void.end));
        self.next_number = self.next_number.max(self.durable);
        self.missing = known.missing(first, self.next_number);
        self.judge(&tell.tails);
        self.tell_remains(tell, &known);
    }

    /// A bad end is a write that was cut off only where nothing is missing that was synced.
    fn judge(&mut self, tails: &[Tail]) {
        for Tail { segment, damage, next } in tails {
            let synced = |gone: &Range<u64>| gone.start < self.durable;
            let was_there = match next {
                Some(next) => *next < self.durable && self.missing.iter().any(|gone| gone.contains(next)),
                None => self.missing.iter().any(synced),
            };
            if was_there {
                self.damage[*damage].fault = Fault::Broken;
                self.segments.get_mut(segment).expect("listed").damaged = true;
            }
        }
    }

    /// What damaged frames were about, each number once. A write that was cut off was about nothing yet.
    fn tell_remains(&self, tell: &mut Telling<'_>, known: &Mark) {
        let mut told = known.clone();
        for Remains { segment, at, head, meta } in &tell.remains {
            let path = &self.segments[segment].path;
            let cut =
                |damage: &Damage| damage.fault == Fault::Cut && damage.from <= *at && damage.path == *path;
            if told.contains(head.number) || self.damage.iter().any(cut) {
                continue;
            }
            told.insert(head.number, head.number.saturating_add(1));
            let (segment, at, head, state) = (*segment, *at, *head, State::Remains);
            (tell.see)(Frame { segment, at, head, meta, body: &[], state });
        }
    }
}

/// Adds to a damage that ends where this one begins, or as one of its own.
fn add(all: &mut Vec<Damage>, damage: Damage) {
    match all.last_mut().filter(|last| last.to == damage.from && last.fault == damage.fault) {
        Some(last) => last.to = damage.to,
        None => all.push(damage),
    }
}

fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut().filter(|last| last.joins(&run)) {
        Some(last) => {
            last.to = run.to;
            last.numbers.end = run.numbers.end;
        }
        None => runs.push(run),
    }
}

fn fault_of(bad: &Bad) -> Fault {
    match &bad.unreadable {
        Some(error) => Fault::Unreadable(error.clone()),
        None if bad.at_end => Fault::Cut,
        None => Fault::Broken,
    }
}

/// The log of the first frame in a file.
fn first_log(file: &dyn DiskFile) -> Option<u64> {
    let mut first = None;
    let scanned = scan::scan(file, 0, None, &mut |seen| {
        let (Seen::Frame { head, .. } | Seen::Remains { head, .. }) = seen;
        first.get_or_insert(head.log);
    });
    scanned.ok().and(first)
}

fn head_of(file: &dyn DiskFile) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    let read = read_up_to(file, &mut bytes, 0)?;
    Ok(Header::decode(&bytes[..read]))
}

/// The number in a segment's name. Beyond what ten digits can say they have more.
pub fn number_of(name: &Path) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(EXTENSION)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??;
    (digits == format!("{number:010}") && number < LAST).then_some(number)
}

/// The meta of an `Ends` frame: segment u64, end u64, void from u64, void to u64, one after the other.
pub fn encode_ends(ends: &[End]) -> Vec<u8> {
    let numbers = ends.iter().flat_map(|end| [end.segment, end.at, end.void.start, end.void.end]);
    numbers.flat_map(u64::to_le_bytes).collect()
}

fn decode_ends(meta: &[u8]) -> Vec<End> {
    let long = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let ends = meta.chunks_exact(32).map(|end| {
        let [segment, at, from, to] = [0, 8, 16, 24].map(|off| long(&end[off..off + 8]));
        End { segment, at, void: from..to }
    });
    ends.collect()
}
