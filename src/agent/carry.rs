//! What marks do when the configuration changes: channels that left, destinations that were left (C4, C5).
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::build::Channels;
use crate::channels::file::{LogDirs, Look, dirs, keeps_log};
use crate::codec::marks;
use crate::config::{Graph, Place};
use crate::event::{Mark, Record, Stream, StreamId, StreamRecord};
use crate::flow::{Channel, ChannelKey, Fatal, Kind};
use crate::sinks::Probe;
use crate::store::Journal;

/// C5: marks of removed channels go. Before they do, sources of which no channel knows anything yet go on where the
/// removed ones were: a renamed channel repeats nothing (C2).
pub fn from_removed_channels(graph: &Graph, place: &Place, channels: &Channels) -> Result<(), Fatal> {
    // A channel that was dropped for a mistake in the file is not removed: its marks wait for the cure.
    if graph.dropped.iter().any(|dropped| dropped.kind == Kind::Channel) {
        return Ok(());
    }
    for (name, path) in records(place) {
        if channels.contains_key(&name) {
            continue;
        }
        carry(graph, channels, &read(&path))?;
        fs::remove_file(&path).map_err(|e| Fatal::io(format!("cannot remove `{}`", path.display()), e))?;
        log::info!("channel `{name}` is not configured any more: its marks were removed");
    }
    let is_file = |name: &str| graph.channels.iter().any(|node| node.name == name && keeps_log(node.spec));
    let (owned, left): (Vec<_>, Vec<_>) =
        dirs::all(&place.state_dir).into_iter().partition(|(name, _)| is_file(name));
    let owned: Vec<PathBuf> =
        owned.iter().flat_map(|(_, list)| dirs::read(list).unwrap_or_default()).collect();
    for (name, list) in left {
        let of_another = dirs::read(&list).unwrap_or_default().iter().any(|dir| owned.contains(dir));
        if of_another {
            log::info!("channel `{name}` is not configured any more: its log is that of another channel now");
            fs::remove_file(&list)
                .map_err(|e| Fatal::io(format!("cannot remove `{}`", list.display()), e))?;
        } else {
            let now = match channels.contains_key(&name) {
                true => "keeps no log any more",
                false => "is not configured any more",
            };
            from_log(graph, channels, &Left { name, list, now })?;
        }
    }
    Ok(())
}

/// A channel whose log nobody owns any more.
struct Left {
    name: String,
    /// The file that says where its log lies.
    list: PathBuf,
    /// What became of the channel.
    now: &'static str,
}

/// C5 for a channel that kept a log: what is settled is carried on, what waits is named and kept. A log with nothing in
/// it goes, as its stale marks would repeat all if the channel came back.
fn from_log(graph: &Graph, channels: &Channels, left: &Left) -> Result<(), Fatal> {
    let Left { name, list, now } = left;
    let failed = |error| Fatal::io(format!("cannot read `{}`", list.display()), error);
    let dirs: Vec<PathBuf> =
        dirs::read(list).map_err(failed)?.into_iter().filter(|dir| dir.is_dir()).collect();
    let shown: Vec<String> = dirs.iter().map(|dir| format!("`{}`", dir.display())).collect();
    let shown = shown.join(", ");
    let mut look = match Look::at(&LogDirs { dirs: dirs.clone(), ..LogDirs::default() }, false) {
        Ok(look) => look,
        Err((dir, error)) => {
            log::warn!(
                "channel `{name}` {now}, and its log cannot be looked at: `{}`: {error}",
                dir.display()
            );
            return Ok(());
        }
    };
    if let Some(pid) = look.owner {
        log::warn!(
            "channel `{name}` {now}; its log in {shown} belongs to process {pid} now and is left alone"
        );
        return Ok(());
    }
    carry(graph, channels, &look.record)?;
    delivered_since(graph, channels, &mut look);
    let (waiting, _) = look.waiting();
    let events: u64 = waiting.values().map(|of| of.events).sum();
    if !look.locked.is_empty() {
        log::warn!(
            "channel `{name}` {now}; its log in {shown} is encrypted, so nobody can tell what waits in it; it is kept: configure the channel again to have it delivered"
        );
    } else if events > 0 {
        let bare = without_position(&look);
        let again = format!(
            "{} are read again where their source still has them, {bare} came without a position and are nowhere else",
            events - bare
        );
        log::warn!(events = events; "channel `{name}` {now}, and {events} events wait in its log in {shown}: {again}; the log is kept until it is deleted: `dataflowkit channel export` prints them, a channel `{name}` of type file delivers them");
    } else if look.is_drained() {
        clear(&look, list).map_err(|error| Fatal::io(format!("cannot remove the log in {shown}"), error))?;
        log::info!("channel `{name}` {now}: its log in {shown} was empty and is removed");
    } else {
        log::warn!(
            "channel `{name}` {now}; its log in {shown} is damaged or not yet certain at its destinations, and kept"
        );
    }
    Ok(())
}

/// What was read again and delivered by other channels does not wait any more.
fn delivered_since(graph: &Graph, channels: &Channels, look: &mut Look) {
    let streams: Vec<StreamId> = look.stored.keys().copied().collect();
    for stream in streams {
        let Some(source) = graph.sources.iter().find(|source| source.node.name == look.source(stream)) else {
            continue;
        };
        let own = source.channels.iter().filter_map(|name| channels.get(name));
        let durable = own.map(|channel| {
            let mut durable = 0;
            channel.look(&mut |book| durable = book.durable(stream));
            durable
        });
        look.settle(stream, durable.min().unwrap_or(0));
    }
}

/// Waiting events that nobody can read again.
fn without_position(look: &Look) -> u64 {
    let mut bare = 0;
    let counted = look.each(false, &mut |_, _, batch| {
        let of_log = batch.span().is_some_and(|span| look.is_of_log(span.stream.id));
        bare += if of_log { batch.len() as u64 } else { 0 };
        Ok(())
    });
    debug_assert!(counted.is_ok(), "counting does not fail");
    bare
}

/// Removes the segments, then the word of them.
fn clear(look: &Look, list: &Path) -> io::Result<()> {
    for found in look.survey.segments.values() {
        match fs::remove_file(&found.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_file(list)
}

/// C2: sources of which none of their channels knows anything go on where the record says that all was settled.
fn carry(graph: &Graph, channels: &Channels, record: &Record) -> Result<(), Fatal> {
    for source in &graph.sources {
        let own: Vec<_> = source.channels.iter().filter_map(|name| channels.get(name)).collect();
        if own.iter().any(|channel| knows(channel, &source.node.name)) {
            continue;
        }
        for (id, known) in record.streams.iter().filter(|(_, known)| *known.source == *source.node.name) {
            let stream = Stream::of(*id, known.source.clone(), known.attributes.clone());
            let had = record.had(*id);
            for channel in &own {
                let joined = channel.join(&stream, had.low(), &known.checks);
                joined
                    .and_then(|()| recall(channel, &stream, &had))
                    .map_err(|e| Fatal::new(e.to_string()))?;
            }
        }
        let certain = own.iter().try_for_each(|channel| channel.barrier());
        certain.map_err(|error| Fatal::new(error.to_string()))?;
    }
    Ok(())
}

/// The place that no destination has: what it is said to have, nobody takes back by a report.
const NO_RECORD: u32 = 0;

/// What was delivered above the lowest mark, by several sinks, is not delivered again.
fn recall(
    channel: &Arc<dyn Channel>,
    stream: &Arc<Stream>,
    had: &Mark,
) -> Result<(), crate::flow::ChannelError> {
    if had.ranges().is_empty() {
        return Ok(());
    }
    let (source, attributes) = (stream.source.clone(), stream.attributes());
    let had = StreamRecord { source, attributes, mark: had.clone(), checks: Default::default() };
    channel.recall(NO_RECORD, [(stream.id, had)].into_iter().collect())
}

fn records(place: &Place) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(&place.state_dir) else { return Vec::new() };
    let named = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let channel = name.strip_prefix("channel-")?.strip_suffix(".marks")?;
        Some((channel.to_string(), entry.path()))
    };
    entries.flatten().filter_map(named).collect()
}

fn read(path: &Path) -> Record {
    let mut record = Record::default();
    for frame in Journal::peek(path).unwrap_or_default() {
        marks::decode(&frame).unwrap_or_default().iter().for_each(|entry| record.apply(entry));
    }
    record
}

fn knows(channel: &Arc<dyn Channel>, source: &str) -> bool {
    let mut knows = false;
    channel.look(&mut |book| knows = book.record().streams.values().any(|known| *known.source == *source));
    knows
}

/// C4: destinations of the record that no sink stands for any more are asked once what they have.
pub fn ask_left_places(channel: &Arc<dyn Channel>, probes: &[(&str, Probe)]) -> Result<(), Fatal> {
    let mut left = Vec::new();
    channel.look(&mut |book| left = book.left_places());
    let key: &ChannelKey = channel.key();
    for (place, destination) in left {
        let Some((kind, rest)) = destination.split_once(':') else { continue };
        let probe = probes.iter().find(|(name, _)| *name == kind);
        let Some(marks) = probe.and_then(|(_, probe)| probe(rest, key)) else { continue };
        channel.recall(place, marks).map_err(|error| Fatal::new(error.to_string()))?;
    }
    Ok(())
}
