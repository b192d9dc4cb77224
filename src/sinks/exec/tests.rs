use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::config::{Place, Values};
use crate::event::Builder;

/// The sink on a shell script, and a directory that the script may use as `$D`.
fn sink(dir: &Path, script: &str, more: &[(&str, &str)]) -> Box<dyn Sink> {
    let script = format!("D={}; {script}", dir.display());
    let mut values: Values = BTreeMap::from(
        [("command", script.as_str()), ("shell", "/bin/sh -c"), ("restartThrottle", "0")]
            .map(|(key, value)| (key.to_string(), value.to_string())),
    );
    values.extend(more.iter().map(|(key, value)| (key.to_string(), value.to_string())));
    let (place, pulse) = (Place::default(), Pulse::new(Kind::Sink, "k1", "exec"));
    build(&At { name: "k1", values: &values, place: &place, pulse: &pulse, channels: &[] }).unwrap()
}

fn deliver(sink: &mut dyn Sink, bodies: &[&str]) -> Result<(), DeliverError> {
    let mut builder = Builder::default();
    bodies.iter().for_each(|body| _ = builder.push(body.as_bytes(), 0..0));
    sink.deliver(&[builder.finish(None)], &Stop::new())
}

/// Keeps every commit in a file of its number, then answers in its own way.
fn keeping(answer: &str) -> String {
    format!(
        "while read -r word number count; do i=0; : >$D/$number; while [ $i -lt $count ]; do \
         IFS= read -r line; printf '%s\\n' \"$line\" >>$D/$number; i=$((i+1)); done; {answer}; done"
    )
}

fn kept(dir: &Path, number: u64) -> String {
    fs::read_to_string(dir.join(number.to_string())).unwrap()
}

#[test]
fn a_commit_is_delivered_when_the_program_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("echo starting; {}; echo bye >$D/end", keeping("echo ok $number"));
    let mut sink = sink(dir.path(), &script, &[]);
    deliver(&mut *sink, &["one", "two"]).unwrap();
    deliver(&mut *sink, &["three"]).unwrap();
    deliver(&mut *sink, &[]).unwrap();
    assert_eq!((kept(dir.path(), 1), kept(dir.path(), 2)), ("one\ntwo\n".into(), "three\n".into()));
    assert!(!dir.path().join("3").exists(), "there was nothing to say");
    drop(sink);
    assert_eq!(
        fs::read_to_string(dir.path().join("end")).unwrap(),
        "bye\n",
        "its stdin ended, and it could finish"
    );
}

#[test]
fn a_commit_larger_than_every_pipe_goes_through() {
    let dir = tempfile::tempdir().unwrap();
    let line = "x".repeat(1000);
    let bodies: Vec<&str> = vec![&line; 1000];
    // It says much while it reads: neither waits for the other for ever.
    let script = "head -c 500000 /dev/zero | tr '\\0' '\\n'; read -r w n c; head -n $c | wc -c >$D/$n; echo ok $n; cat";
    let mut sink = sink(dir.path(), script, &[]);
    deliver(&mut *sink, &bodies).unwrap();
    assert_eq!(kept(dir.path(), 1).trim(), "1001000");
}

#[test]
fn d1_what_the_program_fails_is_not_there_and_what_it_refuses_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let answer =
        "case $number in 1) echo fail 1 disk is full;; 2) echo refuse 2 no date;; *) echo ok $number;; esac";
    let mut sink = sink(dir.path(), &keeping(answer), &[]);
    match deliver(&mut *sink, &["a"]) {
        Err(DeliverError::NotThere(why, None)) => assert_eq!(why, "`/bin/sh`: disk is full"),
        other => panic!("{other:?}"),
    }
    match deliver(&mut *sink, &["a"]) {
        Err(DeliverError::Refused(why)) => assert_eq!(why, "`/bin/sh`: no date"),
        other => panic!("{other:?}"),
    }
    deliver(&mut *sink, &["a"]).unwrap();
}

#[test]
fn d2_without_an_answer_a_commit_is_in_doubt_and_the_program_is_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let answer = "case $number in 1) exit 3;; 2) sleep 1000;; 3) echo ok 1;; *) echo ok $number;; esac";
    let mut sink = sink(dir.path(), &keeping(answer), &[("timeout", "300")]);
    for why in [
        "`/bin/sh` has ended without an answer to commit 1: exit status: 3",
        "`/bin/sh` gave no answer to commit 2 in time, and is killed",
        "`/bin/sh` answers commit 1 where it was asked for 3",
    ] {
        match deliver(&mut *sink, &["a"]) {
            Err(DeliverError::InDoubt(told, None)) => assert_eq!(told, why),
            other => panic!("{other:?}"),
        }
    }
    deliver(&mut *sink, &["a"]).unwrap();
    assert_eq!(kept(dir.path(), 4), "a\n");
}

#[test]
fn a_program_that_ended_between_two_commits_is_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = sink(dir.path(), &keeping("echo ok $number; : >$D/done; exit 0"), &[]);
    for _ in 0..3 {
        // Its end may be seen before anything was written, or after: then the commit is in doubt.
        while let Err(DeliverError::InDoubt(..) | DeliverError::NotThere(..)) = deliver(&mut *sink, &["a"]) {}
    }
}

#[test]
fn a_program_that_is_not_there_has_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = sink(dir.path(), "", &[("shell", "/no/such/shell -c")]);
    match deliver(&mut *sink, &["a"]) {
        Err(DeliverError::NotThere(why, Some(error))) => {
            assert_eq!(
                (why.as_str(), error.kind()),
                ("cannot run `/no/such/shell`", std::io::ErrorKind::NotFound)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_end_of_the_agent_ends_the_wait_for_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = sink(dir.path(), "cat >/dev/null", &[]);
    let (stop, began) = (Stop::new(), Instant::now());
    stop.tell();
    let batch = Builder::default().push(b"a", 0..0).finish(None);
    assert!(matches!(sink.deliver(&[batch], &stop), Err(DeliverError::InDoubt(..))));
    assert!(began.elapsed() < Duration::from_secs(20));
}
