//! Writes events into files of one directory and begins a new file every so often; exactly once across kill -9.
//!
//! Why a record beside the data: the lengths of the files and the marks they stand for must change together. The data
//! are one `writev`, the record is one unsynced append; a kill between the two leaves bytes beyond the recorded length,
//! which the next start cuts off (`recover`). See `record` for its shape.
//! Differs from Flume's: the directory is created; an idle sink creates no empty files; a failed batch leaves nothing
//! behind, so its retry repeats nothing; a file that exists is never written over.
//! Invariants: in this process no data file is longer than recorded when a call returns, unless it says "in doubt". A
//! file is final when one with a higher number exists or the agent has stopped.
//! Errors: a full disk, a vanished directory, missing permission: not there, and right again when the cause is gone.
//! A second process on the same key and directory: fenced (K2). A failed sync takes back all that was not durable.
//! Truth: Flume 1.11 `RollingFileSink`; the positions protocol, summarised in `ARCHITECTURE.md`.
mod data;
mod name;
mod record;
mod recover;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::codec::serializer::Serializer;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::{Batch, Entry, FileLength, Had, Marks, Record, StreamId};
use crate::flow::{ChannelKey, DeliverError, Destination, Kind, Limit, Sink, Stop};
use crate::sys;

use data::DataFile;
use name::{Manager, Names};
pub use record::recorded;
use record::{Keeper, Owner};

const DIRECTORY: Field = Field::path("sink.directory")
    .also(&["sinks.directory", "directory"])
    .required()
    .doc("where the files go; created if missing");
const ROLL_INTERVAL: Field = Field::int("sink.rollInterval", i64::MIN, i64::MAX)
    .also(&["sinks.rollInterval"])
    .unit(Unit::Seconds)
    .default("30")
    .doc("a new file every so many seconds, if there are events; 0 or less: never");
const ROLL_MILLIS: Field = Field::int("sink.rollIntervalMillis", 1, i64::MAX)
    .unit(Unit::Millis)
    .doc("as sink.rollInterval, in milliseconds; wins over it");
const BATCH_SIZE: Field = Field::int("sink.batchSize", 1, 1_000_000)
    .also(&["batchSize", "sinks.batchSize"])
    .unit(Unit::Events)
    .default("100")
    .doc("events per write");
const SERIALIZER: Field = Field::text("sink.serializer")
    .also(&["sinks.serializer"])
    .default("TEXT")
    .doc("TEXT: the body; HEADER_AND_TEXT: the headers before it");
const NEWLINE: Field = Field::flag("sink.serializer.appendNewline")
    .also(&["sinks.serializer.appendNewline"])
    .default("true")
    .doc("whether a newline follows each event");
const SYNC_INTERVAL: Field = Field::text("sink.serializer.syncIntervalBytes")
    .ignored("only Avro files have it")
    .doc("bytes between sync markers of an Avro file");
const CODEC: Field = Field::text("sink.serializer.compressionCodec")
    .ignored("only Avro files have it")
    .doc("codec of an Avro file");
const SCHEMA: Field =
    Field::text("sink.serializer.schemaURL").ignored("only Avro files have it").doc("schema of an Avro file");
const MANAGER: Field = Field::text("sink.pathManager")
    .also(&["sinks.pathManager"])
    .default("DEFAULT")
    .doc("DEFAULT: names by the time of the start; ROLLTIME: by the local time of the roll");
const PREFIX: Field = Field::text("sink.pathManager.prefix")
    .also(&["sinks.pathManager.prefix"])
    .default("")
    .doc("what names begin with");
const EXTENSION: Field = Field::text("sink.pathManager.extension")
    .also(&["sinks.pathManager.extension"])
    .default("")
    .doc("what names end with, after a dot");

/// Batches that one write and one record take together, where they are there: a write of 25 kB costs mostly itself.
const BATCHES_AT_ONCE: usize = 16;

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "file_roll",
    class: "org.apache.flume.sink.RollingFileSink",
    aliases: &[],
    summary: "writes events into files of one directory, exactly once across kill -9",
    fields: &[&[
        DIRECTORY,
        ROLL_INTERVAL,
        ROLL_MILLIS,
        BATCH_SIZE,
        SERIALIZER,
        NEWLINE,
        SYNC_INTERVAL,
        CODEC,
        SCHEMA,
        MANAGER,
        PREFIX,
        EXTENSION,
    ]],
    build: Build::Sink(build),
};

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    let serializer = Serializer::named(at.text(&SERIALIZER), at.flag(&NEWLINE))
        .map_err(|what| Refusal::at(&SERIALIZER, what).instead("TEXT or HEADER_AND_TEXT"))?;
    let manager = match at.text(&MANAGER).to_ascii_uppercase().as_str() {
        "DEFAULT" => Manager::Default,
        "ROLLTIME" => Manager::RollTime,
        other if other.ends_with(".DEFAULTPATHMANAGER$BUILDER") => Manager::Default,
        other if other.ends_with(".ROLLTIMEPATHMANAGER$BUILDER") => Manager::RollTime,
        _ => {
            let what = format!("there is no path manager `{}`", at.text(&MANAGER));
            return Err(Refusal::at(&MANAGER, what).instead("DEFAULT or ROLLTIME"));
        }
    };
    for field in [&PREFIX, &EXTENSION] {
        if at.text(field).contains('/') {
            let what = format!("`{}` holds a `/`, and a file's name cannot", at.text(field));
            return Err(Refusal::at(field, what));
        }
    }
    let names = Names::new(manager, at.text(&PREFIX), at.text(&EXTENSION));
    let interval = if at.is_set(&ROLL_MILLIS) { at.time(&ROLL_MILLIS) } else { at.time(&ROLL_INTERVAL) };
    let sink = FileRoll::new(at.name, at.path(&DIRECTORY), serializer, names, interval);
    Ok(Box::new(FileRoll { batch: at.count(&BATCH_SIZE), ..sink }))
}

/// When the next file begins: a fixed rate from the start, whatever the writes take.
#[derive(Debug)]
struct Timer {
    interval: Duration,
    next: Instant,
}

impl Timer {
    fn new(interval: Duration) -> Option<Timer> {
        let next = Instant::now().checked_add(interval).filter(|_| !interval.is_zero())?;
        Some(Timer { interval, next })
    }

    fn is_due(&mut self) -> bool {
        let Some(late) = Instant::now().checked_duration_since(self.next) else { return false };
        let missed = late.as_nanos() / self.interval.as_nanos() + 1;
        self.next += self.interval * u32::try_from(missed).unwrap_or(u32::MAX);
        true
    }
}

/// The sink.
pub struct FileRoll {
    name: String,
    /// As configured; canonical once it has been opened.
    dir: PathBuf,
    serializer: Serializer,
    names: Names,
    /// Events per batch, as configured.
    batch: usize,
    timer: Option<Timer>,
    boot: String,
    /// Known once the runner has asked for marks.
    key: Option<ChannelKey>,
    keeper: Option<Keeper>,
    /// What a record that was taken away said.
    seed: Option<Record>,
    /// The directory was there once: after that it is not created again, since a vanished one may be a lost mount.
    seen: bool,
    /// A sync failed: nothing since the last durable frame is certain.
    distrust: bool,
    /// The file that is written to; none without events.
    data: Option<DataFile>,
    /// Files that are final, and not synced yet.
    unsynced: Vec<DataFile>,
    /// Names of files that are final, and not recorded as such yet.
    closed: Vec<String>,
    /// Something was recorded since the last sync.
    dirty: bool,
    scratch: Vec<u8>,
    had: Vec<Had>,
}

impl FileRoll {
    fn new(name: &str, dir: PathBuf, serializer: Serializer, names: Names, interval: Duration) -> FileRoll {
        FileRoll {
            name: name.into(),
            dir,
            serializer,
            names,
            batch: 100,
            timer: Timer::new(interval),
            boot: sys::boot_id(),
            key: None,
            keeper: None,
            seed: None,
            seen: false,
            distrust: false,
            data: None,
            unsynced: Vec::new(),
            closed: Vec::new(),
            dirty: false,
            scratch: Vec::new(),
            had: Vec::new(),
        }
    }

    /// Opens the record, if it is not.
    fn open(&mut self) -> Result<(), DeliverError> {
        if self.keeper.is_some() {
            return Ok(());
        }
        let Some(key) = self.key.clone() else {
            return Err(DeliverError::NotThere("the channel has not asked for its marks yet".into(), None));
        };
        self.find_dir()?;
        // What was written before the record was lost is final now.
        let written: Vec<_> = self.unsynced.drain(..).chain(self.data.take()).collect();
        for file in written {
            file.sync().map_err(|error| failed("sync", &file.path, error))?;
        }
        self.closed.clear();
        let owner = Owner { dir: &self.dir, key: &key, boot: &self.boot, distrust: self.distrust };
        let (keeper, unsynced) = Keeper::open(owner, self.seed.take())?;
        self.distrust = false;
        self.dirty = true;
        self.keeper = Some(keeper);
        self.unsynced = unsynced;
        Ok(())
    }

    fn find_dir(&mut self) -> Result<(), DeliverError> {
        if !self.seen {
            fs::create_dir_all(&self.dir).map_err(|error| failed("create", &self.dir, error))?;
        }
        self.dir = self.dir.canonicalize().map_err(|error| failed("find", &self.dir, error))?;
        self.seen = true;
        Ok(())
    }

    /// Ends the present file if its time is over, and makes sure that there is one to write to.
    fn roll(&mut self) -> Result<(), DeliverError> {
        if self.timer.as_mut().is_some_and(Timer::is_due) {
            self.finish_file();
        }
        if self.data.is_none() {
            self.data = Some(self.begin_file()?);
        }
        Ok(())
    }

    fn finish_file(&mut self) {
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
        Ok(file)
    }

    /// After a failure of the record it is opened again, from what the disk says.
    fn give_up(&mut self, error: io::Error) -> DeliverError {
        let told = self.keeper.as_ref().map(|keeper| keeper.failed(error));
        self.keeper = None;
        told.expect("the record was open when it failed")
    }

    /// Ranges of these batches, those that join put together.
    fn note(&mut self, batches: &[Batch]) {
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
}

impl FileRoll {
    /// Writes the events of the batches behind what is recorded; how many bytes they are.
    fn write(&mut self, batches: &[Batch]) -> Result<u64, DeliverError> {
        if batches.iter().all(Batch::is_empty) {
            return Ok(0);
        }
        self.roll()?;
        let file = self.data.as_ref().expect("there is one after a roll");
        let mut slices: Vec<IoSlice> = Vec::with_capacity(batches.len() * 2);
        self.serializer.slices(batches, &mut self.scratch, &mut slices);
        match file.write(&mut slices) {
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
    fn record(&mut self, batches: &[Batch], written: u64) -> Result<(), DeliverError> {
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

    /// Looks whether somebody has taken the open file or the record away.
    fn look_around(&mut self) -> Result<(), DeliverError> {
        if let Some(file) = self.data.as_ref().filter(|file| file.is_taken()) {
            log::info!(
                component = self.name.as_str();
                "`{}` was taken away after {} bytes; they count as delivered, and a new file begins", file.path.display(), file.length
            );
            self.finish_file();
        }
        let taken = self.keeper.as_ref().is_some_and(Keeper::is_taken);
        if taken {
            let dir = self.dir.display();
            log::warn!(component = self.name.as_str(); "the record of marks in `{dir}` was taken away; it is written again");
            self.seed = self.keeper.take().map(|keeper| keeper.record().clone());
        }
        self.open()
    }

    fn sync_files(&mut self) -> Result<(), DeliverError> {
        for file in self.unsynced.iter().chain(&self.data) {
            if let Err(error) = file.sync() {
                // The kernel may have dropped what it could not write: as after a power cut, only what was durable
                // before is certain. The record says so once it is opened again.
                self.distrust = true;
                self.keeper = None;
                let doing =
                    format!("cannot sync `{}`; what was not durable is delivered again", file.path.display());
                return Err(DeliverError::in_doubt(doing, error));
            }
        }
        sys::sync_dir(&self.dir).map_err(|error| failed("sync", &self.dir, error))
    }
}

impl Sink for FileRoll {
    fn destination(&self) -> Option<Destination> {
        Some(Destination(record::destination(&canonical(&self.dir))))
    }

    fn limit(&self) -> Limit {
        Limit { events: self.batch * BATCHES_AT_ONCE, bytes: 1 << 20 }
    }

    fn delivered(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        self.key = Some(channel.clone());
        self.open()?;
        let keeper = self.keeper.as_ref().expect("opened above");
        Ok(keeper.marks(&self.dir, channel))
    }

    fn deliver(&mut self, batches: &[Batch], _stop: &Stop) -> Result<(), DeliverError> {
        self.open()?;
        let written = self.write(batches)?;
        self.note(batches);
        if written == 0 && self.had.is_empty() {
            return Ok(());
        }
        self.record(batches, written)
    }

    fn sync(&mut self) -> Result<(), DeliverError> {
        if self.key.is_none() {
            return Ok(());
        }
        self.look_around()?;
        if !self.dirty {
            return Ok(());
        }
        self.sync_files()?;
        let closed = std::mem::take(&mut self.closed);
        let keeper = self.keeper.as_mut().expect("opened above");
        if let Err(error) = keeper.durable(&closed) {
            self.distrust = true;
            return Err(match self.give_up(error) {
                DeliverError::NotThere(text, cause) => DeliverError::InDoubt(text, cause),
                other => other,
            });
        }
        self.unsynced.clear();
        self.dirty = false;
        Ok(())
    }

    fn retire(&mut self, streams: &[StreamId]) -> Result<(), DeliverError> {
        if streams.is_empty() {
            return Ok(());
        }
        self.open()?;
        let keeper = self.keeper.as_mut().expect("opened above");
        keeper.retire(streams).map_err(|error| self.give_up(error))
    }
}

/// The path without links and dots, also where its last parts are not there yet.
fn canonical(dir: &Path) -> PathBuf {
    match (dir.canonicalize(), dir.parent(), dir.file_name()) {
        (Ok(found), ..) => found,
        (Err(_), Some(parent), Some(name)) => canonical(parent).join(name),
        _ => dir.into(),
    }
}

fn failed(doing: &str, path: &Path, error: io::Error) -> DeliverError {
    DeliverError::not_there(format!("cannot {doing} `{}`", path.display()), error)
}
