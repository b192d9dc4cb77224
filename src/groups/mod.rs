//! The groups of this crate: one file each, one line each.
use crate::config::Spec;

mod default;

/// Every one of them.
pub static ALL: &[&Spec] = &[&default::SPEC];
