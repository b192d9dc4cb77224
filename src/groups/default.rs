//! The processor of a lone sink: everything goes to it.
//!
//! Truth: Flume 1.11 `DefaultSinkProcessor`, which takes exactly one sink.
use crate::config::{Build, Spec};
use crate::flow::Kind;

pub static SPEC: Spec = Spec {
    kind: Kind::SinkGroup,
    name: "default",
    class: "org.apache.flume.sink.DefaultSinkProcessor",
    aliases: &[],
    summary: "hands everything to its only sink",
    fields: &[],
    build: Build::SingleSink,
};
