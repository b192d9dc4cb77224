//! Prints each event between a prefix and a suffix: the MySink of Flume's tutorials.
use std::io::{self, Write};

use dataflowkit::component::{At, Batch, Build, DeliverError, Field, Kind, Refusal, Sink, Spec, Stop};

const PREFIX: Field = Field::text("prefix").default("hello:").doc("printed before each body");
const SUFFIX: Field = Field::text("suffix").doc("printed behind each body");

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "mysink",
    class: "com.stt.demo.flume.Ch02_mySink.MySink",
    aliases: &["com.atguigu.MySink"],
    summary: "prints events between a prefix and a suffix",
    fields: &[&[PREFIX, SUFFIX]],
    build: Build::Sink(build),
};

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    Ok(Box::new(MySink {
        prefix: at.text(&PREFIX).into(),
        suffix: at.opt(&SUFFIX).unwrap_or_default().into(),
    }))
}

struct MySink {
    prefix: String,
    suffix: String,
}

impl Sink for MySink {
    fn deliver(&mut self, batches: &[Batch], _stop: &Stop) -> Result<(), DeliverError> {
        let mut text = Vec::new();
        for event in batches.iter().flat_map(Batch::events) {
            text.extend_from_slice(self.prefix.as_bytes());
            text.extend_from_slice(event.body());
            text.extend_from_slice(self.suffix.as_bytes());
            text.push(b'\n');
        }
        // One write for all: what fails in the middle of it may have been read by somebody.
        let printed = io::stdout().write_all(&text).and_then(|()| io::stdout().flush());
        printed.map_err(|error| DeliverError::in_doubt("cannot print", error))
    }
}
