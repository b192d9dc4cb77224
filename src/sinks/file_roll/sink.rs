//! The sink: its record opened and asked, its files made durable.
//!
//! Invariants: nothing is delivered before the record is open; after a failed sync the record is opened anew, and only
//! what was durable before counts.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::data::{DataFile, failed};
use super::name::Names;
use super::read;
use super::record::Keeper;
use super::recover::Owner;
use super::timer::Timer;
use crate::codec::serializer::Serializer;
use crate::codec::serializer::avro::Opening;
use crate::codec::serializer::schemas::Schemas;
use crate::event::{Batch, Had, Marks, Record, StreamId};
use crate::flow::{ChannelKey, DeliverError, Destination, Limit, Sink, Stop};
use crate::sys;

/// Batches that one write and one record take together, where they are there: a write of 25 kB costs mostly itself.
const BATCHES_AT_ONCE: usize = 16;

/// The sink.
pub struct FileRoll {
    pub(super) name: String,
    /// As configured; canonical once it has been opened.
    pub(super) dir: PathBuf,
    pub(super) serializer: Serializer,
    /// What the open file begins with, where it is an Avro container.
    pub(super) opening: Opening,
    /// Schemas of events that are Avro datums.
    pub(super) schemas: Option<Schemas>,
    pub(super) names: Names,
    /// Events per batch, as configured.
    pub(super) batch: usize,
    pub(super) timer: Option<Timer>,
    pub(super) boot: String,
    /// Known once the runner has asked for marks.
    pub(super) key: Option<ChannelKey>,
    pub(super) keeper: Option<Keeper>,
    /// What a record that was taken away said.
    pub(super) seed: Option<Record>,
    /// The directory was there once: after that it is not created again, since a vanished one may be a lost mount.
    pub(super) seen: bool,
    /// A sync failed: nothing since the last durable frame is certain.
    pub(super) distrust: bool,
    /// The file that is written to; none without events.
    pub(super) data: Option<DataFile>,
    /// Files that are final, and not synced yet.
    pub(super) unsynced: Vec<DataFile>,
    /// Names of files that are final, and not recorded as such yet.
    pub(super) closed: Vec<String>,
    /// Something was recorded since the last sync.
    pub(super) dirty: bool,
    pub(super) scratch: Vec<u8>,
    pub(super) had: Vec<Had>,
}

impl FileRoll {
    pub fn new(
        name: &str,
        dir: PathBuf,
        serializer: Serializer,
        names: Names,
        interval: Duration,
    ) -> FileRoll {
        let schemas = match &serializer {
            Serializer::AvroDatum { schema_url, .. } => {
                Some(Schemas::new(schema_url.clone(), |path| fs::read_to_string(path)))
            }
            _ => None,
        };
        FileRoll {
            name: name.into(),
            dir,
            schemas,
            opening: Opening::default(),
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

    /// With so many events per batch.
    pub fn with_batch(self, batch: usize) -> FileRoll {
        FileRoll { batch, ..self }
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

    /// One write and one frame.
    pub(super) fn commit(&mut self, batches: &[Batch]) -> Result<(), DeliverError> {
        let written = self.write(batches)?;
        self.note(batches);
        if written == 0 && self.had.is_empty() {
            return Ok(());
        }
        self.record(batches, written)
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

    /// Syncs the data files and the directory that names them.
    pub(super) fn sync_files(&mut self) -> Result<(), DeliverError> {
        let of = |file: &DataFile| file.sync().map_err(|error| (file.path.clone(), error));
        let synced = self.unsynced.iter().chain(&self.data).try_for_each(of);
        let dir = || sys::sync_dir(&self.dir).map_err(|error| (self.dir.clone(), error));
        synced.and_then(|()| dir()).map_err(|(path, error)| {
            if path == self.dir && is_away(&error) {
                // Somebody took it with all that is in it, synced: the next look around finds that out.
                return failed("find", &self.dir, error);
            }
            // The kernel may have dropped what it could not write: as after a power cut, only what was durable
            // before is certain. The record says so once it is opened again.
            self.distrust = true;
            self.keeper = None;
            let doing = format!("cannot sync `{}`; what was not durable is delivered again", path.display());
            DeliverError::in_doubt(doing, error)
        })
    }
}

impl Sink for FileRoll {
    fn destination(&self) -> Option<Destination> {
        Some(Destination(read::destination(&canonical(&self.dir))))
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
        if self.schemas.is_some() && !batches.iter().all(Batch::is_empty) {
            return self.commit_by_schema(batches);
        }
        self.commit(batches)
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
            // A frame that found no room is merely not there; after a failed sync nothing of the record is certain.
            self.distrust = keeper.is_broken();
            self.closed = closed;
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

/// Whether a path leads nowhere, or through something that is no directory.
fn is_away(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The path without links and dots, also where its last parts are not there yet.
fn canonical(dir: &Path) -> PathBuf {
    match (dir.canonicalize(), dir.parent(), dir.file_name()) {
        (Ok(found), ..) => found,
        (Err(_), Some(parent), Some(name)) => canonical(parent).join(name),
        _ => dir.into(),
    }
}
