//! The record of marks beside the data: what this directory has of the streams of one channel.
//!
//! Shape: a journal in a dot-file named by key (K1), one frame per commit: what is delivered, and how long each data
//! file is with it. The data are written first; what a kill leaves beyond the recorded length is cut off at the start.
//! A durable frame repeats the marks and lengths that it makes durable: it stands alone, also where a power cut took
//! the unsynced frames before it. Of very many streams it repeats none; then those frames are synced before it.
//! Invariants: one process at a time (K2). Several sinks of one agent on the same channel and directory use one slot
//! each; slots that nobody holds are absorbed by the next who opens the record.
//! Errors: a damaged record is set aside by the journal; what verifies counts.
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::data::DataFile;
use super::read::{destination, fold, open_journal};
use super::recover::{Owner, recover};
use super::slots::{slot_name, slots, stem};
use crate::codec::marks;
use crate::event::{Batch, Entry, FileLength, Marks, Record, StreamId};
use crate::flow::{ChannelKey, DeliverError};
use crate::store::Journal;
use crate::sys;

/// Slots that sinks of this process hold; opening is serialised by its lock.
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Streams whose marks a durable frame repeats; with more of them a sync before it is cheaper than their bytes.
const REPEATED: usize = 1000;
/// Room kept for the bytes of a commit: a usual one has a few kilobytes.
const SCRATCH: usize = 64 << 10;

/// A slot held by a sink of this process, until dropped.
#[derive(Debug)]
struct Held(PathBuf);

impl Drop for Held {
    fn drop(&mut self) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The record, open and owned.
#[derive(Debug)]
pub struct Keeper {
    journal: Journal,
    record: Record,
    /// Streams delivered to since the last durable frame.
    touched: BTreeSet<StreamId>,
    inode: u64,
    scratch: Vec<u8>,
    /// Last, so that the slot is free only once the journal is closed.
    held: Option<Held>,
}

impl Keeper {
    /// Opens the record, cuts the data files that an earlier run left open, and absorbs slots nobody holds. Returns
    /// the files that are still to be synced as well. `seed` gives a record that is new what this process knows.
    pub fn open(owner: Owner, seed: Option<Record>) -> Result<(Keeper, Vec<DataFile>), DeliverError> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let stem = stem(owner.key);
        let path = (0..).map(|slot| owner.dir.join(slot_name(&stem, slot))).find(|path| !held.contains(path));
        let path = path.expect("an endless range of slots");
        let (mut keeper, mut unsynced) = Keeper::open_slot(owner, &path, seed)?;
        for other in slots(owner.dir, &stem) {
            if other != path && !held.contains(&other) {
                keeper.absorb(owner, &other, &mut unsynced)?;
            }
        }
        held.insert(path.clone());
        keeper.held = Some(Held(path));
        Ok((keeper, unsynced))
    }

    fn open_slot(
        owner: Owner,
        path: &Path,
        seed: Option<Record>,
    ) -> Result<(Keeper, Vec<DataFile>), DeliverError> {
        let (journal, record) = open_journal(path, owner.key)?;
        let is_new = record.key.is_none();
        let mut keeper =
            Keeper { journal, record, touched: BTreeSet::new(), inode: 0, scratch: Vec::new(), held: None };
        if owner.distrust {
            keeper.commit(&owner.taking_back()).map_err(|error| keeper.failed(error))?;
        }
        let mut first = Vec::new();
        if is_new {
            first.push(Entry::Key { key: owner.key.to_string() });
            first.push(Entry::Place { place: 0, destination: destination(owner.dir) });
            first.extend(seed.iter().flat_map(|seed| marks::all_of(&seed.marks(0))));
        }
        let unsynced = recover(owner, &keeper.record, &mut first)?;
        keeper.begin(&first, is_new, owner.dir).map_err(|error| keeper.failed(error))?;
        Ok((keeper, unsynced))
    }

    fn begin(&mut self, first: &[Entry], is_new: bool, dir: &Path) -> io::Result<()> {
        self.commit(first)?;
        self.touched = self.record.streams.keys().copied().collect();
        self.inode = fs::metadata(self.journal.path())?.ino();
        if is_new {
            // A power cut must not leave data files whose record has no name.
            self.journal.sync()?;
            sys::sync_dir(dir)?;
        }
        Ok(())
    }

    /// Takes over a slot that nobody holds: its sink is gone, or runs in this slot now.
    fn absorb(
        &mut self,
        owner: Owner,
        path: &Path,
        unsynced: &mut Vec<DataFile>,
    ) -> Result<(), DeliverError> {
        let (mut journal, mut record) = open_journal(path, owner.key)?;
        let mut first = Vec::new();
        if owner.distrust {
            let mut frame = Vec::new();
            marks::encode(&owner.taking_back(), &mut frame);
            journal.append(&frame).map_err(|error| self.failed(error))?;
            record.reboot();
        }
        let files = recover(owner, &record, &mut first)?;
        first.iter().for_each(|entry| record.apply(entry));
        unsynced.extend(files);
        let absorbed = self.commit(&marks::all_of(&record.marks(0))).and_then(|()| {
            // The durable frame speaks for all files, so all are synced before it.
            unsynced.drain(..).try_for_each(|file| file.sync())?;
            sys::sync_dir(owner.dir)?;
            self.durable(&[])?;
            fs::remove_file(path)
        });
        drop(journal);
        absorbed.map_err(|error| self.failed(error))
    }

    /// What the directory has of the channel, by all slots; `None` where nothing was ever delivered.
    pub fn marks(&self, dir: &Path, key: &ChannelKey) -> Option<Marks> {
        let mut all = self.record.marks(0);
        for path in slots(dir, &stem(key)) {
            if path != self.journal.path() {
                let frames = Journal::peek(&path).unwrap_or_default();
                marks::union(&mut all, fold(&frames).marks(0));
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// The record as it stands in memory.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether the record has a data file of this name.
    pub fn knows_file(&self, name: &str) -> bool {
        self.record.place(0).is_some_and(|place| place.files.contains_key(name))
    }

    /// Whether somebody has deleted or replaced the record's file.
    pub fn is_taken(&self) -> bool {
        fs::metadata(self.journal.path()).map_or(true, |now| now.ino() != self.inode)
    }

    /// Whether what was written to the record may not be what a later reader finds.
    pub fn is_broken(&self) -> bool {
        self.journal.is_broken()
    }

    /// An error about the record, with its path.
    pub fn failed(&self, error: io::Error) -> DeliverError {
        DeliverError::not_there(format!("cannot write the record `{}`", self.journal.path().display()), error)
    }

    /// Descriptions that the record lacks for the streams of these batches.
    pub fn describe(&mut self, batches: &[Batch], entries: &mut Vec<Entry>) {
        let mut told = HashSet::new();
        for stream in batches.iter().filter_map(Batch::span).map(|span| &span.stream) {
            let (source, attributes) = (&stream.source, stream.attributes());
            if !self.record.describes(stream.id, source, &attributes) && told.insert(stream.id) {
                entries.push(Entry::Describe { stream: stream.id, source: source.clone(), attributes });
            }
        }
    }

    /// Appends one frame, unsynced; on an error the record is as before.
    pub fn commit(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.scratch.clear();
        marks::encode(entries, &mut self.scratch);
        let written = self.journal.append(&self.scratch);
        // A first commit of 10,000 files must not be remembered as a buffer.
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH);
        written?;
        for entry in entries {
            if let Entry::Delivered { had, .. } = entry {
                self.touched.extend(had.iter().map(|had| had.stream));
            }
            self.record.apply(entry);
        }
        Ok(())
    }

    /// As `commit`, and on the disk before it returns.
    pub fn commit_synced(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.commit(entries)?;
        self.journal.sync()
    }

    /// All that is recorded is on the disk: says so, durably. `closed` are files that are final.
    pub fn durable(&mut self, closed: &[String]) -> io::Result<()> {
        let mut entries = if self.touched.len() <= REPEATED {
            marks::all_of(&self.record.marks_of(0, |stream| self.touched.contains(stream)))
        } else {
            self.journal.sync()?;
            Vec::new()
        };
        let lengths = self.record.place(0).into_iter().flat_map(|place| &place.files);
        let files = lengths.map(|(name, l)| FileLength { name: name.clone(), length: l.delivered }).collect();
        entries.push(Entry::Delivered { place: 0, had: Vec::new(), files });
        entries.extend(closed.iter().map(|file| Entry::Closed { file: file.clone() }));
        entries.push(Entry::Durable { place: 0 });
        self.commit_synced(&entries)?;
        self.touched.clear();
        self.shorten()
    }

    fn shorten(&mut self) -> io::Result<()> {
        if !self.journal.is_grown() {
            return Ok(());
        }
        self.journal.rewrite(marks::frames(self.record.entries()))?;
        self.inode = fs::metadata(self.journal.path())?.ino();
        Ok(())
    }

    /// Drops streams that are gone (D6).
    pub fn retire(&mut self, streams: &[StreamId]) -> io::Result<()> {
        let entries: Vec<_> = streams.iter().map(|stream| Entry::Retire { stream: *stream }).collect();
        streams.iter().for_each(|stream| _ = self.touched.remove(stream));
        self.commit(&entries)
    }
}
