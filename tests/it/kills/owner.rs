//! K2: a channel's directories belong to one process.
use std::fs;
use std::time::Duration;

use super::{FOLLOWED, agent, append, delivered_bytes};
use crate::support::{Agent, rolled, until};

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("line {n}\n")).collect()
}

fn arrives(agent: &Agent, expected: &str) {
    until(|| delivered_bytes(&agent.path("out")) >= expected.len() as u64);
    assert_eq!(String::from_utf8(rolled(&agent.path("out"))).unwrap(), expected, "{}", agent.story());
}

/// A second agent with one directory of the first in place of its own.
fn refused(first: &Agent, theirs: &str) {
    let dir = first.path(theirs);
    let config = FOLLOWED.replace(&format!("@DIR@/{theirs}"), dir.to_str().unwrap());
    let mut second = agent(&config);
    append(&second.path("in/a.log"), b"of the second\n");
    let status = second.run();
    assert_eq!(status.code(), Some(1), "{}", second.story());
    let pid = first.pid();
    let words = format!(
        "the channel directory `{}` belongs to process {pid}: give each channel directories of its own",
        dir.display()
    );
    assert!(second.log().contains(&words), "it does not say `{words}`\n{}", second.story());
    assert!(!second.path("out").exists(), "{}", second.story());
}

#[test]
fn k2_a_second_agent_on_a_channel_directory_is_told_who_owns_it_and_damages_nothing() {
    let mut first = agent(FOLLOWED);
    append(&first.path("in/a.log"), lines(0..1000).as_bytes());
    first.start();
    arrives(&first, &lines(0..1000));
    refused(&first, "fc/data");
    refused(&first, "fc/checkpoint");
    append(&first.path("in/a.log"), lines(1000..2000).as_bytes());
    arrives(&first, &lines(0..2000));
    first.kill();
    append(&first.path("in/a.log"), lines(2000..3000).as_bytes());
    first.start();
    arrives(&first, &lines(0..3000));
    first.stop();
    assert!(!first.log().contains("error"), "{}", first.story());
}

#[test]
fn k2_a_directory_is_free_once_its_owner_is_gone() {
    let mut first = agent(FOLLOWED);
    append(&first.path("in/a.log"), lines(0..10).as_bytes());
    first.start();
    arrives(&first, &lines(0..10));
    first.kill();
    let config = FOLLOWED.replace("@DIR@/fc", first.path("fc").to_str().unwrap());
    let mut second = agent(&config);
    fs::rename(second.path("in"), second.path("none")).unwrap();
    second.start();
    std::thread::park_timeout(Duration::from_millis(50));
    second.stop();
    first.start();
    append(&first.path("in/a.log"), lines(10..20).as_bytes());
    arrives(&first, &lines(0..20));
    first.stop();
}
