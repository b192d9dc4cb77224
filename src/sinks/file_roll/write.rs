//! One delivery: the bytes into the file, then one frame into the record that says what they were.
//!
//! Why in this order: the frame is the commit. What a failure or a kill leaves behind the recorded length is cut off.
//! Errors: whatever fails, nothing of the delivery stays in the file, or it is said to be in doubt.
use std::fs;
use std::io::{self, IoSlice};

use super::data::{DataFile, failed};
use super::sink::FileRoll;
use super::timer::Timer;
use crate::event::{Batch, Entry, FileLength, Had};
use crate::flow::DeliverError;
use crate::sys::random::random;

impl FileRoll {
    /// Writes the events of the batches behind what is recorded; how many bytes they are.
    pub(super) fn write(&mut self, batches: &[Batch]) -> Result<u64, DeliverError> {
        if batches.iter().all(Batch::is_empty) {
            return Ok(0);
        }
        self.roll()?;
        let file = self.data.as_ref().expect("there is one after a roll");
        let mut slices: Vec<IoSlice> = Vec::with_capacity(batches.len() * 2);
        let (opening, first) = (&self.opening, file.length == 0);
        let made = self.serializer.slices(opening, first, batches, &mut self.scratch, &mut slices);
        match made.and_then(|()| file.write(&mut slices)) {
            Ok(written) => Ok(written),
            Err(error) => Err(self.cut_back("write to", error)),
        }
    }

    /// After a failure: nothing of this delivery stays in the file.
    fn cut_back(&mut self, doing: &str, error: io::Error) -> DeliverError {
        let Some(file) = &self.data else { return failed(doing, &self.dir, error) };
        match file.cut_back() {
            Ok(_) => failed(doing, &file.path, error),
            Err(_) => {
                // The next look at the record tries to cut it again.
                self.keeper = None;
                DeliverError::in_doubt(
                    format!("cannot {doing} `{}`, nor cut it back", file.path.display()),
                    error,
                )
            }
        }
    }

    /// One frame that says what was delivered, and how long the file is with it.
    pub(super) fn record(&mut self, batches: &[Batch], written: u64) -> Result<(), DeliverError> {
        let keeper = self.keeper.as_mut().expect("opened before anything is written");
        let mut entries = Vec::with_capacity(1);
        keeper.describe(batches, &mut entries);
        let touched = self.data.iter().filter(|_| written > 0);
        let length = |file: &DataFile| FileLength { name: file.name.clone(), length: file.length + written };
        let had = std::mem::take(&mut self.had);
        entries.push(Entry::Delivered { place: 0, had, files: touched.map(length).collect() });
        let kept = keeper.commit(&entries);
        if let Some(Entry::Delivered { had, .. }) = entries.pop() {
            self.had = had;
        }
        if let Err(error) = kept {
            let doubtful = written > 0 && self.data.as_ref().is_some_and(|file| file.cut_back().is_err());
            return Err(match self.give_up(error) {
                DeliverError::NotThere(text, cause) if doubtful => DeliverError::InDoubt(text, cause),
                other => other,
            });
        }
        if let Some(file) = self.data.as_mut() {
            file.length += written;
        }
        self.dirty = true;
        Ok(())
    }

    /// Ranges of these batches, those that join put together.
    pub(super) fn note(&mut self, batches: &[Batch]) {
        self.had.clear();
        for span in batches.iter().filter_map(Batch::span) {
            let stream = span.stream.id;
            // Joining is a saving only; a few steps back find nearly all of it.
            let recent = self.had.iter_mut().rev().take(16).find(|had| had.stream == stream);
            match recent {
                Some(had) if had.to == span.from => {
                    had.to = span.to;
                    had.check = span.check.or(had.check);
                }
                _ => self.had.push(Had { stream, from: span.from, to: span.to, check: span.check }),
            }
        }
    }

    /// Ends the present file if its time is over, and makes sure that there is one to write to.
    pub(super) fn roll(&mut self) -> Result<(), DeliverError> {
        let is_due = self.timer.as_mut().is_some_and(Timer::is_due);
        // One that got no byte yet, because the disk is full, is used on.
        if is_due && self.data.as_ref().is_some_and(|file| file.length > 0) {
            self.finish_file();
        }
        if self.data.is_none() {
            self.data = Some(self.begin_file()?);
        }
        Ok(())
    }

    pub(super) fn finish_file(&mut self) {
        if let Some(file) = self.data.take() {
            self.closed.push(file.name.clone());
            self.unsynced.push(file);
        }
    }

    /// A new file, whose name is in the record, on the disk, before a byte is in the file: else a power cut could
    /// leave bytes that no record knows.
    fn begin_file(&mut self) -> Result<DataFile, DeliverError> {
        let keeper = self.keeper.as_ref().expect("opened before a file begins");
        let file = loop {
            let name = self.names.next();
            // A name that a removed file had is not given again while the record still speaks of it.
            if keeper.knows_file(&name) {
                continue;
            }
            match DataFile::create(&self.dir, name) {
                Ok(file) => break file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("create a file in", &self.dir, error)),
            }
        };
        let mut entries: Vec<_> =
            self.closed.iter().map(|file| Entry::Closed { file: file.clone() }).collect();
        entries.push(Entry::Opened { file: file.name.clone() });
        let keeper = self.keeper.as_mut().expect("opened before a file begins");
        if let Err(error) = keeper.commit_synced(&entries) {
            // Nothing was written to it; a file that stays is empty.
            let _ = fs::remove_file(&file.path);
            return Err(self.give_up(error));
        }
        self.closed.clear();
        self.opening.sync = random();
        Ok(file)
    }

    /// After a failure of the record it is opened again, from what the disk says.
    pub(super) fn give_up(&mut self, error: io::Error) -> DeliverError {
        let told = self.keeper.as_ref().map(|keeper| keeper.failed(error));
        self.keeper = None;
        told.expect("the record was open when it failed")
    }
}
