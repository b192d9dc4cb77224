//! The selectors of this crate: one file each, one line each.
use crate::config::Spec;

/// Every one of them.
pub static ALL: &[&Spec] = &[];
