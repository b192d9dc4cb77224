//! The interceptors of this crate: one file each, one line each.
use crate::config::Spec;

mod header;
mod host;
mod json;
mod left;
mod redact;
mod regex_extractor;
mod regex_filter;
mod regex_split_filter;
mod remove_header;
mod search_replace;
mod r#static;
mod timestamp;
mod uuid;

/// Every one of them.
pub static ALL: &[&Spec] = &[
    &host::SPEC,
    &json::SPEC,
    &redact::SPEC,
    &regex_extractor::SPEC,
    &regex_filter::SPEC,
    &regex_split_filter::SPEC,
    &remove_header::SPEC,
    &search_replace::SPEC,
    &r#static::SPEC,
    &timestamp::SPEC,
    &uuid::SPEC,
];
