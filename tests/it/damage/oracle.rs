//! What a damaged directory still holds, found without the scanner: a frame counts if all its bytes, which are known
//! from the original, lie somewhere in a segment of this log, not behind a recorded end.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dataflowkit::codec::{marks, stored};
use dataflowkit::event::{Buf, Mark, Record, Stream, StreamId};
use dataflowkit::store::log::pack::unpack;
use dataflowkit::store::log::{self as store, Kind, Packing};
use dataflowkit::sys::disk::SimulatedDisk;

use super::mutation::is_segment;
use super::original::{DIRS, Original};

const HEAD: usize = 56;
const HEADER: usize = 128;
const MAGIC: &[u8] = b"DFKe";

/// A frame of an original.
pub struct Known {
    pub bytes: Vec<u8>,
    pub number: u64,
    pub kind: Kind,
    meta_len: usize,
    encrypted: bool,
    durable: u64,
    /// The segment it was written to.
    segment: u64,
    pub span: Option<(StreamId, u64, u64)>,
    /// Position and body of each event.
    pub events: Vec<(u64, String)>,
    /// Decrypted.
    pub meta: Vec<u8>,
}

/// Everything about an original that its bytes tell.
pub struct Lore {
    pub frames: BTreeMap<u64, Known>,
    /// Segment and first number, by header.
    headers: BTreeMap<Vec<u8>, (u64, u64)>,
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl Lore {
    pub fn of(original: &Original) -> Lore {
        let disk = SimulatedDisk::new(0);
        original.files.iter().for_each(|(path, content)| disk.put(path, content.clone()));
        let dirs: Vec<PathBuf> = DIRS.iter().map(PathBuf::from).collect();
        let mut found = Vec::new();
        let survey = store::survey(&disk, &dirs, &original.flavour.keys(), &mut |frame| {
            let body = unpack(Packing::of(frame.head.packing & 15).unwrap(), frame.body, 1 << 20);
            let body = body.unwrap_or_else(|_| frame.body.to_vec());
            let body = if frame.head.packing & 15 == 0 { frame.body.to_vec() } else { body };
            found.push((frame.segment, frame.at as usize, frame.head, frame.meta.to_vec(), body));
        });
        let survey = survey.unwrap();
        let mut frames = BTreeMap::new();
        for (segment, at, head, meta, body) in found {
            let bytes = original.files[&survey.segments[&segment].path][at..at + head.size()].to_vec();
            let span = (head.kind == Kind::Events).then(|| stored::span(&meta).unwrap());
            let known = Known {
                bytes,
                number: head.number,
                kind: head.kind,
                meta_len: head.meta as usize,
                encrypted: head.packing & 16 != 0,
                durable: head.durable,
                segment,
                span: span.map(|span| (span.stream, span.from, span.to)),
                events: if head.kind == Kind::Events { events(&meta, body) } else { Vec::new() },
                meta,
            };
            frames.insert(head.number, known);
        }
        let segments = original.files.iter().filter(|(path, _)| is_segment(path));
        let headers =
            segments.map(|(_, content)| (content[..HEADER].to_vec(), (long(content, 16), long(content, 24))));
        Lore { frames, headers: headers.collect() }
    }
}

fn events(meta: &[u8], body: Vec<u8>) -> Vec<(u64, String)> {
    let len = body.len();
    let buf = Arc::new(Buf::from(body));
    let mut stream = |id| Stream::known(id, "", Default::default());
    let (_, batch) = stored::decode(meta, &buf, 0, len, &mut stream).unwrap();
    let event = |event: dataflowkit::event::EventRef<'_>| {
        (event.range().start, String::from_utf8(event.body().to_vec()).unwrap())
    };
    batch.events().map(event).collect()
}

/// A span of a file that does not count: path, from, to, and why in a word.
pub type Span = (PathBuf, u64, u64, &'static str);

/// What is to be expected of a damaged directory.
#[derive(Default)]
pub struct Expected {
    /// Numbers of the frames that count and can be opened.
    pub counted: BTreeSet<u64>,
    pub damage: Vec<Span>,
    pub missing_frames: u64,
    /// Frames whose meta is all that is left.
    pub remains: BTreeSet<u64>,
    /// More segments are this log's than another's.
    pub certain: bool,
}

struct Place<'a> {
    path: &'a Path,
    content: &'a [u8],
    named: u64,
    header: Option<(u64, u64)>,
    theirs: bool,
    /// Where frames of ours lie whole; where their heads and metas do.
    whole: Vec<(usize, &'a Known)>,
    partly: Vec<(usize, &'a Known)>,
}

impl Place<'_> {
    fn number(&self) -> u64 {
        self.header.map_or(self.named, |(segment, _)| segment)
    }
}

fn named(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".dfklog")?;
    (name.len() == 10).then(|| name.parse().ok())?
}

fn places<'a>(files: &'a BTreeMap<PathBuf, Vec<u8>>, ours: &'a Lore, theirs: &Lore) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    for (path, content) in files {
        let Some(named) = named(path) else { continue };
        let header = content.get(..HEADER).and_then(|header| ours.headers.get(header)).copied();
        let foreign = content.get(..HEADER).is_some_and(|header| theirs.headers.contains_key(header));
        let mut place =
            Place { path, content, named, header, theirs: foreign, whole: Vec::new(), partly: Vec::new() };
        for at in 0..(content.len() + 1).saturating_sub(HEAD) {
            if &content[at..at + 4] != MAGIC {
                continue;
            }
            let Some(known) = ours.frames.get(&long(content, at + 8)) else { continue };
            let meta = HEAD + known.meta_len;
            if content[at..].starts_with(&known.bytes) {
                place.whole.push((at, known));
            } else if content[at..].starts_with(&known.bytes[..meta]) {
                place.partly.push((at, known));
            }
        }
        places.push(place);
    }
    // Of two files of one number that of the first directory comes first.
    places.sort_by_key(|place| (place.number(), place.named));
    places
}

impl Expected {
    pub fn of(files: &BTreeMap<PathBuf, Vec<u8>>, ours: &Lore, theirs: &Lore) -> Expected {
        let places = places(files, ours, theirs);
        let mut expected = Expected::default();
        let is_ours = |place: &Place| {
            place.header.is_some() || !(place.theirs || place.whole.is_empty() && place.partly.is_empty())
        };
        let votes = places.iter().filter(|place| is_ours(place)).count();
        // Noise in another channel's segment can leave it without a header: it may still vote.
        let others = places.iter().filter(|place| !is_ours(place)).count();
        expected.certain = votes > others;
        let (mut ends, mut voids) = (Vec::new(), Mark::default());
        for place in &places {
            for (_, known) in
                place.whole.iter().filter(|(at, known)| *at == HEADER && known.kind == Kind::Ends)
            {
                for end in known.meta.chunks_exact(32) {
                    ends.push((long(end, 0), long(end, 8)));
                    voids.insert(long(end, 16), long(end, 24));
                }
            }
        }
        let mut tails = Vec::new();
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        let mut partly = Vec::new();
        for (index, place) in places.iter().enumerate() {
            if place.theirs {
                expected.damage.push((place.path.into(), 0, place.content.len() as u64, "foreign"));
                continue;
            }
            let end = ends.iter().filter(|end| end.0 == place.number()).map(|end| end.1).min();
            let end = end.unwrap_or(u64::MAX) as usize;
            let mut at = if place.header.is_some() { HEADER } else { 0 };
            let mut next = place.header.map(|(_, first)| first);
            for (from, known) in &place.whole {
                if *from > at && at < end {
                    expected.damage.push((place.path.into(), at as u64, *from as u64, "broken"));
                }
                at = from + known.bytes.len();
                if *from >= end {
                    continue;
                }
                next = Some(known.number + 1);
                let opens =
                    !known.encrypted || place.header.is_some_and(|(number, _)| number == known.segment);
                let fault = match (seen.insert(known.number), opens) {
                    (false, _) => "copy",
                    (true, false) if place.header.is_none() => "sealed",
                    (true, false) => "broken",
                    (true, true) => {
                        expected.counted.insert(known.number);
                        continue;
                    }
                };
                expected.damage.push((place.path.into(), *from as u64, at as u64, fault));
            }
            let garbage = place.content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if garbage > at && at < end {
                tails.push((index, expected.damage.len(), next, at));
                expected.damage.push((place.path.into(), at as u64, garbage as u64, "cut"));
            }
            partly.extend(
                place.partly.iter().filter(|(at, _)| *at < end).map(|(at, known)| (index, *at, *known)),
            );
        }
        let frames = || seen.iter().map(|number| &ours.frames[number]);
        let durable = frames().map(|known| known.durable).max().unwrap_or(0);
        let upper = frames().map(|known| known.number + 1).chain([durable, voids.high()]).max().unwrap_or(0);
        let firsts = places.iter().filter_map(|place| place.header.map(|(_, first)| first));
        let first = firsts.chain(expected.counted.first().copied()).min().unwrap_or(0);
        let is_missing = |number: &u64| !seen.contains(number) && !voids.contains(*number);
        let missing: Vec<u64> = (first..upper).filter(is_missing).collect();
        expected.missing_frames = missing.len() as u64;
        let mut cuts = Vec::new();
        for (index, damage, next, at) in tails {
            let was_there = match next {
                Some(next) => next < durable && missing.contains(&next),
                None => missing.first().is_some_and(|gone| *gone < durable),
            };
            if was_there {
                expected.damage[damage].3 = "broken";
            } else {
                cuts.push((index, at));
            }
        }
        for (index, at, known) in partly {
            let cut = cuts.iter().any(|(place, from)| *place == index && *from <= at);
            let told = seen.contains(&known.number) || voids.contains(known.number);
            if !cut && !told && !known.encrypted && known.kind == Kind::Events {
                expected.remains.insert(known.number);
            }
        }
        expected.damage = merged(expected.damage);
        expected
    }

    /// Every event of the frames that count, by body.
    pub fn bodies<'a>(&self, lore: &'a Lore) -> BTreeMap<&'a str, (StreamId, u64)> {
        let mut bodies = BTreeMap::new();
        for known in self.counted.iter().map(|number| &lore.frames[number]) {
            let Some((stream, ..)) = known.span else { continue };
            bodies.extend(known.events.iter().map(|(at, body)| (body.as_str(), (stream, *at))));
        }
        bodies
    }

    /// The spans of the frames that count, by stream.
    pub fn spans(&self, lore: &Lore) -> BTreeMap<StreamId, Mark> {
        spans(self.counted.iter().map(|number| &lore.frames[number]))
    }
}

pub fn spans<'a>(frames: impl Iterator<Item = &'a Known>) -> BTreeMap<StreamId, Mark> {
    let mut spans: BTreeMap<StreamId, Mark> = BTreeMap::new();
    for (stream, from, to) in frames.filter_map(|known| known.span) {
        spans.entry(stream).or_default().insert(from, to);
    }
    spans
}

/// Sorted; what adjoins and is wrong in the same way is one.
pub fn merged(mut all: Vec<Span>) -> Vec<Span> {
    all.sort();
    let mut merged: Vec<Span> = Vec::new();
    for span in all {
        match merged.last_mut().filter(|last| last.0 == span.0 && last.2 == span.1 && last.3 == span.3) {
            Some(last) => last.2 = span.2,
            None => merged.push(span),
        }
    }
    merged
}

/// The record that all marks of an original give; used where none of them was harmed.
pub fn record(lore: &Lore) -> Record {
    let newest = lore.frames.values().rev().find(|known| known.kind == Kind::Snapshot);
    let from = newest.map_or(0, |known| known.number);
    let mut record = Record::default();
    let entries = newest.into_iter().map(|known| &known.meta[8..]);
    let later = lore.frames.values().filter(|known| known.kind == Kind::Marks && known.number > from);
    for entries in entries.chain(later.map(|known| &known.meta[..])) {
        marks::decode(entries).unwrap().iter().for_each(|entry| record.apply(entry));
    }
    record
}

/// Whether all frames of marks that the record rests on still count.
pub fn has_record(lore: &Lore, expected: &Expected) -> bool {
    let newest =
        lore.frames.values().rev().find(|known| known.kind == Kind::Snapshot).map_or(0, |known| known.number);
    let mut needed = lore
        .frames
        .values()
        .filter(|known| known.number >= newest && matches!(known.kind, Kind::Marks | Kind::Snapshot));
    needed.all(|known| expected.counted.contains(&known.number))
}
