//! The log as its owner writes it: groups of frames into segments, a new segment when one is full or has failed.
//!
//! Invariants (L2, L3): a segment begins with a snapshot of all marks, which is synced with the segment's name before
//! any other frame is written. After a failed write or sync nothing more goes to that segment: what was not synced is
//! void, the next segment says so, and the caller writes it again.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bug::{self, Bug};
use super::frame::Kind;
use super::group::Group;
use super::header::{HEADER, Header};
use super::pack::Packing;
use super::scan::{Seen, scan};
use super::seal::{KeyRing, Lock, Sealing};
use super::survey::{End, Found, Run, Survey, encode_ends};
use super::trash;
use crate::sys::disk::{Disk, DiskFile, Held, write_all_at};
use crate::sys::random::random;

/// Space is taken ahead in steps: blocks that exist are written faster than a file grows.
const AHEAD: std::ops::RangeInclusive<u64> = 1 << 20..=16 << 20;
/// No part of a snapshot is longer.
const SNAPSHOT_PART: usize = 1 << 20;
/// With less room than this a directory is left for one that has more.
const LEAVE: u64 = 1 << 20;

/// How a log is kept.
#[derive(Debug)]
pub struct Settings {
    /// Segments go to these in turn.
    pub dirs: Vec<PathBuf>,
    /// A segment ends before it would grow beyond this.
    pub segment_bytes: u64,
    /// Free space below which nothing is written in a directory.
    pub minimum_free: u64,
    pub packing: Packing,
    pub keys: Arc<KeyRing>,
}

/// Segments by number, shared with readers.
pub type Segments = Arc<Mutex<BTreeMap<u64, Found>>>;

/// A log, open and owned.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    settings: Settings,
    id: u64,
    _locks: Vec<Box<dyn Held>>,
    segments: Segments,
    /// Files with bytes that are not synced; the last one is written to, while it is sound.
    open: Vec<OpenSegment>,
    sound: bool,
    next_number: u64,
    next_segment: u64,
    durable: u64,
    /// Frames below this number are written.
    written: u64,
    /// What is written counts, synced or not.
    written_counts: bool,
    ends: Vec<End>,
    barren: Vec<u64>,
    turn: usize,
    /// Another directory has more room: the next segment goes there.
    leave: bool,
    trash: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
struct OpenSegment {
    number: u64,
    file: Arc<dyn DiskFile>,
    sealing: Arc<Sealing>,
    dir: PathBuf,
    /// Where the first frames end that every segment has.
    begun: u64,
    end: u64,
    synced: u64,
    allocated: u64,
    /// The space up to there was really taken.
    taken: bool,
}

impl OpenSegment {
    /// Bytes that can be written into space that was taken ahead.
    fn ahead(&self) -> u64 {
        if self.taken { self.allocated.saturating_sub(self.end) } else { 0 }
    }
}

/// What a sync has to do, and what is durable once it has.
#[derive(Debug)]
pub struct Due {
    files: Vec<Arc<dyn DiskFile>>,
    ends: Vec<(u64, u64)>,
    /// Frames below this number.
    pub number: u64,
}

impl Due {
    /// Does it; may take long, needs no lock.
    pub fn sync(&self) -> io::Result<()> {
        self.files.iter().try_for_each(|file| file.sync())
    }
}

impl Log {
    /// The log that a survey has found; `locks` are kept as long as it lives. Nothing is written before `begin`.
    pub fn new(
        disk: Arc<dyn Disk>,
        settings: Settings,
        survey: &Survey,
        ends: Vec<End>,
        locks: Vec<Box<dyn Held>>,
    ) -> Log {
        Log {
            trash: trash::found(&*disk, &settings.dirs),
            disk,
            id: survey.log.unwrap_or_else(|| u64::from_le_bytes(random())),
            settings,
            _locks: locks,
            segments: Arc::new(Mutex::new(survey.segments.clone())),
            open: Vec::new(),
            sound: false,
            next_number: survey.next_number,
            next_segment: survey.next_segment,
            durable: survey.next_number,
            written: survey.next_number,
            written_counts: false,
            ends,
            barren: Vec::new(),
            turn: survey.next_segment as usize,
            leave: false,
        }
    }

    pub fn segments(&self) -> Segments {
        self.segments.clone()
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<u64, Found>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a group of so many bytes needs a new segment first: none is open, the last one has failed, or is full.
    pub fn is_due(&self, bytes: usize) -> bool {
        let full = |open: &OpenSegment| {
            open.end > open.begun && open.end + bytes as u64 > self.settings.segment_bytes
        };
        !self.sound || self.leave || self.open.last().is_none_or(full)
    }

    /// The caller takes for held what is written: after a failure it stays where it is, for nobody writes it again.
    pub fn count_what_is_written(&mut self) {
        self.written_counts = true;
    }

    /// The segment that is written to.
    pub fn current(&self) -> Option<u64> {
        self.open.last().filter(|_| self.sound).map(|open| open.number)
    }

    /// Whether the last write and sync have worked.
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// The number of the next frame.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Frames below this number are synced.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes that can be written while the free space stays above the minimum: to the open segment, else to the next one
    /// in another directory.
    pub fn room(&mut self) -> u64 {
        let open = self.open.last().filter(|_| self.sound);
        let here = open.map_or(0, |open| open.ahead() + self.spare(&open.dir));
        let most = self.settings.dirs.iter().map(|dir| self.spare(dir)).max().unwrap_or(0);
        self.leave = open.is_some() && here < LEAVE && most > here;
        here.max(most)
    }

    fn spare(&self, dir: &Path) -> u64 {
        self.disk.free(dir).unwrap_or(0).saturating_sub(self.settings.minimum_free)
    }

    /// Begins a segment with a snapshot of all marks: durable when this returns (L2).
    pub fn begin(&mut self, snapshot: &[Vec<u8>]) -> io::Result<Run> {
        let mut failed = io::Error::from(io::ErrorKind::StorageFull);
        for _ in 0..self.settings.dirs.len() {
            let dir = self.settings.dirs[self.turn % self.settings.dirs.len()].clone();
            self.turn += 1;
            match self.begin_in(&dir, snapshot) {
                Ok(run) => return Ok(run),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn begin_in(&mut self, dir: &Path, snapshot: &[Vec<u8>]) -> io::Result<Run> {
        let number = self.next_segment;
        let path = dir.join(format!("{number:010}{}", super::survey::EXTENSION));
        self.next_segment += 1;
        let file = self.disk.create(&path)?;
        let begun = self.write_beginning(number, dir, file, snapshot);
        let (open, run, header) = begun.inspect_err(|_| self.take_back(number, &path, snapshot))?;
        let found = Found { path, bytes: open.end, header: Some(header), damaged: false };
        self.found().insert(number, found);
        self.next_number = run.numbers.end;
        self.written = self.next_number;
        self.open.retain(|open| open.synced < open.end);
        self.open.retain(|open| open.synced < open.end);
        self.open.push(open);
        self.follow();
        self.sound = true;
        self.leave = false;
        self.remove_barren();
        Ok(run)
    }

    /// A beginning that failed goes: a full disk wants every byte back. Where it might come back with a power cut, its
    /// numbers are void, for others would have them too.
    fn take_back(&mut self, number: u64, path: &Path, snapshot: &[Vec<u8>]) {
        let dir = path.parent().unwrap_or(Path::new("."));
        if self.disk.remove(path).and_then(|()| self.disk.sync_dir(dir)).is_err() {
            let frames = 1 + snapshot_metas(snapshot).len() as u64;
            let void = self.next_number..self.next_number + frames;
            self.next_number = void.end;
            self.ends.push(End { segment: number, at: 0, void });
        }
    }

    /// Segments that failed before anything followed their beginning: the new beginning says all that theirs did. Where
    /// one cannot be removed, it is removed later, as any other.
    fn remove_barren(&mut self) {
        for number in std::mem::take(&mut self.barren) {
            let path = self.found().get(&number).map(|found| found.path.clone());
            if path.is_some_and(|path| self.disk.remove(&path).is_ok()) {
                self.found().remove(&number);
            }
        }
    }

    fn write_beginning(
        &self,
        number: u64,
        dir: &Path,
        file: Arc<dyn DiskFile>,
        snapshot: &[Vec<u8>],
    ) -> io::Result<(OpenSegment, Run, Header)> {
        let salt = random();
        let (sealing, lock) = Sealing::new(self.settings.packing, &self.settings.keys, salt);
        let Lock { cipher, alias, proof } = lock;
        let first = self.next_number;
        let header = Header { log: self.id, segment: number, first, salt, cipher, alias, proof };
        let mut group = Group::new(self.id, first, self.durable);
        // Not encrypted: needed before any key is.
        let ends = if bug::on(Bug::EndsNotTold) { Vec::new() } else { encode_ends(&self.ends) };
        group.push(&Sealing::plain(), Kind::Ends, 0, &ends, &[]);
        snapshot_metas(snapshot).iter().for_each(|meta| group.push(&sealing, Kind::Snapshot, 0, meta, &[]));
        let end = HEADER as u64 + group.bytes() as u64;
        let allocated = (end + AHEAD.start()).min(self.settings.segment_bytes.max(end));
        // Without room ahead the file grows as it is written.
        let taken = file.allocate(allocated).is_ok();
        let header_bytes = header.encode();
        let mut slices = vec![std::io::IoSlice::new(&header_bytes)];
        slices.extend(group.slices());
        write_all_at(&*file, &mut slices, 0)?;
        file.sync()?;
        self.disk.sync_dir(dir)?;
        let run = Run { segment: number, from: HEADER as u64, to: end, numbers: group.numbers() };
        let sealing = Arc::new(sealing);
        let dir = dir.into();
        Ok((
            OpenSegment { number, file, sealing, dir, begun: end, end, synced: end, allocated, taken },
            run,
            header,
        ))
    }

    /// An empty group, and how its frames are sealed. The log must not be due.
    pub fn group<'a>(&self) -> (Group<'a>, Arc<Sealing>) {
        let open = self.open.last().expect("the caller has begun a segment");
        (Group::new(self.id, self.next_number, self.durable), open.sealing.clone())
    }

    /// Writes a group, unsynced. After an error nothing that was not synced counts: write it again.
    pub fn append(&mut self, group: &Group<'_>) -> io::Result<Run> {
        let open = self.open.last_mut().expect("the caller has begun a segment");
        let (from, to) = (open.end, open.end + group.bytes() as u64);
        if to > open.allocated {
            let spare = self.disk.free(&open.dir).unwrap_or(0).saturating_sub(self.settings.minimum_free);
            let step = open.end.clamp(*AHEAD.start(), *AHEAD.end()).min(spare);
            open.allocated = (to + step).min(self.settings.segment_bytes.max(to));
            open.taken = open.file.allocate(open.allocated).is_ok();
        }
        self.next_number = group.numbers().end;
        if let Err(error) = write_all_at(&*open.file, &mut group.slices(), from) {
            self.fail();
            return Err(error);
        }
        open.end = to;
        self.written = self.next_number;
        let (number, numbers) = (open.number, group.numbers());
        if let Some(found) = self.found().get_mut(&number) {
            found.bytes = to;
        }
        Ok(Run { segment: number, from, to, numbers })
    }

    /// What has to be synced now; `None`: nothing.
    pub fn due(&self) -> Option<Due> {
        let unsynced: Vec<&OpenSegment> = self.open.iter().filter(|open| open.synced < open.end).collect();
        if !self.sound || unsynced.is_empty() {
            return None;
        }
        let files = unsynced.iter().map(|open| open.file.clone()).collect();
        let ends = unsynced.iter().map(|open| (open.number, open.end)).collect();
        Some(Due { files, ends, number: self.next_number })
    }

    /// A sync is done. `false`: a write has failed meanwhile, and what was not synced by then counts no more.
    pub fn synced(&mut self, due: &Due) -> bool {
        if !self.sound || due.number < self.durable {
            return self.sound;
        }
        for open in &mut self.open {
            let end = due.ends.iter().find(|(number, _)| *number == open.number);
            open.synced = end.map_or(open.synced, |(_, end)| open.synced.max(*end));
        }
        let last = self.open.len().saturating_sub(1);
        let mut at = 0;
        self.open.retain(|open| {
            at += 1;
            at > last || open.synced < open.end
        });
        self.durable = due.number;
        self.follow();
        true
    }

    /// Beginnings are synced when they are there: once nothing else is unsynced, all numbers are durable.
    fn follow(&mut self) {
        if self.open.iter().all(|open| open.synced >= open.end) {
            self.durable = self.next_number;
        }
    }

    /// L3: nothing goes to the open segments any more, and what was not synced is void.
    ///
    /// Returns where each of them ends now.
    pub fn fail(&mut self) -> Vec<(u64, u64)> {
        if !self.sound {
            return Vec::new();
        }
        self.sound = false;
        if self.written_counts {
            self.durable = self.written;
            self.open.iter_mut().for_each(|open| open.synced = open.end);
        }
        let void = self.durable..self.next_number;
        let mut ends = Vec::new();
        for open in std::mem::take(&mut self.open) {
            // Gives space back; the next segment says where this one ends, whether or not it works.
            let _ = open.file.set_len(open.synced);
            ends.push((open.number, open.synced));
            self.barren.extend((open.synced == open.begun).then_some(open.number));
            self.ends.push(End { segment: open.number, at: open.synced, void: void.clone() });
        }
        ends
    }

    /// The metas of all frames of events in a segment that verify now.
    pub fn rescan(&self, number: u64, see: &mut dyn FnMut(&[u8])) {
        let Some(found) = self.found().get(&number).cloned() else { return };
        let sealing = Sealing::of_segment(found.header.as_ref(), &self.settings.keys);
        let Ok(file) = self.disk.open(&found.path) else { return };
        // What cannot be read holds nothing for us.
        let _ = scan(&*file, HEADER as u64, Some(self.id), &mut |seen| {
            if let Seen::Frame { head, meta, body, .. } = seen
                && head.kind == Kind::Events
                && let Ok((meta, _)) = sealing.open(&head, meta, body)
            {
                see(&meta);
            }
        });
    }

    /// A segment was found damaged after the log was opened. Returns its path, for messages.
    pub fn found_damaged(&mut self, number: u64) -> Option<PathBuf> {
        let mut segments = self.found();
        let found = segments.get_mut(&number)?;
        found.damaged = true;
        Some(found.path.clone())
    }

    /// Files of segments that have left the log, to be destroyed at leisure.
    pub fn trash(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.trash)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.found().values().map(|found| found.bytes).sum()
    }

    /// A segment is needed no more. A damaged one is set aside under another name. One that is gone already is gone.
    pub fn remove(&mut self, number: u64) -> io::Result<()> {
        let Some(found) = self.found().get(&number).cloned() else { return Ok(()) };
        let removed = match found.damaged {
            true => self.disk.rename(&found.path, &self.aside(&found.path)),
            false => trash::leave(&*self.disk, &found.path).map(|left| self.trash.push(left)),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // If it came back after a power cut, its events might be those of streams that nobody knows any more.
        self.disk.sync_dir(found.path.parent().unwrap_or(Path::new(".")))?;
        self.found().remove(&number);
        let number_in_log = found.number(number);
        let twice = self.found().iter().any(|(key, found)| found.number(*key) == number_in_log);
        let headers = self.found().values().filter_map(|found| found.header.as_ref().map(|h| h.first)).min();
        let told = |end: &End| headers.is_some_and(|first| end.void.end > first);
        self.ends.retain(|end| twice || end.segment != number_in_log || told(end));
        self.open.retain(|open| open.number != number);
        Ok(())
    }

    /// A name for a damaged segment that no file has yet.
    fn aside(&self, path: &Path) -> PathBuf {
        let named = |end: String| {
            let mut name = path.as_os_str().to_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        let names = std::iter::once(".damaged".to_string()).chain((2..).map(|n| format!(".damaged.{n}")));
        let is_free = |name: &PathBuf| {
            self.disk.open(name).is_err_and(|error| error.kind() != io::ErrorKind::PermissionDenied)
        };
        let free = names.map(named).find(is_free);
        free.expect("names do not end")
    }

    /// Gives back the space that was taken ahead; everything is synced.
    pub fn close(&mut self) {
        if let Some(open) = self.open.last().filter(|open| self.sound && open.synced == open.end) {
            let _ = open.file.set_len(open.end);
        }
    }

    /// Directories of the open segments, for messages.
    pub fn place(&self) -> &Path {
        let open = self.open.last().map(|open| open.dir.as_path());
        open.unwrap_or(&self.settings.dirs[self.turn % self.settings.dirs.len()])
    }
}

/// The parts of a snapshot: part u32, parts u32, entries.
fn snapshot_metas(entries: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    for entry in entries {
        if parts.last().is_some_and(|part| part.len() > SNAPSHOT_PART) {
            parts.push(Vec::new());
        }
        parts.last_mut().expect("one at least").extend_from_slice(entry);
    }
    let count = parts.len() as u32;
    let meta = |(part, entries): (usize, Vec<u8>)| {
        let mut meta = (part as u32).to_le_bytes().to_vec();
        meta.extend(count.to_le_bytes());
        meta.extend(entries);
        meta
    };
    parts.into_iter().enumerate().map(meta).collect()
}

/// Part, parts and entries of a snapshot's meta.
pub fn snapshot_part(meta: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (part, rest) = meta.split_first_chunk::<4>()?;
    let (parts, entries) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*part), u32::from_le_bytes(*parts), entries))
}
