//! Properties by the names of the 0.8 clients and of the Java clients, as librdkafka has them.
//!
//! Shape: `ignored` lists what has no effect here and why, `jaas` reads login modules, `tls` knows the words of Java's
//! TLS, `taken` asks librdkafka what it takes.
//! Invariants: what Java's clients take runs here as well: a number beyond librdkafka's bounds is taken as the bound, a name
//! that no client knows is passed over, and both are said. Refused is what asks for code that cannot run here, or what
//! the component decides.
//! Truth: Kafka 0.8 and 3.x documentation; librdkafka's `CONFIGURATION.md`.
mod ignored;
mod jaas;
mod taken;
mod tls;

use self::taken::Taken;
pub use self::taken::{is_ours, nearest};

/// Names and values for librdkafka, and the few of ours that are made such later (`taken`).
pub type Properties = Vec<(String, String)>;

/// What becomes of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    As(Properties),
    /// Not quite: what is different.
    Near(Properties, String),
    /// Without effect here, and why.
    Ignored(&'static str),
    /// Cannot be honoured; what to write instead.
    Refused(String),
    /// No client has it: passed over, as by Java's.
    Unknown,
}

impl Known {
    fn one(name: &str, value: impl Into<String>) -> Known {
        Known::As(vec![(name.to_string(), value.into())])
    }
}

/// The same meaning under another name.
const RENAMED: &[(&str, &str)] = &[
    ("request.required.acks", "acks"),
    ("message.send.max.retries", "retries"),
    ("socket.receive.buffer", "socket.receive.buffer.bytes"),
    ("max.request.size", "message.max.bytes"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("ssl.truststore.certificates", "ssl.ca.pem"),
    ("ssl.keystore.certificate.chain", "ssl.certificate.pem"),
    ("ssl.keystore.key", "ssl.key.pem"),
];

/// What a property of either client is to librdkafka.
pub fn known(name: &str, value: &str) -> Known {
    match meaning(name, value) {
        Known::As(properties) => fitting(properties),
        other => other,
    }
}

/// As librdkafka takes them.
fn fitting(mut properties: Properties) -> Known {
    let mut different = None;
    for (name, value) in &mut properties {
        match taken::taken(name, value) {
            Taken::AsItIs => {}
            Taken::Bound(bound) => {
                different = Some(format!("it is taken as {bound}: further the client does not go"));
                *value = bound;
            }
            Taken::Unknown => return Known::Unknown,
            Taken::Refused(why) => return Known::Refused(why),
        }
    }
    match different {
        Some(different) => Known::Near(properties, different),
        None => Known::As(properties),
    }
}

fn meaning(name: &str, value: &str) -> Known {
    let own = || Known::one(name, value);
    if let Some((_, ours)) = RENAMED.iter().find(|(old, _)| *old == name) {
        return Known::one(ours, value);
    }
    if let Some(why) = ignored::why(name) {
        return Known::Ignored(why);
    }
    match name {
        "bootstrap.servers" | "metadata.broker.list" => {
            Known::Refused("the brokers have a key of their own: `kafka.bootstrap.servers`".into())
        }
        "transactional.id" => Known::Refused(
            "the transactional id names installation, instance, channel and sink, so that copies fence each other: leave it out".into(),
        ),
        "group.id" => Known::Refused("the group has a key of its own: `kafka.consumer.group.id`".into()),
        "enable.auto.offset.store" | "enable.partition.eof" => {
            Known::Refused("the source decides that: leave it out".into())
        }
        "compression.codec" | "compression.type" => Known::one("compression.type", codec(value)),
        "send.buffer.bytes" => Known::one("socket.send.buffer.bytes", none_below_zero(value)),
        "receive.buffer.bytes" => Known::one("socket.receive.buffer.bytes", none_below_zero(value)),
        "connections.max.idle.ms" => Known::one(name, none_below_zero(value)),
        "buffer.memory" => kibibytes("queue.buffering.max.kbytes", value),
        "partition.assignment.strategy" => assignors(value),
        "partitioner.ignore.keys" if value.trim().eq_ignore_ascii_case("true") => {
            Known::one("partitioner", "random")
        }
        "partitioner.ignore.keys" => Known::Ignored("keys choose partitions"),
        "sasl.jaas.config" => jaas::login(value),
        "sasl.login.class" | "sasl.login.callback.handler.class" | "sasl.client.callback.handler.class" => {
            Known::Refused(format!("`{value}` is a Java class, which cannot run here: use SCRAM, PLAIN or Kerberos"))
        }
        "sasl.oauthbearer.token.endpoint.url" => {
            Known::Refused("tokens of a server cannot be fetched: use SCRAM or a client certificate".into())
        }
        name if name.starts_with("ssl.") => tls::meaning(name, value).unwrap_or_else(own),
        _ => own(),
    }
}

/// 0.8 had numbers.
fn codec(value: &str) -> &str {
    match value.trim() {
        "0" => "none",
        "1" => "gzip",
        "2" => "snappy",
        "3" => "lz4",
        other => other,
    }
}

/// Java has -1 for what is 0 here: the system's own size, or never.
fn none_below_zero(value: &str) -> &str {
    if value.trim() == "-1" { "0" } else { value }
}

fn kibibytes(name: &str, bytes: &str) -> Known {
    match bytes.trim().parse::<u64>() {
        Ok(bytes) => Known::one(name, (bytes / 1024).max(1).to_string()),
        Err(_) => Known::Refused(format!("`{bytes}` is no number of bytes")),
    }
}

/// Java's classes, by their last word.
fn assignors(list: &str) -> Known {
    let (mut names, mut different) = (Vec::new(), None);
    for class in list.split(',').map(str::trim) {
        names.push(match class.rsplit('.').next().unwrap_or_default() {
            "RangeAssignor" => "range",
            "RoundRobinAssignor" => "roundrobin",
            "CooperativeStickyAssignor" => "cooperative-sticky",
            "StickyAssignor" => {
                different = Some("StickyAssignor is taken as roundrobin: members that know the sticky one alone cannot be of the group");
                "roundrobin"
            }
            other if other != class || other.ends_with("Assignor") => {
                return Known::Refused(format!(
                    "`{class}` is not to be had here: range, roundrobin and cooperative-sticky are"
                ));
            }
            other => other,
        });
    }
    names.dedup();
    let properties = vec![("partition.assignment.strategy".to_string(), names.join(","))];
    match different {
        Some(different) => Known::Near(properties, different.to_string()),
        None => Known::As(properties),
    }
}

#[cfg(test)]
mod tests;
