//! One cluster as a component is to see it: brokers, client properties, and what its errors mean to an operator.
use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::limits;

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
        let mut properties = self.properties.clone();
        properties.extend(own.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        limits::fit(&mut properties);
        properties.iter().for_each(|(name, value)| _ = config.set(name, value));
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

    /// Whether there can be an administrator: none is given a token (`bearer`).
    pub fn has_administrator(&self) -> bool {
        let mechanism = self.properties.get("sasl.mechanisms").or(self.properties.get("sasl.mechanism"));
        !mechanism.is_some_and(|name| name.eq_ignore_ascii_case("OAUTHBEARER"))
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
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        super::bearer::token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, _: &str, message: &str) {
        log::debug!("{level:?}: {message}");
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// An error, and what the client said of its reason beside it.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub error: KafkaError,
    pub reason: String,
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Trouble {
        Trouble { error, reason: String::new() }
    }
}

const CLIENT_CERTIFICATE: &str = "the brokers want a certificate of their clients, of an authority that they trust: name one by `ssl.keystore.location`, or by `ssl.certificate.location` and `ssl.key.location`";

/// What the client tells in its text alone, and the cure.
const REASONS: &[(&str, &str)] = &[
    (
        "ssl.ca.location",
        "the certificate of the brokers is of no authority that is trusted here, or for another host: name the authority's by `ssl.ca.location`, or correct the address",
    ),
    ("alert bad certificate", CLIENT_CERTIFICATE),
    ("certificate required", CLIENT_CERTIFICATE),
    (
        "PLAINTEXT broker listener",
        "the brokers do not speak TLS at this port: correct the port, or `security.protocol`",
    ),
    (
        AT_FIRST_WORD,
        "the brokers end the connection at its first word: if it is TLS that they want at this port, set `security.protocol` to SSL or SASL_SSL, or correct the port",
    ),
    ("Unsupported SASL mechanism", "the brokers do not know this way to log in: look at `sasl.mechanism`"),
    (
        "broker might require SASL",
        "the brokers want a login at this port: correct the port, or set `security.protocol` and `sasl.mechanism`",
    ),
    ("kinit", "Kerberos gives no ticket: look at `sasl.kerberos.keytab` and `sasl.kerberos.principal`"),
];

/// Brokers that want TLS do so to whoever speaks without it, and so does one that just stops: what comes next tells.
const AT_FIRST_WORD: &str = "in state APIVERSION_QUERY";

/// What reasons begin with that name a topic which is not the sink's own.
const OF_TOPIC: &str = "the topic `";

impl Trouble {
    /// With a topic that is not the sink's own.
    pub fn of_topic(error: KafkaError, topic: &str) -> Trouble {
        Trouble { error, reason: format!("{OF_TOPIC}{topic}` of the marks") }
    }

    /// Of a line of the client's log: what it gives no error for.
    pub fn logged(line: &str) -> Option<Trouble> {
        let tells = REASONS.iter().any(|(part, _)| line.contains(part));
        let error = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        tells.then(|| Trouble { error, reason: line.to_string() })
    }

    /// What it means, and its cure where there is one.
    pub fn sentence(&self) -> String {
        let found = REASONS.iter().find(|(part, _)| self.reason.contains(part));
        let code = code_of(&self.error).map_or(String::new(), |code| format!(" ({code})"));
        // Behind that are times and counts, which would make each a new trouble.
        let said = self.reason.split(" (after ").next().unwrap_or_default();
        match found {
            Some((_, cure)) => format!("{cure}{code}"),
            None if said.starts_with(OF_TOPIC) => format!("{said}: {}", sentence(&self.error)),
            None if self.rank() > 1 && !said.is_empty() => format!("{}: {said}", sentence(&self.error)),
            None => sentence(&self.error),
        }
    }

    /// How much it tells: that no broker is left says less than why one was lost.
    /// From 2 on it is not for the brokers to mend.
    pub fn rank(&self) -> u8 {
        match code_of(&self.error) {
            Some(RDKafkaErrorCode::AllBrokersDown) => 0,
            _ if self.reason.contains(AT_FIRST_WORD) => 1,
            _ if REASONS.iter().any(|(part, _)| self.reason.contains(part)) => 2,
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => 2,
            _ => 1,
        }
    }
}

/// The code of an error, whatever it happened in.
pub fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::Transaction(error) => Some(error.code()),
        KafkaError::AdminOp(code) => Some(*code),
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
        Code::TopicAuthorizationFailed => {
            "its user may not write to the topic: allow it (`Write`); until then nothing is lost, and all waits"
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(code: RDKafkaErrorCode, reason: &str) -> Trouble {
        Trouble { error: KafkaError::Global(code), reason: reason.into() }
    }

    #[test]
    fn a_broker_that_stopped_at_the_first_word_is_no_longer_taken_for_one_with_tls_once_nobody_answers() {
        let reason = "b:1: Disconnected while requesting ApiVersion (after 4ms in state APIVERSION_QUERY)";
        let stopped = trouble(RDKafkaErrorCode::BrokerTransportFailure, reason);
        assert!(stopped.sentence().contains("if it is TLS"), "{}", stopped.sentence());
        let refused =
            "b:1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
        let refused = trouble(RDKafkaErrorCode::BrokerTransportFailure, refused);
        assert!(stopped.rank() <= refused.rank());
        assert!(stopped.rank() > trouble(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down").rank());
    }

    #[test]
    fn reasons_of_the_client_become_cures_without_its_times_and_counts() {
        let reason = "ssl://b:1/bootstrap: SSL handshake failed: verify that ssl.ca.location is correctly configured (after 9ms in state X)";
        let tls = trouble(RDKafkaErrorCode::SSL, reason);
        assert!(
            tls.sentence().starts_with("the certificate of the brokers is of no authority"),
            "{}",
            tls.sentence()
        );
        let reason = "b:1: Authentication failed: Invalid username (after 3ms in state AUTH_REQ, 4 identical error(s) suppressed)";
        let login = trouble(RDKafkaErrorCode::Authentication, reason).sentence();
        assert!(
            login.starts_with("the brokers refuse its user") && login.ends_with("Invalid username"),
            "{login}"
        );
        let gone = trouble(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(gone.rank(), 0);
        assert!(gone.rank() < trouble(RDKafkaErrorCode::BrokerTransportFailure, "b:1: refused").rank());
        let marks = Trouble::of_topic(KafkaError::AdminOp(RDKafkaErrorCode::TopicAuthorizationFailed), "m");
        assert!(
            marks.sentence().starts_with("the topic `m` of the marks: its user may not write"),
            "{}",
            marks.sentence()
        );
    }
}
