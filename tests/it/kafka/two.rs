//! Two installations with one configuration and files of equal content: neither takes the other's marks for its own, and
//! nobody is fenced. Two copies of one installation, under load: only one of them counts.
use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::Duration;

use super::sink::{agent, numbered};
use crate::kills::append;
use crate::rotation::writer::Random;
use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::{Agent, count, until};

/// How often each line is in the topic.
fn times(kcat: &Kcat) -> HashMap<String, usize> {
    let text = String::from_utf8(kcat.consume("lines", 0)).unwrap();
    let mut times = HashMap::new();
    text.lines().for_each(|line| *times.entry(line.to_string()).or_default() += 1);
    times
}

#[test]
fn k1_two_installations_with_one_configuration_deliver_everything_each() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &["retention.ms=-1"]);
    let of = |name: &str| agent(&broker, "").env("DATAFLOWKIT_INSTALLATION", name);
    let mut hosts = [of("one"), of("two")];
    let (mut random, mut written) = (Random::new(5), 0);
    for host in &mut hosts {
        fs::create_dir(host.path("in")).unwrap();
        host.start();
    }
    for _ in 0..count(4, 40) {
        for _ in 0..10 {
            let lines = numbered(written, written + 50);
            hosts.iter().for_each(|host| append(&host.path("in/app.log"), lines.as_bytes()));
            written += 50;
            thread::park_timeout(Duration::from_millis(random.below(30)));
        }
        let host = &mut hosts[random.below(2) as usize];
        host.kill();
        host.start();
    }
    let kcat = Kcat::at(&broker);
    let expected = 2 * written as usize;
    let arrived = || until(|| times(&kcat).values().sum::<usize>() >= expected);
    assert!(arrived(), "{}\n{}", hosts[0].story(), hosts[1].story());
    hosts.iter_mut().for_each(|host| host.stop());
    let times = times(&kcat);
    let (missing, more) =
        (0..written).fold((0, 0), |(missing, more), number| match times.get(&format!("line {number}")) {
            Some(2) => (missing, more),
            Some(times) if *times > 2 => (missing, more + times - 2),
            times => (missing + 2 - times.unwrap_or(&0), more),
        });
    println!("kafka: two installations, {written} lines each: missing {missing}, too often {more}");
    assert_eq!((missing, more), (0, 0), "{}\n{}", hosts[0].story(), hosts[1].story());
    for host in &hosts {
        assert!(!host.log().contains("another copy"), "{}", host.log());
    }
}

#[test]
fn k2_of_two_copies_under_load_one_counts_and_nothing_comes_twice() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("lines", 1, &["retention.ms=-1"]);
    let (mut first, mut second) = (agent(&broker, ""), agent(&broker, ""));
    fs::create_dir(first.path("in")).unwrap();
    let mut written = 0;
    let mut write = |agent: &Agent| {
        append(&agent.path("in/app.log"), numbered(written, written + 50).as_bytes());
        written += 50;
        thread::park_timeout(Duration::from_millis(5));
        written
    };
    first.start();
    let kcat = Kcat::at(&broker);
    let text = || String::from_utf8(kcat.consume("lines", 0)).unwrap();
    // Who comes last counts: the first has its name before the second asks for it.
    let delivers = until(|| {
        write(&first);
        !text().is_empty()
    });
    assert!(delivers, "{}", first.story());
    // A copy of the machine, state included; its files are those of the first.
    let config = fs::read_to_string(first.path("agent.properties")).unwrap();
    let (own, theirs) = (second.path("in"), first.path("in"));
    let own = own.display().to_string();
    second.configure(&config.replace(&own, theirs.to_str().unwrap()));
    second.start();
    let fenced = "another copy of this instance has taken its place";
    let out = until(|| {
        write(&first);
        first.log().contains(fenced)
    });
    assert!(out, "{}\n{}", first.story(), second.story());
    let all = (0..50).fold(0, |_, _| write(&first));
    let expected = numbered(0, all);
    assert!(until(|| text().len() >= expected.len()), "{}\n{}", first.story(), second.story());
    second.stop();
    assert_eq!(text(), expected, "{}\n{}", first.story(), second.story());
    println!("kafka: two copies, {all} lines: lost 0, twice 0");
}
