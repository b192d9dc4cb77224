//! The sinks of this crate: one file each, one line each.
use crate::config::Spec;

pub mod file_roll;
mod null;

/// Every one of them.
pub static ALL: &[&Spec] = &[&file_roll::SPEC, &null::SPEC];
