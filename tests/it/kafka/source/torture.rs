//! Kills of the agent and ends of the broker: every message arrives once, whole and in the order of its partition.
use std::thread;
use std::time::Duration;

use super::{FILE, MEMORY, ROLL, agent, broker, source};
use crate::rotation::writer::Random;
use crate::support::kafka::{Broker, Client, Kcat, Version};
use crate::support::lines::{self, Counted};
use crate::support::{Agent, count, rolled, until};

const PARTITIONS: u64 = 3;

/// Whoever writes numbered lines to a topic.
struct Producer {
    kcat: Kcat,
    random: Random,
    written: u64,
}

impl Producer {
    fn at(broker: &Broker) -> Producer {
        Producer { kcat: Kcat::at(broker), random: Random::new(9), written: 0 }
    }

    /// Some lines to one partition; sometimes as a transaction.
    fn write(&mut self, most: u64) {
        let partition = self.random.below(PARTITIONS) as u32;
        let mut text = Vec::new();
        for _ in 0..1 + self.random.below(most) {
            text.extend(lines::line(partition, self.written, 20 + self.random.below(200) as usize));
            text.push(b'\n');
            self.written += 1;
        }
        let kcat = match self.random.below(3) {
            0 => self.kcat.clone().with("transactional.id=writer"),
            _ => self.kcat.clone(),
        };
        kcat.produce("lines", partition as i32, &text);
    }
}

/// Kills the agent and ends the broker in between, writes all the while, and runs to the end at last.
fn survives(broker: &mut Broker, agent: &mut Agent, (kills, restarts): (u64, u64), seed: u64) -> u64 {
    let (mut producer, mut random) = (Producer::at(broker), Random::new(seed));
    producer.write(50);
    agent.start();
    for kill in 0..kills {
        producer.write(300);
        if kill % (kills / restarts.max(1)) == 5 && restarts > 0 {
            match random.below(2) {
                0 => broker.kill(),
                _ => broker.stop(),
            }
            broker.restart();
            producer.write(300);
        }
        // Some die while they join the group, most while they deliver.
        thread::park_timeout(Duration::from_millis(random.below(2500)));
        agent.kill();
        if kill + 1 < kills {
            agent.spawn();
        }
    }
    producer.write(300);
    let status = agent.run();
    assert!(status.success(), "{}", agent.story());
    producer.written
}

fn exact(what: &str, counted: &Counted, agent: &Agent) {
    println!("{what}, {counted}");
    assert!(counted.is_exact(), "{counted}\n{:?}\n{}", counted.examples, agent.story());
}

#[test]
fn p5_every_message_is_in_the_files_once_through_kills_of_the_agent_and_ends_of_the_broker() {
    let mut broker = broker(Version::V3);
    broker.create("lines", PARTITIONS as i32, &["retention.ms=-1"]);
    let mut agent = agent(&broker, "batchSize = 100").with(&["--until-drained"]);
    let counts = (count(12, 200), count(1, 20));
    let written = survives(&mut broker, &mut agent, counts, 3);
    let counted = Counted::of(written, &rolled(&agent.path("out")));
    let what = format!("topic to files: {} kill -9 of the agent, {} ends of the broker", counts.0, counts.1);
    exact(&what, &counted, &agent);
}

#[test]
fn p5_the_same_through_a_file_channel() {
    let mut broker = broker(Version::V3);
    broker.create("lines", PARTITIONS as i32, &["retention.ms=-1"]);
    let agent = Agent::new(&(source(&broker, "batchSize = 100") + FILE + ROLL));
    std::fs::create_dir(agent.path("out")).unwrap();
    let mut agent = agent.with(&["--until-drained"]);
    let counts = (count(6, 100), 0);
    let written = survives(&mut broker, &mut agent, counts, 4);
    let counted = Counted::of(written, &rolled(&agent.path("out")));
    exact(&format!("topic to files by a file channel: {} kill -9", counts.0), &counted, &agent);
}

#[test]
fn s3_every_message_of_a_topic_is_in_another_once_through_kills() {
    let mut broker = broker(Version::V3);
    broker.create("lines", PARTITIONS as i32, &["retention.ms=-1"]);
    broker.create("copies", 1, &["retention.ms=-1"]);
    let sink = format!(
        "a1.sinks.k1.type = kafka\na1.sinks.k1.channel = c1\na1.sinks.k1.kafka.bootstrap.servers = {}\n\
         a1.sinks.k1.kafka.topic = copies\na1.sinks.k1.allowTopicOverride = false\na1.sinks.k1.syncInterval = 20\n\
         a1.sinks.k1.retryDelay = 20\n",
        broker.bootstrap()
    );
    let mut agent =
        Agent::new(&(source(&broker, "batchSize = 100") + MEMORY + &sink)).with(&["--until-drained"]);
    let counts = (count(6, 100), count(1, 10));
    let written = survives(&mut broker, &mut agent, counts, 5);
    let counted = Counted::of(written, &Kcat::at(&broker).consume("copies", 0));
    let what = format!("topic to topic: {} kill -9 of the agent, {} ends of the broker", counts.0, counts.1);
    exact(&what, &counted, &agent);
}

#[test]
fn p5_offsets_are_never_committed_ahead_of_what_survives() {
    let broker = broker(Version::V3);
    broker.create("lines", 1, &[]);
    Kcat::at(&broker).produce("lines", 0, super::numbered(0, 500).as_bytes());
    let away = "a1.sinks.k1.type = kafka\na1.sinks.k1.channel = c1\na1.sinks.k1.delivery = at-least-once\n\
                a1.sinks.k1.kafka.bootstrap.servers = 127.0.0.1:1\na1.sinks.k1.kafka.topic = none\n";
    let source = source(&broker, "batchSize = 10");
    let mut agent = Agent::new(&(source.clone() + MEMORY + away));
    std::fs::create_dir(agent.path("out")).unwrap();
    agent.start();
    assert!(until(|| agent.status(&[]).contains("500 read")), "{}\n{}", agent.status(&[]), agent.story());
    let client = Client::at(&broker);
    assert_eq!(client.committed("flume", "lines", 0), None);
    agent.kill();
    agent.configure(&(source + MEMORY + ROLL));
    agent.start();
    super::arrives(&agent, &super::numbered(0, 500));
    assert!(until(|| client.committed("flume", "lines", 0) == Some(500)), "{}", agent.story());
    agent.stop();
}
