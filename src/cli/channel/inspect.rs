//! `channel inspect`: what a log holds, for people and as JSON.
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Named, fate, sentence};
use crate::channels::file::{LogDirs, Look};
use crate::event::{Mark, StreamId};
use crate::store::log::{Fault, Found};

/// Streams listed in text; JSON has all of them.
const STREAMS_SHOWN: usize = 20;

pub fn text(look: &Look, dirs: &LogDirs, out: &mut dyn Write) -> io::Result<u8> {
    let names: Vec<String> = dirs.dirs.iter().map(|dir| dir.display().to_string()).collect();
    writeln!(out, "log {} in {}", id(look), names.join(", "))?;
    if let Some(pid) = look.owner {
        writeln!(out, "  process {pid} has it open: figures are those of a moment")?;
    }
    let (waiting, age) = look.waiting();
    let events: u64 = waiting.values().map(|of| of.events).sum();
    let bytes: u64 = waiting.values().map(|of| of.bytes).sum();
    let disk: u64 = look.survey.segments.values().map(|found| found.bytes).sum();
    writeln!(out, "  {} segments, {disk} bytes on disk", look.survey.segments.len())?;
    writeln!(
        out,
        "  {} events stored: {} settled, {events} wait ({bytes} bytes)",
        look.events,
        look.events - events.min(look.events)
    )?;
    if let Some(age) = age {
        writeln!(out, "  the oldest that waits is {} old or older (its segment's last write)", lasting(age))?;
    }
    for (source, of) in &waiting {
        writeln!(out, "  source {source}: {} events wait, {} bytes", of.events, of.bytes)?;
    }
    segments(look, out)?;
    streams(look, out)?;
    for (number, place) in look.record.places().filter(|(_, place)| !place.destination.is_empty()) {
        writeln!(out, "destination {number}: {}, {} streams", place.destination, place.delivered.len())?;
    }
    damage(look, out)?;
    Ok(0)
}

fn segments(look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for (key, found) in &look.survey.segments {
        let contents = look.contents.get(key).cloned().unwrap_or_default();
        write!(out, "segment {}: {} bytes", found.path.display(), found.bytes)?;
        match contents.frames {
            0 => write!(out, ", no frames")?,
            frames => write!(
                out,
                ", {} used, {frames} frames (numbers {} to {}), {} events",
                contents.end,
                contents.numbers.start,
                contents.numbers.end - 1,
                contents.events
            )?,
        }
        writeln!(out, "{}", state(found))?;
    }
    Ok(())
}

fn state(found: &Found) -> String {
    match &found.header {
        None => ", header damaged".to_string(),
        Some(header) if header.cipher != 0 => format!(", encrypted by `{}`", header.alias),
        Some(_) => String::new(),
    }
}

fn streams(look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let all = all_streams(look);
    for stream in all.iter().take(STREAMS_SHOWN) {
        let Marks { held, delivered, durable } = marks(look, *stream);
        write!(out, "{}: held to {}", Named(look, *stream), held.low())?;
        if held.high() > held.low() {
            write!(out, " and up to {} with holes", held.high())?;
        }
        write!(out, ", delivered to {}", delivered.low())?;
        if delivered.high() > delivered.low() {
            write!(out, " and up to {} with holes", delivered.high())?;
        }
        writeln!(out, ", durable to {}", durable.low())?;
    }
    match all.len().checked_sub(STREAMS_SHOWN) {
        Some(more) if more > 0 => writeln!(out, "… and {more} streams more (--json has all)"),
        _ => Ok(()),
    }
}

fn damage(look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for trouble in &look.locked {
        writeln!(out, "CANNOT BE READ: {}", sentence(trouble))?;
    }
    for damage in seen(look) {
        let bytes = damage.to - damage.from;
        writeln!(
            out,
            "DAMAGE: {bytes} bytes from {} of {} {}",
            damage.from,
            damage.path.display(),
            damage.fault
        )?;
    }
    if look.locked.is_empty() {
        let missing: u64 = look.survey.missing.iter().map(|numbers| numbers.end - numbers.start).sum();
        if missing > 0 {
            writeln!(
                out,
                "DAMAGE: {missing} frames are missing; if the log has more directories, name them all"
            )?;
        }
        for hole in look.holes() {
            writeln!(out, "DAMAGE: {}", fate(look, &hole))?;
        }
    }
    for path in &look.aside {
        writeln!(out, "set aside for its damage: {}", path.display())?;
    }
    match look.is_whole() {
        true => writeln!(out, "no damage seen (`verify` looks into every frame)"),
        false => Ok(()),
    }
}

/// Damage to speak of: what a lacking key hides is said once.
fn seen(look: &Look) -> impl Iterator<Item = &crate::store::log::Damage> {
    look.survey.damage.iter().filter(|damage| !matches!(damage.fault, Fault::NoKey(_)))
}

struct Marks {
    held: Mark,
    delivered: Mark,
    durable: Mark,
}

fn marks(look: &Look, stream: StreamId) -> Marks {
    let (delivered, durable) = (look.settled(stream), look.record.durable(stream));
    let mut held = delivered.clone();
    held.union(look.stored.get(&stream).unwrap_or(&Mark::default()));
    Marks { held, delivered, durable }
}

fn all_streams(look: &Look) -> Vec<StreamId> {
    let mut all: Vec<StreamId> = look.record.streams.keys().chain(look.stored.keys()).copied().collect();
    all.sort();
    all.dedup();
    all.sort_by_key(|stream| look.path(*stream).unwrap_or_default().to_string());
    all
}

fn id(look: &Look) -> String {
    look.survey.log.map_or("(no id)".to_string(), |id| format!("{id:016x}"))
}

/// A duration as people say it.
fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

pub fn json(look: &Look, dirs: &LogDirs, out: &mut dyn Write) -> io::Result<u8> {
    let (waiting, age) = look.waiting();
    let events: u64 = waiting.values().map(|of| of.events).sum();
    let segments: Vec<Value> =
        look.survey.segments.iter().map(|(key, found)| segment(look, *key, found)).collect();
    let sources = waiting.iter().map(|(source, of)| {
        (source.clone(), json!({"waiting_events": of.events, "waiting_bytes": of.bytes}))
    });
    let places = look.record.places().filter(|(_, place)| !place.destination.is_empty()).map(
        |(number, place)| json!({"place": number, "destination": place.destination, "streams": place.delivered.len()}),
    );
    let damage = seen(look).map(|damage| {
        json!({"path": damage.path, "from": damage.from, "to": damage.to, "fault": damage.fault.to_string()})
    });
    let missing = look.survey.missing.iter().map(|numbers| json!([numbers.start, numbers.end]));
    let holes = look.holes().into_iter().map(|hole| {
        let again = !look.is_of_log(hole.stream);
        json!({"stream": hole.stream.to_string(), "path": look.path(hole.stream), "from": hole.range.start, "to": hole.range.end, "read_again": again})
    });
    let object = json!({
        "log": id(look),
        "dirs": dirs.dirs,
        "owner": look.owner,
        "bytes": look.survey.segments.values().map(|found| found.bytes).sum::<u64>(),
        "stored_events": look.events,
        "settled_events": look.events.saturating_sub(events),
        "waiting_events": events,
        "waiting_bytes": waiting.values().map(|of| of.bytes).sum::<u64>(),
        "oldest_waiting_seconds": age.map(|age| age.as_secs()),
        "sources": sources.collect::<serde_json::Map<String, Value>>(),
        "segments": segments,
        "streams": all_streams(look).iter().map(|stream| described(look, *stream)).collect::<Vec<_>>(),
        "destinations": places.collect::<Vec<_>>(),
        "whole": look.is_whole(),
        "lacking_keys": look.locked.iter().map(sentence).collect::<Vec<_>>(),
        "damage": damage.collect::<Vec<_>>(),
        "missing_frames": missing.collect::<Vec<_>>(),
        "holes": holes.collect::<Vec<_>>(),
        "set_aside": look.aside,
    });
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)?;
    Ok(0)
}

fn segment(look: &Look, key: u64, found: &Found) -> Value {
    let contents = look.contents.get(&key).cloned().unwrap_or_default();
    let last = (contents.frames > 0).then(|| contents.numbers.end - 1);
    let header = found.header.as_ref();
    let key = header.filter(|header| header.cipher != 0).map(|header| &header.alias);
    json!({
        "path": found.path, "bytes": found.bytes, "used_bytes": contents.end, "header": header.is_some(),
        "key": key, "frames": contents.frames, "events": contents.events,
        "first": last.map(|_| contents.numbers.start), "last": last,
    })
}

fn described(look: &Look, stream: StreamId) -> Value {
    let Marks { held, delivered, durable } = marks(look, stream);
    let mark = |mark: &Mark| {
        let ranges = mark.ranges().iter().map(|range| json!([range.start, range.end]));
        json!({"low": mark.low(), "high": mark.high(), "ranges": ranges.collect::<Vec<_>>()})
    };
    json!({
        "stream": stream.to_string(), "source": look.source(stream), "path": look.path(stream),
        "read_again": !look.is_of_log(stream),
        "held": mark(&held), "delivered": mark(&delivered), "durable": mark(&durable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_the_unit_that_fits() {
        let said = [41, 600, 9000, 200_000].map(|seconds| lasting(Duration::from_secs(seconds)));
        assert_eq!(said, ["41 s", "10 min", "2 h 30 min", "2 days 7 h"]);
    }
}
