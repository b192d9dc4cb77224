//! Drives the library and the binary from outside.
//!
//! - `layers`: the structure of `src/`
//! - `positions`: what happens to positions when something around the agent changes
//! - `rotation`: writers, rolls, partial writes and kill -9 at random; `tests/run --long rotation`
//! - `support`: an agent in a directory of its own, lines that can be counted
mod layers;
mod positions;
mod rotation;
mod support;
