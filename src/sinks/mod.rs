//! The sinks of this crate: one file each, one line each.
use crate::config::Spec;

mod exec;
pub mod file_roll;
#[cfg(feature = "kafka")]
mod kafka;
mod logger;
mod null;

/// Every one of them.
pub static ALL: &[&Spec] = &[
    &exec::SPEC,
    &file_roll::SPEC,
    #[cfg(feature = "kafka")]
    &kafka::SPEC,
    &logger::SPEC,
    &null::SPEC,
];

/// Asks a destination that was left what it has of a channel: its rest behind the kind, then the key.
pub type Probe = fn(&str, &crate::flow::ChannelKey) -> Option<crate::event::Marks>;

/// The kinds of destinations that can be asked.
pub static PROBES: &[(&str, Probe)] = &[("file_roll", file_roll::recorded)];
