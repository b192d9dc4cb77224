//! Disks that are full: of the destination, and of the agent's own state.
use std::fs;

use super::{agent, append, arrives, lines, says, shows};
use crate::support::lines::{Counted, line};
use crate::support::{Agent, Tiny, rolled, until};

const COUNT: u64 = 2000;

/// Numbered lines of about 100 bytes, all in one file.
fn write_lines(agent: &Agent) {
    let mut text = Vec::new();
    for number in 0..COUNT {
        text.extend(line(0, number, 90));
        text.push(b'\n');
    }
    append(agent, "in/a.log", text);
}

#[test]
fn a_full_disk_loses_and_repeats_nothing_not_even_with_a_kill_in_between() {
    let mut agent = agent();
    let Some(tiny) = Tiny::mount(agent.path("out"), "512k") else {
        eprintln!("SKIPPED a_full_disk…: no right to mount a small tmpfs");
        return;
    };
    let ballast = tiny.0.join(".ballast");
    fs::write(&ballast, vec![0; 400 << 10]).unwrap();
    write_lines(&agent);
    agent.start();
    says(&agent, "No space left on device");
    shows(&agent, "No space left on device");
    agent.kill();
    agent.spawn();
    says(&agent, "No space left on device");
    fs::remove_file(&ballast).unwrap();
    let all = || rolled(&agent.path("out"));
    until(|| all().iter().filter(|byte| **byte == b'\n').count() as u64 >= COUNT);
    let counted = Counted::of(COUNT, &all());
    assert!(counted.is_exact(), "{counted}\n{}\n{}", counted.examples.join("\n"), agent.story());
    agent.stop();
}

#[test]
fn a_full_disk_under_the_state_is_said_and_nothing_is_lost_or_twice() {
    let mut agent = agent();
    let Some(tiny) = Tiny::mount(agent.path("state"), "64k") else {
        eprintln!("SKIPPED a_full_disk_under_the_state…: no right to mount a small tmpfs");
        return;
    };
    append(&agent, "in/a.log", lines(0..10));
    agent.start();
    arrives(&agent, lines(0..10));
    fs::write(tiny.0.join("ballast"), vec![0; 32 << 10]).unwrap();
    // As much as there is left, page by page.
    let mut rest = 0;
    while fs::write(tiny.0.join(format!("ballast-{rest}")), [0; 4096]).is_ok() {
        rest += 1;
    }
    for round in 1..20 {
        append(&agent, "in/a.log", lines(round * 10..round * 10 + 10));
        arrives(&agent, lines(0..round * 10 + 10));
    }
    agent.kill();
    fs::read_dir(&tiny.0)
        .unwrap()
        .flatten()
        .filter(|file| file.file_name().as_encoded_bytes().starts_with(b"ballast"))
        .for_each(|file| fs::remove_file(file.path()).unwrap());
    append(&agent, "in/a.log", lines(200..210));
    agent.start();
    arrives(&agent, lines(0..210));
    agent.stop();
}
