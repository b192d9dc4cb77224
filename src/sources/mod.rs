//! The sources of this crate: one file each, one line each.
use crate::config::Spec;

mod seq;
mod taildir;

/// Every one of them.
pub static ALL: &[&Spec] = &[&seq::SPEC, &taildir::SPEC];
