//! Programs beside the agent: commands whose output is read, programs that are handed events, and what is left of them
//! when either side is killed.
//!
//! `tests/run --long exec` kills a hundred times.
mod kills;
mod plugins;

use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::support::{Agent, rolled, until};

/// A command → memory → files.
const COMMAND: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = exec
a1.sources.r1.shell = /bin/sh -c
a1.sources.r1.batchTimeout = 20
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.retryDelay = 20
a1.sinks.k1.reportTimeout = 50
";

fn agent(command: &str, more: &str) -> Agent {
    Agent::new(&format!("{COMMAND}\na1.sources.r1.command = {command}\n{more}\n"))
}

fn out(agent: &Agent) -> String {
    String::from_utf8(rolled(&agent.path("out"))).unwrap()
}

/// A process: its id, its group, its arguments.
#[derive(Clone, Debug)]
struct Process {
    pid: i32,
    group: i32,
    arguments: Vec<String>,
}

/// All that live; zombies do not.
fn processes() -> Vec<Process> {
    let look = |entry: fs::DirEntry| -> Option<Process> {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut words = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, group) = (words.next()?, words.nth(1)?.parse().ok()?);
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let arguments =
            line.split(|byte| *byte == 0).map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        (state != "Z").then_some(Process { pid, group, arguments })
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(look).collect()
}

/// What this agent, of this process, has started: all in the groups that its guards lead, and all that names its files.
fn started_by(agent: &Agent, pid: u32) -> Vec<Process> {
    let (guard, dir) = (format!("dataflowkit-guard-{pid}"), agent.path(""));
    let dir = dir.to_str().unwrap().trim_end_matches('/');
    let all = processes();
    let is_guard = |process: &&Process| process.arguments.contains(&guard);
    let groups: Vec<i32> = all.iter().filter(is_guard).map(|guard| guard.pid).collect();
    let is_its = |process: &Process| {
        let names_it = || process.arguments.iter().any(|a| a.contains(dir));
        groups.contains(&process.group) || process.pid != pid as i32 && names_it()
    };
    all.into_iter().filter(is_its).collect()
}

#[test]
fn lines_arrive_as_flume_makes_them() {
    let command = r"printf 'a\\r\\nb\\rc\\n\\n\\r\\nd\\377e\\nlast'";
    let mut agent = agent(command, "").with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    assert_eq!(out(&agent), "a\nb\nc\n\n\nd\u{fffd}e\nlast\n", "{}", agent.story());
}

#[test]
fn without_a_shell_nothing_is_expanded() {
    let mut agent = Agent::new(
        &format!("{COMMAND}\na1.sources.r1.command = echo \"a b\"    'c'  $HOME *\n")
            .replace("a1.sources.r1.shell = /bin/sh -c\n", ""),
    )
    .with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    assert_eq!(out(&agent), "\"a b\" 'c' $HOME *\n", "{}", agent.story());
}

#[test]
fn a_full_channel_holds_the_command_back_and_what_it_had_printed_when_it_was_killed_arrives() {
    let command =
        "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; : >@DIR@/printed; kill -9 $$";
    let mut agent = agent(
        command,
        "a1.channels.c1.capacity = 40\na1.channels.c1.transactionCapacity = 40\na1.channels.c1.keep-alive = 1",
    );
    // A file where the directory should be: nothing is delivered.
    fs::write(agent.path("out"), "").unwrap();
    agent.spawn();
    let pid = agent.pid();
    assert!(until(|| agent.path("printed").exists()), "{}", agent.story());
    let of_command = |process: &Process| process.arguments.iter().any(|a| a.contains("line $i"));
    assert!(until(|| !started_by(&agent, pid).iter().any(of_command)), "{}", agent.story());
    fs::remove_file(agent.path("out")).unwrap();
    let expected: String = (0..5000).map(|i| format!("line {i}\n")).collect();
    until(|| agent.path("out").is_dir() && out(&agent).len() >= expected.len());
    assert!(out(&agent) == expected, "{} bytes\n{}", out(&agent).len(), agent.story());
    let told = "`/bin/sh` has ended: signal: 9 (SIGKILL); it is not run again: `restart` is not true";
    assert!(until(|| agent.log().contains(told)), "{}", agent.story());
    assert!(agent.status(&[]).contains("has ended: signal: 9"), "{}", agent.status(&[]));
    agent.stop();
}

#[test]
fn a_stop_is_prompt_and_takes_the_whole_group_along() {
    // Silent; one that does not want to end; one that has something to say at its end.
    for command in [
        "sleep 1000 | sleep 1001; true",
        "trap '' TERM; : >@DIR@/up; while :; do sleep 1000; done",
        "trap 'echo bye; exit' TERM; : >@DIR@/up; while :; do sleep 0.05; done",
    ] {
        let mut agent = agent(command, "");
        agent.start();
        let pid = agent.pid();
        assert!(until(|| !command.contains("@DIR@/up") || agent.path("up").exists()), "{}", agent.story());
        assert!(until(|| started_by(&agent, pid).len() >= 2), "{}", agent.story());
        let began = Instant::now();
        agent.stop();
        assert!(began.elapsed().as_secs() < 10, "{command}");
        // What was killed needs a moment.
        assert!(until(|| started_by(&agent, pid).is_empty()), "{command}: {:?}", started_by(&agent, pid));
        assert_eq!(out(&agent), if command.contains("bye") { "bye\n" } else { "" }, "{}", agent.story());
    }
}

#[test]
fn what_finds_no_room_at_the_end_is_counted_and_told() {
    let more = "a1.channels.c1.capacity = 20\na1.channels.c1.transactionCapacity = 20\na1.channels.c1.keep-alive = 0";
    let mut agent = agent("i=0; while [ $i -lt 50 ]; do echo line; i=$((i+1)); done; sleep 1000", more)
        .with(&["--drain-limit", "0"]);
    // A file where the directory should be: nothing is delivered.
    fs::write(agent.path("out"), "").unwrap();
    agent.spawn();
    let waits = |agent: &Agent| agent.status(&[]).contains("room");
    assert!(until(|| waits(&agent)), "{}\n{}", agent.status(&[]), agent.story());
    agent.stop();
    let told = "source `r1` loses 20 events that its command has printed, and what followed them: no channel has room";
    assert!(agent.log().contains(told), "{}", agent.story());
}

#[test]
fn a_command_is_run_again_and_its_stderr_is_logged_in_flumes_words() {
    let more =
        "a1.sources.r1.restart = true\na1.sources.r1.restartThrottle = 20\na1.sources.r1.logStdErr = true";
    let mut agent = agent("echo run; echo err1 >&2; exit 3", more);
    agent.start();
    assert!(until(|| out(&agent).len() >= 3 * "run\n".len()), "{}", agent.story());
    agent.stop();
    let log = agent.log();
    assert!(log.matches("StderrLogger[1] = 'err1'").count() >= 3, "{log}");
    assert!(log.contains("`/bin/sh` has ended: exit status: 3; it is run again in 0.02 s"), "{log}");
}

#[test]
fn check_says_that_nothing_is_promised_and_what_would_be_better() {
    let agent = agent("tail -F /var/log/orders.log", "a1.channels.c1.type = file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
    let output = command.arg("check").arg(agent.path("agent.properties")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "note[tail-command]: `tail` forgets where it was in `/var/log/orders.log`: a restart loses lines and repeats others",
        "hint: `type = TAILDIR`, `filegroups = f1`, `filegroups.f1 = /var/log/orders.log` reads the same and goes on where it was",
        "a1: r1 -> c1 -> k1: G0, best effort",
        "rests on: nothing: what a command prints cannot be asked for again",
        "would raise it: `TAILDIR` or `dfk_rollfile` on the file that the command follows or could write",
    ] {
        assert!(text.contains(words), "no `{words}`\n{text}");
    }
}
