//! One cluster as a component is to see it: brokers, client properties, and what its errors mean to an operator.
use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Brokers and properties by librdkafka's names.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    pub brokers: String,
    pub properties: BTreeMap<String, String>,
}

impl Cluster {
    /// The configuration of a client; later properties win over those of the cluster.
    pub fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        // One line per lost connection would drown what matters; the component says what it waits for.
        config.set("log.connection.close", "false").set("bootstrap.servers", &self.brokers);
        self.properties.iter().for_each(|(name, value)| _ = config.set(name, value));
        own.iter().for_each(|(name, value)| _ = config.set(*name, *value));
        config
    }
}

impl Cluster {
    /// The configuration of a reader or of an administrator: of the properties, those of the connection.
    pub fn reader(&self, own: &[(&str, &str)]) -> ClientConfig {
        let of_connection = |name: &String| CONNECTION.iter().any(|start| name.starts_with(start));
        let properties = self.properties.iter().filter(|(name, _)| of_connection(name));
        let properties = properties.map(|(name, value)| (name.clone(), value.clone())).collect();
        Cluster { brokers: self.brokers.clone(), properties }.client(own)
    }

    /// Whether a client takes every property; the name of the first that it does not, and what is wrong with it.
    pub fn check(&self) -> Result<(), (Option<String>, String)> {
        match self.client(&[]).create_native_config() {
            Ok(_) => Ok(()),
            Err(KafkaError::ClientConfig(_, why, key, value)) => {
                let what = format!("the property `{key} = {value}` cannot be set: {why}");
                Err((Some(key), what))
            }
            Err(error) => Err((None, error.to_string())),
        }
    }
}

/// What of a producer's properties is about the connection, and a reader's as well.
const CONNECTION: &[&str] = &[
    "security.",
    "sasl.",
    "ssl.",
    "enable.ssl.",
    "enable.sasl.",
    "socket.",
    "client.",
    "broker.",
    "api.version.",
    "reconnect.",
    "connections.",
    "metadata.",
    "debug",
    "plugin.",
];

/// A reader of marks: what the client has to say is told by who asked.
pub struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        log::debug!("{level:?}: {message}");
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// The code of an error, whatever it happened in.
pub fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    }
}

/// Whether it is only that no broker answers, by whatever sign.
pub fn is_away(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code_of(error),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
        )
    )
}

/// What an error means to a reader, and its cure where there is one.
pub fn told_of_reader(error: &KafkaError) -> String {
    use RDKafkaErrorCode as Code;
    let Some(code) = code_of(error) else { return error.to_string() };
    let cure = match code {
        Code::TopicAuthorizationFailed => "its user may not read the topic: allow it (READ, DESCRIBE)",
        Code::GroupAuthorizationFailed => {
            "its user may not join the group: allow it (READ), or set another `kafka.consumer.group.id`"
        }
        Code::ClusterAuthorizationFailed => "its user may not ask the cluster: allow it (DESCRIBE)",
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "the topic is not there: create it, or look at its name"
        }
        Code::Fenced | Code::FencedInstanceId => "another member has its `group.instance.id`",
        _ => return sentence(error),
    };
    format!("{cure} ({code})")
}

/// What an error means, and its cure where there is one.
pub fn sentence(error: &KafkaError) -> String {
    use RDKafkaErrorCode as Code;
    let Some(code) = code_of(error) else { return error.to_string() };
    let cure = match code {
        Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve => "no broker answers",
        Code::OperationTimedOut | Code::MessageTimedOut | Code::RequestTimedOut => {
            "the brokers did not answer in time"
        }
        Code::SaslAuthenticationFailed | Code::Authentication => {
            "the brokers refuse its user or password: look at `sasl.*` here or in the catalog"
        }
        Code::SSL => "the TLS connection failed: look at `ssl.*` here or in the catalog",
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "the topic is not there and the brokers do not create it"
        }
        Code::TopicAuthorizationFailed => "its user may not write to the topic",
        Code::TransactionalIdAuthorizationFailed => {
            "its user may not use its transactional id: allow it, or set `delivery = at-least-once`"
        }
        Code::ClusterAuthorizationFailed => "its user may not write idempotently",
        Code::MessageSizeTooLarge => "the message is larger than the brokers or `message.max.bytes` allow",
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => {
            "another copy of this instance has taken its place"
        }
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => "too few replicas are in sync",
        _ => return code.to_string(),
    };
    format!("{cure} ({code})")
}
