//! Beside real Kafka brokers, with kcat on the other side. `tests/run kafka` installs what they need; the first run
//! fetches their jars.
mod brokers;
mod channel;
mod check;
mod flume;
mod sink;
mod source;
