//! Channels whose events lie in a log on disk: `file`, and `SPILLABLEMEMORY`, which goes there when memory is full.
//!
//! What they hold survives a power cut; what they have accepted and do not hold yet stays in memory and is written
//! again after any failure (P5). `queue` is the state, `file` the steps, `threads` repeats them, `channel` is the
//! contract, `open` brings everything back after whatever happened.
mod channel;
mod checkpoint;
mod dirs;
mod encryption;
mod fields;
mod file;
mod open;
mod queue;
mod shelves;
mod story;
mod threads;

pub use fields::{SPEC, SPILLABLE};
pub use file::{FileChannel, Settings};
pub use open::Harm;
