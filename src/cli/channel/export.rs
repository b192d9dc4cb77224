//! `channel export`: the events of a log as JSON lines, or their bodies as lines.
//!
//! Shape of a line: `{"stream", "path" (of a file), "source", "from", "to", "headers": {}, "body"}`; a body that is no
//! UTF-8 is `body_base64`.
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{NOTHING_TO_LOOK_AT, lacks_keys};
use crate::channels::file::Look;
use crate::codec::base64;
use crate::event::Batch;

#[derive(Serialize)]
struct Line<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    source: &'a str,
    from: u64,
    to: u64,
    headers: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

pub fn run(
    look: &Look,
    (all, raw): (bool, bool),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    if lacks_keys(look, err)? {
        return Ok(NOTHING_TO_LOOK_AT);
    }
    let lost = look.each(all, &mut |_, source, batch| match raw {
        true => bodies(batch, out),
        false => lines(look, source, batch, out),
    })?;
    for (numbers, why) in &lost {
        let (first, last) = (numbers.start, numbers.end - 1);
        writeln!(err, "dataflowkit channel: frames {first} to {last} cannot be read back: {why}")?;
    }
    if !look.is_whole() {
        writeln!(
            err,
            "dataflowkit channel: the log is damaged: `dataflowkit channel verify` tells what is not here"
        )?;
    }
    Ok(u8::from(!lost.is_empty() || !look.is_whole()))
}

fn bodies(batch: &Batch, out: &mut dyn Write) -> io::Result<()> {
    batch.events().try_for_each(|event| {
        out.write_all(event.body())?;
        out.write_all(b"\n")
    })
}

fn lines(look: &Look, source: &str, batch: &Batch, out: &mut dyn Write) -> io::Result<()> {
    let Some(span) = batch.span() else { return Ok(()) };
    let id = span.stream.id.to_string();
    for event in batch.events() {
        let headers = event.headers();
        let body = std::str::from_utf8(event.body()).ok();
        let line = Line {
            stream: &id,
            path: look.path(span.stream.id),
            source,
            from: event.range().start,
            to: event.range().end,
            headers: headers.iter().collect(),
            body,
            body_base64: body.is_none().then(|| base64::encode(event.body())),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
