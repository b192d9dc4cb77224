//! Integration tests: one binary, one file per capability.
//!
//! What belongs where:
//! - `model`: the positions protocol, explored at random in an in-memory world.
mod model;
