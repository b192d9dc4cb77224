//! Drives the library and the binary from outside.
//!
//! - `ends`: the small sources and sinks, filters and selectors, through real sockets and files
//! - `layers`: the structure of `src/`
//! - `positions`: what happens to positions when something around the agent changes
//! - `rotation`: writers, rolls, partial writes and kill -9 at random; `tests/run --long rotation`
//! - `support`: an agent in a directory of its own, lines that can be counted
mod ends;
mod layers;
mod positions;
mod rotation;
mod support;
