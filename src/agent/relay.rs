//! Channels that lie elsewhere, as the parts that they are made of.
//!
//! Why: positions, marks, retries, reasons to wait and ledgers are all there already, for sinks and sources. So such a
//! channel is no channel of its own, but a way there and a way back.
//! Shape: of a channel `c1`, `c1` stays as the front that sources put into, and sink `c1.in` brings it there; source
//! `c1.out` reads from there into the channel `c1.out`, which the sinks of `c1` take from. No component of an agent file
//! has a dot in its name. Without sources there is no way there, without sinks none back.
//! Invariants: a source that owes an answer gives it when what it put is there; what is in `c1.out` comes again after a
//! stop, so nobody waits for it.
use crate::config::{
    Build, Graph, Node, Place, Refusal, Relay, SinkNode, SourceNode, Spec, Values, fingerprint,
};
use crate::flow::{Fatal, Kind};
use crate::registry;

/// A graph in which every channel is one that can be opened.
pub struct Expanded {
    pub graph: Graph,
    /// Sources that read what others have brought: by the names that their channels have as well.
    pub outward: Vec<String>,
    /// Sinks and sources that have the other way behind or before them: what passes them is counted at the ends.
    pub between: Vec<(Kind, String)>,
}

/// Takes every relay apart.
pub fn expand(mut graph: Graph, place: &Place) -> Result<Expanded, Fatal> {
    let (mut outward, mut between) = (Vec::new(), Vec::new());
    for node in std::mem::take(&mut graph.channels) {
        let Build::Relay(relay) = node.spec.build else {
            graph.channels.push(node);
            continue;
        };
        let failed = |refusal: Refusal| Fatal::new(format!("channel `{}`: {}", node.name, refusal.what));
        let out = format!("{}.out", node.name);
        let mut taken = false;
        for sink in graph.sinks.iter_mut().filter(|sink| sink.channel == node.name) {
            sink.channel.clone_from(&out);
            taken = true;
        }
        let fed = graph.sources.iter().any(|source| source.channels.contains(&node.name));
        if fed && taken {
            between.extend([(Kind::Sink, inward_name(&node)), (Kind::Source, out.clone())]);
        }
        if fed {
            graph.channels.push(part(&node, node.name.clone(), &relay.front));
            graph.sinks.push(inward(&node, relay, place).map_err(failed)?);
        }
        if taken {
            graph.channels.push(part(&node, out.clone(), &relay.back));
            graph.sources.push(outward_source(&node, relay, place).map_err(failed)?);
            outward.push(out);
        }
    }
    Ok(Expanded { graph, outward, between })
}

fn inward_name(channel: &Node) -> String {
    format!("{}.in", channel.name)
}

fn part(channel: &Node, name: String, spec: &'static Spec) -> Node {
    Node { name, spec, ..channel.clone() }
}

fn inward(channel: &Node, relay: &'static Relay, place: &Place) -> Result<SinkNode, Refusal> {
    let node = part(channel, inward_name(channel), &relay.sink);
    let pulse = node.pulse();
    let at = node.at(place, &pulse);
    let Build::Sink(build) = relay.sink.build else { unreachable!("a relay's sink is a sink") };
    let keeps_record = build(&at)?.destination().is_some();
    Ok(SinkNode::new(node.clone(), channel.name.clone(), keeps_record, &at))
}

fn outward_source(channel: &Node, relay: &'static Relay, place: &Place) -> Result<SourceNode, Refusal> {
    let name = format!("{}.out", channel.name);
    let node = part(channel, name.clone(), &relay.source);
    let Build::Source(build) = relay.source.build else { unreachable!("a relay's source is a source") };
    let input = build(&node.at(place, &node.pulse()))?.input();
    let channels = vec![name];
    let selector = Node {
        name: "selector".into(),
        spec: everything(),
        values: Values::new(),
        undated: Values::new(),
        span: None,
        channels: channels.clone(),
    };
    let fingerprint = fingerprint(&channels, &selector, &[]);
    Ok(SourceNode {
        node,
        channels,
        selector,
        interceptors: Vec::new(),
        fingerprint,
        from_start: false,
        input,
    })
}

/// The selector that gives every channel everything.
fn everything() -> &'static Spec {
    let found = registry::built().find(|spec| spec.kind == Kind::Selector && spec.name == "replicating");
    found.expect("it is always there")
}
