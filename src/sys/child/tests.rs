use std::time::Instant;

use super::*;
use crate::sys::{Until, wait_for};

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_string).to_vec()
}

fn output(child: &mut Child) -> String {
    let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        wait_for([(child.output(), Until::Readable)], None).unwrap();
        match child.read(&mut buffer) {
            Ok(0) => return String::from_utf8(all).unwrap(),
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

/// Processes of a group, zombies left out.
fn members(group: i32) -> usize {
    let alive = |stat: &str| {
        let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = words.next().unwrap_or_default().to_string();
        state != "Z" && words.nth(1).is_some_and(|own| own == group.to_string())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|p| std::fs::read_to_string(p.path().join("stat")).ok()).filter(|s| alive(s)).count()
}

/// A killed process needs a moment.
fn all_gone(group: i32) -> bool {
    let began = Instant::now();
    while members(group) > 0 && began.elapsed() < Duration::from_secs(20) {
        thread::park_timeout(Duration::from_millis(5));
    }
    members(group) == 0
}

#[test]
fn output_is_read_to_its_end_and_the_status_is_told() {
    let mut child = Child::start(&shell("echo one; echo two >&2; printf three; exit 3"), None).unwrap();
    assert_eq!(output(&mut child), "one\nthree");
    assert_eq!(child.ended(Duration::from_secs(20)).and_then(|status| status.code()), Some(3));
}

#[test]
fn lines_of_stderr_are_handed_over_before_the_end_is() {
    let (tell, told) = mpsc::channel();
    let errors: Errors = Box::new(move |line| tell.send(line.to_string()).unwrap());
    let mut child = Child::start(&shell("echo one >&2; printf 'two\\377' >&2"), Some(errors)).unwrap();
    assert_eq!(output(&mut child), "");
    drop(child);
    assert_eq!(told.iter().collect::<Vec<_>>(), ["one", "two\u{fffd}"]);
}

#[test]
fn a_program_that_is_not_there_is_an_error_and_leaves_no_guard() {
    let error = Child::start(&["/no/such/program".to_string()], None).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn signals_reach_the_whole_group_though_the_agents_threads_block_them() {
    SigSet::all().thread_block().unwrap();
    let mut child = Child::start(&shell("sleep 1000 | cat; echo never"), None).unwrap();
    let group = child.guard.group().as_raw();
    child.terminate();
    assert_eq!(output(&mut child), "", "all who could write are gone");
    drop(child);
    assert!(all_gone(group));
}

#[test]
fn dropping_it_kills_what_does_not_want_to_end() {
    let mut child = Child::start(&shell("trap '' TERM; echo up; sleep 1000 & sleep 1000"), None).unwrap();
    let group = child.guard.group().as_raw();
    let mut up = [0; 3];
    wait_for([(child.output(), Until::Readable)], None).unwrap();
    child.read(&mut up).unwrap();
    let began = Instant::now();
    assert_eq!(child.dismiss(Duration::from_millis(20)), None);
    assert!(all_gone(group));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_end_of_the_thread_that_started_it_is_its_end() {
    let start = || Child::start(&shell("exec sleep 1000"), None).unwrap();
    let mut child = thread::spawn(start).join().unwrap();
    assert_eq!(output(&mut child), "");
}

#[test]
fn the_guard_kills_the_group_when_the_pipe_ends() {
    let mut child = Child::start(&shell("sleep 1000 & exec sleep 1000"), None).unwrap();
    child.guard.let_go();
    assert_eq!(output(&mut child), "");
}

#[test]
fn a_guard_that_was_killed_is_missed() {
    let child = Child::start(&shell("exec sleep 1000"), None).unwrap();
    let is_gone = || wait_for([(child.guard(), Until::Gone)], Some(Duration::from_millis(10))).unwrap();
    assert_eq!(is_gone(), [false]);
    nix::sys::signal::kill(child.guard.group(), Signal::SIGKILL).unwrap();
    assert_eq!(wait_for([(child.guard(), Until::Gone)], None).unwrap(), [true]);
}

#[test]
fn what_it_reads_is_what_was_written_and_its_end_is_the_end() {
    let mut child = Child::start(&["cat".to_string()], None).unwrap();
    assert_eq!(child.write(b"text").unwrap(), 4);
    child.stdin = None;
    assert!(child.input().is_none() && child.write(b"x").is_err());
    assert_eq!(output(&mut child), "text");
}

#[test]
fn a_command_is_split_at_white_space_and_a_shell_gets_it_whole() {
    // As a real Flume 1.11 was seen to do.
    let words = ["echo", "\"a", "b\"", "'c'", "$HOME", "*"].map(str::to_string);
    assert_eq!(argv("echo \"a b\"\t   'c'  $HOME *", None), words);
    let shell = ["/bin/bash", "-c", "a | b  c"].map(str::to_string);
    assert_eq!(argv("a | b  c", Some("/bin/bash  -c")), shell);
    assert!(argv(" \t", None).is_empty());
}
