//! Logins and TLS where messages are read: a source, and two channels of one agent.
use std::fs;

use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::{Agent, rolled, until};

/// A login over TLS, by the names of Java's clients, for a source or one end of a channel.
fn login(broker: &Broker, at: &str, family: &str, password: &str) -> String {
    format!(
        "{at}.{family}.security.protocol = SASL_SSL\n{at}.{family}.sasl.mechanism = SCRAM-SHA-512\n\
         {at}.{family}.sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required \
         username=\"alice\" password=\"{password}\";\n\
         {at}.{family}.ssl.truststore.location = {}/ca.pem\n",
        broker.told("tls")
    )
}

/// Topic `lines` → topics `relay1` and `relay2` as channels → files of each.
fn agent(broker: &Broker, password: &str) -> Agent {
    let servers = broker.told("sasl_ssl");
    let mut text = format!(
        "a1.sources = r1\na1.channels = c1 c2\na1.sinks = k1 k2\na1.sources.r1.channels = c1 c2\n\
         a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource\n\
         a1.sources.r1.kafka.bootstrap.servers = {servers}\na1.sources.r1.kafka.topics = lines\n\
         a1.sources.r1.batchDurationMillis = 50\na1.sources.r1.auto.offset.reset = earliest\n"
    );
    text += &login(broker, "a1.sources.r1", "kafka.consumer", password);
    for number in [1, 2] {
        let channel = format!("a1.channels.c{number}");
        text += &format!(
            "{channel}.type = org.apache.flume.channel.kafka.KafkaChannel\n\
             {channel}.kafka.bootstrap.servers = {servers}\n{channel}.kafka.topic = relay{number}\n\
             a1.sinks.k{number}.type = file_roll\na1.sinks.k{number}.channel = c{number}\n\
             a1.sinks.k{number}.sink.directory = @DIR@/out{number}\na1.sinks.k{number}.sink.rollInterval = 0\n"
        );
        text += &login(broker, &channel, "kafka.producer", "alice-secret");
        text += &login(broker, &channel, "kafka.consumer", "alice-secret");
    }
    let agent = Agent::new(&text);
    ["out1", "out2"].iter().for_each(|dir| fs::create_dir(agent.path(dir)).unwrap());
    agent
}

fn numbered(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("line {number}\n")).collect()
}

#[test]
fn a_source_and_two_channels_of_one_agent_log_in_over_tls() {
    let broker = Broker::start(Version::Newest, &["--sasl", "--tls", "requested"]);
    ["lines", "relay1", "relay2"].iter().for_each(|topic| broker.create(topic, 1, &["retention.ms=-1"]));
    let kcat = Kcat::at(&broker);
    kcat.produce("lines", 0, numbered(0, 500).as_bytes());
    let mut wrong = agent(&broker, "guess");
    wrong.start();
    let refused = format!(
        "failing: waiting for brokers `{}`: the brokers refuse its user or password",
        broker.told("sasl_ssl")
    );
    assert!(until(|| wrong.status(&[]).contains(&refused)), "{}\n{}", wrong.status(&[]), wrong.story());
    wrong.stop();
    let mut agent = agent(&broker, "alice-secret");
    agent.start();
    for end in [500, 1000] {
        for out in ["out1", "out2"] {
            let written = || rolled(&agent.path(out)) == numbered(0, end).as_bytes();
            assert!(until(written), "{out}\n{}\n{}", agent.status(&[]), agent.story());
        }
        if end == 500 {
            agent.kill();
            kcat.produce("lines", 0, numbered(500, 1000).as_bytes());
            agent.start();
        }
    }
    let told = [agent.log(), agent.status(&["--json"])].concat();
    assert!(!told.contains("alice-secret"), "{told}");
    agent.stop();
}
