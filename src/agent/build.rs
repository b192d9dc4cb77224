//! Makes components from their checked nodes.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::sink_interceptors::Intercepted;
use crate::config::{Build, GroupNode, Node, Place, Refusal, SinkNode, SourceNode};
use crate::flow::{
    Channel, ChannelError, ChannelKey, Fatal, Interceptor, Processor, Pulse, Selector, Sink, Source,
};

fn refused(node: &Node, refusal: Refusal) -> Fatal {
    Fatal::new(format!("{} `{}`: {}", node.spec.kind.word(), node.name, refusal.what))
}

fn mistyped(node: &Node) -> Fatal {
    Fatal::new(format!("`{}` is no {}", node.spec.name, node.spec.kind.word()))
}

pub fn source(node: &SourceNode, place: &Place, pulse: &Arc<Pulse>) -> Result<Box<dyn Source>, Fatal> {
    let Build::Source(build) = node.node.spec.build else { return Err(mistyped(&node.node)) };
    build(&node.node.at(place, pulse)).map_err(|refusal| refused(&node.node, refusal))
}

pub fn selector(node: &SourceNode, place: &Place, pulse: &Arc<Pulse>) -> Result<Box<dyn Selector>, Fatal> {
    let Build::Selector(build) = node.selector.spec.build else { return Err(mistyped(&node.selector)) };
    build(&node.selector.at(place, pulse)).map_err(|refusal| refused(&node.selector, refusal))
}

pub fn interceptors(
    nodes: &[Node],
    place: &Place,
    pulse: &Arc<Pulse>,
) -> Result<Vec<Box<dyn Interceptor>>, Fatal> {
    let one = |node: &Node| {
        let Build::Interceptor(build) = node.spec.build else { return Err(mistyped(node)) };
        build(&node.at(place, pulse)).map_err(|refusal| refused(node, refusal))
    };
    nodes.iter().map(one).collect()
}

/// The sink behind its interceptors, if it has any.
pub fn sink(sink: &SinkNode, place: &Place, pulse: &Arc<Pulse>) -> Result<Box<dyn Sink>, Fatal> {
    let node = &sink.node;
    let Build::Sink(build) = node.spec.build else { return Err(mistyped(node)) };
    let built = build(&node.at(place, pulse)).map_err(|refusal| refused(node, refusal))?;
    Ok(Intercepted::around(built, interceptors(&sink.interceptors, place, pulse)?))
}

pub fn processor(group: &GroupNode, place: &Place, pulse: &Arc<Pulse>) -> Result<Box<dyn Processor>, Fatal> {
    let Build::Group(build) = group.node.spec.build else { return Err(mistyped(&group.node)) };
    let plan = build(&group.node.at(place, pulse), &group.sinks);
    plan.map(|plan| plan.processor).map_err(|refusal| refused(&group.node, refusal))
}

/// Opens a channel from its record.
pub fn channel(node: &Node, place: &Place, pulse: &Arc<Pulse>) -> Result<Arc<dyn Channel>, ChannelError> {
    let failed = |fatal: Fatal| ChannelError { doing: fatal.to_string(), cause: None };
    let Build::Channel(build) = node.spec.build else { return Err(failed(mistyped(node))) };
    let opener = build(&node.at(place, pulse)).map_err(|refusal| failed(refused(node, refusal)))?;
    let key = ChannelKey {
        installation: place.installation.clone(),
        instance: place.instance.clone(),
        channel: node.name.clone(),
    };
    opener(key, pulse.clone())
}

/// The open channels by name.
pub type Channels = BTreeMap<String, Arc<dyn Channel>>;
