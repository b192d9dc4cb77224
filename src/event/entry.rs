//! What durable records of marks say, entry by entry, and what they add up to.
//!
//! Two keepers use it: a channel's local journal (with a place for every destination it has seen) and the record that
//! a destination holds beside its data (one place, with the lengths of its files). Replaying the entries in order
//! gives a [`Record`]; a snapshot is the shortest list of entries that gives the same one.
//!
//! Invariants: `durable` never has more than `delivered`. Entries are idempotent within one replay order.
//! Boots (S6): what was delivered under a boot id counts only while the kernel still runs under it; after a reboot the
//! durable marks count. A `Boot` entry with another id therefore takes `delivered` back to `durable`.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Attributes, Check, Checks, Mark, Marks, StreamId, StreamRecord};

/// A range of one stream that is had from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Had {
    pub stream: StreamId,
    pub from: u64,
    pub to: u64,
    pub check: Option<Check>,
}

/// How long a data file is with this commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLength {
    pub name: String,
    pub length: u64,
}

/// One entry of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Whose record this is; a reader of another key leaves it alone.
    Key { key: String },
    /// Entries behind it were written under this kernel boot id.
    Boot { id: String },
    /// A destination gets a number; 0 is always "keeps no record".
    Place { place: u32, destination: String },
    /// A source is known, with the fingerprint of its interceptors and selector (P6).
    Source { name: String, fingerprint: u64 },
    /// How a stream is recognised.
    Describe { stream: StreamId, source: Arc<str>, attributes: Attributes },
    /// Delivered to a place, in one commit; `files` are all the files it touched.
    Delivered { place: u32, had: Vec<Had>, files: Vec<FileLength> },
    /// All that was delivered to the place before is durable.
    Durable { place: u32 },
    /// What the place was believed to have is void; what follows says what it has.
    Void { place: u32 },
    /// A range that can no longer be made good, at any place.
    Lost { stream: StreamId, from: u64, to: u64 },
    /// The stream is gone and needs no mark.
    Retire { stream: StreamId },
    /// The stream is gone where it came from; its mark is needed as long as a log has events of it.
    Gone { stream: StreamId },
    /// A data file was created; synced before the file gets its first byte.
    Opened { file: String },
    /// A data file is final; it leaves the record with the next `Durable`.
    Closed { file: String },
}

/// What is known of a stream whatever the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedStream {
    pub source: Arc<str>,
    pub attributes: Attributes,
    pub checks: Checks,
    /// Nothing of it will come any more.
    pub gone: bool,
}

/// Length of a data file: as delivered, and as is certainly on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    pub delivered: u64,
    pub durable: u64,
    pub closed: bool,
}

/// What one destination has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub destination: String,
    pub delivered: BTreeMap<StreamId, Mark>,
    /// What was durable, if anything, of the streams delivered to since the last `Durable`. Of all others, nearly all
    /// of many files, what was delivered is durable.
    behind: BTreeMap<StreamId, Option<Mark>>,
    /// Open data files, and closed ones that are not durable yet.
    pub files: BTreeMap<String, Lengths>,
}

/// What the entries add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub key: Option<String>,
    pub boot: Option<String>,
    pub sources: BTreeMap<String, u64>,
    pub streams: BTreeMap<StreamId, RecordedStream>,
    places: BTreeMap<u32, Place>,
}

impl Record {
    /// Whether the record has these attributes of a stream; its own copy of them becomes this one.
    pub fn describes(&mut self, stream: StreamId, source: &Arc<str>, attributes: &Attributes) -> bool {
        let Some(known) = self.streams.get_mut(&stream) else { return false };
        if known.attributes.is_copy_of(attributes) && Arc::ptr_eq(&known.source, source) {
            return true;
        }
        let same = known.attributes == *attributes && known.source == *source;
        if same {
            known.attributes.clone_from(attributes);
            known.source.clone_from(source);
        }
        same
    }

    /// Replays one entry.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Key { key } => self.key = Some(key.clone()),
            Entry::Boot { id } => {
                if self.boot.as_ref().is_some_and(|boot| boot != id) {
                    self.reboot();
                }
                self.boot = Some(id.clone());
            }
            Entry::Place { place, destination } => self.place_mut(*place).destination.clone_from(destination),
            Entry::Source { name, fingerprint } => {
                self.sources.insert(name.clone(), *fingerprint);
            }
            Entry::Describe { stream, source, attributes } => {
                let known = self.streams.entry(*stream).or_default();
                known.source.clone_from(source);
                known.attributes.clone_from(attributes);
            }
            Entry::Delivered { place, had, files } => self.delivered(*place, had, files),
            Entry::Durable { place } => self.place_mut(*place).made_durable(),
            Entry::Void { place } => {
                let place = self.place_mut(*place);
                place.delivered.clear();
                place.behind.clear();
            }
            Entry::Lost { stream, from, to } => {
                for place in self.places.values_mut() {
                    let behind = place.behind.get_mut(stream).and_then(Option::as_mut);
                    for mark in place.delivered.get_mut(stream).into_iter().chain(behind) {
                        mark.remove(*from, *to);
                    }
                }
            }
            Entry::Retire { stream } => {
                self.streams.remove(stream);
                for place in self.places.values_mut() {
                    place.delivered.remove(stream);
                    place.behind.remove(stream);
                }
            }
            Entry::Gone { stream } => {
                if let Some(known) = self.streams.get_mut(stream) {
                    known.gone = true;
                }
            }
            Entry::Opened { file } => {
                self.place_mut(0).files.entry(file.clone()).or_default();
            }
            Entry::Closed { file } => {
                if let Some(lengths) = self.place_mut(0).files.get_mut(file) {
                    lengths.closed = true;
                }
            }
        }
    }

    fn delivered(&mut self, place: u32, had: &[Had], files: &[FileLength]) {
        for Had { stream, check, .. } in had {
            let known = self.streams.entry(*stream).or_default();
            if let Some(check) = check {
                known.checks.push(*check);
            }
        }
        let place = self.place_mut(place);
        for Had { stream, from, to, .. } in had {
            let before = place.delivered.get(stream);
            place.behind.entry(*stream).or_insert_with(|| before.cloned());
            place.delivered.entry(*stream).or_default().insert(*from, *to);
        }
        for FileLength { name, length } in files {
            place.files.entry(name.clone()).or_default().delivered = *length;
        }
    }

    /// The kernel was booted again: only what is durable is certain.
    pub fn reboot(&mut self) {
        for place in self.places.values_mut() {
            for (stream, durable) in std::mem::take(&mut place.behind) {
                match durable {
                    Some(mark) => place.delivered.insert(stream, mark),
                    None => place.delivered.remove(&stream),
                };
            }
            for lengths in place.files.values_mut() {
                *lengths = Lengths { delivered: lengths.durable, closed: false, ..*lengths };
            }
        }
    }

    pub fn place(&self, place: u32) -> Option<&Place> {
        self.places.get(&place)
    }

    pub fn places(&self) -> impl Iterator<Item = (u32, &Place)> {
        self.places.iter().map(|(number, place)| (*number, place))
    }

    fn place_mut(&mut self, place: u32) -> &mut Place {
        self.places.entry(place).or_default()
    }

    /// A file that is final and durable needs no length any more.
    pub fn forget_file(&mut self, place: u32, file: &str) {
        self.place_mut(place).files.remove(file);
    }

    /// All places together have this of a stream.
    pub fn had(&self, stream: StreamId) -> Mark {
        self.union(|place| place.delivered.get(&stream))
    }

    /// All places together have this of a stream, certainly on their disks.
    pub fn durable(&self, stream: StreamId) -> Mark {
        self.union(|place| place.durable(&stream))
    }

    fn union<'a>(&'a self, mark: impl Fn(&'a Place) -> Option<&'a Mark>) -> Mark {
        let mut marks = self.places.values().filter_map(mark);
        let mut all = marks.next().cloned().unwrap_or_default();
        for mark in marks {
            all.union(mark);
        }
        all
    }

    /// One place's delivered marks, with what is known of the streams.
    pub fn marks(&self, place: u32) -> Marks {
        self.marks_of(place, |_| true)
    }

    /// As `marks`, of some streams only: a commit of one file does not pay for 10,000 others.
    pub fn marks_of(&self, place: u32, wanted: impl Fn(&StreamId) -> bool) -> Marks {
        let Some(place) = self.places.get(&place) else { return Marks::new() };
        let with = |(stream, mark): (&StreamId, &Mark)| {
            let known = self.streams.get(stream).cloned().unwrap_or_default();
            let (source, checks) = (known.source, known.checks);
            (*stream, StreamRecord { source, attributes: known.attributes, mark: mark.clone(), checks })
        };
        place.delivered.iter().filter(|(stream, _)| wanted(stream)).map(with).collect()
    }

    /// The shortest list of entries that gives this record.
    pub fn snapshot(&self) -> Vec<Entry> {
        self.entries().collect()
    }

    /// The same, one entry after another: a record of 10,000 streams is not copied to be written.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let key = self.key.iter().map(|key| Entry::Key { key: key.clone() });
        let boot = self.boot.iter().map(|id| Entry::Boot { id: id.clone() });
        let sources = self.sources.iter().map(|(n, f)| Entry::Source { name: n.clone(), fingerprint: *f });
        let streams = self.streams.iter().flat_map(|(stream, known)| {
            let (stream, source, attributes) = (*stream, known.source.clone(), known.attributes.clone());
            let gone = known.gone.then_some(Entry::Gone { stream });
            std::iter::once(Entry::Describe { stream, source, attributes }).chain(gone)
        });
        let places = self.places.iter().flat_map(|(number, place)| self.entries_of(*number, place));
        key.chain(boot).chain(sources).chain(streams).chain(places)
    }

    fn entries_of<'a>(&'a self, number: u32, place: &'a Place) -> impl Iterator<Item = Entry> + 'a {
        let told = Entry::Place { place: number, destination: place.destination.clone() };
        let delivered = move |had, files| Entry::Delivered { place: number, had, files };
        let lengths = |of: fn(&Lengths) -> u64| {
            let files = place.files.iter();
            files.map(move |(n, l)| FileLength { name: n.clone(), length: of(l) }).collect::<Vec<_>>()
        };
        let durable = place.delivered.keys().filter_map(|stream| Some((stream, place.durable(stream)?)));
        let durable = durable.map(move |(stream, mark)| delivered(self.had_of(*stream, mark), Vec::new()));
        let said = [delivered(Vec::new(), lengths(|l| l.durable)), Entry::Durable { place: number }];
        let closed = place.files.iter().filter(|(_, l)| l.closed);
        let closed = closed.map(|(file, _)| Entry::Closed { file: file.clone() });
        let ahead = place.behind.keys().filter_map(|stream| Some((stream, place.delivered.get(stream)?)));
        let ahead = ahead.map(move |(stream, mark)| delivered(self.had_of(*stream, mark), Vec::new()));
        let written = place.files.values().any(|l| l.delivered != l.durable);
        let written = written.then(|| delivered(Vec::new(), lengths(|l| l.delivered)));
        std::iter::once(told).chain(durable).chain(said).chain(closed).chain(ahead).chain(written)
    }

    fn had_of(&self, stream: StreamId, mark: &Mark) -> Vec<Had> {
        let checks = self.streams.get(&stream).into_iter().flat_map(|known| known.checks.iter());
        // One entry for each check, so that a reader finds all of them again.
        let checks = checks.map(|check| Had { stream, from: 0, to: 0, check: Some(*check) });
        let low = Had { stream, from: 0, to: mark.low(), check: None };
        let ranges = mark.ranges().iter().map(|r| Had { stream, from: r.start, to: r.end, check: None });
        checks.chain([low]).chain(ranges).collect()
    }
}

impl Place {
    /// What of a stream is certainly on its disk.
    pub fn durable(&self, stream: &StreamId) -> Option<&Mark> {
        match self.behind.get(stream) {
            Some(durable) => durable.as_ref(),
            None => self.delivered.get(stream),
        }
    }

    fn made_durable(&mut self) {
        self.behind.clear();
        for lengths in self.files.values_mut() {
            lengths.durable = lengths.delivered;
        }
        self.files.retain(|_, lengths| !lengths.closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: StreamId = StreamId(7);

    fn had(from: u64, to: u64) -> Entry {
        let check = Some(Check { at: to, hash: to });
        let file = FileLength { name: "1-1".into(), length: to };
        Entry::Delivered { place: 0, had: vec![Had { stream: S, from, to, check }], files: vec![file] }
    }

    fn replay(entries: &[Entry]) -> Record {
        let mut record = Record::default();
        entries.iter().for_each(|entry| record.apply(entry));
        record
    }

    #[test]
    fn s6_after_a_reboot_the_durable_marks_count() {
        let boot = |id: &str| Entry::Boot { id: id.into() };
        let mut entries = vec![boot("a"), had(0, 10), Entry::Durable { place: 0 }, had(10, 30)];
        assert_eq!(replay(&entries).had(S).low(), 30, "same boot: delivered counts");
        entries.push(boot("b"));
        assert_eq!(replay(&entries).had(S).low(), 10, "another boot: durable counts");
        let lengths = replay(&entries).place(0).unwrap().files["1-1"];
        assert_eq!((lengths.delivered, lengths.durable), (10, 10), "a file is cut back as far as its marks");
    }

    #[test]
    fn a_snapshot_gives_the_same_record() {
        let describe = Entry::Describe {
            stream: S,
            source: "r1".into(),
            attributes: Attributes::default().with("path", "/var/log/x"),
        };
        let entries = [
            Entry::Key { key: "i/a/c".into() },
            Entry::Boot { id: "a".into() },
            Entry::Place { place: 0, destination: String::new() },
            Entry::Source { name: "r1".into(), fingerprint: 5 },
            describe,
            Entry::Opened { file: "1-1".into() },
            had(0, 10),
            Entry::Durable { place: 0 },
            had(10, 30),
            had(50, 60),
            Entry::Gone { stream: S },
            Entry::Closed { file: "1-1".into() },
        ];
        let record = replay(&entries);
        assert_eq!(replay(&record.snapshot()), record);
        assert_eq!(record.had(S).ranges(), [std::ops::Range { start: 50, end: 60 }]);
    }

    #[test]
    fn s6_a_stream_of_which_nothing_is_durable_is_had_by_nobody_after_a_reboot() {
        let entries = [had(0, 10), Entry::Boot { id: "a".into() }];
        let mut record = replay(&entries);
        assert_eq!((record.had(S).low(), record.durable(S).low()), (10, 0));
        record.reboot();
        assert!(record.marks(0).is_empty());
    }

    #[test]
    fn a_description_that_is_equal_is_kept_once() {
        let attributes = || Attributes::default().with("path", "/var/log/x");
        let describe = Entry::Describe { stream: S, source: "r1".into(), attributes: attributes() };
        let (mut record, mine) = (replay(&[describe]), attributes());
        assert!(!record.describes(StreamId(8), &"r1".into(), &mine));
        assert!(!record.describes(S, &"r2".into(), &mine));
        assert!(record.describes(S, &"r1".into(), &mine));
        assert!(record.streams[&S].attributes.is_copy_of(&mine));
    }

    #[test]
    fn a_void_place_has_only_what_follows() {
        let record = replay(&[had(0, 10), Entry::Void { place: 0 }, had(0, 4)]);
        assert_eq!(record.had(S).low(), 4);
    }
}
