//! The sources of this crate: one file each, one line each.
use crate::config::Spec;

mod netcat;
mod roll_file;
mod seq;
mod taildir;

/// Every one of them.
pub static ALL: &[&Spec] = &[&netcat::SPEC, &roll_file::SPEC, &roll_file::NINGG, &seq::SPEC, &taildir::SPEC];
