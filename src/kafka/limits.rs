//! Limits that are right each for itself are made to fit each other, and transactions.
//!
//! Why: librdkafka makes no client of properties that contradict each other, where Java's has other defaults or none.
use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::name_of;
use super::names::is_ours;
use super::sink::PATIENCE;
use crate::diag::Diagnostic;

/// What an idempotent producer allows; what lies outside is left to the client.
const IDEMPOTENT: &[(&[&str], u64, u64)] = &[
    (&["max.in.flight.requests.per.connection", "max.in.flight"], 1, 5),
    (&["retries", "message.send.max.retries"], 1, u64::MAX),
];

type Properties = BTreeMap<String, String>;

fn number(properties: &Properties, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| properties.get(*name)?.trim().parse().ok())
}

/// Says which property of a producer counts without transactions only.
pub fn lint(key: &str, value: &str) -> Option<Diagnostic> {
    let number = value.trim().parse::<u64>().ok();
    let outside = IDEMPOTENT.iter().find(|(names, least, most)| {
        names.contains(&name_of(key)) && number.is_some_and(|value| value < *least || value > *most)
    });
    let (_, least, _) = outside?;
    let what = format!("`{key} = {value}` counts with `delivery = at-least-once` only");
    let most =
        if *least == 1 && number == Some(0) { "tries again" } else { "has at most 5 requests in flight" };
    Some(Diagnostic::note("raised", what).hint(format!("exactly-once {most}")))
}

/// Of a producer; how long a delivery may take.
pub fn of_producer(properties: &mut Properties, exactly_once: bool) -> Duration {
    let delivery = number(properties, &["delivery.timeout.ms", "message.timeout.ms"]);
    let patience = delivery.filter(|ms| *ms > 0).map_or(PATIENCE, Duration::from_millis);
    // An unknown topic is told of before the delivery's time is over.
    let known = (patience.as_millis() as u64 / 3).clamp(1000, 10_000).to_string();
    properties.entry("topic.metadata.propagation.max.ms".into()).or_insert(known);
    if exactly_once {
        of_transactions(properties, delivery);
    }
    patience.max(Duration::from_secs(1))
}

fn of_transactions(properties: &mut Properties, delivery: Option<u64>) {
    if let Some(delivery) = delivery
        && number(properties, &["transaction.timeout.ms"]).is_none_or(|ms| ms < delivery)
    {
        properties.insert("transaction.timeout.ms".into(), delivery.max(60_000).to_string());
    }
    for (names, least, most) in IDEMPOTENT {
        for name in *names {
            if number(properties, &[name]).is_some_and(|value| value < *least || value > *most) {
                properties.remove(*name);
            }
        }
    }
}

/// Of any client, before it is made.
pub fn fit(properties: &mut Properties) {
    level(properties);
    properties.retain(|name, _| !is_ours(name));
    at_least(properties, "reconnect.backoff.max.ms", 10_000, "reconnect.backoff.ms");
    if properties.contains_key("group.id") {
        at_least(properties, "max.poll.interval.ms", 300_000, "session.timeout.ms");
        // What one answer may carry is no less than one message.
        if let Some(most) = number(properties, &["fetch.max.bytes"]) {
            properties.insert("message.max.bytes".into(), most.clamp(1000, 1_000_000).to_string());
        }
    }
}

/// Java has a level for each codec.
fn level(properties: &mut Properties) {
    let codec = properties.get("compression.type").map_or("none", |codec| codec.trim());
    if let Some(level) = properties.get(&format!("compression.{codec}.level")).cloned() {
        properties.insert("compression.level".into(), level);
    }
}

/// `name`, which is `default` where it is not set, is no less than `other`.
fn at_least(properties: &mut Properties, name: &str, default: u64, other: &str) {
    let Some(least) = number(properties, &[other]) else { return };
    if number(properties, &[name]).unwrap_or(default) < least {
        properties.insert(name.into(), least.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(properties: &[(&str, &str)]) -> Properties {
        let mut properties =
            properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        fit(&mut properties);
        properties
    }

    #[test]
    fn limits_that_contradict_each_other_make_a_client_all_the_same() {
        let members = fitted(&[
            ("group.id", "g"),
            ("session.timeout.ms", "600000"),
            ("fetch.max.bytes", "500000"),
            ("reconnect.backoff.ms", "20000"),
        ]);
        assert_eq!(members["max.poll.interval.ms"], "600000");
        assert_eq!(members["message.max.bytes"], "500000");
        assert_eq!(members["reconnect.backoff.max.ms"], "20000");
        let mut config = rdkafka::ClientConfig::new();
        members.iter().for_each(|(name, value)| _ = config.set(name, value));
        assert!(config.create::<rdkafka::consumer::BaseConsumer>().is_ok());
    }

    #[test]
    fn the_level_of_the_codec_that_is_used_counts() {
        let levels = [("compression.gzip.level", "9"), ("compression.zstd.level", "12")];
        let with = |codec| fitted(&[levels[0], levels[1], ("compression.type", codec)]);
        assert_eq!(with("gzip")["compression.level"], "9");
        assert_eq!(with("zstd")["compression.level"], "12");
        assert_eq!(with("lz4"), Properties::from([("compression.type".into(), "lz4".into())]));
    }
}
