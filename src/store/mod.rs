//! Append-only journals of checksummed frames: bytes in, bytes out; they know no events.
mod frame;
mod journal;
pub mod log;

pub use journal::{Damage, Journal, JournalError, Opened};
