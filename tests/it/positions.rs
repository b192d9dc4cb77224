//! What the positions protocol promises when something around the agent changes, told by the binary.
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::support::{Agent, rolled, until};

const CONFIG: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 1000
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.syncInterval = 20
";

fn agent() -> Agent {
    let agent = Agent::new(CONFIG);
    fs::create_dir(agent.path("in")).unwrap();
    agent
}

fn append(agent: &Agent, lines: std::ops::Range<u32>) {
    let mut file = OpenOptions::new().create(true).append(true).open(agent.path("in/app.log")).unwrap();
    let text: String = lines.map(|n| format!("line {n}\n")).collect();
    file.write_all(text.as_bytes()).unwrap();
}

fn expected(lines: std::ops::Range<u32>) -> String {
    lines.map(|n| format!("line {n}\n")).collect()
}

fn output(dir: &Path) -> String {
    String::from_utf8(rolled(dir)).unwrap()
}

fn arrives(agent: &Agent, dir: &str, lines: std::ops::Range<u32>) {
    let (dir, expected) = (agent.path(dir), expected(lines));
    until(|| output(&dir).len() >= expected.len());
    assert_eq!(output(&dir), expected, "{}", agent.story());
}

/// Runs until the lines have arrived, then kills it.
fn run_through(agent: &mut Agent, lines: std::ops::Range<u32>) {
    append(agent, lines.clone());
    agent.start();
    arrives(agent, "out", 0..lines.end);
    agent.kill();
}

#[test]
fn s4_a_lost_state_directory_is_recovered_from_the_destination() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    fs::remove_dir_all(agent.path("state")).unwrap();
    run_through(&mut agent, 500..700);
}

#[test]
fn c1_a_renamed_sink_repeats_nothing() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    agent.configure(&CONFIG.replace("k1", "kappa"));
    run_through(&mut agent, 500..700);
}

#[test]
fn c3_a_renamed_source_repeats_nothing() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    agent.configure(&CONFIG.replace("r1", "tail"));
    run_through(&mut agent, 500..700);
}

#[test]
fn c5_a_renamed_channel_repeats_nothing_and_the_old_marks_go() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    assert!(agent.path("state/channel-c1.marks").exists());
    agent.configure(&CONFIG.replace("c1", "chan"));
    run_through(&mut agent, 500..700);
    assert!(!agent.path("state/channel-c1.marks").exists(), "{}", agent.story());
}

fn with_second_channel(extra: &str) -> String {
    let second = "
a1.channels.c2.type = memory
a1.sinks.k2.type = file_roll
a1.sinks.k2.channel = c2
a1.sinks.k2.sink.directory = @DIR@/out2
";
    let config = CONFIG
        .replace("a1.channels = c1", "a1.channels = c1 c2")
        .replace("a1.sinks = k1", "a1.sinks = k1 k2");
    config.replace("r1.channels = c1\n", &format!("r1.channels = c1 c2\n{extra}")) + second
}

#[test]
fn c2_an_added_channel_joins_at_the_present_mark() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    agent.configure(&with_second_channel(""));
    append(&agent, 500..700);
    agent.start();
    arrives(&agent, "out", 0..700);
    arrives(&agent, "out2", 500..700);
}

#[test]
fn c2_an_added_channel_gets_history_where_from_start_asks_for_it() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    agent.configure(&with_second_channel("a1.sources.r1.fromStart = true\n"));
    append(&agent, 500..700);
    agent.start();
    arrives(&agent, "out2", 0..700);
    arrives(&agent, "out", 0..700);
    agent.kill();
    append(&agent, 700..800);
    agent.start();
    arrives(&agent, "out2", 0..800);
    arrives(&agent, "out", 0..800);
}

#[test]
fn s2_a_new_destination_gets_what_comes_from_now_on() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    agent.configure(&CONFIG.replace("@DIR@/out", "@DIR@/elsewhere"));
    append(&agent, 500..700);
    agent.start();
    arrives(&agent, "elsewhere", 500..700);
}

#[test]
fn s2_a_destination_restored_from_a_backup_gets_its_missing_part_again() {
    let mut agent = agent();
    // Stopped, not killed: a kill between the data and their record would leave a backup that is no evidence.
    append(&agent, 0..500);
    agent.start();
    arrives(&agent, "out", 0..500);
    agent.stop();
    let copy = |from: &str, to: &str| {
        let options =
            ["-a", agent.path(from).to_str().unwrap(), agent.path(to).to_str().unwrap()].map(String::from);
        assert!(std::process::Command::new("cp").args(options).status().unwrap().success());
    };
    copy("out", "backup");
    run_through(&mut agent, 500..700);
    fs::remove_dir_all(agent.path("out")).unwrap();
    let options = [agent.path("backup"), agent.path("out")];
    assert!(std::process::Command::new("cp").arg("-a").args(options).status().unwrap().success());
    run_through(&mut agent, 700..800);
}

#[test]
fn a_damaged_state_file_is_set_aside_and_nothing_repeats() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    let path = agent.path("state/channel-c1.marks");
    let mut bytes = fs::read(&path).unwrap();
    for at in (20..bytes.len()).step_by(40) {
        bytes[at] ^= 0x55;
    }
    fs::write(&path, bytes).unwrap();
    run_through(&mut agent, 500..700);
    assert!(agent.log().contains("were damaged"), "{}", agent.story());
    let aside = fs::read_dir(agent.path("state")).unwrap().flatten();
    assert!(
        aside.into_iter().any(|e| e.file_name().to_string_lossy().contains("damaged-")),
        "{}",
        agent.story()
    );
}

#[test]
fn k2_a_second_agent_on_one_state_directory_is_refused() {
    let mut first = agent();
    first.start();
    let mut second = Agent::new(CONFIG).with(&["--state-dir", first.path("state").to_str().unwrap()]);
    // The later option wins over the one the harness gives.
    fs::create_dir(second.path("in")).unwrap();
    let status = second.run();
    assert_eq!(status.code(), Some(1), "{}", second.story());
    assert!(second.log().contains("runs this instance already"), "{}", second.story());
    first.stop();
}

#[test]
fn k2_a_clone_of_an_instance_on_one_destination_is_refused_with_a_sentence() {
    let mut first = agent();
    append(&first, 0..100);
    first.start();
    arrives(&first, "out", 0..100);
    let mut clone =
        Agent::new(&CONFIG.replace("@DIR@", first.path("").to_str().unwrap().trim_end_matches('/')));
    clone.start();
    assert!(until(|| clone.log().contains("is out until the agent is restarted")), "{}", clone.story());
    append(&first, 100..200);
    arrives(&first, "out", 0..200);
    clone.stop();
    first.stop();
}

#[test]
fn p6_a_new_filter_loses_nothing_that_it_lets_pass() {
    let mut agent = agent();
    run_through(&mut agent, 0..500);
    let filter = "a1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = regex_filter\na1.sources.r1.interceptors.i.regex = [02468]$\n";
    agent.configure(&(CONFIG.to_string() + filter));
    append(&agent, 500..700);
    agent.start();
    let even: String = (500..700).filter(|n| n % 2 == 0).map(|n| format!("line {n}\n")).collect();
    let all = expected(0..500) + &even;
    until(|| output(&agent.path("out")).len() >= all.len());
    assert_eq!(output(&agent.path("out")), all, "{}", agent.story());
}
