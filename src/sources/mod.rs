//! The sources of this crate: one file each, one line each.
use crate::config::Spec;

mod file_source;
mod netcat;
mod roll_file;
mod seq;
mod spooldir;
mod taildir;

/// Every one of them.
pub static ALL: &[&Spec] = &[
    &file_source::SPEC,
    &netcat::SPEC,
    &roll_file::SPEC,
    &roll_file::NINGG,
    &seq::SPEC,
    &spooldir::SPEC,
    &taildir::SPEC,
];
