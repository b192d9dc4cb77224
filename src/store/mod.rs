//! Append-only journals of checksummed frames: bytes in, bytes out; they know no events.
mod frame;
mod journal;

pub use journal::{Damage, Journal, JournalError, Opened};
