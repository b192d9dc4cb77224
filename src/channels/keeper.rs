//! Keeps a channel's record of marks in the state directory, for channels whose events do not outlive the process.
//!
//! Shape: one `store::Journal`, a frame per change, entries by `codec::marks`. A snapshot replaces it now and then.
//! Errors: a full disk must not stop delivery. What could not be appended is written with the next snapshot; until
//! then the local record is older than the truth, which repeats at worst what no destination has a record of.
use std::path::{Path, PathBuf};

use crate::codec::marks;
use crate::event::{Entry, Record};
use crate::flow::ChannelError;
use crate::store::{Damage, Journal, JournalError};
use crate::sys;

/// The journal of one channel's marks.
#[derive(Debug)]
pub struct Keeper {
    journal: Journal,
    /// Appends failed: only a snapshot brings the journal up to date.
    behind: bool,
    bytes: Vec<u8>,
}

impl Keeper {
    /// Opens the record of channel `name` under `state_dir`, and what it adds up to; `false`: there was none, or it was
    /// damaged, so that destinations know better.
    pub fn open(state_dir: &Path, name: &str, key: &str) -> Result<(Keeper, Record, bool), ChannelError> {
        let path = state_dir.join(format!("channel-{name}.marks"));
        let failed = |cause| ChannelError::io(format!("cannot open the marks `{}`", path.display()), cause);
        std::fs::create_dir_all(state_dir).map_err(failed)?;
        let opened = Journal::open(&path).map_err(|error| match error {
            JournalError::Owned(pid) => ChannelError { doing: owned(&path, pid), cause: None },
            JournalError::Io(cause) => failed(cause),
        })?;
        report_damage(&path, opened.damage.as_ref());
        let mut record = Record::default();
        for frame in &opened.frames {
            marks::decode(frame).unwrap_or_default().iter().for_each(|entry| record.apply(entry));
        }
        let intact = !opened.frames.is_empty() && !matches!(opened.damage, Some(Damage::Inside { .. }));
        let mut keeper = Keeper { journal: opened.journal, behind: false, bytes: Vec::new() };
        let opening = [Entry::Key { key: key.into() }, Entry::Boot { id: sys::boot_id() }];
        opening.iter().for_each(|entry| record.apply(entry));
        keeper.append(&opening, &record).map_err(failed)?;
        Ok((keeper, record, intact))
    }

    /// Appends a change that `record` has already; unsynced.
    pub fn append(&mut self, entries: &[Entry], record: &Record) -> std::io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        if self.behind || self.journal.is_grown() {
            return self.snapshot(record);
        }
        self.bytes.clear();
        marks::encode(entries, &mut self.bytes);
        self.journal.append(&self.bytes).inspect_err(|_| self.behind = true)
    }

    fn snapshot(&mut self, record: &Record) -> std::io::Result<()> {
        let written = self.journal.rewrite(marks::frames(record.entries()));
        self.behind = written.is_err();
        written
    }

    /// Makes all that was appended durable.
    pub fn sync(&mut self, record: &Record) -> std::io::Result<()> {
        if self.behind { self.snapshot(record) } else { self.journal.sync() }
    }

    pub fn path(&self) -> PathBuf {
        self.journal.path().into()
    }
}

fn owned(path: &Path, pid: Option<u32>) -> String {
    let owner = pid.map_or("another process".to_string(), |pid| format!("process {pid}"));
    format!("the state `{}` belongs to {owner}, which runs this instance already", path.display())
}

fn report_damage(path: &Path, damage: Option<&Damage>) {
    let path = path.display();
    match damage {
        None => {}
        Some(Damage::TornTail { bytes, .. }) => {
            log::info!("the marks `{path}` ended in {bytes} bytes of a write that was cut off; removed");
        }
        Some(Damage::Inside { at, bytes, aside }) => log::error!(
            "the marks `{path}` were damaged ({bytes} bytes from {at}); set aside as `{}`; destinations are asked what they have",
            aside.display()
        ),
    }
}
