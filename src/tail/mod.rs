//! The tailing engine.
