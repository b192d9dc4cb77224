//! The interceptors of this crate: one file each, one line each.
use crate::config::Spec;

mod header;
mod host;
mod regex_filter;
mod r#static;
mod timestamp;

/// Every one of them.
pub static ALL: &[&Spec] = &[&host::SPEC, &regex_filter::SPEC, &r#static::SPEC, &timestamp::SPEC];
