//! What librdkafka takes, as it says itself.
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::{RENAMED, ignored};

/// Properties of ours, made into librdkafka's when a client is made: of Java's stores by `stores`, of codecs by `limits`,
/// a partitioner's class by `keys`.
const OURS: &[&str] = &[
    "ssl.truststore.location",
    "ssl.truststore.password",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "partitioner.class",
];

/// What is often meant.
const USUAL: &[&str] = &[
    "acks",
    "batch.size",
    "buffer.memory",
    "client.id",
    "compression.type",
    "delivery.timeout.ms",
    "enable.idempotence",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "group.instance.id",
    "group.protocol",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "partitioner.class",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.ms",
    "sasl.jaas.config",
    "sasl.kerberos.service.name",
    "security.protocol",
    "session.timeout.ms",
    "ssl.ca.location",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "transaction.timeout.ms",
];

/// Whether it is a property that librdkafka does not have.
pub fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// The name that was meant by one that nobody knows.
pub fn nearest(name: &str) -> Option<&'static str> {
    let known = USUAL.iter().copied().chain(RENAMED.iter().map(|(name, _)| *name)).chain(ignored::names());
    crate::diag::nearest(name, known)
}

#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    AsItIs,
    /// As this, the nearest it has.
    Bound(String),
    Refused(String),
    Unknown,
}

pub fn taken(name: &str, value: &str) -> Taken {
    if is_ours(name) {
        return if name.starts_with("compression.") { level(name, value) } else { Taken::AsItIs };
    }
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => Taken::AsItIs,
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => Taken::Unknown,
        Err(KafkaError::ClientConfig(_, why, ..)) => match bound(&why, value) {
            Some(bound) => Taken::Bound(bound),
            None => Taken::Refused(format!("the property `{name} = {value}` cannot be set: {}", why.trim())),
        },
        Err(error) => Taken::Refused(error.to_string()),
    }
}

/// As librdkafka bounds its one level, which gzip bounds further.
fn level(name: &str, value: &str) -> Taken {
    let most = if name.contains("gzip") { 9 } else { 12 };
    match value.trim().parse::<i64>() {
        Ok(level) if (-1..=most).contains(&level) => Taken::AsItIs,
        Ok(level) => Taken::Bound(level.clamp(-1, most).to_string()),
        Err(_) => Taken::Refused(format!("`{value}` is no level of a codec: a number is")),
    }
}

/// Of `… value 99 is outside allowed range 1..10` the end that is nearer.
fn bound(why: &str, value: &str) -> Option<String> {
    let value: i128 = value.trim().parse().ok()?;
    let (least, most) = why.split("outside allowed range ").nth(1)?.trim().split_once("..")?;
    let (least, most): (i128, i128) = (least.parse().ok()?, most.parse().ok()?);
    Some(value.clamp(least, most).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_bounds_are_taken_as_the_bound() {
        assert_eq!(taken("max.poll.interval.ms", "2147483647"), Taken::Bound("86400000".into()));
        assert_eq!(taken("batch.size", "0"), Taken::Bound("1".into()));
        assert_eq!(taken("fetch.max.bytes", "2147483647"), Taken::Bound("2147483135".into()));
        assert_eq!(taken("session.timeout.ms", "6000"), Taken::AsItIs);
        assert!(matches!(taken("session.timeout.ms", "soon"), Taken::Refused(_)));
    }

    #[test]
    fn names_that_nobody_knows_are_told_with_what_was_meant() {
        assert_eq!(taken("compresion.type", "lz4"), Taken::Unknown);
        assert_eq!(nearest("compresion.type"), Some("compression.type"));
        assert_eq!(nearest("a.b"), None);
    }
}
