//! Channels whose events lie in a log on disk: `file`, and `SPILLABLEMEMORY`, which goes there when memory is full.
//!
//! What they hold survives a power cut; what they have accepted and do not hold yet stays in memory and is written
//! again after any failure (P5). `queue` is the state, `steps` what is done to it, `threads` repeats them, `channel` is the
//! contract, `open` brings everything back after whatever happened.
mod channel;
mod checkpoint;
pub mod dirs;
pub mod encryption;
mod fields;
mod figures;
mod look;
mod open;
mod queue;
mod shelves;
#[cfg(test)]
mod simulation;
mod steps;
mod story;
mod takeover;
mod threads;
mod voids;

pub use fields::{SPEC, SPILLABLE, dirs_of, keeps_log, keys_of};
pub use look::{Contents, Hole, LogDirs, Look, Senseless, Waiting};
pub use open::Harm;
pub use steps::{FileChannel, Settings};

#[cfg(test)]
mod tests;
