//! Ways to log in and to encrypt, beside a broker that knows them all: those that are right, and what is said of those
//! that are wrong.
//!
//! One broker and two agents: a source that is replicated to a sink for each way.
use std::fs;
use std::process::Command;

use crate::kills::append;
use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::proxy::Proxy;
use crate::support::{Agent, until};

/// A sink: its name, which is its topic's too, and its keys.
type Way = (&'static str, String);

const LINES: &str = "one\ntwo\n";

/// Two lines of a file → a memory channel for each → a sink for each.
fn agent(ways: &[Way]) -> Agent {
    let names: Vec<&str> = ways.iter().map(|(name, _)| *name).collect();
    let names = names.join(" ");
    let mut text = format!(
        "a1.sources = r1\na1.channels = {names}\na1.sinks = {names}\na1.sources.r1.type = TAILDIR\n\
         a1.sources.r1.filegroups = g\na1.sources.r1.filegroups.g = @DIR@/in/app.log\n\
         a1.sources.r1.channels = {names}\n"
    );
    for (name, keys) in ways {
        text += &format!("a1.channels.{name}.type = memory\na1.sinks.{name}.type = kafka\n");
        text += &format!("a1.sinks.{name}.channel = {name}\na1.sinks.{name}.retryDelay = 100\n");
        if !keys.contains("topics = ") {
            text += &format!("a1.sinks.{name}.kafka.topic = {name}\n");
        }
        keys.lines().for_each(|key| text += &format!("a1.sinks.{name}.{key}\n"));
    }
    let agent = Agent::new(&text);
    fs::create_dir(agent.path("in")).unwrap();
    append(&agent.path("in/app.log"), LINES.as_bytes());
    agent
}

/// A listener and a protocol.
fn at(broker: &Broker, listener: &str, protocol: &str) -> String {
    let servers = broker.told(listener);
    format!("kafka.bootstrap.servers = {servers}\nkafka.producer.security.protocol = {protocol}\n")
}

fn login(mechanism: &str, module: &str, user: &str, password: &str) -> String {
    format!(
        "kafka.producer.sasl.mechanism = {mechanism}\nkafka.producer.sasl.jaas.config = \
         org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{password}\";\n"
    )
}

fn scram(mechanism: &str) -> String {
    login(mechanism, "scram.ScramLoginModule", "alice", "alice-secret")
}

fn plain(user: &str, password: &str) -> String {
    login("PLAIN", "plain.PlainLoginModule", user, password)
}

/// Java's names: trust and key stores.
fn trusts(broker: &Broker) -> String {
    format!("kafka.producer.ssl.truststore.location = {}/ca.pem\n", broker.told("tls"))
}

fn trusts_by(broker: &Broker, file: &str, password: &str) -> String {
    format!(
        "kafka.producer.ssl.truststore.location = {}/{file}\nkafka.producer.ssl.truststore.password = {password}\n",
        broker.told("tls")
    )
}

fn has_kerberos() -> bool {
    let there = |program: &str| {
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let found =
            Command::new("sh").env("PATH", path).args(["-c", &format!("command -v {program}")]).output();
        found.is_ok_and(|found| found.status.success())
    };
    ["krb5kdc", "kadmin.local", "kinit"].into_iter().all(there)
}

fn right(broker: &Broker, other_host: &Proxy) -> Vec<Way> {
    let (sasl, tls) = (at(broker, "sasl_plaintext", "SASL_PLAINTEXT"), broker.told("tls"));
    let bearer = "kafka.producer.sasl.mechanism = OAUTHBEARER\nkafka.producer.sasl.jaas.config = \
        org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
        unsecuredLoginStringClaim_sub=\"alice\";\n";
    let pem = format!(
        "kafka.producer.ssl.certificate.location = {tls}/client.pem\nkafka.producer.ssl.key.location = {tls}/client.key\n"
    );
    let pkcs12 = format!(
        "kafka.producer.ssl.keystore.type = PKCS12\nkafka.producer.ssl.keystore.location = {tls}/client.p12\n\
         kafka.producer.ssl.keystore.password = changeit\nkafka.producer.ssl.enabled.protocols = TLSv1.2,TLSv1.3\n"
    );
    // As files of Flume have them.
    let stores = |kind: &str| {
        format!(
            "kafka.producer.ssl.truststore.location = {tls}/truststore.{kind}\n\
             kafka.producer.ssl.truststore.password = changeit\n\
             kafka.producer.ssl.keystore.location = {tls}/client.{kind}\n\
             kafka.producer.ssl.keystore.password = changeit\nkafka.producer.ssl.key.password = changeit\n"
        )
    };
    let jks = at(broker, "ssl", "SSL") + &stores("jks");
    let java = at(broker, "ssl", "SSL") + &stores("p12");
    let ssl = at(broker, "ssl", "SSL") + &trusts(broker);
    let sasl_ssl = at(broker, "sasl_ssl", "SASL_SSL") + &trusts(broker);
    let there = format!(
        "kafka.bootstrap.servers = {}\nkafka.producer.security.protocol = SASL_SSL\n\
         kafka.producer.ssl.disableTLSHostnameVerification = true\n",
        other_host.address()
    );
    let mut ways = vec![
        ("plain", sasl.clone() + &plain("alice", "alice-secret")),
        ("scram256", sasl.clone() + &scram("SCRAM-SHA-256")),
        ("scram512", sasl.clone() + &scram("SCRAM-SHA-512")),
        ("bearer", sasl.clone() + bearer),
        ("withpem", ssl.clone() + &pem),
        ("withpkcs12", ssl + &pkcs12),
        ("withjks", jks),
        ("withjavapkcs12", java),
        ("saslssl", sasl_ssl + &scram("SCRAM-SHA-512")),
        ("anyhost", there + &trusts(broker) + &plain("alice", "alice-secret")),
        ("catalog", "topics = secure.catalog\n".to_string()),
        ("bob", sasl + &plain("bob", "bob-secret")),
    ];
    if has_kerberos() {
        let module = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true";
        let keytab = format!("{}/test.keytab", broker.told("kerberos"));
        let jaas = format!("{module} keyTab=\"{keytab}\" principal=\"flume@TEST.LOCAL\";");
        let keys =
            "kafka.producer.sasl.mechanism = GSSAPI\nkafka.producer.sasl.kerberos.service.name = kafka\n";
        let keys = format!("{keys}kafka.producer.sasl.jaas.config = {jaas}\n");
        ways.push(("gssapi", at(broker, "gssapi", "SASL_PLAINTEXT") + &keys));
    }
    ways
}

/// What is wrong, and what is said of it.
fn wrong(broker: &Broker, other_host: &Proxy) -> Vec<(Way, &'static str)> {
    let (sasl, ssl) = (at(broker, "sasl_plaintext", "SASL_PLAINTEXT"), at(broker, "ssl", "SSL"));
    let other = format!(
        "kafka.bootstrap.servers = {}\nkafka.producer.security.protocol = SSL\n",
        other_host.address()
    );
    let user = "the brokers refuse its user or password: look at `sasl.*` here or in the catalog";
    vec![
        (("password", sasl.clone() + &plain("alice", "guess")), user),
        (("scrampassword", sasl + &scram("SCRAM-SHA-256").replace("alice-secret", "guess")), user),
        (
            ("authority", ssl.clone()),
            "the certificate of the brokers is of no authority that is trusted here, or for another host: name",
        ),
        (
            ("nostore", ssl.clone() + "kafka.producer.ssl.truststore.location = /nowhere/truststore.jks\n"),
            "cannot read the trust store `/nowhere/truststore.jks`: No such file or directory",
        ),
        (
            ("storepassword", ssl.clone() + &trusts_by(broker, "truststore.jks", "guess")),
            "was damaged, or the store's password is another one",
        ),
        (
            ("nocertificate", ssl + &trusts(broker)),
            "the brokers want a certificate of their clients, of an authority that they trust: name one by",
        ),
        (
            ("otherhost", other + &trusts(broker)),
            "or for another host: name the authority's by `ssl.ca.location`, or correct the address",
        ),
        (
            ("tlstoplain", at(broker, "plaintext", "SSL")),
            "the brokers do not speak TLS at this port: correct the port, or `security.protocol`",
        ),
        (
            ("plaintotls", at(broker, "ssl", "PLAINTEXT")),
            "the brokers end the connection at its first word: if it is TLS that they want at this port, set",
        ),
    ]
}

#[test]
fn every_way_to_log_in_works_and_what_is_wrong_with_one_is_said() {
    let mut options = vec!["--sasl", "--tls", "requested", "--acl"];
    options.extend(["--set", "listener.name.ssl.ssl.client.auth=required"]);
    options.extend(["--set", "auto.create.topics.enable=false"]);
    match has_kerberos() {
        true => options.push("--gssapi"),
        false => {
            println!("skip  kafka::security with GSSAPI: there is no KDC (`tests/run kafka` installs one)")
        }
    }
    let broker = Broker::start(Version::Newest, &options);
    let (sasl_ssl, ssl) = (Proxy::at("127.0.0.2"), Proxy::at("127.0.0.2"));
    sasl_ssl.lead_to(broker.told("sasl_ssl"));
    ssl.lead_to(broker.told("ssl"));
    those_that_are_right(&broker, &sasl_ssl);
    those_that_are_wrong(&broker, &ssl);
    a_topic_that_is_not_made_and_one_that_is_not_allowed(&broker);
}

fn those_that_are_right(broker: &Broker, other_host: &Proxy) {
    let ways = right(broker, other_host);
    ways.iter().for_each(|(name, _)| broker.create(name, 1, &[]));
    let agent = agent(&ways);
    fs::create_dir_all(agent.path("env/kafka")).unwrap();
    fs::create_dir(agent.path("credentials")).unwrap();
    fs::write(agent.path("credentials/kafka-secure"), "alice-secret\n").unwrap();
    let entry = format!(
        "brokers = [\"{}\"]\n[client]\n\"security.protocol\" = \"sasl_ssl\"\n\"ssl.ca.location\" = \"{}/ca.pem\"\n\
         \"sasl.mechanisms\" = \"SCRAM-SHA-512\"\n\"sasl.username\" = \"alice\"\n\
         \"sasl.password\" = {{ credential = \"kafka-secure\" }}\n",
        broker.told("sasl_ssl"),
        broker.told("tls")
    );
    fs::write(agent.path("env/kafka/secure.toml"), entry).unwrap();
    let (root, credentials) = (agent.path("env"), agent.path("credentials"));
    let mut agent = agent
        .with(&["--env-root", root.to_str().unwrap()])
        .env("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    if has_kerberos() {
        let realm = format!("{}/krb5.conf", broker.told("kerberos"));
        agent = agent.env("KRB5_CONFIG", &realm);
    }
    agent.start();
    let kcat = Kcat::at(broker);
    for (name, _) in &ways {
        let arrived = until(|| kcat.consume(name, 0) == LINES.as_bytes());
        assert!(arrived, "{name}\n{}\n{}", agent.status(&[]), agent.story());
    }
    let said = "sink `bob` delivers at least once: transactions are not to be had: its user may not use its transactional id";
    assert!(agent.log().contains(said), "{}", agent.log());
    assert_eq!(agent.log().matches("delivers at least once").count(), 1, "{}", agent.log());
    let told = [agent.log(), agent.status(&["--json"])].concat();
    assert!(!told.contains("alice-secret"), "{told}");
    println!("kafka: {} ways to log in", ways.len());
    agent.stop();
}

fn those_that_are_wrong(broker: &Broker, other_host: &Proxy) {
    let wrong = wrong(broker, other_host);
    wrong.iter().for_each(|((name, _), _)| broker.create(name, 1, &[]));
    let ways: Vec<Way> = wrong.iter().map(|(way, _)| way.clone()).collect();
    let mut agent = agent(&ways);
    agent.start();
    for ((name, _), sentence) in &wrong {
        let said = |text: &str| {
            let own = text.lines().any(|line| line.contains(sentence));
            own && (text.contains("waiting for brokers `") || sentence.contains("store"))
        };
        let in_status = || {
            let status = agent.status(&[]);
            let own =
                status.split(&format!("  sink {name} (kafka): ")).nth(1).unwrap_or_default().to_string();
            said(own.split("\n  sink").next().unwrap_or_default()) && own.contains(", since 2")
        };
        assert!(until(in_status), "{name}: {sentence}\n{}\n{}", agent.status(&[]), agent.story());
        let lines: Vec<String> =
            agent.log().lines().filter(|line| line.contains(&format!("`{name}`"))).map(Into::into).collect();
        assert!(lines.iter().any(|line| line.contains(sentence)), "{name}: {sentence}\n{lines:#?}");
        assert!(lines.len() < 8, "{lines:#?}");
    }
    let dead = agent.path("state/dead-letters");
    assert!(!dead.exists(), "{}", agent.story());
    agent.stop();
}

fn a_topic_that_is_not_made_and_one_that_is_not_allowed(broker: &Broker) {
    let sasl = at(broker, "sasl_plaintext", "SASL_PLAINTEXT") + "kafka.producer.delivery.timeout.ms = 3000\n";
    let (alice, carol) = (plain("alice", "alice-secret"), plain("carol", "carol-secret"));
    broker.create("forbidden", 1, &[]);
    let mut agent = agent(&[("nowhere", sasl.clone() + &alice), ("forbidden", sasl + &carol)]);
    agent.start();
    // An operator can mend that, so it waits.
    let waits =
        "its user may not write to the topic: allow it (`Write`); until then nothing is lost, and all waits";
    assert!(until(|| agent.status(&[]).contains(waits)), "{}\n{}", agent.status(&[]), agent.story());
    assert!(
        agent.log().contains(waits) && !agent.path("state/dead-letters/forbidden").exists(),
        "{}",
        agent.story()
    );
    let kept =
        |agent: &Agent| fs::read_dir(agent.path("state/dead-letters/nowhere")).into_iter().flatten().count();
    assert!(until(|| kept(&agent) == 2), "{}\n{}", agent.status(&[]), agent.story());
    let said = "the topic is not there and the brokers do not create it";
    assert!(until(|| agent.log().contains(said)), "{}", agent.log());
    // Once it is there, all else arrives.
    broker.create("nowhere", 1, &[]);
    let kcat = Kcat::at(broker);
    let arrives = || {
        append(&agent.path("in/app.log"), b"three\n");
        !kcat.consume("nowhere", 0).is_empty()
    };
    assert!(until(arrives), "{}\n{}", agent.status(&[]), agent.story());
    // A stop would wait for what is forbidden.
    agent.kill();
}
