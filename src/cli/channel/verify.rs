//! `channel verify`: every damaged part and every hole of a log, each on a line.
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{NOTHING_TO_LOOK_AT, fate, lacks_keys};
use crate::channels::file::Look;
use crate::store::log::Fault;

pub fn run(look: &Look, json: bool, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    if lacks_keys(look, err)? {
        return Ok(NOTHING_TO_LOOK_AT);
    }
    let findings = findings(look);
    for (sentence, object) in &findings {
        match json {
            true => writeln!(out, "{object}")?,
            false => writeln!(out, "{sentence}")?,
        }
    }
    let whole = look.is_whole() && look.holes().is_empty();
    let frames: u64 = look.contents.values().map(|contents| contents.frames).sum();
    let segments = look.survey.segments.len();
    let bytes: u64 = look.survey.segments.values().map(|found| found.bytes).sum();
    match json {
        true => {
            let events = look.events;
            let object = json!({"whole": whole, "segments": segments, "bytes": bytes, "frames": frames, "events": events});
            writeln!(out, "{object}")?;
        }
        false => {
            let word = if whole { "whole" } else { "DAMAGED" };
            writeln!(
                out,
                "{word}: {segments} segments, {bytes} bytes, {frames} frames that verify, {} events",
                look.events
            )?;
        }
    }
    Ok(u8::from(!whole))
}

fn findings(look: &Look) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for damage in &look.survey.damage {
        let (path, from, to) = (damage.path.display(), damage.from, damage.to);
        let note = match damage.fault {
            Fault::Cut => "; nobody was told that they are held",
            _ => "",
        };
        let sentence = format!("{path}: {} bytes from {from} {}{note}", to - from, damage.fault);
        all.push((
            sentence,
            json!({"path": damage.path, "from": from, "to": to, "fault": damage.fault.to_string()}),
        ));
    }
    for frame in &look.senseless {
        let sentence =
            format!("{}: frame {} at {} {}", frame.path.display(), frame.number, frame.at, frame.why);
        all.push((
            sentence,
            json!({"path": frame.path, "at": frame.at, "frame": frame.number, "fault": frame.why}),
        ));
    }
    for numbers in &look.survey.missing {
        let (first, last) = (numbers.start, numbers.end - 1);
        let sentence = match first == last {
            true => format!("frame {first} is missing"),
            false => format!("frames {first} to {last} are missing"),
        };
        all.push((sentence, json!({"missing_frames": [first, numbers.end]})));
    }
    for hole in look.holes() {
        let stream = hole.stream.to_string();
        let (from, to) = (hole.range.start, hole.range.end);
        let object = json!({"stream": stream, "path": look.path(hole.stream), "missing": [from, to], "read_again": !look.is_of_log(hole.stream)});
        all.push((fate(look, &hole), object));
    }
    for path in &look.aside {
        let sentence = format!("{}: was set aside for its damage, and does not count", path.display());
        all.push((sentence, json!({"set_aside": path})));
    }
    all
}
