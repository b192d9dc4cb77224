//! The selectors of this crate: one file each, one line each.
use crate::config::Spec;

mod names;
mod replicating;

/// Every one of them.
pub static ALL: &[&Spec] = &[&replicating::SPEC];
