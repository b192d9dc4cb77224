//! DataFlowKit: ships logs off a host. Runs Apache Flume agent files unchanged; nothing lost, nothing twice, nothing
//! hidden. Modules from the bottom layer up; each uses only those before it (`tests/it/layers.rs` holds that).
pub mod sys; // the kernel: files, locks, inotify, clock, boot
pub mod diag; // span, diagnostic, nearest name, the one renderer
pub mod event; // events in columnar batches, streams and marks
pub mod flow; // the contracts, the outlet, the book of marks
pub mod config; // text to a checked graph; `Spec` and `Field`
pub mod component; // what a component of one's own needs, in one place
pub mod codec; // bytes to events and back, pure
pub mod store; // append-only journals: bytes in, bytes out
pub mod tail; // the tailing engine of all file sources
#[cfg(feature = "kafka")]
pub mod kafka; // what the components of Kafka share
pub mod sources; // one file per component, from here …
pub mod interceptors;
pub mod selectors;
pub mod channels;
pub mod sinks;
pub mod groups; // … to here
pub mod registry; // the list of those lists
pub mod agent; // checked config to running graph: runners, supervision, drain, readiness
pub mod cli; // one file per command; the only place that prints

pub use cli::run;
