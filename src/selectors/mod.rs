//! The selectors of this crate: one file each, one line each.
use crate::config::Spec;

mod multiplexing;
mod names;
mod replicating;

/// Every one of them.
pub static ALL: &[&Spec] = &[&multiplexing::SPEC, &replicating::SPEC];
