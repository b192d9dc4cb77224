//! From text to a checked graph: what the user wrote, checked key by key, then how keys act together.
//!
//! A component declares its keys once, as data ([`Spec`], [`Field`]), and reads them through the same constants
//! ([`At`]); checking, `explain`, the reference and the commented samples are loops over these declarations.
//! Steps: bytes → text (`decode`) → pairs with places (`properties`, `toml`) → one merged `document` → references
//! replaced (`interpolate`, `filters`) → one `agent`'s sections → `check`: the [`Graph`], and a report of all problems.
mod agent;
pub mod catalog;
mod check;
pub mod common;
mod dates;
mod decode;
mod document;
mod fields;
mod filters;
mod graph;
pub mod guarantee;
mod interpolate;
mod judge;
mod load;
mod note;
mod properties;
mod resolve;
mod spec;
mod tail_command;
#[cfg(test)]
mod tests;
mod text;
mod toml;

pub use graph::{Dropped, Graph, GroupNode, Loaded, Logging, Node, SinkNode, SourceNode, fingerprint};
pub use load::{Request, load, load_all};
pub use resolve::{Found, Unknown, resolve};
pub use spec::{
    At, Build, ChannelOpener, Field, GroupPlan, Lint, Place, Refusal, Relay, Spec, State, Type, Unit, Values,
};
