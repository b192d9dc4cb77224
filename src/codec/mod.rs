//! Bytes to events and back, pure: no files, no clocks.
pub mod marks;
