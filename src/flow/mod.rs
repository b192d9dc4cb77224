//! The contracts: what a source, interceptor, selector, channel and sink are, and what runs between them.
//!
//! Components do only their own work; retry, back-off, back-pressure, supervision, counters and shutdown belong to the
//! runners in `agent/`. The protocol that makes "nothing lost, nothing twice" true is held by [`Book`] (what a channel
//! knows of each stream), [`Outlet`] (how a source puts) and the sink runner; `ARCHITECTURE.md` tells its rules.
mod book;
mod channel;
mod dead_letters;
mod interceptor;
mod outlet;
mod processor;
mod pulse;
mod receipt;
mod sink;
mod source;
mod stop;

pub use book::{Book, Ledger};
pub use channel::{
    Channel, ChannelError, ChannelKey, Depth, Lease, LeaseId, Limit, Omitted, Outcome, PutError, Seat, Tally,
};
pub use dead_letters::DeadLetters;
pub use interceptor::{Interceptor, Routes, Selector};
pub use outlet::{Known, Outlet, Prepared, Resume, Wiring};
pub use processor::Processor;
pub use pulse::{Activity, Counter, FileGauge, Kind, LogFigures, Pulse, Wait, Waiting};
pub use receipt::{Latch, Receipt};
pub use sink::{DeliverError, Destination, Sink};
pub use source::{Fatal, Input, Source};
pub use stop::Stop;
