//! What marks do when the configuration changes: channels that left, destinations that were left (C4, C5).
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::build::Channels;
use crate::codec::marks;
use crate::config::{Graph, Place};
use crate::event::{Record, Stream};
use crate::flow::{Channel, ChannelKey, Fatal};
use crate::sinks::Probe;
use crate::store::Journal;

/// C5: marks of removed channels go. Before they do, sources of which no channel knows anything yet go on where the
/// removed ones were: a renamed channel repeats nothing (C2).
pub fn from_removed_channels(graph: &Graph, place: &Place, channels: &Channels) -> Result<(), Fatal> {
    // A channel that was dropped for a mistake in the file is not removed: its marks wait for the cure.
    if graph.dropped.iter().any(|dropped| dropped.kind == crate::flow::Kind::Channel) {
        return Ok(());
    }
    for (name, path) in records(place) {
        if channels.contains_key(&name) {
            continue;
        }
        let record = read(&path);
        for source in &graph.sources {
            let own: Vec<_> = source.channels.iter().filter_map(|name| channels.get(name)).collect();
            if own.iter().any(|channel| knows(channel, &source.node.name)) {
                continue;
            }
            for (id, known) in record.streams.iter().filter(|(_, known)| *known.source == *source.node.name) {
                let stream = Stream::of(*id, known.source.clone(), known.attributes.clone());
                for channel in &own {
                    let joined = channel.join(&stream, record.had(*id).low(), &known.checks);
                    joined.map_err(|error| Fatal::new(error.to_string()))?;
                }
            }
        }
        fs::remove_file(&path).map_err(|e| Fatal::io(format!("cannot remove `{}`", path.display()), e))?;
        log::info!("channel `{name}` is not configured any more: its marks were removed");
    }
    Ok(())
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

fn read(path: &std::path::Path) -> Record {
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
