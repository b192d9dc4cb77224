//! Drives the library and the binary from outside.
//!
//! - `avro_files`: Avro containers read, written, and broken
//! - `bad_input`: broken configs, unreadable files, full disks, content that is no text
//! - `channel_commands`: `channel inspect|verify|export` on real logs, damaged ones, and what is none
//! - `config_commands`: `check`, `explain` and the samples
//! - `config_seeds`: the configuration files of real users through `check`
//! - `custom`: the program of `examples/custom`, with a source and a sink of its own
//! - `damage`: channel directories harmed at random; `tests/run --long damage`
//! - `ends`: the small sources and sinks, filters and selectors, through real sockets and files
//! - `env_commands`: `env list|show|import` on catalogs of both forms, whole and broken
//! - `exec`: commands that are read, programs that are handed events, and what kills leave of them; `tests/run --long exec`
//! - `flume_keys`: every key and default of Flume and the platform
//! - `groups`: sink groups whose members go away, and channels that share a source's events, through kill -9
//! - `interceptors`: chains of them, what they count, what `check` says of their patterns
//! - `kafka`: beside real Kafka brokers, and a real Flume on the other side of a topic; `tests/run kafka`
//! - `kills`: the file channel through kill -9, blocked destinations, full disks and restarts; `tests/run --long kills`
//! - `layers`: the structure of `src/`
//! - `legacy`: positions that Flume and the Java plug-ins left, taken over
//! - `model`: the positions protocol, explored at random in an in-memory world; `tests/run --long model`
//! - `positions`: what happens to positions when something around the agent changes
//! - `removed_channels`: logs of channels that are configured no more, or of another type now
//! - `rotation`: writers, rolls, partial writes and kill -9 at random; `tests/run --long rotation`
//! - `seeds`: the configuration files of real users, each with its expected outcome
//! - `small_sources`: datagrams, load
//! - `support`: an agent in a directory of its own, lines that can be counted
mod avro_files;
mod bad_input;
mod channel_commands;
mod config_commands;
mod config_seeds;
mod custom;
mod damage;
mod ends;
mod env_commands;
mod exec;
mod flume_keys;
mod groups;
mod interceptors;
mod kafka;
mod kills;
mod layers;
mod legacy;
mod model;
mod positions;
mod removed_channels;
mod rotation;
mod seeds;
mod small_sources;
mod support;
