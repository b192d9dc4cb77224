//! How components act together: Flume's order of validation, and ours of what is left out.
//!
//! Channels, then sources, then sinks, then groups; what cannot run is left out alone, is an error with a place, and
//! stands in `dropped` (Flume drops in silence, or drops everything for one unknown type). Lists keep their order.
mod channel;
mod component;
mod group;
mod names;
mod sink;
mod source;

use std::path::Path;

use super::agent::{Agent, Section};
use super::graph::{Dropped, Graph, Node, SinkNode, SourceNode};
use super::spec::{Build, Field, Place, Spec};
use crate::diag::{Diagnostic, Report, Span};
use crate::flow::Kind;

/// What every step needs.
pub(super) struct Cx<'a> {
    pub agent: &'a Agent,
    pub specs: &'a [&'static Spec],
    pub place: &'a Place,
    pub report: &'a mut Report,
    pub dropped: Vec<Dropped>,
    /// Names that a hint has given for a misspelt one in a list.
    pub meant: Vec<(Kind, String)>,
}

impl Cx<'_> {
    /// Leaves a component out, for a reason that has been reported.
    fn drop(&mut self, kind: Kind, name: &str, why: impl Into<String>) {
        self.dropped.push(Dropped { kind, name: name.to_string(), why: why.into() });
    }

    fn was_dropped(&self, kind: Kind, name: &str) -> bool {
        self.dropped.iter().any(|dropped| dropped.kind == kind && dropped.name == name)
    }
}

/// The graph of one agent, as far as it can run. `None`: nothing can.
pub fn check(
    agent: &Agent,
    specs: &[&'static Spec],
    place: &Place,
    file: &Path,
    report: &mut Report,
) -> Option<Graph> {
    let mut cx = Cx { agent, specs, place, report, dropped: Vec::new(), meant: Vec::new() };
    let mut channels: Vec<Node> = cx.each(Kind::Channel, Cx::channel);
    cx.shared_directories(&mut channels);
    let sources: Vec<SourceNode> = cx.each(Kind::Source, |cx, name| cx.source(name, &channels));
    let sinks: Vec<SinkNode> = cx.each(Kind::Sink, |cx, name| cx.sink(name, &channels));
    let (groups, sinks) = cx.groups(sinks);
    if channels.is_empty() || (sources.is_empty() && sinks.is_empty()) {
        report.push(nothing_to_run(agent, file, &channels));
        return None;
    }
    cx.idle_channels(&mut channels, &sources, &sinks);
    let dropped = cx.dropped;
    let (agent, place) = (agent.name.clone(), place.clone());
    Some(Graph { agent, place, sources, channels, sinks, groups, dropped })
}

fn nothing_to_run(agent: &Agent, file: &Path, channels: &[Node]) -> Diagnostic {
    let lacks = match (channels.is_empty(), agent.list(Kind::Channel)) {
        (true, None) => format!("no `{}.channels`", agent.name),
        (true, Some(_)) => "no channel that can run".to_string(),
        (false, _) => "no source and no sink that can run".to_string(),
    };
    Diagnostic::error("nothing-to-run", format!("agent `{}` in `{}` has {lacks}", agent.name, file.display()))
}

impl Cx<'_> {
    /// Checks every listed component of a kind, and names those that are not listed.
    fn each<T>(&mut self, kind: Kind, mut one: impl FnMut(&mut Self, &str) -> Option<T>) -> Vec<T> {
        let names = self.listed(kind);
        let nodes = names.iter().filter_map(|name| one(self, name)).collect();
        self.unlisted(kind, &names);
        nodes
    }

    fn channel(&mut self, name: &str) -> Option<Node> {
        let section = self.agent.section(Kind::Channel, name)?.clone();
        let owner = format!("channel `{name}`");
        let node = self.component(Kind::Channel, name, &owner, &section);
        let node = node.and_then(|node| self.trial(&node, &owner, &section).map(|_| node));
        self.built_or_dropped(Kind::Channel, name, node)
    }

    /// Channels that nothing puts into or takes from are not started; those with one end missing get a word.
    fn idle_channels(&mut self, channels: &mut Vec<Node>, sources: &[SourceNode], sinks: &[SinkNode]) {
        channels.retain(|channel| {
            let fed = sources.iter().any(|source| source.channels.contains(&channel.name));
            let drained = sinks.iter().any(|sink| sink.channel == channel.name);
            // What lies elsewhere may have its other end there.
            let relays = matches!(channel.spec.build, Build::Relay(_));
            if fed && drained || relays && (fed || drained) {
                return true;
            }
            let (name, span) = (&channel.name, channel.span);
            let what = match (fed, drained) {
                (true, _) => format!("channel `{name}` has no sink: it fills up and then stops its sources"),
                (_, true) => format!("channel `{name}` has no source"),
                _ => format!("channel `{name}` has neither source nor sink and is not started"),
            };
            if !self.is_used_by_dropped(name) {
                self.report.push(Diagnostic::warning("loose-channel", what).maybe_at(span));
            }
            if !fed && !drained {
                self.drop(Kind::Channel, name, "it has neither source nor sink");
            }
            fed || drained
        });
    }

    /// Whether a source or sink that was left out names this channel: then that has been said.
    fn is_used_by_dropped(&self, channel: &str) -> bool {
        let names_it = |section: &Section| {
            let keys = ["channels", "channel"].into_iter().filter_map(|key| section.get(key));
            keys.into_iter().any(|prop| prop.value.words().iter().any(|word| word.text == channel))
        };
        let dropped = self.dropped.iter().filter(|d| matches!(d.kind, Kind::Source | Kind::Sink));
        dropped.filter_map(|d| self.agent.section(d.kind, &d.name)).any(names_it)
    }

    /// Notes a failed component; its problem has been reported.
    fn built_or_dropped<T>(&mut self, kind: Kind, name: &str, outcome: Result<T, String>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(why) => {
                self.drop(kind, name, why);
                None
            }
        }
    }

    /// A batch that is larger than the transaction of its channel (T5).
    fn batch_fits(&mut self, node: &Node, channel: &Node) {
        let field = |node: &Node, key: &str| {
            let last = |field: &&'static Field| field.key.rsplit('.').next() == Some(key);
            node.spec.fields().find(last)
        };
        let number = |node: &Node, field: &Field| -> Option<i64> {
            node.values.get(field.key).map(String::as_str).or(field.default)?.trim().parse().ok()
        };
        let Some(size) = field(node, "batchSize") else { return };
        let Some(room) = field(channel, "transactionCapacity") else { return };
        let (Some(batch), Some(most)) = (number(node, size), number(channel, room)) else { return };
        // Where neither is written, nobody chose: batches are cut, and there is nothing to mend.
        let chosen = node.values.contains_key(size.key) || channel.values.contains_key(room.key);
        if batch > most && chosen {
            let kind = node.spec.kind.word();
            let what = format!(
                "{kind} `{}` has batches of {batch}, channel `{}` takes {most} at a time; batches are cut to {most}",
                node.name, channel.name
            );
            let problem =
                Diagnostic::warning("batch-too-large", what).maybe_at(self.key_span(node, size.key));
            self.report.push(problem.hint(format!("raise `transactionCapacity` of `{}`", channel.name)));
        }
    }

    /// Where a key of a component is set, else its `type`.
    fn key_span(&self, node: &Node, key: &str) -> Option<Span> {
        let section = self.agent.section(node.spec.kind, &node.name);
        section.and_then(|section| section.get(key)).map(|prop| prop.value.span).or(node.span)
    }
}
