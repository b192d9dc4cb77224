//! The groups of this crate: one file each, one line each.
use crate::config::Spec;

mod default;
mod failover;
mod load_balance;

pub use default::Only;

/// Every one of them.
pub static ALL: &[&Spec] = &[&default::SPEC, &failover::SPEC, &load_balance::SPEC];
