//! Append-only journals.
