//! Paths through a channel that lies elsewhere, with brokers: there, and from there; either may be all that an agent has.
use super::{Class, Promise};
use crate::config::graph::{Graph, Node, SinkNode, SourceNode};
use crate::config::spec::{Build, Place};
use crate::flow::Input;

/// The end of a path that is not in this agent.
const ELSEWHERE: &str = "its topic";

/// What one way promises, what that rests on, and what would raise it.
type Way = (Class, String, Option<String>);

/// Whether what brings events there keeps a record beside them. `None`: the channel is here.
pub fn keeps_record(channel: &Node, place: &Place) -> Option<bool> {
    let Build::Relay(relay) = channel.spec.build else { return None };
    let Build::Sink(build) = relay.sink.build else { return Some(false) };
    let pulse = channel.pulse();
    Some(build(&channel.at(place, &pulse)).is_ok_and(|sink| sink.destination().is_some()))
}

/// Paths that end or begin elsewhere.
pub fn loose_ends(graph: &Graph) -> Vec<Promise> {
    let mut all = Vec::new();
    for channel in &graph.channels {
        let Some(recorded) = keeps_record(channel, &graph.place) else { continue };
        let sources: Vec<_> =
            graph.sources.iter().filter(|source| source.channels.contains(&channel.name)).collect();
        let sinks: Vec<_> = graph.sinks.iter().filter(|sink| sink.channel == channel.name).collect();
        if sinks.is_empty() {
            all.extend(sources.iter().map(|source| promise(Some(source), (channel, recorded), None)));
        }
        if sources.is_empty() {
            all.extend(sinks.iter().map(|sink| promise(None, (channel, recorded), Some(sink))));
        }
    }
    all
}

/// The weaker way decides.
pub fn promise(
    source: Option<&SourceNode>,
    (channel, recorded): (&Node, bool),
    sink: Option<&SinkNode>,
) -> Promise {
    let ways: Vec<Way> = source
        .map(|source| there(source, &channel.name, recorded))
        .into_iter()
        .chain(sink.map(|sink| from_there(&channel.name, sink)))
        .collect();
    let (class, _, raise) = ways.iter().min_by_key(|(class, ..)| *class).expect("a source or a sink").clone();
    let rests_on = match class {
        // Nothing else is worth telling.
        Class::BestEffort => {
            ways.iter().find(|way| way.0 == class).map(|way| way.1.clone()).unwrap_or_default()
        }
        _ => ways.iter().map(|way| way.1.as_str()).collect::<Vec<_>>().join("; "),
    };
    Promise {
        source: source.map_or(ELSEWHERE.into(), |source| source.node.name.clone()),
        channel: channel.name.clone(),
        sink: sink.map_or(ELSEWHERE.into(), |sink| sink.node.name.clone()),
        class,
        rests_on,
        raise,
    }
}

fn there(source: &SourceNode, channel: &str, recorded: bool) -> Way {
    let from = &source.node.name;
    match source.input {
        Input::Fleeting { why, better } => {
            (Class::BestEffort, format!("nothing: {why}"), Some(better.into()))
        }
        Input::Again if recorded => {
            let why = format!(
                "`{from}` can be read again, the brokers of `{channel}` keep a record of what they have (Kafka 0.11 or newer)"
            );
            (Class::ExactlyOnce, why, None)
        }
        Input::Again => {
            let why = format!("`{from}` can be read again, `{channel}` is with its brokers");
            (Class::PowerCut, why, Some(format!("`delivery = exactly-once` on `{channel}`")))
        }
        Input::Answered => {
            let why = format!(
                "`{channel}` is with its brokers before `{from}` answers; what was never answered may be sent again"
            );
            (Class::PowerCut, why, Some("a source that can be read again".into()))
        }
        Input::Once => {
            let why = format!(
                "`{from}` cannot be read again, and is in memory until the brokers of `{channel}` have it"
            );
            (
                Class::BestEffort,
                why,
                Some("a source that can be read again, or that answers its peers".into()),
            )
        }
    }
}

fn from_there(channel: &str, sink: &SinkNode) -> Way {
    let to = &sink.node.name;
    match sink.unheard {
        Some((why, better)) => (Class::BestEffort, format!("nothing: {why}"), Some(better.into())),
        None if sink.keeps_record => {
            (Class::ExactlyOnce, format!("`{to}` keeps a record of what it has of `{channel}`"), None)
        }
        None => {
            let why = format!("what `{to}` has not taken is still with the brokers of `{channel}`");
            (Class::PowerCut, why, Some("a sink that keeps a record of what it has".into()))
        }
    }
}
