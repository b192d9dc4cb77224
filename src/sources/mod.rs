//! The sources of this crate: one file each, one line each.
use crate::config::Spec;

mod exec;
mod file_source;
#[cfg(feature = "kafka")]
mod kafka;
mod netcat;
mod netcatudp;
mod roll_file;
mod seq;
mod spooldir;
mod stress;
mod taildir;

/// Every one of them.
pub static ALL: &[&Spec] = &[
    &exec::SPEC,
    &file_source::SPEC,
    #[cfg(feature = "kafka")]
    &kafka::SPEC,
    &netcat::SPEC,
    &netcatudp::SPEC,
    &roll_file::SPEC,
    &roll_file::NINGG,
    &seq::SPEC,
    &spooldir::SPEC,
    &stress::SPEC,
    &taildir::SPEC,
];
