//! A group of two Kafka sinks with failover while commits are not answered: what the guarantee table says, counted.
//!
//! Each sink reaches the broker over a wire of its own. Both write to one topic.
use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::sink::numbered;
use crate::kills::append;
use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::proxy::{END_TXN, Mode, Proxy};
use crate::support::{Agent, count, until};

/// A file → memory → `k1`, else `k2`.
fn agent(first: &str, second: &str, group: &str) -> Agent {
    let mut text = "a1.sources = r1\na1.channels = c1\na1.sinks = k1 k2\na1.sinkgroups = g1\n\
        a1.sources.r1.type = TAILDIR\na1.sources.r1.filegroups = g\n\
        a1.sources.r1.filegroups.g = @DIR@/in/app.log\na1.sources.r1.channels = c1\n\
        a1.channels.c1.type = memory\na1.channels.c1.capacity = 1000\n\
        a1.sinkgroups.g1.sinks = k1 k2\na1.sinkgroups.g1.processor.type = failover\n\
        a1.sinkgroups.g1.processor.priority.k1 = 2\na1.sinkgroups.g1.processor.priority.k2 = 1\n\
        a1.sinkgroups.g1.processor.maxpenalty = 300\n"
        .to_string();
    for (name, servers) in [("k1", first), ("k2", second)] {
        for key in [
            "type = kafka",
            "channel = c1",
            &format!("kafka.bootstrap.servers = {servers}"),
            "kafka.topic = lines",
            "kafka.producer.delivery.timeout.ms = 1500",
            "retryDelay = 50",
            "reportTimeout = 4000",
        ] {
            text += &format!("a1.sinks.{name}.{key}\n");
        }
    }
    Agent::new(&(text + group))
}

struct Outcome {
    written: u32,
    lost: u32,
    twice: u64,
    possibly: u64,
    story: String,
}

/// Writes while the wire of `k1` goes deaf at commits: the broker commits, and nobody is told.
fn run(group: &str, silences: u64) -> Outcome {
    let (first, second) = (Proxy::new(), Proxy::new());
    let broker = Broker::start(Version::V3, &["--advertise", &first.address()]);
    broker.create("lines", 1, &["retention.ms=-1"]);
    first.lead_to(broker.told("proxied"));
    second.lead_to(broker.told("plaintext"));
    let mut agent = agent(&first.address(), broker.bootstrap(), group);
    let exactly_once = !group.is_empty();
    fs::create_dir(agent.path("in")).unwrap();
    agent.start();
    let mut written = 0;
    let mut write = |lines: u32| {
        append(&agent.path("in/app.log"), numbered(written, written + lines).as_bytes());
        written += lines;
        thread::park_timeout(Duration::from_millis(20));
        written
    };
    let kcat = Kcat::at(&broker);
    let arrived = || kcat.consume("lines", 0).iter().filter(|byte| **byte == b'\n').count() as u32;
    for _ in 0..silences {
        // Its commits are in use again.
        let went_on = until(|| {
            let before = delivered(&agent, "k1");
            write(10);
            delivered(&agent, "k1") > before
        });
        assert!(went_on, "{}\n{}", agent.status(&[]), agent.story());
        first.deaf_at(END_TXN);
        let silent = until(|| {
            write(10);
            first.mode() == Mode::Deaf
        });
        assert!(silent, "{}", agent.story());
        let before = delivered(&agent, "k2");
        let others = exactly_once
            || until(|| {
                write(2);
                delivered(&agent, "k2") > before
            });
        assert!(others, "nobody takes over\n{}\n{}", agent.status(&[]), agent.story());
        // Longer than a commit may take: who waits, waits.
        if exactly_once {
            (0..200).for_each(|_| _ = write(1));
            assert_eq!(delivered(&agent, "k2"), before, "{}", agent.story());
        }
        first.set(Mode::Open);
        first.cut();
    }
    let all = write(10);
    assert!(until(|| arrived() >= all), "{}\n{}", agent.status(&[]), agent.story());
    assert!(
        until(|| delivered(&agent, "k1") + delivered(&agent, "k2") >= u64::from(all)),
        "{}",
        agent.status(&[])
    );
    let possibly =
        counter(&agent, "k1", "possibly_twice_total") + counter(&agent, "k2", "possibly_twice_total");
    let story = format!("{}\n{}", agent.status(&[]), agent.story());
    agent.stop();
    let mut times: HashMap<String, u64> = HashMap::new();
    let text = String::from_utf8(kcat.consume("lines", 0)).unwrap();
    text.lines().for_each(|line| *times.entry(line.to_string()).or_default() += 1);
    let lost = (0..all).filter(|number| !times.contains_key(&format!("line {number}"))).count() as u32;
    let twice = times.values().map(|times| times - 1).sum();
    Outcome { written: all, lost, twice, possibly, story }
}

fn counter(agent: &Agent, sink: &str, name: &str) -> u64 {
    let status: Value = serde_json::from_str(&agent.status(&["--json"])).unwrap_or_default();
    let all = status["components"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|component| component["name"] == sink).cloned().unwrap_or_default();
    found["counters"][name].as_u64().unwrap_or_default()
}

fn delivered(agent: &Agent, sink: &str) -> u64 {
    counter(agent, sink, "delivered_total")
}

#[test]
fn d2_a_group_counts_what_may_come_twice_and_loses_nothing_while_commits_are_not_answered() {
    let Outcome { written, lost, twice, possibly, story } = run("", count(2, 10));
    println!(
        "kafka: a group with failover: written {written}, lost {lost}, twice {twice}, possibly twice {possibly}"
    );
    assert_eq!(lost, 0, "{story}");
    assert!(twice <= possibly && possibly > 0, "twice {twice}, possibly {possibly}\n{story}");
}

#[test]
fn d2_a_group_that_is_exactly_once_waits_for_the_answer_and_nothing_comes_twice() {
    let Outcome { written, lost, twice, possibly, story } =
        run("a1.sinkgroups.g1.delivery = exactly-once\n", count(2, 10));
    println!(
        "kafka: the same, exactly once: written {written}, lost {lost}, twice {twice}, possibly twice {possibly}"
    );
    assert_eq!((lost, twice, possibly), (0, 0, 0), "{story}");
}
