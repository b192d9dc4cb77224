//! C5, C2 for channels that keep a log: what becomes of it when the channel is removed, renamed, moved or made a memory
//! channel.
use std::fs::{self, OpenOptions};
use std::io::Write;

use crate::support::lines::{Counted, line};
use crate::support::{Agent, rolled, until};

const SOURCE: &str = "
a1.sources = r1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.channels = CHANNEL
a1.channels = CHANNEL
a1.channels.CHANNEL.type = TYPE
";

const SINK: &str = "
a1.sinks = k1
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = CHANNEL
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.syncInterval = 20
";

fn config(channel: &str, kind: &str, parts: &[&str]) -> String {
    let text = format!("{SOURCE}{}", parts.concat());
    text.replace("CHANNEL", channel).replace("TYPE", kind)
}

fn agent(config: &str) -> Agent {
    let agent = Agent::new(config);
    fs::create_dir(agent.path("in")).unwrap();
    fs::create_dir(agent.path("out")).unwrap();
    agent
}

fn write(agent: &Agent, numbers: std::ops::Range<u64>) {
    let mut file = OpenOptions::new().append(true).create(true).open(agent.path("in/a.log")).unwrap();
    for number in numbers {
        let mut text = line(0, number, 60);
        text.push(b'\n');
        file.write_all(&text).unwrap();
    }
}

/// Runs until so many lines have arrived.
fn deliver(agent: &mut Agent, lines: u64) {
    agent.start();
    let count =
        |agent: &Agent| rolled(&agent.path("out")).split_inclusive(|byte| *byte == b'\n').count() as u64;
    let arrived = until(|| count(agent) >= lines);
    assert!(arrived, "{} of {lines}\n{}", count(agent), agent.story());
    agent.stop();
    let counted = Counted::of(lines, &rolled(&agent.path("out")));
    assert!(counted.is_exact(), "{counted}\n{:?}\n{}", counted.examples, agent.story());
}

fn inspected(agent: &Agent) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
    let output = command.args(["channel", "inspect"]).arg(agent.path("state")).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Runs without a sink until so many events wait in the channel.
fn hold(agent: &mut Agent, events: u64) {
    agent.start();
    let waiting = format!("\n  source r1: {events} events wait, ");
    let held = until(|| inspected(agent).contains(&waiting));
    assert!(held, "{}\n{}", inspected(agent), agent.story());
    agent.stop();
}

#[test]
fn c5_the_log_of_a_renamed_channel_goes_once_it_is_empty_and_nothing_repeats() {
    let mut agent = agent(&config("c1", "file", &[SINK]));
    write(&agent, 0..500);
    deliver(&mut agent, 500);
    assert!(agent.path("state/channel-c1.dirs").exists());
    agent.configure(&config("c2", "file", &[SINK]));
    write(&agent, 500..800);
    deliver(&mut agent, 800);
    assert!(agent.log().contains("channel `c1` is not configured any more: its log in "), "{}", agent.log());
    assert!(!agent.path("state/channel-c1.dirs").exists(), "{}", agent.story());
    let left = fs::read_dir(agent.path("state/channel-c1/data")).unwrap().flatten();
    assert!(!left.into_iter().any(|entry| entry.path().extension().is_some_and(|e| e == "dfklog")));
}

#[test]
fn c5_what_waits_in_the_log_of_a_channel_that_is_in_memory_now_is_named_and_read_again() {
    let mut agent = agent(&config("c1", "file", &[SINK]));
    write(&agent, 0..500);
    deliver(&mut agent, 500);
    agent.configure(&config("c1", "file", &[]));
    write(&agent, 500..700);
    hold(&mut agent, 200);
    agent.configure(&config("c1", "memory", &[SINK]));
    write(&agent, 700..800);
    deliver(&mut agent, 800);
    let told = "channel `c1` keeps no log any more, and 200 events wait in its log in ";
    assert!(agent.log().contains(told), "{}", agent.log());
    assert!(
        agent
            .log()
            .contains("200 are read again where their source still has them, 0 came without a position")
    );
    assert!(agent.path("state/channel-c1.dirs").exists());
    // What waited has come by another way: at the next start the log is empty, and goes.
    write(&agent, 800..900);
    deliver(&mut agent, 900);
    assert!(!agent.path("state/channel-c1.dirs").exists(), "{}", agent.story());
    agent.configure(&config("c1", "file", &[SINK]));
    write(&agent, 900..1000);
    deliver(&mut agent, 1000);
}

#[test]
fn a_channel_that_goes_back_to_its_log_delivers_nothing_that_memory_has_delivered() {
    let sink =
        SINK.replace("a1.sinks.k1.type", "a1.sinks.k1.serializer.appendNewline = true\na1.sinks.k1.type");
    let mut agent = agent(&config("c1", "file", &[&sink]));
    write(&agent, 0..100);
    deliver(&mut agent, 100);
    agent.configure(&config("c1", "file", &[]));
    write(&agent, 100..300);
    hold(&mut agent, 200);
    agent.configure(&config("c1", "memory", &[&sink]));
    write(&agent, 300..400);
    deliver(&mut agent, 400);
    // The destination's own record does not help: it is gone.
    for entry in fs::read_dir(agent.path("out")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with('.') {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    agent.configure(&config("c1", "file", &[&sink]));
    write(&agent, 400..500);
    deliver(&mut agent, 500);
}

#[test]
fn c5_events_that_nobody_can_read_again_are_counted_and_kept() {
    let netcat = "
a1.sources = r1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.channels = CHANNEL
a1.channels = CHANNEL
a1.channels.CHANNEL.type = TYPE
";
    let config = |channel: &str, kind: &str| netcat.replace("CHANNEL", channel).replace("TYPE", kind);
    let mut agent = agent(&config("c1", "file"));
    agent.start();
    let mut peer = agent.connect();
    peer.write_all(b"one\ntwo\nthree\n").unwrap();
    assert!(until(|| agent.status(&["--json"]).contains("\"events_on_disk\": 3")), "{}", agent.story());
    drop(peer);
    agent.stop();
    agent.configure(&config("c2", "memory"));
    for _ in 0..2 {
        agent.start();
        agent.stop();
        let told = "channel `c1` is not configured any more, and 3 events wait in its log in ";
        assert!(agent.log().contains(told), "{}", agent.log());
        assert!(agent.log().contains("3 came without a position and are nowhere else"), "{}", agent.log());
    }
    let state = agent.path("state/channel-c1");
    let export = ["channel", "export", "--raw", state.to_str().unwrap()];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dataflowkit")).args(export).output().unwrap();
    assert_eq!(output.stdout, b"one\ntwo\nthree\n");
}

#[test]
fn a_renamed_channel_that_keeps_its_directories_keeps_its_log() {
    let dirs =
        "a1.channels.CHANNEL.dataDirs = @DIR@/d1,@DIR@/d2\na1.channels.CHANNEL.checkpointDir = @DIR@/cp\n";
    let mut agent = agent(&config("c1", "file", &[dirs]));
    write(&agent, 0..300);
    hold(&mut agent, 300);
    agent.configure(&config("c2", "file", &[dirs, SINK]));
    write(&agent, 300..400);
    deliver(&mut agent, 400);
    assert!(agent.log().contains("its log is that of another channel now"), "{}", agent.log());
    assert!(!agent.path("state/channel-c1.dirs").exists());
}

#[test]
fn a_channel_with_other_directories_names_the_log_it_left_and_goes_on_where_it_was() {
    let dirs = |dir: &str| format!("a1.channels.CHANNEL.dataDirs = @DIR@/{dir}\n");
    let mut agent = agent(&config("c1", "file", &[&dirs("d1"), SINK]));
    write(&agent, 0..300);
    deliver(&mut agent, 300);
    agent.configure(&config("c1", "file", &[&dirs("d1")]));
    write(&agent, 300..400);
    hold(&mut agent, 100);
    agent.configure(&config("c1", "file", &[&dirs("d2"), SINK]));
    write(&agent, 400..500);
    deliver(&mut agent, 500);
    assert!(agent.log().contains("100 events wait in the log that it had in "), "{}", agent.log());
}
