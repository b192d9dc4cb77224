//! What kinds of entries there are, and their keys.
//!
//! The older platform's spellings are aliases: right in XML, a lint in TOML.
use crate::config::spec::Field;
use crate::diag::Diagnostic;

/// A kind of catalog: one folder name, one set of keys.
pub struct Kind {
    /// The folder, and the word of the command line.
    pub name: &'static str,
    pub summary: &'static str,
    pub fields: &'static [Field],
    /// Keys that no field has are taken for keys below this prefix, as the client's own.
    pub rest: Option<&'static str>,
    /// Key, older value, value: what files of the older platform say in other words.
    pub renamed: &'static [(&'static str, &'static str, &'static str)],
    /// The component's key that gives the address without a catalog, for hints.
    pub address: &'static str,
    /// Keys with values as the sample shows them; of a prefix whole lines.
    pub examples: &'static [(&'static str, &'static str)],
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Kind) -> bool {
        self.name == other.name
    }
}

/// All kinds, in the order in which they are listed.
pub static ALL: [&Kind; 2] = [&KAFKA, &JMS];

/// The kind of a name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|kind| kind.name == name)
}

const DESCRIPTION: Field = Field::text("description").also(&["Desc"]).doc("for people");

/// The keys of a Kafka cluster.
pub mod kafka {
    use super::*;
    use crate::config::spec::Unit;

    pub const BROKERS: Field = Field::text("brokers")
        .also(&["brokerList"])
        .required()
        .lint(host_list)
        .doc("where to begin: HOST:PORT, several of them");
    pub const ACKS: Field = Field::choice("acks", &["0", "1", "all"])
        .also(&["requestRequiredAcks"])
        .doc("how many brokers must have a record before it counts as delivered");
    pub const BATCH_SIZE: Field = Field::int("batch_size", 1, 10_000_000)
        .also(&["batchSize"])
        .unit(Unit::Events)
        .doc("events per delivery");
    pub const PARTITIONER: Field = Field::choice(
        "partitioner",
        &[
            "java-string-hash",
            "murmur2_random",
            "murmur2",
            "consistent_random",
            "consistent",
            "fnv1a_random",
            "fnv1a",
            "random",
        ],
    )
    .also(&["partitionerClass"])
    .doc("which partition a key goes to; java-string-hash is the rule of the producers of Kafka 0.8");
    pub const ZOOKEEPER: Field = Field::text("zookeeper").ignored("clients ask the brokers, not ZooKeeper");
    pub const CLIENT: Field =
        Field::prefix("client.").lint(own_keys).doc("any property of librdkafka, as it is");

    pub(super) const FIELDS: &[Field] =
        &[DESCRIPTION, BROKERS, ACKS, BATCH_SIZE, PARTITIONER, ZOOKEEPER, CLIENT];

    /// Properties of the client that have a key of their own.
    fn own_keys(key: &str, _: &str) -> Option<Diagnostic> {
        let own = match key.strip_prefix("client.").unwrap_or(key) {
            "bootstrap.servers" | "metadata.broker.list" => "brokers = [\"HOST:PORT\"]",
            "acks" | "request.required.acks" => "acks = \"all\"",
            "partitioner" => "partitioner = \"murmur2_random\"",
            _ => return None,
        };
        let what = format!("`{key}` cannot be set below the client: the entry has a key of its own for it");
        Some(Diagnostic::error("refused-key", what).hint(format!("write `{own}` above all tables")))
    }
}

/// The keys of a JMS broker.
pub mod jms {
    use super::*;

    pub const PROVIDER_URL: Field = Field::text("provider_url")
        .also(&["providerURL"])
        .required()
        .lint(ascii)
        .doc("tcp://HOST:61616, ssl://, failover:(…), stomp://, amqp://");
    pub const STOMP_URL: Field =
        Field::text("stomp_url").refused("write the address that is to be used as `provider_url`");
    pub const USERNAME: Field = Field::word("username").also(&["userName"]).doc("the user, if any");
    pub const PASSWORD: Field = Field::text("password").secret().doc("the user's password");
    pub const CLIENT_ID: Field =
        Field::word("client_id").also(&["clientId", "clientID"]).doc("who a durable subscription belongs to");

    pub(super) const FIELDS: &[Field] =
        &[DESCRIPTION, PROVIDER_URL, STOMP_URL, USERNAME, PASSWORD, CLIENT_ID];
}

pub static KAFKA: Kind = Kind {
    name: "kafka",
    summary: "a cluster of brokers",
    fields: kafka::FIELDS,
    rest: Some("client."),
    renamed: &[
        ("acks", "-1", "all"),
        ("partitioner", "kafka.producer.DefaultPartitioner", "java-string-hash"),
        ("partitioner", "org.apache.kafka.clients.producer.internals.DefaultPartitioner", "murmur2_random"),
    ],
    address: "brokerList",
    examples: &[
        ("description", "\"the orders cluster\""),
        ("brokers", "[\"kafka1.example:9092\", \"kafka2.example:9092\"]"),
        ("acks", "\"all\""),
        ("batch_size", "1000"),
        ("partitioner", "\"murmur2_random\""),
        (
            "client.",
            "\"security.protocol\" = \"sasl_ssl\"\n\"sasl.username\" = \"dataflowkit\"\n\
             \"sasl.password\" = { credential = \"kafka-NAME\" }",
        ),
    ],
};

pub static JMS: Kind = Kind {
    name: "jms",
    summary: "a message broker",
    fields: jms::FIELDS,
    rest: None,
    renamed: &[],
    address: "providerURL",
    examples: &[
        ("description", "\"the group's broker\""),
        ("provider_url", "\"tcp://mq.example:61616\""),
        ("username", "\"dataflowkit\""),
        ("password", "{ credential = \"jms-NAME\" }"),
        ("client_id", "\"shipper-1\""),
    ],
};

/// Every part is `HOST` or `HOST:PORT`.
fn host_list(key: &str, value: &str) -> Option<Diagnostic> {
    let parts: Vec<&str> = list(value).collect();
    let bad = parts.iter().find(|part| !is_host(part));
    let bad = bad.copied().or_else(|| parts.is_empty().then_some(value))?;
    let what = format!("`{key}`: `{bad}` is no HOST:PORT");
    let hint = match bad {
        bad if bad.contains(';') => "brokers are separated by commas".to_string(),
        bad if bad.contains("//") => {
            "write HOST:PORT alone; `security.protocol` says how it is spoken to".to_string()
        }
        bad if !bad.is_ascii() => "write ASCII `:` and `,`".to_string(),
        _ => "such as `kafka1.example:9092`".to_string(),
    };
    Some(Diagnostic::error("bad-address", what).hint(hint))
}

/// The parts of a list: commas and blanks separate.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty())
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or(rest)),
        None => text.split_once(':').unwrap_or((text, "9092")),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
    let port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && host.chars().all(plain) && port
}

/// An address that a word processor has touched cannot work.
fn ascii(key: &str, value: &str) -> Option<Diagnostic> {
    let bad = value.chars().find(|c| !c.is_ascii() || c.is_control())?;
    let what = format!("`{key}`: `{bad}` cannot stand in an address");
    Some(Diagnostic::error("bad-address", what).hint("such as `tcp://mq.example:61616`"))
}
