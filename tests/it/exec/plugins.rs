//! Sources and sinks in other languages: JSON lines in, commits out.
use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{agent, out, started_by};
use crate::rotation::writer::Random;
use crate::support::lines::{line, parse};
use crate::support::{Agent, count, until};

/// Files → memory → the Python example.
const EXAMPLE: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = exec
a1.sinks.k1.command = python3 EXAMPLE @DIR@/got
a1.sinks.k1.channel = c1
a1.sinks.k1.batchSize = 20
a1.sinks.k1.retryDelay = 20
a1.sinks.k1.restartThrottle = 20
";

fn example() -> Option<Agent> {
    if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this machine has no `python3`");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/exec-sink.py");
    let agent = Agent::new(&EXAMPLE.replace("EXAMPLE", path.to_str().unwrap()));
    fs::create_dir(agent.path("in")).unwrap();
    Some(agent)
}

/// Bytes that the example has written.
fn got(agent: &Agent) -> u64 {
    fs::metadata(agent.path("got")).map_or(0, |meta| meta.len())
}

fn append(agent: &Agent, bytes: &[u8]) {
    let mut file = OpenOptions::new().create(true).append(true).open(agent.path("in/a.log")).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_source_that_prints_json_gives_headers_and_bodies_and_a_bad_line_is_told_and_skipped() {
    let lines = [
        r#"{"headers":{"k":"v"},"body":"one"}"#,
        r#"{"body":"two","header":{"k":"misspelt"}}"#,
        r#"{"bodyBase64":"dGhyZWU="}"#,
        "four",
    ];
    let more = "a1.sources.r1.format = json\na1.sinks.k1.sink.serializer = HEADER_AND_TEXT";
    let mut agent = agent("cat @DIR@/events; sleep 1000", more);
    fs::write(agent.path("events"), lines.join("\n") + "\n").unwrap();
    agent.start();
    assert!(until(|| out(&agent).lines().count() == 2), "{}", agent.story());
    assert_eq!(out(&agent), "{k=v} one\n{} three\n");
    let skipped = "source `r1` skips a line that is no event: ";
    for words in ["unknown field `header`", "`{\"body\":\"two\",\"header\":{\"k\":\"misspelt\"}}`", "`four`"]
    {
        let told = |log: String| log.lines().any(|line| line.contains(skipped) && line.contains(words));
        assert!(until(|| told(agent.log())), "no `{words}`\n{}", agent.story());
    }
    let status: serde_json::Value = serde_json::from_str(&agent.status(&["--json"])).unwrap();
    assert!(status.to_string().contains("\"decode_errors_total\":2"), "{status:#}");
    agent.stop();
}

#[test]
fn the_example_gets_each_event_once_and_in_order() {
    let Some(mut agent) = example() else { return };
    let lines: String = (0..5000).map(|n| format!("line {n} é\n")).collect();
    append(&agent, lines.as_bytes());
    agent = agent.with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    assert!(fs::read_to_string(agent.path("got")).unwrap() == lines, "{}", agent.story());
    // Marks were settled with the answers: a second life brings only what is new.
    append(&agent, b"and one more\n");
    assert!(agent.run().success(), "{}", agent.story());
    assert!(fs::read_to_string(agent.path("got")).unwrap() == lines + "and one more\n", "{}", agent.story());
}

/// Takes all events but those that say `bad`.
const PICKY: &str = r#"while read -r word number count; do
  read -r line
  case $line in *bad*) echo refuse $number it says bad;; *) echo "$line" >> "$1"; echo ok $number;; esac
done
"#;

#[test]
fn d1_what_a_destination_refuses_lies_in_the_dead_letters_and_the_rest_is_delivered() {
    let config =
        EXAMPLE.replace("python3 EXAMPLE", "sh @DIR@/picky").replace("batchSize = 20", "batchSize = 1");
    let mut agent = Agent::new(&config).with(&["--until-drained"]);
    fs::create_dir(agent.path("in")).unwrap();
    fs::write(agent.path("picky"), PICKY).unwrap();
    append(&agent, b"one\nbad two\nthree\nfour is bad\nfive\n");
    assert!(agent.run().success(), "{}", agent.story());
    assert_eq!(fs::read_to_string(agent.path("got")).unwrap(), "one\nthree\nfive\n", "{}", agent.story());
    let letters =
        fs::read_dir(agent.path("state/dead-letters/k1")).unwrap().map(|entry| entry.unwrap().path());
    let mut bodies: Vec<String> = letters
        .map(|path| serde_json::from_str::<serde_json::Value>(&fs::read_to_string(path).unwrap()).unwrap())
        .map(|letter| letter["body"].as_str().unwrap().to_string())
        .collect();
    bodies.sort();
    assert_eq!(bodies, ["bad two", "four is bad"]);
    assert!(agent.log().contains("sink `k1` is refused 1 events: `sh`: it says bad"), "{}", agent.story());
    // They are settled: a second life brings nothing again.
    assert!(agent.run().success(), "{}", agent.story());
    assert_eq!(fs::read_to_string(agent.path("got")).unwrap(), "one\nthree\nfive\n", "{}", agent.story());
}

#[test]
fn nothing_is_lost_through_kills_of_the_example_and_of_the_agent_and_repeats_are_counted() {
    let Some(mut agent) = example() else { return };
    let (mut random, kills) = (Random::new(3), count(10, 100));
    let (mut written, mut orphans, mut of_program) = (0, 0, 0);
    agent.start();
    for round in 0..kills {
        let before = got(&agent);
        let burst = 2000 + random.below(2000);
        let text: Vec<u8> = (written..written + burst)
            .flat_map(|number| [line(1, number, 60), vec![b'\n']].concat())
            .collect();
        append(&agent, &text);
        written += burst;
        assert!(until(|| got(&agent) > before), "it does not recover\n{}", agent.story());
        thread::park_timeout(Duration::from_millis(random.below(10)));
        let pid = agent.pid();
        if round % 2 == 0 {
            let all = started_by(&agent, pid);
            let program = all.iter().find(|process| process.arguments[0].contains("python"));
            let kill =
                |pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
            of_program += program.map_or(0, |process| usize::from(kill(process.pid).is_ok()));
            continue;
        }
        agent.kill();
        until(|| started_by(&agent, pid).is_empty());
        orphans += started_by(&agent, pid).len();
        agent.start();
    }
    agent.stop();
    agent = agent.with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    let bytes = fs::read(agent.path("got")).unwrap();
    let (mut seen, mut twice, mut torn) = (HashSet::new(), 0, 0);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match parse(line) {
            Some((_, number)) if !seen.insert(number) => twice += 1,
            Some(_) => {}
            None => torn += 1,
        }
    }
    let lost = (0..written).filter(|number| !seen.contains(number)).count();
    println!(
        "exec sink: {of_program} kill -9 of the program, {} of the agent, written {written}, lost {lost}, twice {twice}, torn {torn}, {orphans} processes left",
        kills / 2
    );
    // A kill in the middle of the example's own write tears its file: the agent cannot mend that, only send it again.
    assert!(of_program > 0 && lost == 0 && orphans == 0 && torn <= kills as usize, "{}", agent.story());
}
