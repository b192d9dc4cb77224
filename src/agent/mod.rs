//! From a checked graph to a running one: threads, runners, supervision, readiness, drain.
//!
//! Start, in this order (each a line in [`run`]): channels that lie elsewhere are taken apart (`relay`); channels are opened from their records; sinks take their seats; left
//! destinations are asked; sinks report and sources begin, each on its own thread; READY. Stop: sources first, then the
//! sinks drain the channels within a limit, settle and sync; what is left stays where it can be read again.
mod build;
mod carry;
mod control;
mod errand;
mod health;
mod member;
mod messages;
mod relay;
mod signals;
mod sink_interceptors;
mod sink_runner;
mod source_runner;
mod status;
mod supervisor;
mod turn;

pub mod logging;

pub use control::ask;
pub use status::{ComponentStatus, FileStatus, LedgerStatus, LogStatus, Status};
pub use supervisor::{Ending, Options, run};
