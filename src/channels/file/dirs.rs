//! Where a channel's log lies, remembered in the state directory: so that a removed channel with events in it can be
//! named (C5), and a channel that was of another kind goes on where that one was.
use std::fs;
use std::path::{Path, PathBuf};

use super::look::{LogDirs, Look};
use crate::codec::marks;
use crate::config::Place;
use crate::event::Record;
use crate::flow::ChannelError;
use crate::store::Journal;
use crate::store::log::EXTENSION;
use crate::sys;

/// One directory per line.
fn path(place: &Place, channel: &str) -> PathBuf {
    place.state_dir.join(format!("channel-{channel}.dirs"))
}

/// Writes down where the log lies; what a memory channel of that name had kept is in the log now.
pub fn remember(place: &Place, channel: &str, dirs: &[PathBuf]) -> Result<(), ChannelError> {
    let path = path(place, channel);
    let text: String = dirs.iter().map(|dir| format!("{}\n", dir.display())).collect();
    let failed = |error| ChannelError::io(format!("cannot write `{}`", path.display()), error);
    fs::create_dir_all(&place.state_dir).map_err(failed)?;
    if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        sys::replace_with(&path, text.as_bytes()).map_err(failed)?;
    }
    match fs::remove_file(place.state_dir.join(format!("channel-{channel}.marks"))) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The marks that a memory channel of that name left.
pub fn marks_of_memory(place: &Place, channel: &str) -> Option<Record> {
    let frames = Journal::peek(&place.state_dir.join(format!("channel-{channel}.marks"))).ok()?;
    let mut record = Record::default();
    for frame in frames {
        marks::decode(&frame).unwrap_or_default().iter().for_each(|entry| record.apply(entry));
    }
    (!record.streams.is_empty()).then_some(record)
}

/// The marks of the log that the channel had in other directories before; what waits there is named.
pub fn marks_of_left_log(place: &Place, channel: &str, now: &[PathBuf]) -> Option<Record> {
    let before: Vec<PathBuf> =
        read(&path(place, channel)).ok()?.into_iter().filter(|dir| has_log(dir)).collect();
    let left: Vec<PathBuf> = before.iter().filter(|dir| !now.contains(dir)).cloned().collect();
    let shown: Vec<String> = left.iter().map(|dir| format!("`{}`", dir.display())).collect();
    let shown = shown.join(", ");
    if left.is_empty() {
        return None;
    }
    if left.len() < before.len() {
        log::error!(component = channel; "channel `{channel}`: a part of its log is in {shown}, which is none of its directories any more; add it again to `dataDirs` until it is empty");
        return None;
    }
    let look = Look::at(&LogDirs { dirs: left, ..LogDirs::default() }, false).ok()?;
    let events: u64 = look.waiting().0.values().map(|of| of.events).sum();
    if events > 0 {
        log::warn!(component = channel, events = events; "channel `{channel}`: {events} events wait in the log that it had in {shown}; what sources still have is read again, and `dataflowkit channel export` prints the rest");
    }
    Some(look.record).filter(|record| !record.streams.is_empty())
}

/// Whether segments of a log lie there.
pub fn has_log(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(|name| name.ends_with(EXTENSION)))
}

/// Events of Flume's own file channel are not ours to read: said once per start, and left alone.
pub fn warn_of_flume(dirs: &[PathBuf], channel: &str) {
    for dir in dirs.iter().filter(|dir| has_flume_log(dir)) {
        log::warn!(component = channel; "channel `{channel}`: `{}` has files of Apache Flume's file channel (log-N); they are left alone: if events wait in them, let Flume drain them", dir.display());
    }
}

/// Whether Flume's file channel has a log there: `log-N`.
pub fn has_flume_log(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    let is_number = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let is_log = |name: &str| name.strip_prefix("log-").is_some_and(is_number);
    entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_log))
}

/// The channels of a state directory that have or had a log, each with the file that says where it lies.
pub fn all(state_dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(state_dir) else { return Vec::new() };
    let named = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let channel = name.strip_prefix("channel-")?.strip_suffix(".dirs")?;
        Some((channel.to_string(), entry.path()))
    };
    let mut all: Vec<(String, PathBuf)> = entries.flatten().filter_map(named).collect();
    all.sort();
    all
}

/// The directories that such a file names.
pub fn read(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    Ok(fs::read_to_string(path)?.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect())
}
