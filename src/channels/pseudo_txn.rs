//! Flume's test channel without transactions: here the memory channel, with its keys and figures.
//!
//! Differs from Flume's: what a sink could not deliver is not lost, and a put that finds no room gives up after
//! `keep-alive` as in `memory`, where Flume's waits for ever.
//! Truth: `org.apache.flume.channel.PseudoTxnMemoryChannel` of Flume 1.11.
use std::time::Duration;

use super::memory::{self, End, Settings};
use crate::config::{At, Build, ChannelOpener, Field, Refusal, Spec, Unit};
use crate::flow::{Kind, Limit};

const CAPACITY: Field =
    Field::int("capacity", 1, i64::MAX).unit(Unit::Events).default("50").lenient().doc("events it can hold");
const KEEP_ALIVE: Field = Field::int("keep-alive", 0, i64::MAX)
    .unit(Unit::Seconds)
    .default("3")
    .lenient()
    .doc("how long a source that cannot wait is kept waiting for room");

pub static SPEC: Spec = Spec {
    kind: Kind::Channel,
    name: "pseudotxnmemory",
    class: "org.apache.flume.channel.PseudoTxnMemoryChannel",
    aliases: &[],
    summary: "as `memory`, under the name of Flume's test channel",
    fields: &[&[CAPACITY, KEEP_ALIVE]],
    build: Build::Channel(build),
};

fn build(at: &At) -> Result<ChannelOpener, Refusal> {
    let capacity = at.count(&CAPACITY);
    let settings = Settings {
        capacity: Limit { events: capacity, bytes: usize::MAX },
        transaction: capacity,
        keep_alive: at.time(&KEEP_ALIVE),
        empty_delay: Duration::from_secs(1),
        end: End::Own,
    };
    Ok(memory::opener(settings, at))
}
