//! The tailing engine of all file sources.
//!
//! Shape: a source is a short loop over these pieces. [`identity`] recognises files, [`memory`] holds what the channels
//! know of them, [`follow`] is one file with its [`reader`], [`listing`] looks into a directory, [`live`] follows many
//! growing files at once, [`options`] are the keys that sources share.
pub mod desk;
pub mod due;
pub mod finished;
pub mod folder;
pub mod follow;
pub mod identity;
pub mod import;
pub mod leaving;
pub mod listing;
pub mod live;
pub mod memory;
pub mod mirror;
pub mod next;
pub mod options;
pub mod period;
pub mod reader;
pub mod remembered;
pub mod retire;
pub mod rolls;
pub mod spool;
#[cfg(test)]
pub mod testing;
pub mod times;
