//! Keeps events that a destination refuses for good, where an operator finds them.
//!
//! Shape: `STATE/dead-letters/SINK/STREAM-FROM.json` for an event of a stream, so that a repeat overwrites; events
//! without a position get a random name. Content: headers, the body as text, and as hexadecimal where it is no UTF-8.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::event::{Batch, EventRef, StreamId};
use crate::sys;

/// Where the dead letters of a sink are.
pub fn dir(state_dir: &Path, sink: &str) -> PathBuf {
    state_dir.join("dead-letters").join(sink)
}

/// Writes every event of the batches, durably.
pub fn keep(dir: &Path, batches: &[Batch]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for batch in batches {
        for event in batch.events() {
            let name = match batch.span() {
                Some(span) => format!("{}-{}.json", span.stream.id, event.range().start),
                None => format!("{}.json", StreamId::mint()),
            };
            sys::replace_with(&dir.join(name), letter(event).to_string().as_bytes())?;
        }
    }
    Ok(())
}

fn letter(event: EventRef<'_>) -> Value {
    let headers = event.headers();
    let headers: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
    match std::str::from_utf8(event.body()) {
        Ok(text) => json!({ "headers": headers, "body": text }),
        Err(_) => {
            let hex: String = event.body().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "headers": headers, "body_hex": hex })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Builder, Span, Stream};

    #[test]
    fn d1_a_refused_event_is_kept_under_its_position_and_a_repeat_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let stream = Stream::mint("s", Attributes::default());
        let mut builder = Builder::default();
        builder.push(b"text", 0..5).header("k", "v").push(b"\xff\x00", 5..8);
        let batch = builder.finish(Some(Span::new(stream.clone(), 0, 8)));
        for _ in 0..2 {
            keep(dir.path(), std::slice::from_ref(&batch)).unwrap();
        }
        let read =
            |from: u64| fs::read_to_string(dir.path().join(format!("{}-{from}.json", stream.id))).unwrap();
        assert_eq!(read(0), r#"{"body":"text","headers":{"k":"v"}}"#);
        assert_eq!(read(5), r#"{"body_hex":"ff00","headers":{}}"#);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
