//! What is wrong with a text, where, and what to do about it.
//!
//! A [`Diagnostic`] is a value with a [`Span`]; a [`Report`] collects all of a run, together with the [`Files`] that the
//! spans point into; [`text`] and [`json`] are the only ways it is shown.
mod nearest;
mod render;
mod report;
mod source;

pub use nearest::{distance, nearest};
pub use render::{json, one, text};
pub use report::{Diagnostic, Label, Report, Severity};
pub use source::{FileId, Files, Span, Spot};
