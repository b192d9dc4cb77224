//! Reads records: frames to entries, entries to marks.
//!
//! Errors: a record of another key, or one that another process holds, is fenced; damage is said, and what verifies
//! counts.
use std::path::Path;

use super::slots::{slots, stem};
use crate::codec::marks;
use crate::event::{Entry, Marks, Record};
use crate::flow::{ChannelKey, DeliverError};
use crate::store::{Damage, Journal, JournalError, Opened};
use crate::sys;

/// The record at a path, owned from now on.
pub fn open_journal(path: &Path, key: &ChannelKey) -> Result<(Journal, Record), DeliverError> {
    let Opened { journal, frames, damage } = match Journal::open(path) {
        Ok(opened) => opened,
        Err(JournalError::Owned(pid)) => return Err(owned(path, key, pid)),
        Err(JournalError::Io(error)) => {
            return Err(DeliverError::not_there(
                format!("cannot open the record `{}`", path.display()),
                error,
            ));
        }
    };
    name_damage(path, damage);
    let record = fold(&frames);
    match &record.key {
        Some(other) if *other != key.to_string() => {
            let what = format!("the record `{}` belongs to `{other}`, not to `{key}`", path.display());
            Err(DeliverError::Fenced(what))
        }
        _ => Ok((journal, record)),
    }
}

fn owned(path: &Path, key: &ChannelKey, pid: Option<u32>) -> DeliverError {
    let pid = pid.map_or("another process".to_string(), |pid| format!("process {pid}"));
    let (channel, instance, path) = (&key.channel, &key.instance, path.display());
    DeliverError::Fenced(format!(
        "{pid} already delivers channel `{channel}` of instance `{instance}` to this directory: it holds the record `{path}`"
    ))
}

fn name_damage(path: &Path, damage: Option<Damage>) {
    let path = path.display();
    match damage {
        None => {}
        Some(Damage::TornTail { at, bytes }) => {
            log::info!(
                "the last {bytes} bytes of the record `{path}`, from {at} on, were cut short and are removed"
            )
        }
        Some(Damage::Inside { at, bytes, aside }) => log::warn!(
            "the record `{path}` is damaged from byte {at} on ({bytes} bytes); it is set aside as `{}`, and what verifies counts",
            aside.display()
        ),
    }
}

pub fn fold(frames: &[Vec<u8>]) -> Record {
    let mut record = Record::default();
    let entries = frames.iter().filter_map(|frame| marks::decode(frame)).flatten();
    entries.for_each(|entry| record.apply(&entry));
    record
}

/// How this directory is told apart from other destinations.
pub fn destination(dir: &Path) -> String {
    format!("file_roll:{}", dir.display())
}

/// What the record at a destination has of a channel's streams, without owning or changing it: for a place that no
/// sink delivers to any more (C4). `dir` is the destination's name behind its `file_roll:`.
pub fn recorded(dir: &str, key: &ChannelKey) -> Option<Marks> {
    let dir = Path::new(dir);
    let mut all = Marks::new();
    for path in slots(dir, &stem(key)) {
        let mut record = fold(&Journal::peek(&path).ok()?);
        if record.key.as_ref().is_some_and(|of| *of == key.to_string()) {
            record.apply(&Entry::Boot { id: sys::boot_id() });
            marks::union(&mut all, record.marks(0));
        }
    }
    (!all.is_empty()).then_some(all)
}
