//! Keeps events that a destination refuses for good, and messages that a source can make nothing of, where an operator
//! finds them.
//!
//! Shape: `STATE/dead-letters/SINK/STREAM-FROM.json` for an event of a stream, so that a repeat overwrites; events
//! without a position get a random name. Content: headers, the body as text, and as hexadecimal where it is no UTF-8, and
//! why it was refused.
//! Invariants: durable when `keep` returns; only then may the position of an event be passed.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Counter, Kind, Pulse};
use crate::event::{EventRef, StreamId};
use crate::sys;

/// The dead letters of one component.
#[derive(Clone)]
pub struct DeadLetters {
    dir: PathBuf,
    pulse: Arc<Pulse>,
}

impl DeadLetters {
    /// Those of the component that the pulse is of.
    pub fn of(state_dir: &Path, pulse: &Arc<Pulse>) -> DeadLetters {
        DeadLetters { dir: state_dir.join("dead-letters").join(&*pulse.name), pulse: pulse.clone() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes events, durably, counts them and says so.
    pub fn keep<'a>(&self, events: impl Iterator<Item = EventRef<'a>>, why: &str) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut kept = 0;
        for event in events {
            let name = match event.stream() {
                Some(stream) => format!("{stream}-{}.json", event.range().start),
                None => format!("{}.json", StreamId::mint()),
            };
            sys::replace_with(&self.dir.join(name), letter(event, why).to_string().as_bytes())?;
            kept += 1;
        }
        if kept == 0 {
            return Ok(());
        }
        let (name, dir) = (&*self.pulse.name, self.dir.display());
        self.pulse.add(Counter::DeadLettered, kept);
        match self.pulse.kind {
            Kind::Source => {
                log::error!(component = name; "source `{name}` can make nothing of {kept} messages: {why}; they are kept in `{dir}`");
            }
            _ => {
                log::error!(component = name; "sink `{name}` is refused {kept} events: {why}; they are kept in `{dir}`");
            }
        }
        Ok(())
    }
}

fn letter(event: EventRef<'_>, why: &str) -> Value {
    let headers = event.headers();
    let headers: Map<String, Value> =
        headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
    match std::str::from_utf8(event.body()) {
        Ok(text) => json!({ "headers": headers, "body": text, "refused": why }),
        Err(_) => {
            let hex: String = event.body().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "headers": headers, "body_hex": hex, "refused": why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Builder, Span, Stream};
    use crate::flow::Kind;

    #[test]
    fn d1_a_refused_event_is_kept_under_its_position_and_a_repeat_overwrites() {
        let state = tempfile::tempdir().unwrap();
        let stream = Stream::mint("s", Attributes::default());
        let mut builder = Builder::default();
        builder.push(b"text", 0..5).header("k", "v").push(b"\xff\x00", 5..8);
        let batch = builder.finish(Some(Span::new(stream.clone(), 0, 8)));
        let pulse = Pulse::new(Kind::Sink, "k1", "fake");
        let letters = DeadLetters::of(state.path(), &pulse);
        for _ in 0..2 {
            letters.keep(batch.events(), "too old").unwrap();
        }
        let dir = state.path().join("dead-letters/k1");
        let read = |from: u64| fs::read_to_string(dir.join(format!("{}-{from}.json", stream.id))).unwrap();
        assert_eq!(read(0), r#"{"body":"text","headers":{"k":"v"},"refused":"too old"}"#);
        assert_eq!(read(5), r#"{"body_hex":"ff00","headers":{},"refused":"too old"}"#);
        assert_eq!(fs::read_dir(dir).unwrap().count(), 2);
    }
}
