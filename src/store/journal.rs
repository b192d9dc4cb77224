//! An append-only file of frames with one owner, rewritten as a snapshot now and then.
//!
//! Why: an appended frame costs one unsynced write; a temporary file and rename per commit costs four times as much.
//! Invariants: one process at a time (lock); frames come back in the order they were appended; a frame that does not
//! verify is never handed out. Damage is set aside in a copy, never deleted, and everything that verifies is kept.
//! Errors: after a failed append the file is cut back to its last good frame; where that fails too, the journal
//! refuses work until it is opened again.
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::frame;
use crate::sys::{self, LockError};

/// Below this many bytes a rewrite is not worth its sync.
const REWRITE_ABOVE: u64 = 1 << 20;
/// Bytes of one write of a rewrite.
const WRITE: usize = 64 << 10;

/// A journal, open and owned.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Flock<File>,
    end: u64,
    /// Length right after the last rewrite.
    base: u64,
    broken: bool,
    /// The frame that is being appended.
    scratch: Vec<u8>,
}

/// A journal as it was found.
#[derive(Debug)]
pub struct Opened {
    pub journal: Journal,
    /// Payloads, in order.
    pub frames: Vec<Vec<u8>>,
    pub damage: Option<Damage>,
}

/// What did not verify.
#[derive(Debug, PartialEq, Eq)]
pub enum Damage {
    /// The last frame was cut: the usual trace of a power cut. It was removed.
    TornTail { at: u64, bytes: u64 },
    /// Bytes before good frames; a copy of the file was set aside.
    Inside { at: u64, bytes: u64, aside: PathBuf },
}

/// Why a journal cannot be opened.
#[derive(Debug)]
pub enum JournalError {
    /// Another process owns it.
    Owned(Option<u32>),
    Io(io::Error),
}

impl From<LockError> for JournalError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Owned(pid) => JournalError::Owned(pid),
            LockError::Io(error) => JournalError::Io(error),
        }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        JournalError::Io(error)
    }
}

impl Journal {
    /// Opens a journal, creating it if it is not there. Never fails because of what the file contains.
    pub fn open(path: &Path) -> Result<Opened, JournalError> {
        let file = sys::lock_file(path)?;
        let bytes = fs::read(path)?;
        let mut journal = Journal {
            path: path.into(),
            file,
            end: bytes.len() as u64,
            base: 0,
            broken: false,
            scratch: Vec::new(),
        };
        if bytes.is_empty() {
            journal.file.write_all_at(&frame::FILE_HEADER, 0)?;
            journal.end = frame::FILE_HEADER.len() as u64;
            return Ok(Opened { journal, frames: Vec::new(), damage: None });
        }
        let (frames, damage) = scan(&bytes);
        let damage = damage.map(|(at, end)| journal.mend(&bytes, &frames, at, end)).transpose()?;
        Ok(Opened { journal, frames, damage })
    }

    /// What a journal says, without owning or changing it: for one that belongs to somebody else.
    pub fn peek(path: &Path) -> io::Result<Vec<Vec<u8>>> {
        Ok(scan(&fs::read(path)?).0)
    }

    fn mend(&mut self, bytes: &[u8], frames: &[Vec<u8>], at: usize, end: usize) -> io::Result<Damage> {
        let (from, lost) = (at as u64, (end - at) as u64);
        // One write that was cut off has one frame's beginning; more of them were whole once.
        let one_write = !bytes[at..end].get(4..).is_some_and(frame::has_magic);
        if end == bytes.len() && at >= frame::FILE_HEADER.len() && one_write {
            self.file.set_len(from)?;
            self.end = from;
            return Ok(Damage::TornTail { at: from, bytes: lost });
        }
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".damaged-{}", sys::wall_ms()));
        let aside = PathBuf::from(aside);
        fs::write(&aside, bytes)?;
        self.rewrite(frames)?;
        Ok(Damage::Inside { at: from, bytes: lost, aside })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one frame by one write. Not synced.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed; the journal must be opened again"));
        }
        self.scratch.clear();
        frame::encode(payload, &mut self.scratch);
        let (length, written) = (self.scratch.len() as u64, self.file.write_all_at(&self.scratch, self.end));
        self.scratch.clear();
        self.scratch.shrink_to(WRITE);
        match written {
            Ok(()) => {
                self.end += length;
                Ok(())
            }
            Err(error) => {
                self.broken = self.file.set_len(self.end).is_err();
                Err(error)
            }
        }
    }

    /// Makes all frames durable.
    pub fn sync(&mut self) -> io::Result<()> {
        let synced = self.file.sync_data();
        // After a failed sync the kernel may have dropped the pages: nothing written since is certain.
        self.broken |= synced.is_err();
        synced
    }

    /// Whether a sync failed, or an append that could not be taken back; it has to be opened again.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a snapshot would be much shorter.
    pub fn is_grown(&self) -> bool {
        self.end > REWRITE_ABOVE && self.end > 4 * self.base
    }

    /// Replaces all frames in one step, durably. They are written as they come: a long snapshot is never in memory.
    pub fn rewrite<P: AsRef<[u8]>>(&mut self, payloads: impl IntoIterator<Item = P>) -> io::Result<()> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        let mut out = BufWriter::with_capacity(WRITE, &file);
        let mut end = frame::FILE_HEADER.len() as u64;
        out.write_all(&frame::FILE_HEADER)?;
        let mut bytes = Vec::new();
        for payload in payloads {
            bytes.clear();
            frame::encode(payload.as_ref(), &mut bytes);
            out.write_all(&bytes)?;
            end += bytes.len() as u64;
        }
        out.flush()?;
        drop(out);
        file.sync_data()?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io::Error::from(errno))?;
        fs::rename(&temporary, &self.path)?;
        sys::sync_dir(self.path.parent().unwrap_or(Path::new(".")))?;
        self.file = file;
        (self.end, self.base) = (end, end);
        self.broken = false;
        Ok(())
    }
}

/// All frames that verify, and the first span that does not (from its start to the last bad byte).
fn scan(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<(usize, usize)>) {
    let (mut frames, mut damage) = (Vec::new(), None::<(usize, usize)>);
    let mut at = if bytes.starts_with(&frame::FILE_HEADER) { frame::FILE_HEADER.len() } else { 0 };
    while at < bytes.len() {
        if let Some(payload) = frame::decode(&bytes[at..]) {
            frames.push(payload.to_vec());
            at += frame::HEAD + payload.len();
            continue;
        }
        let next = frame::find(bytes, at).unwrap_or(bytes.len());
        damage = Some((damage.map_or(at, |(from, _)| from), next));
        at = next;
    }
    (frames, damage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn journal_of(payloads: &[&[u8]]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("marks");
        let mut journal = Journal::open(&path).unwrap().journal;
        payloads.iter().for_each(|payload| journal.append(payload).unwrap());
        (dir, path)
    }

    fn reopened(path: &Path) -> (Vec<Vec<u8>>, Option<Damage>) {
        let opened = Journal::open(path).unwrap();
        (opened.frames, opened.damage)
    }

    #[test]
    fn frames_come_back_in_order_also_after_a_rewrite() {
        let (_dir, path) = journal_of(&[b"one", b"two"]);
        assert_eq!(reopened(&path), (vec![b"one".to_vec(), b"two".to_vec()], None));
        let mut journal = Journal::open(&path).unwrap().journal;
        journal.rewrite([b"both"]).unwrap();
        journal.append(b"three").unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Owned(Some(_)))), "the lock moved along");
        drop(journal);
        assert_eq!(reopened(&path), (vec![b"both".to_vec(), b"three".to_vec()], None));
    }

    #[test]
    fn a_large_frame_leaves_no_large_buffer() {
        let (_dir, path) = journal_of(&[]);
        let mut journal = Journal::open(&path).unwrap().journal;
        journal.append(&[7; 1 << 20]).unwrap();
        assert!(journal.scratch.capacity() <= WRITE);
    }

    #[test]
    fn a_torn_tail_is_cut_off() {
        let (_dir, path) = journal_of(&[b"one", b"two"]);
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        let (frames, damage) = reopened(&path);
        assert_eq!(frames, [b"one".to_vec()]);
        assert_eq!(damage, Some(Damage::TornTail { at: 23, bytes: 14 }));
        assert_eq!(reopened(&path), (vec![b"one".to_vec()], None));
    }

    #[test]
    fn damage_inside_is_set_aside_and_all_else_kept() {
        let (_dir, path) = journal_of(&[b"one", b"two", b"three"]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[36] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let (frames, damage) = reopened(&path);
        assert_eq!(frames, [b"one".to_vec(), b"three".to_vec()]);
        let Some(Damage::Inside { at: 23, bytes: 15, aside }) = damage else { panic!("{damage:?}") };
        assert_eq!(fs::read(aside).unwrap(), bytes);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_bytes_open(bytes in prop::collection::vec(any::<u8>(), 0..200), keep in 0usize..60) {
            let (_dir, path) = journal_of(&[b"one", b"two", b"three"]);
            let mut content = fs::read(&path).unwrap();
            content.truncate(keep);
            content.extend(bytes);
            fs::write(&path, content).unwrap();
            let mut journal = Journal::open(&path).unwrap().journal;
            journal.append(b"after").unwrap();
            drop(journal);
            let (frames, damage) = reopened(&path);
            prop_assert_eq!(frames.last().unwrap(), &b"after".to_vec());
            prop_assert_eq!(damage, None);
        }
    }
}
