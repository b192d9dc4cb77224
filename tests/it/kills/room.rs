//! Disks without room for the channel: sources wait and say so, and all arrives once there is room again.
use std::fs;
use std::ops::Range;
use std::path::Path;

use super::{Blocked, FOLLOWED, agent, append, component, delivered_bytes, depth};
use crate::support::lines::{Counted, line};
use crate::support::{Agent, Tiny, rolled, until};

const LINES: u64 = 60_000;

/// An agent whose channel lies on a small disk; `None`, and a word, where nothing can be mounted.
fn on_a_small_disk(size: &str, minimum: u64) -> Option<(Agent, Tiny)> {
    let keys =
        format!("a1.channels.c1.minimumRequiredSpace = {minimum}\na1.channels.c1.maxFileSize = 1048576\n");
    let agent = agent(&(FOLLOWED.to_string() + &keys));
    let mounted = Tiny::mount(agent.path("fc"), size);
    if mounted.is_none() {
        eprintln!("SKIPPED: no right to mount a small tmpfs");
    }
    Some((agent, mounted?))
}

/// Numbered lines of about 200 bytes.
fn write_lines(agent: &Agent, numbers: Range<u64>) {
    let mut text = Vec::new();
    for number in numbers {
        text.extend(line(0, number, 190));
        text.push(b'\n');
    }
    append(&agent.path("in/a.log"), &text);
}

/// S4: a channel without any record would wait for its destinations. So it gets one line through first; then its
/// destination goes away, and all the other lines come.
fn with_a_backlog(agent: &mut Agent) -> Blocked {
    write_lines(agent, 0..1);
    agent.start();
    assert!(until(|| delivered_bytes(&agent.path("out")) > 0), "{}", agent.story());
    agent.stop();
    write_lines(agent, 1..LINES);
    Blocked::new(agent.path("out"))
}

/// Fills a disk to the last block.
fn fill(dir: &Path) {
    let (mut size, mut part) = (64 << 20, 0);
    while size >= 4096 {
        // A write that fails has filled what there was.
        let _ = fs::write(dir.join(format!("ballast-{part}")), vec![0u8; size]);
        (size, part) = (size / 2, part + 1);
    }
}

fn empty(dir: &Path) {
    let all = fs::read_dir(dir).unwrap().flatten();
    let ballast = all.filter(|file| file.file_name().as_encoded_bytes().starts_with(b"ballast"));
    ballast.for_each(|file| fs::remove_file(file.path()).unwrap());
}

fn says(agent: &Agent, words: &str) {
    assert!(until(|| agent.log().contains(words)), "it does not say `{words}`\n{}", agent.story());
}

/// The source waits for the channel, and the channel says what is wrong.
fn waits(agent: &Agent, trouble: &str) {
    let told = || {
        let said = component(agent, "channel")["trouble"].as_str().is_some_and(|t| t.contains(trouble));
        said && component(agent, "source")["state"] == "waiting"
    };
    assert!(until(told), "no `{trouble}`\n{}\n{}", agent.status(&[]), agent.story());
}

fn has_arrived(agent: &Agent) -> bool {
    let written = fs::metadata(agent.path("in/a.log")).unwrap().len();
    let mut seen = 0;
    while delivered_bytes(&agent.path("out")) < written {
        if !until(|| delivered_bytes(&agent.path("out")) > seen) {
            return false;
        }
        seen = delivered_bytes(&agent.path("out"));
    }
    true
}

fn all_arrives(agent: &mut Agent) {
    assert!(has_arrived(agent), "{}\n{}", agent.status(&[]), agent.story());
    agent.stop();
    let counted = Counted::of(LINES, &rolled(&agent.path("out")));
    assert!(counted.is_exact(), "{counted}\n{}\n{}", counted.examples.join("\n"), agent.story());
}

#[test]
fn a_source_waits_where_the_channel_would_leave_less_than_minimum_required_space() {
    let Some((mut agent, _small)) = on_a_small_disk("16m", 12 << 20) else { return };
    let blocked = with_a_backlog(&mut agent);
    agent.start();
    waits(&agent, "above minimumRequiredSpace");
    // The destination comes back: what it takes gives room, to the end.
    blocked.lift();
    all_arrives(&mut agent);
}

#[test]
fn a_channel_that_filled_its_disk_is_drained_and_goes_on() {
    let Some((mut agent, _small)) = on_a_small_disk("8m", 1 << 20) else { return };
    let blocked = with_a_backlog(&mut agent);
    agent.start();
    waits(&agent, "");
    agent.kill();
    agent.start();
    waits(&agent, "");
    blocked.lift();
    all_arrives(&mut agent);
}

#[test]
fn a_disk_that_others_filled_stops_nothing_for_good() {
    let Some((mut agent, small)) = on_a_small_disk("32m", 1 << 20) else { return };
    let blocked = with_a_backlog(&mut agent);
    fill(&small.0);
    agent.start();
    waits(&agent, "");
    agent.kill();
    // Full while it starts, too.
    agent.start();
    waits(&agent, "");
    blocked.lift();
    empty(&small.0);
    all_arrives(&mut agent);
}

#[test]
fn a_disk_that_is_full_at_the_very_first_start_is_waited_for() {
    let Some((mut agent, small)) = on_a_small_disk("32m", 1 << 20) else { return };
    fill(&small.0);
    write_lines(&agent, 0..LINES);
    agent.start();
    says(&agent, "cannot begin a segment");
    waits(&agent, "");
    empty(&small.0);
    all_arrives(&mut agent);
}

#[test]
fn a_full_disk_does_not_keep_what_it_holds_from_its_destination() {
    let Some((mut agent, small)) = on_a_small_disk("32m", 1 << 20) else { return };
    let blocked = with_a_backlog(&mut agent);
    agent.start();
    assert!(until(|| depth(&agent) >= LINES - 1), "{}", agent.story());
    fill(&small.0);
    agent.kill();
    blocked.lift();
    // No room for marks either: the destination keeps its own.
    agent.start();
    assert!(has_arrived(&agent), "{}", agent.story());
    agent.kill();
    agent.start();
    empty(&small.0);
    all_arrives(&mut agent);
}
