//! The channels: one file each, one line each.
use crate::config::Spec;

pub mod file;
mod keeper;
mod memory;
mod window;

/// Every one of them.
pub static ALL: &[&Spec] = &[&memory::SPEC, &file::SPEC, &file::SPILLABLE];
