//! Beside real Kafka brokers, with kcat on the other side. `tests/run kafka` installs what they need; the first run
//! fetches their jars.
mod brokers;
mod channel;
mod chaos;
mod check;
mod flume;
mod group;
mod secured;
mod security;
mod seeds;
mod sink;
mod source;
mod two;
