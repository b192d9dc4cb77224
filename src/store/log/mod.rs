//! The log of a durable channel: segments of frames.
pub mod cipher;
pub mod pack;
