//! The keys of both channels, and what they make of them.
//!
//! Truth: Flume 1.11 user guide, "File Channel" and "Spillable Memory Channel"; `FileChannelConfiguration`, `Log` and
//! `SpillableMemoryChannel` for what the guide does not say.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::encryption::{self, Encryption};
use super::steps::{FileChannel, Settings};
use super::{checkpoint, dirs};
use crate::config::{At, Build, ChannelOpener, Field, Place, Refusal, Spec, Unit};
use crate::flow::{Channel, ChannelError, ChannelKey, Kind, Limit, Pulse};
use crate::store::log::{self as store, KeyRing, Packing};
use crate::sys::disk::RealDisk;

const CHECKPOINT: Field = Field::path("checkpointDir")
    .doc("has a second copy of the marks; by default a folder in the state directory");
const DATA: Field = Field::text("dataDirs")
    .doc("directories of the log, separated by commas: segments go to them in turn; by default a folder in the state directory");
const CAPACITY: Field =
    Field::int("capacity", 1, i64::MAX).unit(Unit::Events).default("1000000").doc("events it can hold");
const TRANSACTION: Field = Field::int("transactionCapacity", 1, i64::MAX)
    .unit(Unit::Events)
    .default("10000")
    .doc("the most events of one put; larger batches are cut");
const KEEP_ALIVE: Field = Field::int("keep-alive", 0, i64::MAX)
    .unit(Unit::Seconds)
    .default("3")
    .doc("how long a source that cannot wait is kept waiting for room");
const FILE_SIZE: Field = Field::int("maxFileSize", 1 << 16, i64::MAX)
    .unit(Unit::Bytes)
    .default("67108864")
    .doc("a segment of the log is no longer; more than 1 GiB is taken for 1 GiB");
const MINIMUM_SPACE: Field = Field::int("minimumRequiredSpace", 1 << 20, i64::MAX)
    .unit(Unit::Bytes)
    .default("524288000")
    .lenient()
    .doc("free space of the disk below which nothing is taken: sources wait");
const SYNC: Field = Field::flag("fsyncPerTransaction").default("true").doc(
    "whether an event is on the disk before it counts as held; false: a power cut loses up to fsyncInterval",
);
const SYNC_INTERVAL: Field = Field::int("fsyncInterval", 1, 3600)
    .unit(Unit::Seconds)
    .default("5")
    .doc("how often the log is synced where fsyncPerTransaction is false");
const COMPRESSION: Field = Field::choice("compression", &["none", "lz4", "zstd"])
    .default("none")
    .doc("how bodies are packed in the log");
const EMPTY_DELAY: Field = Field::int("emptyDelay", 0, 60_000)
    .unit(Unit::Millis)
    .default("1000")
    .doc("how long positions of filtered events may wait for a batch to travel with");

const NO_CHECKPOINT: &str = "the log is its own checkpoint: there is none to write, to double or to replay";
const IGNORED: &[Field] = &[
    Field::int("checkpointInterval", i64::MIN, i64::MAX).ignored(NO_CHECKPOINT),
    Field::flag("useDualCheckpoints").ignored(NO_CHECKPOINT),
    Field::path("backupCheckpointDir").ignored(NO_CHECKPOINT),
    Field::flag("compressBackupCheckpoint").ignored(NO_CHECKPOINT),
    Field::flag("checkpointOnClose").ignored(NO_CHECKPOINT),
    Field::flag("use-log-replay-v1").ignored("there is one way to read the log, and it is quick"),
    Field::flag("use-fast-replay").ignored("there is one way to read the log, and it is quick"),
];

const LOG: &[Field] =
    &[CHECKPOINT, DATA, TRANSACTION, FILE_SIZE, MINIMUM_SPACE, SYNC, SYNC_INTERVAL, COMPRESSION, EMPTY_DELAY];

pub static SPEC: Spec = Spec {
    kind: Kind::Channel,
    name: "file",
    class: "org.apache.flume.channel.file.FileChannel",
    aliases: &[],
    summary: "keeps events in a log on disk; neither kill -9 nor a power cut loses what it holds",
    fields: &[&[CAPACITY, KEEP_ALIVE], LOG, encryption::FIELDS, IGNORED],
    build: Build::Channel(build_file),
};

const MEMORY: Field = Field::int("memoryCapacity", 0, i64::MAX)
    .unit(Unit::Events)
    .default("10000")
    .lenient()
    .doc("events it keeps in memory before it spills; 0: all go to the disk");
const OVERFLOW: Field = Field::int("overflowCapacity", 0, i64::MAX)
    .unit(Unit::Events)
    .default("100000000")
    .lenient()
    .doc("events that may be on the disk; 0: none, the channel is full when memory is");
const OVERFLOW_TIMEOUT: Field = Field::int("overflowTimeout", 0, i64::MAX)
    .unit(Unit::Seconds)
    .default("3")
    .lenient()
    .doc("how long a source waits for memory before it spills");
const BYTES: Field = Field::int("byteCapacity", 1, i64::MAX)
    .unit(Unit::Bytes)
    .default("33554432")
    .lenient()
    .doc("bytes of bodies it keeps in memory, headers apart");
const BUFFER: Field = Field::int("byteCapacityBufferPercentage", 0, 99)
    .default("20")
    .lenient()
    .doc("part of byteCapacity that is left for headers, in per cent");
const SPILL_IGNORED: &[Field] = &[
    Field::int("overflowDeactivationThreshold", i64::MIN, i64::MAX)
        .ignored("order is kept: memory is used again as soon as what was spilled has been taken"),
    Field::int("avgEventSize", i64::MIN, i64::MAX).ignored("bytes are counted as they are"),
    Field::int("capacity", i64::MIN, i64::MAX)
        .ignored("a spillable channel has memoryCapacity and overflowCapacity"),
    Field::int("keep-alive", i64::MIN, i64::MAX).ignored("a spillable channel has overflowTimeout"),
];

pub static SPILLABLE: Spec = Spec {
    kind: Kind::Channel,
    name: "spillablememory",
    class: "org.apache.flume.channel.SpillableMemoryChannel",
    aliases: &[],
    summary: "keeps events in memory, and in a log on disk what memory cannot hold",
    fields: &[
        &[MEMORY, OVERFLOW, OVERFLOW_TIMEOUT, BYTES, BUFFER],
        LOG,
        encryption::FIELDS,
        SPILL_IGNORED,
        IGNORED,
    ],
    build: Build::Channel(build_spillable),
};

fn build_file(at: &At) -> Result<ChannelOpener, Refusal> {
    let (capacity, transaction) = (at.count(&CAPACITY), at.count(&TRANSACTION));
    if transaction > capacity {
        let what = format!("transactionCapacity {transaction} is larger than capacity {capacity}");
        return Err(
            Refusal::at(&TRANSACTION, what).instead(format!("set `capacity` to {transaction} or more"))
        );
    }
    let settings = settings(at, capacity, at.time(&KEEP_ALIVE));
    opener(at, settings)
}

fn build_spillable(at: &At) -> Result<ChannelOpener, Refusal> {
    let (memory, overflow) = match (at.count(&MEMORY), at.count(&OVERFLOW)) {
        // Flume takes its defaults where both are 0.
        (0, 0) => (10_000, 100_000_000),
        both => both,
    };
    let bytes = (at.count(&BYTES) / 100).saturating_mul(100 - at.count(&BUFFER)).max(1);
    let before_spill = at.time(&OVERFLOW_TIMEOUT);
    let settings = Settings {
        memory: Some(Limit { events: memory, bytes }),
        before_spill: if overflow == 0 { Duration::MAX } else { before_spill },
        ..settings(at, memory.saturating_add(overflow), before_spill.saturating_add(Duration::from_secs(3)))
    };
    opener(at, settings)
}

fn settings(at: &At, capacity: usize, keep_alive: Duration) -> Settings {
    let sync_every = (!at.flag(&SYNC)).then(|| at.time(&SYNC_INTERVAL));
    Settings {
        capacity,
        transaction: at.count(&TRANSACTION).min(capacity),
        keep_alive,
        empty_delay: at.time(&EMPTY_DELAY),
        memory: None,
        before_spill: Duration::ZERO,
        sync_every,
        checkpoint: Some(checkpoint::path(&checkpoint_dir(at))),
    }
}

/// Whether channels of this type keep a log.
pub fn keeps_log(spec: &Spec) -> bool {
    [&SPEC, &SPILLABLE].iter().any(|own| own.name == spec.name)
}

/// The directories of a channel: those of its log, then that of the second copy of its marks.
pub fn dirs_of(at: &At) -> Vec<PathBuf> {
    let mut dirs = data_dirs(at);
    dirs.push(checkpoint_dir(at));
    dirs
}

/// The keys of a channel, read from their files.
pub fn keys_of(at: &At) -> Result<KeyRing, String> {
    let encryption = encryption::keys(at).map_err(|refusal| refusal.what)?;
    let loaded = encryption.as_ref().map(Encryption::load).transpose().map_err(|error| error.to_string())?;
    Ok(loaded.map(KeyRing::from).unwrap_or_default())
}

fn own_dir(at: &At) -> PathBuf {
    at.place.state_dir.join(format!("channel-{}", at.name))
}

fn checkpoint_dir(at: &At) -> PathBuf {
    at.opt_path(&CHECKPOINT).unwrap_or_else(|| own_dir(at).join("checkpoint"))
}

/// Flume trims the names and skips empty ones.
fn data_dirs(at: &At) -> Vec<PathBuf> {
    let names = at.opt(&DATA).unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let dirs: Vec<PathBuf> = names.map(|name| at.place.config_dir.join(name)).collect();
    if dirs.is_empty() { vec![own_dir(at).join("data")] } else { dirs }
}

/// A log has directories of its own, each once.
fn distinct(at: &At) -> Result<(), Refusal> {
    let (dirs, checkpoint) = (data_dirs(at), checkpoint_dir(at));
    if let Some(twice) = dirs.iter().enumerate().find_map(|(i, dir)| dirs[..i].contains(dir).then_some(dir)) {
        let what = format!("`{}` stands twice in `{}`", twice.display(), DATA.key);
        return Err(Refusal::at(&DATA, what).instead("name each directory once"));
    }
    if dirs.contains(&checkpoint) {
        let what =
            format!("`{}` is both `{}` and one of `{}`", checkpoint.display(), CHECKPOINT.key, DATA.key);
        return Err(Refusal::at(&CHECKPOINT, what)
            .instead("give the second copy of the marks a directory of its own"));
    }
    Ok(())
}

fn opener(at: &At, settings: Settings) -> Result<ChannelOpener, Refusal> {
    distinct(at)?;
    let also = vec![checkpoint_dir(at)];
    let dirs = data_dirs(at);
    let segment_bytes = at.count(&FILE_SIZE).min(1 << 30) as u64;
    let minimum_free = at.int(&MINIMUM_SPACE).max(0) as u64;
    let packing = match at.choice(&COMPRESSION) {
        "lz4" => Packing::Lz4,
        "zstd" => Packing::Zstd,
        _ => Packing::None,
    };
    let place = at.place.clone();
    let encryption = encryption::keys(at)?;
    Ok(Box::new(move |key, pulse| {
        let loaded = encryption.as_ref().map(Encryption::load).transpose()?;
        let keys = Arc::new(loaded.map(KeyRing::from).unwrap_or_default());
        let log = store::Settings { dirs, segment_bytes, minimum_free, packing, keys };
        open(settings, log, &also, &place, key, pulse)
    }))
}

fn open(
    settings: Settings,
    log: store::Settings,
    also: &[PathBuf],
    place: &Place,
    key: ChannelKey,
    pulse: Arc<Pulse>,
) -> Result<Arc<dyn Channel>, ChannelError> {
    dirs::warn_of_flume(&log.dirs, &pulse.name);
    let before = dirs::marks_of_memory(place, &key.channel);
    let before = before.or_else(|| dirs::marks_of_left_log(place, &key.channel, &log.dirs));
    let all: Vec<PathBuf> = log.dirs.iter().chain(also).cloned().collect();
    let (channel, _) =
        FileChannel::open(Arc::new(RealDisk), settings, log, also, before, key.clone(), pulse)?;
    dirs::remember(place, &key.channel, &all)?;
    channel.start();
    Ok(channel)
}
