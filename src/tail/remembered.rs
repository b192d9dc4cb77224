//! Files that were retired, so that one that comes back under its name is not shipped twice.
//!
//! Why inode and mtime too: an identical file of the next day is new data; only the very file that was shipped, renamed
//! back, is not (F2).
//! Shape: a journal of JSON objects, one per file. Entries go when they are older than 30 days.
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::identity::read_at;
use super::listing;
use crate::store::{Journal, JournalError};
use crate::sys;

const KEPT_MS: u64 = 30 * 24 * 3600 * 1000;
const KIB: u64 = 1024;

/// One retired file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    mtime: i64,
    head: u64,
    tail: u64,
    at_ms: u64,
}

impl Entry {
    fn of(name: &str, file: &File) -> io::Result<Entry> {
        let meta = file.metadata()?;
        let hash = |at: u64| {
            let mut bytes = [0; KIB as usize];
            read_at(file, &mut bytes, at).map(|got| xxh3_64(&bytes[..got]))
        };
        Ok(Entry {
            name: name.into(),
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            mtime: i64::try_from(listing::modified(&meta)).unwrap_or(i64::MAX),
            head: hash(0)?,
            tail: hash(meta.len().saturating_sub(KIB))?,
            at_ms: sys::wall_ms(),
        })
    }

    /// Devices are left out, as they change at a reboot.
    fn is_same(&self, other: &Entry) -> bool {
        let key = |e: &Entry| (e.inode, e.size, e.mtime, e.head, e.tail);
        self.name == other.name && key(self) == key(other)
    }
}

/// The retired files of one source.
pub struct Remembered {
    journal: Journal,
    entries: Vec<Entry>,
}

impl Remembered {
    pub fn open(path: &Path) -> io::Result<Remembered> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let opened = Journal::open(path).map_err(|error| match error {
            JournalError::Io(error) => error,
            JournalError::Owned(_) => io::Error::other("another process owns it"),
        })?;
        let entries = opened.frames.iter().filter_map(|frame| serde_json::from_slice(frame).ok()).collect();
        let mut remembered = Remembered { journal: opened.journal, entries };
        remembered.forget_old()?;
        Ok(remembered)
    }

    /// Whether this very file was shipped before.
    pub fn knows(&self, name: &str, file: &File) -> io::Result<bool> {
        if !self.entries.iter().any(|entry| entry.name == name) {
            return Ok(false);
        }
        let now = Entry::of(name, file)?;
        Ok(self.entries.iter().any(|entry| entry.is_same(&now)))
    }

    /// It has been shipped and is about to be retired.
    pub fn add(&mut self, name: &str, file: &File) -> io::Result<()> {
        let entry = Entry::of(name, file)?;
        self.entries.retain(|other| !other.is_same(&entry));
        self.journal.append(&serde_json::to_vec(&entry).map_err(io::Error::other)?)?;
        self.entries.push(entry);
        if self.journal.is_grown() { self.forget_old() } else { Ok(()) }
    }

    fn forget_old(&mut self) -> io::Result<()> {
        let (before, now) = (self.entries.len(), sys::wall_ms());
        self.entries.retain(|entry| now.saturating_sub(entry.at_ms) < KEPT_MS);
        if self.entries.len() == before && !self.journal.is_grown() {
            return Ok(());
        }
        let frames = self.entries.iter().map(serde_json::to_vec).collect::<Result<Vec<_>, _>>();
        self.journal.rewrite(frames.map_err(io::Error::other)?)
    }
}
