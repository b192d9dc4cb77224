//! Seeds that listen: netcat to the log, and to files.
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{appears, check, says, seed};
use crate::support::{Agent, until};

const HELLO_FLUME: &str =
    "Event: { headers:{} body: 68 65 6C 6C 6F 20 66 6C 75 6D 65                hello flume }";

fn ok(peer: &mut TcpStream, line: &str) {
    peer.write_all(line.as_bytes()).unwrap();
    let mut answer = [0; 3];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"OK\n");
}

/// Starts the seed, sends it a line, and waits for these words in its log.
fn tells(name: &str, line: &str, words: &str) -> Agent {
    let mut agent = Agent::new(&seed(name, &[]));
    agent.start();
    ok(&mut agent.connect(), line);
    says(&agent, words);
    assert_eq!(agent.log().matches("Event: {").count(), 1, "{}", agent.story());
    agent.stop();
    agent
}

#[test]
fn seed_000_sample_logs_one_event_that_ends_in_0d() {
    let words = "body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 0D          Hello world!. }";
    tells("000-sample", "Hello world!\r\n", words);
}

#[test]
fn seed_001_netcat_logger_answers_ok_and_logs_flumes_line() {
    tells("001-netcat-logger", "hello flume\n", HELLO_FLUME);
}

#[test]
fn seed_004_example_behaves_as_netcat_logger() {
    tells("004-example", "hello flume\n", HELLO_FLUME);
}

#[test]
fn seed_001_notes_after_values_run_with_one_lint_each_and_are_refused_under_strict() {
    let name = "001-netcat-logger-inline-comments";
    let agent = tells(name, "hello flume\n", HELLO_FLUME);
    assert_eq!(agent.log().matches("is taken for a comment").count(), 12, "{}", agent.story());
    assert_eq!(check(name, &[]).status.code(), Some(0));
    assert_eq!(check(name, &["--strict"]).status.code(), Some(1));
    let mut strict = Agent::new(&seed(name, &[])).with(&["--strict"]);
    assert_eq!(strict.run().code(), Some(78), "{}", strict.story());
}

#[test]
fn seed_000x_regex_split_filter_passes_lines_by_their_twentieth_field() {
    let mut agent = Agent::new(&seed("000x-regex-split-filter", &[]));
    agent.start();
    let mut peer = agent.connect();
    let line = |field: &str| {
        let fields: Vec<&str> = (0..20).map(|number| if number == 19 { field } else { "0" }).collect();
        fields.join("|")
    };
    for field in ["1", "0", "3x", "a2", "", "13"] {
        ok(&mut peer, &(line(field) + "\n"));
    }
    // With fewer fields there is no twentieth; with more it is still the twentieth.
    ok(&mut peer, "0|2\n");
    ok(&mut peer, &(line("1") + "|0|2\n"));
    ok(&mut peer, &(line("20") + "|1\n"));
    let expected = format!("{}\n{}\n{}|1\n", line("0"), line("a2"), line("20"));
    super::arrives(&agent, &expected);
    agent.stop();
}

/// The names of the sink's data files, as numbers.
fn names(agent: &Agent) -> BTreeSet<(u64, u64)> {
    let dir = fs::read_dir(agent.path("log/flume")).into_iter().flatten().flatten();
    let names =
        dir.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| !name.starts_with('.'));
    let numbers = |name: &str| name.split_once('-').map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()));
    names.map(|name| numbers(&name).unwrap()).collect()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

#[test]
fn seed_000_file_sink_names_its_files_by_start_and_number_and_begins_new_ones_by_time() {
    let before = now();
    // Its 30 s are the default, which `flume_keys` holds to its word.
    let mut agent = Agent::new(&seed("000-file-sink", &["sinks.k1.sink.rollIntervalMillis = 200"]));
    agent.start();
    let mut peer = agent.connect();
    let mut sent = 0;
    let three = until(|| {
        ok(&mut peer, &format!("{sent}\n"));
        sent += 1;
        names(&agent).len() >= 3
    });
    assert!(three, "{}", agent.story());
    appears(&agent, "log/flume");
    agent.stop();
    let names = names(&agent);
    let starts: BTreeSet<u64> = names.iter().map(|(start, _)| *start).collect();
    assert_eq!(starts.len(), 1, "one start, one number: {names:?}");
    let start = Duration::from_millis(*starts.first().unwrap());
    assert!(start + Duration::from_millis(1) > before && start <= now(), "{names:?}");
    let numbers: Vec<u64> = names.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let path =
        |(start, number): &(u64, u64)| -> PathBuf { agent.path(&format!("log/flume/{start}-{number}")) };
    let all: String = names.iter().map(|name| fs::read_to_string(path(name)).unwrap()).collect();
    assert_eq!(all, (0..sent).map(|n| format!("{n}\n")).collect::<String>());
}
