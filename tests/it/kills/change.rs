//! A channel that becomes another kind of channel under the same name: nothing lost, nothing twice, whether its
//! destination keeps a record or not.
use super::{FOLLOWED, agent, append, delivered_bytes};
use crate::support::{Agent, rolled, until};

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("line {n}\n")).collect()
}

/// The channel as another kind, with none of the file channel's keys.
fn with_channel(config: &str, kind: &str) -> String {
    let other = |line: &&str| !line.contains("a1.channels.c1.");
    let rest: String = config.lines().filter(other).map(|line| format!("{line}\n")).collect();
    rest + &format!("a1.channels.c1.type = {kind}\na1.channels.c1.capacity = 10000\n")
}

fn to_the_log(config: &str) -> String {
    let other = |line: &&str| !line.contains("a1.sinks.k1.");
    let rest: String = config.lines().filter(other).map(|line| format!("{line}\n")).collect();
    rest + "a1.sinks.k1.type = logger\na1.sinks.k1.channel = c1\n"
}

/// Starts, appends, waits until all so far has arrived, ends.
fn run_through(agent: &mut Agent, numbers: std::ops::Range<u32>, kill: bool) {
    append(&agent.path("in/a.log"), lines(numbers.clone()).as_bytes());
    agent.start();
    let (out, expected) = (agent.path("out"), lines(0..numbers.end));
    until(|| delivered_bytes(&out) >= expected.len() as u64);
    assert_eq!(String::from_utf8(rolled(&out)).unwrap(), expected, "{}", agent.story());
    if kill { agent.kill() } else { agent.stop() }
}

/// The same with a sink whose destination keeps no record.
fn log_through(agent: &mut Agent, numbers: std::ops::Range<u32>) {
    append(&agent.path("in/a.log"), lines(numbers.clone()).as_bytes());
    agent.start();
    let last = format!("line {} }}", numbers.end - 1);
    assert!(until(|| agent.log().contains(&last)), "{}", agent.story());
    agent.stop();
    assert_eq!(agent.log().matches("Event: {").count(), numbers.len(), "{}", agent.story());
}

fn changes(from: &str, to: &str) {
    let of = |config: &str, kind: &str| match kind {
        "file" => config.to_string(),
        other => with_channel(config, other),
    };
    for kill in [false, true] {
        let mut agent = agent(&of(FOLLOWED, from));
        run_through(&mut agent, 0..500, kill);
        agent.configure(&of(FOLLOWED, to));
        run_through(&mut agent, 500..700, kill);
        run_through(&mut agent, 700..800, kill);
        agent.configure(&of(FOLLOWED, from));
        run_through(&mut agent, 800..900, kill);
    }
    let config = to_the_log(FOLLOWED);
    let mut agent = agent(&of(&config, from));
    log_through(&mut agent, 0..50);
    agent.configure(&of(&config, to));
    log_through(&mut agent, 50..70);
    log_through(&mut agent, 70..80);
    agent.configure(&of(&config, from));
    log_through(&mut agent, 80..90);
}

#[test]
fn a_memory_channel_that_becomes_a_file_channel_keeps_its_positions() {
    changes("memory", "file");
}

#[test]
fn a_file_channel_that_becomes_a_memory_channel_keeps_its_positions() {
    changes("file", "memory");
}

#[test]
fn a_file_channel_that_becomes_spillable_keeps_its_log() {
    let mut agent = agent(FOLLOWED);
    run_through(&mut agent, 0..500, true);
    agent.configure(&FOLLOWED.replace("c1.type = file", "c1.type = SPILLABLEMEMORY"));
    run_through(&mut agent, 500..700, true);
    agent.configure(FOLLOWED);
    run_through(&mut agent, 700..800, false);
}
