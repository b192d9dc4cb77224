//! What the directories of a log hold, seen from outside: for the commands, and for channels that are configured no
//! more.
//!
//! Invariants: read-only; takes no lock, so it works while the agent runs and on whatever damage left. Memory is
//! bounded by the number of segments and streams, and by the largest frame.
//! While the owner writes, a look may catch a frame half-way or a segment that has just gone: what two looks do not
//! both find is no damage.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::checkpoint;
use super::story::{Story, ranges};
use crate::codec::{marks, stored};
use crate::event::{Batch, Buf, Entry, Had, Mark, Record, Stream, StreamId};
use crate::store::log::{
    EXTENSION, Fault, Frame, KeyRing, KeyTrouble, Kind, LOCK, Reader, State, Survey, snapshot_part, survey,
    unpacked,
};
use crate::sys;
use crate::sys::disk::{Disk, ReadOnlyDisk};

/// No channel gives a place this number.
const OTHERS: u32 = u32::MAX - 1;

/// Where to look, and by which keys.
#[derive(Clone, Debug, Default)]
pub struct LogDirs {
    /// Data directories. A checkpoint directory among them does no harm: it holds no segments.
    pub dirs: Vec<PathBuf>,
    pub keys: Arc<KeyRing>,
}

/// What one segment holds.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    pub frames: u64,
    pub events: u64,
    /// Numbers of its frames, from the first to behind the last.
    pub numbers: Range<u64>,
    /// Where its last frame ends.
    pub end: u64,
}

/// Events of one source that are stored and not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub events: u64,
    pub bytes: u64,
}

/// A range of a stream that is neither stored nor settled, with later ones that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    pub stream: StreamId,
    pub range: Range<u64>,
}

/// A frame that verifies and says nothing that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Senseless {
    pub path: PathBuf,
    pub at: u64,
    pub number: u64,
    pub why: &'static str,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Look {
    pub survey: Survey,
    /// Who has the directories now.
    pub owner: Option<u32>,
    pub contents: BTreeMap<u64, Contents>,
    pub record: Record,
    /// Events that lie in the log, settled or not.
    pub events: u64,
    pub stored: BTreeMap<StreamId, Mark>,
    pub senseless: Vec<Senseless>,
    /// Segments whose key is not there.
    pub locked: BTreeSet<KeyTrouble>,
    /// Files that were set aside for their damage.
    pub aside: Vec<PathBuf>,
    keys: Arc<KeyRing>,
    sources: HashMap<StreamId, String>,
    settled_segments: BTreeSet<u64>,
    remains: BTreeMap<StreamId, Mark>,
}

impl Look {
    /// Looks; `deep`: unpacks every frame too. The error names the directory.
    pub fn at(place: &LogDirs, deep: bool) -> Result<Look, (PathBuf, io::Error)> {
        let first = Look::once(place, deep)?;
        if first.owner.is_none() || first.is_whole() {
            return Ok(first);
        }
        let mut look = Look::once(place, deep)?;
        look.survey.damage.retain(|damage| first.survey.damage.contains(damage));
        look.survey.missing.retain(|numbers| first.survey.missing.contains(numbers));
        look.senseless.retain(|frame| first.senseless.contains(frame));
        // The owner is writing there.
        look.survey.damage.retain(|damage| damage.fault != Fault::Cut);
        Ok(look)
    }

    fn once(place: &LogDirs, deep: bool) -> Result<Look, (PathBuf, io::Error)> {
        let mut look = Look { keys: place.keys.clone(), ..Look::default() };
        for dir in &place.dirs {
            look.list(dir).map_err(|error| (dir.clone(), error))?;
        }
        let (mut story, mut senseless) = (Story::default(), Vec::new());
        let survey = survey(&ReadOnlyDisk, &place.dirs, &place.keys, &mut |frame| {
            look.count(&frame);
            if deep && let Some(why) = nonsense(&frame) {
                senseless.push((frame.segment, frame.at, frame.head.number, why));
            }
            story.hear(&frame);
        });
        look.survey = survey.map_err(|error| (place.dirs.first().cloned().unwrap_or_default(), error))?;
        look.survey.damage.retain(|damage| damage.path.exists());
        let path = |key: &u64| look.survey.segments.get(key).map(|found| found.path.clone());
        let named = |(segment, at, number, why): &(u64, u64, u64, &'static str)| {
            Some(Senseless { path: path(segment)?, at: *at, number: *number, why })
        };
        look.senseless = senseless.iter().filter_map(named).collect();
        look.understand(story, &place.dirs);
        Ok(look)
    }

    fn list(&mut self, dir: &Path) -> io::Result<()> {
        self.owner = self.owner.or_else(|| sys::lock_owner(&dir.join(LOCK)));
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.contains(EXTENSION) && name.ends_with(".damaged") {
                self.aside.push(path);
            }
        }
        self.aside.sort();
        Ok(())
    }

    fn count(&mut self, frame: &Frame<'_>) {
        if frame.state != State::Whole {
            return;
        }
        let (number, events) = (frame.head.number, u64::from(frame.head.events));
        let contents = self.contents.entry(frame.segment).or_default();
        contents.numbers = match contents.frames {
            0 => number..number + 1,
            _ => contents.numbers.start.min(number)..contents.numbers.end.max(number + 1),
        };
        contents.frames += 1;
        contents.events += events;
        contents.end = contents.end.max(frame.at + frame.head.size() as u64);
        self.events += events;
    }

    /// What the frames add up to, as recovery would take it.
    fn understand(&mut self, mut story: Story, dirs: &[PathBuf]) {
        for dir in checkpoints(dirs) {
            story.second_copy(&ReadOnlyDisk, Some(&checkpoint::path(&dir)), self.survey.log);
        }
        (self.record, _) = story.record();
        // S6: what was delivered under another boot counts as far as it is durable.
        self.record.apply(&Entry::Boot { id: sys::boot_id() });
        for (segment, marks) in &story.shelves() {
            for (stream, mark) in marks {
                self.stored.entry(*stream).or_default().union(mark);
            }
            let settled = |(stream, mark): (&StreamId, &Mark)| covers(&self.record.had(*stream), mark);
            if marks.iter().all(settled) {
                self.settled_segments.insert(*segment);
            }
        }
        self.sources = story.sources;
        self.remains = story.remains;
        let headers = self.survey.segments.values().filter_map(|found| found.header.as_ref());
        self.locked = headers.filter_map(|header| self.keys.trouble(header)).collect();
    }

    /// Whether nothing is wrong with it. A write that was cut off is no damage: nobody was told that it is held.
    pub fn is_whole(&self) -> bool {
        let whole = self.survey.damage.iter().all(|damage| damage.fault == Fault::Cut);
        whole && self.survey.missing.is_empty() && self.senseless.is_empty() && self.locked.is_empty()
    }

    /// All destinations together have this of a stream.
    pub fn settled(&self, stream: StreamId) -> Mark {
        self.record.had(stream)
    }

    /// Others have all below `to` of a stream, certainly on the disks of their destinations.
    pub fn settle(&mut self, stream: StreamId, to: u64) {
        let had = vec![Had { stream, from: 0, to, check: None }];
        let delivered = Entry::Delivered { place: OTHERS, had, files: Vec::new() };
        [delivered, Entry::Durable { place: OTHERS }].iter().for_each(|entry| self.record.apply(entry));
    }

    /// Whether everything stored is certainly on the disks of the destinations.
    pub fn is_drained(&self) -> bool {
        let done = |(stream, mark): (&StreamId, &Mark)| covers(&self.record.durable(*stream), mark);
        self.is_whole() && self.stored.iter().all(done)
    }

    /// The source of a stream, as far as anything tells.
    pub fn source(&self, stream: StreamId) -> &str {
        let known = self.record.streams.get(&stream).map(|known| &*known.source);
        known.or(self.sources.get(&stream).map(String::as_str)).unwrap_or_default()
    }

    /// The path of a stream that is a file.
    pub fn path(&self, stream: StreamId) -> Option<&str> {
        self.record.streams.get(&stream)?.attributes.get("path")
    }

    /// Whether the events of a stream came without a position: nobody can read them again.
    pub fn is_of_log(&self, stream: StreamId) -> bool {
        stream.is_of_log()
    }

    /// What is neither stored nor settled below what is; with what damaged frames were about.
    pub fn holes(&self) -> Vec<Hole> {
        let streams: BTreeSet<StreamId> =
            self.stored.keys().chain(self.record.streams.keys()).copied().collect();
        let mut holes = Vec::new();
        for stream in streams {
            let mut held = self.settled(stream);
            held.union(self.stored.get(&stream).unwrap_or(&Mark::default()));
            let end = held.high().max(self.remains.get(&stream).map_or(0, Mark::high));
            holes.extend(held.missing(0, end).into_iter().map(|range| Hole { stream, range }));
        }
        holes
    }

    /// Hands out the stored events in the order of the log, `all` of them or those that are not settled. Returns the
    /// numbers of frames that cannot be read back, and why.
    pub fn each(
        &self,
        all: bool,
        see: &mut dyn FnMut(u64, &str, &Batch) -> io::Result<()>,
    ) -> io::Result<Vec<(Range<u64>, String)>> {
        let disk: Arc<dyn Disk> = Arc::new(ReadOnlyDisk);
        let segments = Arc::new(Mutex::new(self.survey.segments.clone()));
        let mut reader = Reader::new(disk, segments, self.keys.clone());
        let mut lost = Vec::new();
        let (mut known, mut given) = (HashMap::new(), HashMap::new());
        for run in &self.survey.runs {
            if !all && self.settled_segments.contains(&run.segment) {
                continue;
            }
            let mut rest = run.clone();
            while rest.numbers.start < rest.numbers.end {
                let chunk = reader.read(&mut rest);
                for piece in chunk.pieces.iter().filter(|piece| piece.head.kind == Kind::Events) {
                    let (at, len) = (piece.body.start, piece.body.len());
                    let mut stream = |id| self.stream(&mut known, id);
                    let decoded = stored::decode(piece.meta(), &piece.buf, at, len, &mut stream);
                    let Some((source, batch)) = decoded else { continue };
                    for batch in self.wanted(all, batch, &mut given) {
                        see(run.segment, &source, &batch)?;
                    }
                }
                lost.extend(chunk.lost);
            }
        }
        Ok(lost)
    }

    /// What of a batch is to be handed out; a batch that was written again after a failure comes once.
    fn wanted(&self, all: bool, batch: Batch, given: &mut HashMap<StreamId, Mark>) -> Vec<Batch> {
        let Some((id, from, to)) = batch.span().map(|span| (span.stream.id, span.from, span.to)) else {
            return vec![batch];
        };
        let given = given.entry(id).or_default();
        let mut had = given.clone();
        given.insert(from, to);
        if !all {
            had.union(&self.settled(id));
        }
        // R1: a record across a mark's edge goes with what is not settled.
        if batch.straddles(&had) { vec![batch] } else { batch.without(&had) }
    }

    fn stream(&self, known: &mut HashMap<StreamId, Arc<Stream>>, id: StreamId) -> Arc<Stream> {
        let new = || {
            let known = self.record.streams.get(&id).cloned().unwrap_or_default();
            Stream::known(id, self.source(id), known.attributes)
        };
        known.entry(id).or_insert_with(new).clone()
    }

    /// What waits, by source, and since when at least: the oldest of these events were written before the last write to
    /// their segment.
    pub fn waiting(&self) -> (BTreeMap<String, Waiting>, Option<Duration>) {
        let mut by_source: BTreeMap<String, Waiting> = BTreeMap::new();
        let mut oldest = None;
        let counted = self.each(false, &mut |segment, source, batch| {
            if !batch.is_empty() {
                oldest.get_or_insert(segment);
                let waiting = by_source.entry(source.to_string()).or_default();
                waiting.events += batch.len() as u64;
                waiting.bytes += batch.bytes() as u64;
            }
            Ok(())
        });
        debug_assert!(counted.is_ok(), "counting does not fail");
        let written = oldest.and_then(|segment| {
            let path = &self.survey.segments.get(&segment)?.path;
            fs::metadata(path).and_then(|meta| meta.modified()).ok()
        });
        (by_source, written.and_then(|time| SystemTime::now().duration_since(time).ok()))
    }
}

fn covers(had: &Mark, mark: &Mark) -> bool {
    ranges(mark).all(|range| had.covers(range.start, range.end))
}

/// Directories that may hold the second copy of the marks: by the log's id it is known again.
fn checkpoints(dirs: &[PathBuf]) -> Vec<PathBuf> {
    let beside = dirs.iter().filter_map(|dir| Some(dir.parent()?.join("checkpoint")));
    dirs.iter().cloned().chain(beside).collect()
}

/// Whether a frame that verifies says something.
fn nonsense(frame: &Frame<'_>) -> Option<&'static str> {
    if frame.state != State::Whole {
        return None;
    }
    let Ok(body) = unpacked(&frame.head, frame.body) else { return Some("cannot be unpacked") };
    let said = match frame.head.kind {
        Kind::Events => {
            let body = body.unwrap_or_else(|| frame.body.to_vec());
            let (len, buf) = (body.len(), Arc::new(Buf::from(body)));
            let mut stream = |id| Stream::known(id, "", Default::default());
            stored::decode(frame.meta, &buf, 0, len, &mut stream).is_some()
        }
        Kind::Marks => marks::decode(frame.meta).is_some(),
        Kind::Snapshot => snapshot_part(frame.meta).is_some(),
        Kind::Ends => frame.meta.len().is_multiple_of(32),
    };
    (!said).then_some("says nothing that this version can read")
}
