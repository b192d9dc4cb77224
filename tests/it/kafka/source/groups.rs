//! Agents that share a group.
use std::thread;
use std::time::Duration;

use super::{agent, broker};
use crate::support::kafka::{Client, Kcat, Version};
use crate::support::lines::{self, Counted};
use crate::support::{Agent, count, rolled, until};

fn lines_of(partition: u32, numbers: std::ops::Range<u64>) -> Vec<u8> {
    numbers.flat_map(|number| [lines::line(partition, number, 60), b"\n".to_vec()].concat()).collect()
}

/// Two agents take turns in a group, each orderly, while messages come.
fn share(version: Version, keys: &str) -> (Agent, Agent, Counted) {
    let broker = broker(version);
    broker.create("lines", 4, &["retention.ms=-1"]);
    let (mut first, mut second) = (agent(&broker, keys), agent(&broker, keys));
    let (kcat, mut written) = (Kcat::at(&broker), 0);
    let mut write = |lines: u64| {
        for partition in 0..4 {
            kcat.produce("lines", partition as i32, &lines_of(partition, written..written + lines));
            written += lines;
        }
        written
    };
    write(500);
    first.start();
    let all =
        |first: &Agent, second: &Agent| [rolled(&first.path("out")), rolled(&second.path("out"))].concat();
    for _ in 0..count(1, 20) {
        second.start();
        write(500);
        thread::park_timeout(Duration::from_millis(300));
        let written = write(500);
        let delivered = || all(&first, &second).iter().filter(|byte| **byte == b'\n').count() as u64;
        assert!(until(|| delivered() >= written), "{}\n{}", first.story(), second.story());
        write(500);
        second.stop();
        write(500);
    }
    let written = write(1);
    let client = Client::at(&broker);
    let ends: Vec<i64> = (0..4)
        .map(|partition| {
            kcat.consume("lines", partition).iter().filter(|byte| **byte == b'\n').count() as i64
        })
        .collect();
    let committed = || (0..4).map(|partition| client.committed("flume", "lines", partition).unwrap_or(0));
    let done = || committed().eq(ends.iter().copied());
    assert!(
        until(done),
        "{:?} of {ends:?}\n{}\n{}\n{}",
        committed().collect::<Vec<_>>(),
        first.status(&[]),
        first.story(),
        second.story()
    );
    first.stop();
    let mut counted = Counted::of(written, &all(&first, &second));
    // Two agents have no order among themselves.
    counted.disordered = 0;
    (first, second, counted)
}

#[test]
fn members_that_come_and_go_in_order_lose_nothing_and_repeat_nothing() {
    for (version, keys) in [
        (Version::V3, "batchSize = 100"),
        (Version::V3, "batchSize = 100\nkafka.partition.assignment.strategy = cooperative-sticky"),
        (Version::Newest, "batchSize = 100\nkafka.consumer.group.protocol = consumer"),
    ] {
        let (first, second, counted) = share(version, keys);
        println!("two agents in a group, `{keys}`: {counted}");
        let story = || format!("{:?}\n{}\n{}", counted.examples, first.story(), second.story());
        assert!(counted.is_exact(), "{counted}\n{}", story());
    }
}
