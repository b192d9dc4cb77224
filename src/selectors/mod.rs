//! The selectors of this crate: one file each, one line each.
use crate::config::Spec;

mod load_balancing;
mod multiplexing;
mod names;
mod replicating;

/// Every one of them.
pub static ALL: &[&Spec] = &[&load_balancing::SPEC, &multiplexing::SPEC, &replicating::SPEC];
