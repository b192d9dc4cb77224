//! Drives the library and the binary from outside.
//!
//! - `layers`: the structure of `src/`
mod layers;
