//! What a path through the graph promises, what that rests on, and what would raise it.
//!
//! Whether a sink keeps a record and whether a source can be read again is asked of them; whether a channel is on disk is
//! told by name below.
//! Truth: section 10 of the protocol in `ARCHITECTURE.md`.
use super::graph::{Graph, Node, SinkNode, SourceNode};
use crate::flow::Input;

/// Channels whose events are still there after a crash. What `spillablememory` has spilled is, too; a path promises only
/// what holds for all of its events.
const ON_DISK: &[&str] = &["file", "kafka", "jdbc"];
const SPILLS: &str = "spillablememory";
/// How much a path promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    BestEffort,
    KillRereadable,
    KillSockets,
    PowerCut,
    ExactlyOnce,
}

impl Class {
    pub fn word(self) -> &'static str {
        match self {
            Class::BestEffort => "G0",
            Class::KillRereadable => "G1",
            Class::KillSockets => "G2",
            Class::PowerCut => "G3",
            Class::ExactlyOnce => "G4",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Class::BestEffort => "best effort: a crash loses what is in memory",
            Class::KillRereadable => "nothing lost by kill -9; repeats are possible",
            Class::KillSockets => "nothing lost by kill -9, sockets included; repeats are possible",
            Class::PowerCut => "nothing lost by a power cut; repeats are possible",
            Class::ExactlyOnce => "exactly once, by kill -9 too",
        }
    }
}

/// One way from a source to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    pub source: String,
    pub channel: String,
    pub sink: String,
    pub class: Class,
    pub rests_on: String,
    /// What would make it a higher class.
    pub raise: Option<String>,
}

/// What every path of a graph promises.
pub fn promises(graph: &Graph) -> Vec<Promise> {
    let mut all = Vec::new();
    for source in &graph.sources {
        for name in &source.channels {
            let Some(channel) = graph.channels.iter().find(|channel| channel.name == *name) else { continue };
            let sinks = graph.sinks.iter().filter(|sink| sink.channel == *name);
            all.extend(sinks.map(|sink| promise(source, channel, sink)));
        }
    }
    all
}

/// Whether a channel on disk is asked to sync before it holds.
fn syncs(channel: &Node) -> bool {
    channel.values.get("fsyncPerTransaction").is_none_or(|text| text.eq_ignore_ascii_case("true"))
}

fn promise(source: &SourceNode, channel: &Node, sink: &SinkNode) -> Promise {
    let again = source.input == Input::Again;
    let on_disk = ON_DISK.contains(&channel.spec.name);
    let (from, via, to) = (&source.node.name, &channel.name, &sink.node.name);
    let (class, rests_on, raise) = match (again, on_disk, sink.keeps_record) {
        (true, _, true) => {
            let why = format!("`{from}` can be read again, `{to}` keeps a record of what it has");
            (Class::ExactlyOnce, why, None)
        }
        (true, true, false) => {
            let why = format!("`{from}` can be read again, `{via}` is on disk");
            (Class::PowerCut, why, Some("a sink that keeps a record of what it has".to_string()))
        }
        (true, false, false) => {
            let raise = "a channel on disk, or a sink that keeps a record of what it has".to_string();
            (Class::KillRereadable, format!("`{from}` can be read again"), Some(raise))
        }
        (false, true, _) if source.input == Input::Answered && syncs(channel) => {
            let why = format!(
                "`{via}` is on disk before `{from}` answers; what was never answered may be sent again"
            );
            (Class::PowerCut, why, Some("a source that can be read again".to_string()))
        }
        (false, true, _) => {
            let why = format!("`{via}` is on disk; `{from}` cannot be read again");
            (Class::KillSockets, why, Some("a source that can be read again".to_string()))
        }
        (false, false, _) => {
            let but = if channel.spec.name == SPILLS { ", but for what it spills" } else { "" };
            let why = format!("`{from}` cannot be read again and `{via}` is in memory{but}");
            (
                Class::BestEffort,
                why,
                Some("a channel on disk, or a source that can be read again".to_string()),
            )
        }
    };
    Promise { source: from.clone(), channel: via.clone(), sink: to.clone(), class, rests_on, raise }
}
