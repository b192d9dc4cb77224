//! The channels: one file each, one line each.
use crate::config::Spec;

pub mod file;
#[cfg(feature = "kafka")]
mod kafka;
mod keeper;
mod memory;
mod owed;
mod pseudo_txn;
mod window;

/// Every one of them.
pub static ALL: &[&Spec] = &[
    &memory::SPEC,
    &pseudo_txn::SPEC,
    &file::SPEC,
    &file::SPILLABLE,
    #[cfg(feature = "kafka")]
    &kafka::SPEC,
];
