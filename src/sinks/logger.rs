//! Writes events to the log, as Flume's logger sink does: headers, and the first bytes of the body in hexadecimal.
//!
//! Differs from Flume's: `maxBytesToLog` is honoured, which Flume documents and never applies.
//! Truth: Flume 1.11 `LoggerSink`, `EventHelper`; commons-io `HexDump`.
use crate::codec::java_map;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::{Batch, EventRef};
use crate::flow::{DeliverError, Kind, Limit, Sink, Stop};

const TARGET: &str = "org.apache.flume.sink.LoggerSink";

const MAX_BYTES: Field = Field::int("maxBytesToLog", 0, 2_147_483_647)
    .unit(Unit::Bytes)
    .default("16")
    .lenient()
    .doc("how much of a body is written");

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "logger",
    class: "org.apache.flume.sink.LoggerSink",
    aliases: &[],
    summary: "writes events to the log, for a look at what comes through",
    fields: &[&[MAX_BYTES]],
    build: Build::Sink(build),
};

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    Ok(Box::new(Logger { name: at.name.into(), most: at.count(&MAX_BYTES) }))
}

struct Logger {
    name: String,
    most: usize,
}

impl Sink for Logger {
    /// What a kill leaves undone is logged again; so little at a time.
    fn limit(&self) -> Limit {
        Limit { events: 100, bytes: 1 << 20 }
    }

    fn deliver(&mut self, batches: &[Batch], _stop: &Stop) -> Result<(), DeliverError> {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            return Ok(());
        }
        for event in batches.iter().flat_map(Batch::events) {
            let text = text(event, self.most);
            log::info!(target: TARGET, component = self.name.as_str(); "Event: {text}");
        }
        Ok(())
    }
}

/// `{ headers:{k=v} body: 48 65  He }`.
fn text(event: EventRef<'_>, most: usize) -> String {
    let mut out = b"{ headers:".to_vec();
    java_map::print(&event.headers(), &mut out);
    let mut out = String::from_utf8_lossy(&out).into_owned();
    out.push_str(" body:");
    match &event.body()[..event.body().len().min(most)] {
        [] if event.body().is_empty() => {}
        [] => out.push_str("...Exception while dumping: illegal index: 0 into array of length 0"),
        shown => dump(shown, &mut out),
    }
    out.push_str(" }");
    out
}

/// Sixteen bytes to a line, each line but the first behind its offset.
fn dump(bytes: &[u8], out: &mut String) {
    for (line, bytes) in bytes.chunks(16).enumerate() {
        if line > 0 {
            out.push_str(&format!("\n{:08X}", line * 16));
        }
        out.push(' ');
        for index in 0..16 {
            match bytes.get(index) {
                Some(byte) => out.push_str(&format!("{byte:02X} ")),
                None => out.push_str("   "),
            }
        }
        out.extend(bytes.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Builder, Headers};

    fn logged(headers: &[(&str, &str)], body: &[u8], most: usize) -> String {
        let shared = Headers::from_iter(headers.iter().copied());
        let batch = Builder::shared(shared).push(body, 0..0).finish(None);
        format!("Event: {}", text(batch.event(0), most))
    }

    #[test]
    fn events_are_logged_in_flumes_words() {
        assert_eq!(
            logged(&[], b"Hello world!\r", 16),
            "Event: { headers:{} body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 0D          Hello world!. }"
        );
        assert_eq!(
            logged(&[("b", "x y")], b"0123456789ABCDEFG", 16),
            "Event: { headers:{b=x y} body: 30 31 32 33 34 35 36 37 38 39 41 42 43 44 45 46 0123456789ABCDEF }"
        );
        assert_eq!(logged(&[("a", "1")], b"", 16), "Event: { headers:{a=1} body: }");
        let nothing =
            "Event: { headers:{} body:...Exception while dumping: illegal index: 0 into array of length 0 }";
        assert_eq!(logged(&[], b"x", 0), nothing);
    }

    #[test]
    fn t14_max_bytes_to_log_is_honoured_and_later_lines_keep_their_offset() {
        assert_eq!(
            logged(&[], b"0123456789ABCDEFGH~", 18),
            "Event: { headers:{} body: 30 31 32 33 34 35 36 37 38 39 41 42 43 44 45 46 0123456789ABCDEF\n\
             00000010 47 48                                           GH }"
        );
    }
}
