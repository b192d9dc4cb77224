//! From text to a checked graph: what the user wrote, checked key by key, then how keys act together.
//!
//! A component declares its keys once, as data ([`Spec`], [`Field`]), and reads them through the same constants
//! ([`At`]); checking, `explain`, the reference and the commented samples are loops over these declarations.
mod graph;
mod spec;

pub use graph::{Dropped, Graph, Node, SinkNode, SourceNode};
pub use spec::{At, Build, ChannelOpener, Field, Place, Refusal, Spec, State, Type, Unit, Values};
