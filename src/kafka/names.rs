//! Properties by the names of the 0.8 clients and of the Java clients, as librdkafka has them.
//!
//! Invariants: whatever is not here goes to librdkafka under its own name, and what that does not know is an error that
//! names the key. Truth: Kafka 0.8 and 3.x documentation; librdkafka's `CONFIGURATION.md`.

/// What becomes of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// One or several of librdkafka's.
    As(Vec<(&'static str, String)>),
    /// Without effect here, and why.
    Ignored(&'static str),
    /// Cannot be honoured; what to write instead.
    Refused(String),
}

/// The same meaning under another name.
const RENAMED: &[(&str, &str)] = &[
    ("request.required.acks", "acks"),
    ("message.send.max.retries", "retries"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("socket.receive.buffer", "socket.receive.buffer.bytes"),
    ("max.request.size", "message.max.bytes"),
    ("max.in.flight.requests.per.connection", "max.in.flight.requests.per.connection"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("max.partition.fetch.bytes", "max.partition.fetch.bytes"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
];

const SERIALIZED: &str = "bodies are sent as they are, keys as UTF-8";
const ZOOKEEPER: &str = "clients ask the brokers; ZooKeeper is not used";
const OPENSSL: &str = "OpenSSL speaks TLS here, and negotiates the version";
const REPORTS: &str = "every delivery report is waited for";

const FLUSHED: &str = "every delivery ends with a flush, so no message waits for company longer than that";

const IGNORED: &[(&str, &str)] = &[
    ("serializer.class", SERIALIZED),
    ("key.serializer.class", SERIALIZED),
    ("key.serializer", SERIALIZED),
    ("value.serializer", SERIALIZED),
    ("key.deserializer", SERIALIZED),
    ("value.deserializer", SERIALIZED),
    ("producer.type", REPORTS),
    ("queue.enqueue.timeout.ms", REPORTS),
    ("max.block.ms", REPORTS),
    ("linger.ms", FLUSHED),
    ("queue.buffering.max.ms", FLUSHED),
    ("delivery.report.only.error", REPORTS),
    ("compressed.topics", "`compression.type` is for all topics of the sink"),
    ("consumer.timeout.ms", "`batchDurationMillis` ends a batch"),
    ("queued.max.message.chunks", "`queued.max.messages.kbytes` bounds what is read ahead"),
    ("max.poll.records", "`batchSize` ends a batch"),
    ("exclude.internal.topics", "patterns match no topic whose name begins with `__`"),
    ("num.consumer.fetchers", "the client decides how it fetches"),
    ("consumer.id", "the brokers name members"),
    ("dual.commit.enabled", ZOOKEEPER),
    ("offsets.storage", "offsets are kept by the brokers"),
    ("interceptor.classes", "there is no Java here; agents have interceptors of their own"),
    ("ssl.protocol", OPENSSL),
    ("ssl.enabled.protocols", OPENSSL),
    ("ssl.provider", OPENSSL),
    ("ssl.keymanager.algorithm", OPENSSL),
    ("ssl.trustmanager.algorithm", OPENSSL),
    ("ssl.secure.random.implementation", OPENSSL),
    ("metric.reporters", "`dataflowkit status` has the counters"),
];

/// Prefixes of old consumers whose settings mean nothing to brokers.
const IGNORED_FAMILIES: &[(&str, &str)] = &[
    ("zookeeper.", ZOOKEEPER),
    ("rebalance.", "the brokers lead a rebalance"),
    ("offsets.", "offsets are kept by the brokers"),
];

/// What a property of either client is to librdkafka.
pub fn known(name: &str, value: &str) -> Known {
    let same = |name: &'static str| Known::As(vec![(name, value.to_string())]);
    if let Some((_, ours)) = RENAMED.iter().find(|(old, _)| *old == name) {
        return same(ours);
    }
    if let Some((_, why)) = IGNORED.iter().find(|(old, _)| *old == name) {
        return Known::Ignored(why);
    }
    if let Some((_, why)) = IGNORED_FAMILIES.iter().find(|(family, _)| name.starts_with(family)) {
        return Known::Ignored(why);
    }
    match name {
        "bootstrap.servers" | "metadata.broker.list" => Known::Refused("the brokers have a key of their own: `kafka.bootstrap.servers`".into()),
        "transactional.id" => Known::Refused(
            "the transactional id names installation, instance, channel and sink, so that copies fence each other: leave it out".into(),
        ),
        "compression.codec" | "compression.type" => {
            Known::As(vec![("compression.type", codec(value).into())])
        }
        "group.id" => Known::Refused("the group has a key of its own: `kafka.consumer.group.id`".into()),
        "enable.auto.offset.store" | "enable.partition.eof" | "allow.auto.create.topics" => {
            Known::Refused("the source decides that: leave it out".into())
        }
        "partition.assignment.strategy" => assignors(value),
        "buffer.memory" => kibibytes("queue.buffering.max.kbytes", value),
        "sasl.jaas.config" => jaas(value),
        "ssl.truststore.location" if is_pem(value) => same("ssl.ca.location"),
        "ssl.truststore.location" => Known::Refused(format!(
            "`{value}` is a Java trust store: write its certificates to a PEM file (`keytool -exportcert -rfc`) and name that by `ssl.ca.location`"
        )),
        "ssl.truststore.type" | "ssl.truststore.password" | "ssl.keystore.type" => {
            Known::Ignored("a PEM file has neither type nor password; a key store is PKCS#12")
        }
        "ssl.truststore.certificates" => same("ssl.ca.pem"),
        "ssl.keystore.certificate.chain" => same("ssl.certificate.pem"),
        "ssl.keystore.key" => same("ssl.key.pem"),
        // Java has the key and its certificates in one file.
        "ssl.keystore.location" if is_pem(value) => Known::As(vec![
            ("ssl.certificate.location", value.to_string()),
            ("ssl.key.location", value.to_string()),
        ]),
        "ssl.keystore.location" if value.ends_with(".jks") => Known::Refused(format!(
            "`{value}` is a Java key store: make a PKCS#12 file of it (`keytool -importkeystore -deststoretype pkcs12`)"
        )),
        "ssl.endpoint.identification.algorithm" if value.trim().is_empty() => any_host(),
        "ssl.disableTLSHostnameVerification" if value.trim().eq_ignore_ascii_case("true") => any_host(),
        "ssl.disableTLSHostnameVerification" => Known::Ignored("names in certificates are verified"),
        _ => Known::As(Vec::new()),
    }
}

fn is_pem(path: &str) -> bool {
    [".pem", ".crt", ".cer", ".cert"].iter().any(|end| path.trim().ends_with(end))
}

/// A certificate counts whatever host it names.
fn any_host() -> Known {
    Known::As(vec![("ssl.endpoint.identification.algorithm", "none".into())])
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

fn kibibytes(name: &'static str, bytes: &str) -> Known {
    match bytes.trim().parse::<u64>() {
        Ok(bytes) => Known::As(vec![(name, (bytes / 1024).max(1).to_string())]),
        Err(_) => Known::Refused(format!("`{bytes}` is no number of bytes")),
    }
}

/// Java's classes, by their last word.
fn assignors(list: &str) -> Known {
    let ours = |class: &str| match class.rsplit('.').next().unwrap_or_default() {
        "RangeAssignor" => Ok("range".to_string()),
        "RoundRobinAssignor" => Ok("roundrobin".to_string()),
        "CooperativeStickyAssignor" => Ok("cooperative-sticky".to_string()),
        other if other != class || other.ends_with("Assignor") => Err(class.to_string()),
        other => Ok(other.to_string()),
    };
    let found: Result<Vec<_>, _> = list.split(',').map(|class| ours(class.trim())).collect();
    match found {
        Ok(names) => Known::As(vec![("partition.assignment.strategy", names.join(","))]),
        Err(class) => Known::Refused(format!(
            "`{class}` is not to be had here: range, roundrobin and cooperative-sticky are"
        )),
    }
}

/// A login module with its options, as Java writes it: `org.….PlainLoginModule required username="u" password="p";`
fn jaas(line: &str) -> Known {
    let module = line.split_whitespace().next().unwrap_or_default();
    let option = |name: &str| jaas_option(line, name);
    let mut set = Vec::new();
    let mut add = |name: &'static str, option: Option<String>| set.extend(option.map(|value| (name, value)));
    match module.rsplit('.').next().unwrap_or_default() {
        "PlainLoginModule" | "ScramLoginModule" => {
            add("sasl.username", option("username"));
            add("sasl.password", option("password"));
        }
        "Krb5LoginModule" => {
            add("sasl.kerberos.keytab", option("keyTab"));
            add("sasl.kerberos.principal", option("principal"));
            let by_cache = option("useTicketCache").is_some_and(|text| text.eq_ignore_ascii_case("true"));
            // Somebody else runs `kinit`.
            add(
                "sasl.kerberos.min.time.before.relogin",
                (by_cache && option("keyTab").is_none()).then(|| "0".into()),
            );
            add("sasl.kerberos.service.name", option("serviceName"));
        }
        "OAuthBearerLoginModule" => match option("unsecuredLoginStringClaim_sub") {
            Some(subject) => {
                add("enable.sasl.oauthbearer.unsecure.jwt", Some("true".into()));
                let scope = option("unsecuredLoginStringClaim_scope");
                let scope = scope.map_or(String::new(), |scope| format!(" scope={scope}"));
                let lifetime = option("unsecuredLoginLifetimeSeconds");
                let lifetime = lifetime.map_or(String::new(), |time| format!(" lifeSeconds={time}"));
                add("sasl.oauthbearer.config", Some(format!("principal={subject}{scope}{lifetime}")));
            }
            None => {
                return Known::Refused(
                    "tokens of a server cannot be fetched: only unsecured ones are made (`unsecuredLoginStringClaim_sub=\"NAME\"`); use SCRAM or a client certificate".into(),
                );
            }
        },
        _ => {
            return Known::Refused(format!(
                "the login module `{module}` is Java's: PlainLoginModule, ScramLoginModule, Krb5LoginModule and OAuthBearerLoginModule are understood; else set `sasl.username`, `sasl.password`, `sasl.kerberos.*`"
            ));
        }
    }
    Known::As(set)
}

fn jaas_option(line: &str, name: &str) -> Option<String> {
    let mut rest = line;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].chars().next_back();
        let behind = rest[at + name.len()..].trim_start();
        rest = &rest[at + name.len()..];
        let Some(value) = behind.strip_prefix('=').filter(|_| before.is_some_and(char::is_whitespace)) else {
            continue;
        };
        let value = value.trim_start();
        return Some(match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next()?.to_string(),
            _ => value.split([' ', ';', '\t']).next()?.to_string(),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_old_and_java_clients_mean_the_same_here() {
        let set = |name: &'static str, value: &str| Known::As(vec![(name, value.to_string())]);
        assert_eq!(known("request.required.acks", "-1"), set("acks", "-1"));
        assert_eq!(known("compression.codec", "2"), set("compression.type", "snappy"));
        assert_eq!(known("max.request.size", "2097152"), set("message.max.bytes", "2097152"));
        assert_eq!(known("buffer.memory", "33554432"), set("queue.buffering.max.kbytes", "32768"));
        assert_eq!(known("batch.num.messages", "500"), Known::As(Vec::new()), "librdkafka's own name");
        assert!(matches!(known("linger.ms", "5"), Known::Ignored(_)));
        assert!(matches!(known("zookeeper.session.timeout.ms", "30000"), Known::Ignored(_)));
        assert!(matches!(known("transactional.id", "mine"), Known::Refused(_)));
        assert_eq!(known("fetch.max.wait.ms", "9"), set("fetch.wait.max.ms", "9"));
        let classes = "org.apache.kafka.clients.consumer.RangeAssignor, roundrobin";
        let strategy = "partition.assignment.strategy";
        assert_eq!(known(strategy, classes), set(strategy, "range,roundrobin"));
        assert!(matches!(
            known(strategy, "org.apache.kafka.clients.consumer.StickyAssignor"),
            Known::Refused(_)
        ));
        assert!(matches!(known("ssl.truststore.location", "/etc/trust.jks"), Known::Refused(_)));
    }

    #[test]
    fn login_modules_are_understood() {
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"a;b username=x\";";
        let plain = |user: &str, password: &str| {
            Known::As(vec![("sasl.username", user.to_string()), ("sasl.password", password.to_string())])
        };
        assert_eq!(known("sasl.jaas.config", scram), plain("alice", "a;b username=x"));
        let kerberos = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/k\" principal=\"f@R\";";
        let told = Known::As(vec![
            ("sasl.kerberos.keytab", "/k".to_string()),
            ("sasl.kerberos.principal", "f@R".to_string()),
        ]);
        assert_eq!(known("sasl.jaas.config", kerberos), told);
        let cache = "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true;";
        let told = Known::As(vec![("sasl.kerberos.min.time.before.relogin", "0".to_string())]);
        assert_eq!(known("sasl.jaas.config", cache), told);
        let bearer = |options: &str| {
            let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
            known("sasl.jaas.config", &format!("{module} required {options};"))
        };
        let told = Known::As(vec![
            ("enable.sasl.oauthbearer.unsecure.jwt", "true".to_string()),
            ("sasl.oauthbearer.config", "principal=alice".to_string()),
        ]);
        assert_eq!(bearer("unsecuredLoginStringClaim_sub=\"alice\""), told);
        assert!(matches!(bearer("clientId=\"a\" clientSecret=\"b\""), Known::Refused(_)));
        assert!(matches!(known("sasl.jaas.config", "a.b.OwnModule required;"), Known::Refused(_)));
    }

    #[test]
    fn stores_and_switches_of_java_have_their_like() {
        let set = |name: &'static str, value: &str| (name, value.to_string());
        let pem =
            Known::As(vec![set("ssl.certificate.location", "/a.pem"), set("ssl.key.location", "/a.pem")]);
        assert_eq!(known("ssl.keystore.location", "/a.pem"), pem);
        assert_eq!(known("ssl.keystore.location", "/a.p12"), Known::As(Vec::new()));
        assert_eq!(
            known("ssl.truststore.location", "/a.crt"),
            Known::As(vec![set("ssl.ca.location", "/a.crt")])
        );
        let any = Known::As(vec![set("ssl.endpoint.identification.algorithm", "none")]);
        assert_eq!(known("ssl.disableTLSHostnameVerification", "true"), any);
        assert_eq!(known("ssl.endpoint.identification.algorithm", ""), any);
        assert!(matches!(known("ssl.enabled.protocols", "TLSv1.2"), Known::Ignored(_)));
    }
}
