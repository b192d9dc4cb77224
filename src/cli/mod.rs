//! The commands, one file each: the only place that prints.
pub mod agent;
pub mod arguments;
pub mod place;
pub mod service;
pub mod status;
