//! What a checked configuration says: components with their values, ready to be built.
//!
//! Invariants: every name that a node refers to is a node of the graph; values are checked, so [`At`] can read them
//! without failing; what was left out stands in `dropped` with the reason.
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::common;
use super::spec::{At, Place, Spec, Values};
use crate::diag::{Report, Severity, Span};
use crate::flow::{Input, Kind, Pulse};

/// A running agent to be.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub agent: String,
    /// Where it lives; `config_dir` is that of the agent file.
    pub place: Place,
    pub sources: Vec<SourceNode>,
    pub channels: Vec<Node>,
    pub sinks: Vec<SinkNode>,
    /// Sinks that stand in no group run alone.
    pub groups: Vec<GroupNode>,
    pub dropped: Vec<Dropped>,
}

/// One component.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub spec: &'static Spec,
    pub values: Values,
    /// Those of them that have dates, with the dates as they are written: a new day makes no new rules.
    pub undated: Values,
    /// Its `type`, or where it is first named.
    pub span: Option<Span>,
    /// For a selector: the channels of its source, in order.
    pub channels: Vec<String>,
}

impl Node {
    /// What the component reads its values through.
    pub fn at<'a>(&'a self, place: &'a Place, pulse: &'a Arc<Pulse>) -> At<'a> {
        At { name: &self.name, values: &self.values, place, pulse, channels: &self.channels }
    }

    /// A pulse for it.
    pub fn pulse(&self) -> Arc<Pulse> {
        Pulse::new(self.spec.kind, &self.name, self.spec.name)
    }
}

/// A source with all that stands between it and its channels.
#[derive(Clone, Debug)]
pub struct SourceNode {
    pub node: Node,
    pub channels: Vec<String>,
    pub selector: Node,
    pub interceptors: Vec<Node>,
    /// Of all that decides which events reach which channel (P6).
    pub fingerprint: u64,
    /// A channel that is new to this source gets history (C2).
    pub from_start: bool,
    pub input: Input,
}

/// A sink and how it is run.
#[derive(Clone, Debug)]
pub struct SinkNode {
    pub node: Node,
    pub channel: String,
    /// What it is given passes through them first.
    pub interceptors: Vec<Node>,
    /// Its destination keeps a record of marks.
    pub keeps_record: bool,
    pub retry_delay: Duration,
    pub sync_interval: Duration,
    pub sync_bytes: u64,
    pub report_timeout: Duration,
}

impl SinkNode {
    /// With the settings that its values ask of the runner.
    pub fn new(node: Node, channel: String, keeps_record: bool, at: &At<'_>) -> SinkNode {
        SinkNode {
            node,
            channel,
            interceptors: Vec::new(),
            keeps_record,
            retry_delay: at.time(&common::RETRY_DELAY),
            sync_interval: at.time(&common::SYNC_INTERVAL),
            sync_bytes: u64::try_from(at.int(&common::SYNC_BYTES)).expect("checked: at least 1"),
            report_timeout: at.time(&common::REPORT_TIMEOUT),
        }
    }
}

/// Sinks that share a runner.
#[derive(Clone, Debug)]
pub struct GroupNode {
    /// Named as the group; its spec is the processor's.
    pub node: Node,
    pub sinks: Vec<String>,
    /// What is in doubt waits for its sink, instead of going to another one (D2).
    pub exactly_once: bool,
    /// Whether events reach the far side in the order of the channel (D7).
    pub keeps_order: bool,
}

/// A component that was written and does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub kind: Kind,
    pub name: String,
    /// Lowercase, no full stop.
    pub why: String,
}

/// Of what decides which events reach which channel. Where every channel gets every event, the list of channels does
/// not: adding one takes nothing back from the others.
pub fn fingerprint(channels: &[String], selector: &Node, interceptors: &[Node]) -> u64 {
    let mut text = if selector.spec.name == "replicating" { String::new() } else { format!("{channels:?}") };
    for node in interceptors.iter().chain([selector]) {
        let mut values = node.values.clone();
        values.extend(node.undated.clone());
        text.push_str(&format!("\n{} {values:?}", node.spec.name));
    }
    xxh3_64(text.as_bytes())
}

/// The outcome of [`super::load`].
#[derive(Debug)]
pub struct Loaded {
    /// `None`: nothing can run.
    pub graph: Option<Graph>,
    pub report: Report,
    /// What `-Dflume.root.logger=` and its like ask for.
    pub logging: Logging,
}

impl Loaded {
    /// Nothing can run, or `strict` was asked for and something is wrong: exit 78.
    pub fn fatal(&self) -> bool {
        self.graph.is_none() || (self.report.strict && self.report.count(Severity::Error) > 0)
    }
}

/// `-Dflume.root.logger=LEVEL,APPENDER`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    pub level: Option<log::LevelFilter>,
    /// To the terminal, whatever else there is.
    pub console: bool,
}
