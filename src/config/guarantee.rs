//! What a path through the graph promises, what that rests on, and what would raise it.
//!
//! Whether a sink keeps a record and whether a source can be read again is asked of them; whether a channel is on disk is
//! told by name below.
//! Truth: section 10 of the protocol in `ARCHITECTURE.md`.
//! What lies elsewhere (`Build::Relay`) is two ways in turn, there and from there; the weaker one decides.
mod relayed;

use super::common;
use super::graph::{Graph, GroupNode, Node, SinkNode, SourceNode};
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
            Class::BestEffort => "best effort: a crash loses what is under way",
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
            for sink in graph.sinks.iter().filter(|sink| sink.channel == *name) {
                let mut promise = match relayed::keeps_record(channel, &graph.place) {
                    Some(recorded) => relayed::promise(Some(source), (channel, recorded), Some(sink)),
                    None => promise(source, channel, sink),
                };
                // A group of one has nobody to hand anything to.
                let of_it =
                    |group: &&GroupNode| group.sinks.len() > 1 && group.sinks.contains(&sink.node.name);
                if let Some(group) = graph.groups.iter().find(of_it) {
                    through(group, channel, &mut promise);
                }
                all.push(promise);
            }
        }
    }
    all.extend(relayed::loose_ends(graph));
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
    if let Input::Fleeting { why, better } = source.input {
        return made(
            source,
            channel,
            sink,
            (Class::BestEffort, format!("nothing: {why}"), Some(better.into())),
        );
    }
    if let Some((why, better)) = sink.unheard {
        let rests_on = format!("nothing: {why}");
        return made(source, channel, sink, (Class::BestEffort, rests_on, Some(better.into())));
    }
    let held = match (again, on_disk, sink.keeps_record) {
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
    made(source, channel, sink, held)
}

fn made(
    source: &SourceNode,
    channel: &Node,
    sink: &SinkNode,
    (class, rests_on, raise): (Class, String, Option<String>),
) -> Promise {
    let (source, channel, sink) = (source.node.name.clone(), channel.name.clone(), sink.node.name.clone());
    Promise { source, channel, sink, class, rests_on, raise }
}

/// D2, D7: what a group of several sinks takes from the promise.
fn through(group: &GroupNode, channel: &Node, promise: &mut Promise) {
    let name = &group.node.name;
    if promise.class == Class::ExactlyOnce && group.exactly_once {
        promise.rests_on += &format!(", group `{name}` waits for the sink that has a batch in doubt");
    } else if promise.class == Class::ExactlyOnce {
        let on_disk = ON_DISK.contains(&channel.spec.name);
        promise.class = if on_disk { Class::PowerCut } else { Class::KillRereadable };
        promise.rests_on += &format!("; group `{name}` gives a batch in doubt to another sink");
        promise.raise = Some(format!("`delivery = {}` on group `{name}`", common::EXACTLY_ONCE));
    }
    if !group.keeps_order {
        promise.rests_on += &format!("; group `{name}` spreads batches over its sinks, so order is not kept");
    }
}
