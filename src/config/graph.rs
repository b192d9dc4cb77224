//! The checked graph: what an agent is made of.
use std::time::Duration;

use super::{Spec, Values};
use crate::flow::Kind;

/// One component, checked.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub spec: &'static Spec,
    pub values: Values,
}

/// A source with all that stands between it and its channels.
#[derive(Clone, Debug)]
pub struct SourceNode {
    pub node: Node,
    pub channels: Vec<String>,
    pub selector: Node,
    pub interceptors: Vec<Node>,
    pub fingerprint: u64,
}

/// A sink and how it is run.
#[derive(Clone, Debug)]
pub struct SinkNode {
    pub node: Node,
    pub channel: String,
    pub retry_delay: Duration,
    pub sync_interval: Duration,
    pub sync_bytes: u64,
    pub report_timeout: Duration,
}

/// A component that the file names and that will not run.
#[derive(Clone, Debug)]
pub struct Dropped {
    pub kind: Kind,
    pub name: String,
    pub why: String,
}

/// One agent.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub agent: String,
    pub sources: Vec<SourceNode>,
    pub channels: Vec<Node>,
    pub sinks: Vec<SinkNode>,
    pub dropped: Vec<Dropped>,
}
