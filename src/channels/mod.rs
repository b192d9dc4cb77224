//! The channels: one file each, one line each.
use crate::config::Spec;

pub mod file;
mod keeper;
mod memory;
mod pseudo_txn;
mod window;

/// Every one of them.
pub static ALL: &[&Spec] = &[&memory::SPEC, &pseudo_txn::SPEC, &file::SPEC, &file::SPILLABLE];
