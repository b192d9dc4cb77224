//! What the source, the sink and the channel of Kafka share: names of properties, the connection, a producer whose
//! delivery is one commit, and the topic that keeps marks.
//!
//! Shape: `keys` has the keys they share; `names` translates properties of 0.8 and of the Java clients to those of
//! librdkafka, `limits` makes them fit each other, `stores` reads Java's keys and certificates; `cluster` has brokers and properties of one cluster and says what went wrong in a sentence; `bearer` makes
//! unsecured tokens; `producer` sends and waits for the reports;
//! `marks` writes and reads what a destination has; `reach` makes all that of a component's keys and its catalog; `sink`
//! brings events to topics, as `letters`; `source` brings messages in, as `message`s, one stream per `partition`, as a
//! member of a `group`; `begin` and `start` tell where.
//! Invariants: one transaction carries events and the marks that speak of them (K1); the transactional id names
//! installation, instance, channel and sink, so that copies fence each other (K2) and cloned hosts do not.
//! Truth: librdkafka's `CONFIGURATION.md`; KIP-98 (transactions), KIP-360 (errors that a producer survives).
pub mod bearer;
pub mod begin;
pub mod cluster;
pub mod decided;
pub mod group;
pub mod keys;
pub mod letters;
pub mod limits;
pub mod marks;
pub mod message;
pub mod names;
pub mod partition;
pub mod producer;
pub mod reach;
mod session;
pub mod sink;
pub mod source;
pub mod start;
mod stores;

pub use cluster::Cluster;
pub use marks::Keeper;
pub use producer::{Letter, Producer, Sent};
