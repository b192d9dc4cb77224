//! Files and directories that are not there, vanish, or may not be read.
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{CONFIG, agent, append, arrives, lines, says, shows};
use crate::support::{Agent, rolled, until};

#[test]
fn a_file_without_permission_is_named_and_read_when_it_may_be() {
    let mut agent = agent().as_nobody();
    append(&agent, "in/a.log", lines(0..10));
    append(&agent, "in/secret.log", lines(10..20));
    let secret = agent.path("in/secret.log");
    fs::set_permissions(&secret, Permissions::from_mode(0)).unwrap();
    agent.start();
    arrives(&agent, lines(0..10));
    let sentence = format!("`{}`: Permission denied", secret.display());
    says(&agent, &sentence);
    shows(&agent, &sentence);
    append(&agent, "in/a.log", lines(20..30));
    arrives(&agent, lines(0..10) + &lines(20..30));
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    arrives(&agent, lines(0..10) + &lines(20..30) + &lines(10..20));
    assert!(until(|| !agent.status(&[]).contains("Permission denied")), "{}", agent.status(&[]));
    agent.stop();
}

#[test]
fn two_unreadable_files_are_said_once_each_and_forgotten_when_they_go() {
    let mut agent = agent().as_nobody();
    for name in ["x", "y"] {
        let name = format!("in/{name}.log");
        append(&agent, &name, lines(0..10));
        fs::set_permissions(agent.path(&name), Permissions::from_mode(0)).unwrap();
    }
    agent.start();
    shows(&agent, "Permission denied (os error 13) (and 1 more)");
    // Some looks later.
    let errors = || -> u64 {
        let status = agent.status(&["--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["components"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|c| c["counters"]["errors_total"].as_u64())
            .sum()
    };
    assert!(until(|| errors() >= 6), "{}", agent.story());
    assert_eq!(agent.log().matches("Permission denied").count(), 2, "{}", agent.story());
    for name in ["in/x.log", "in/y.log"] {
        fs::remove_file(agent.path(name)).unwrap();
    }
    assert!(until(|| !agent.status(&[]).contains("Permission denied")), "{}", agent.status(&[]));
    agent.stop();
}

#[test]
fn a_file_that_vanishes_while_it_is_read_is_read_to_its_end_and_others_go_on() {
    let mut agent = agent();
    append(&agent, "in/a.log", lines(0..10));
    agent.start();
    arrives(&agent, lines(0..10));
    agent.stop();
    // A file where the directory should be: nothing is delivered, and the channel fills in the middle of the file.
    fs::rename(agent.path("out"), agent.path("taken")).unwrap();
    fs::write(agent.path("out"), "").unwrap();
    append(&agent, "in/a.log", lines(10..5000));
    agent.spawn();
    shows(&agent, "1000 of 1000 events");
    fs::remove_file(agent.path("in/a.log")).unwrap();
    append(&agent, "in/b.log", lines(5000..5010));
    fs::remove_file(agent.path("out")).unwrap();
    fs::rename(agent.path("taken"), agent.path("out")).unwrap();
    arrives(&agent, lines(0..5010));
    agent.stop();
}

#[test]
fn a_file_that_vanishes_before_it_is_seen_stops_nothing() {
    let mut agent = agent();
    agent.start();
    agent.pause();
    append(&agent, "in/a.log", lines(0..10));
    fs::remove_file(agent.path("in/a.log")).unwrap();
    append(&agent, "in/b.log", lines(10..20));
    agent.resume();
    arrives(&agent, lines(10..20));
    agent.stop();
}

/// Sources that look into one directory, each with its waits shortened.
const LOOKING: [(&str, &str); 4] = [
    ("TAILDIR", "filegroups = g\na1.sources.r1.filegroups.g = @DIR@/in/.*"),
    ("spooldir", "spoolDir = @DIR@/in\na1.sources.r1.quietTime = 20"),
    (
        "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource",
        "spoolDir = @DIR@/in\na1.sources.r1.readyInterval = 20",
    ),
    (
        "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldirectorytailfile.SpoolDirectoryTailFileSource",
        "spoolDir = @DIR@/in\na1.sources.r1.targetPattern = .*",
    ),
];

fn looking(class: &str, keys: &str) -> Agent {
    let own = |line: &&str| !line.contains("filegroups") && !line.contains("positionFile");
    let config: String = CONFIG.lines().filter(own).map(|line| format!("{line}\n")).collect();
    Agent::new(&(config.replace("TAILDIR", class) + "a1.sources.r1." + keys + "\n"))
}

#[test]
fn a_directory_that_is_missing_is_named_and_waited_for() {
    for (class, keys) in LOOKING {
        let mut agent = looking(class, keys);
        agent.start();
        let dir = agent.path("in");
        shows(&agent, &format!("`{}`: No such file or directory", dir.display()));
        fs::create_dir(&dir).unwrap();
        append(&agent, "in/a.log", lines(0..10));
        arrives(&agent, lines(0..10));
        agent.stop();
    }
}

#[test]
fn a_directory_that_is_a_file_is_named_and_waited_for() {
    for (class, keys) in LOOKING {
        let mut agent = looking(class, keys);
        append(&agent, "in", "in the way");
        agent.start();
        let dir = agent.path("in");
        shows(&agent, &format!("`{}`: Not a directory", dir.display()));
        fs::remove_file(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        append(&agent, "in/a.log", lines(0..10));
        arrives(&agent, lines(0..10));
        agent.stop();
    }
}

#[test]
fn an_output_directory_without_permission_is_named_and_written_when_it_may_be() {
    let agent = agent();
    fs::create_dir(agent.path("out")).unwrap();
    let mut agent = agent.as_nobody();
    fs::set_permissions(agent.path("out"), Permissions::from_mode(0o555)).unwrap();
    append(&agent, "in/a.log", lines(0..100));
    agent.spawn();
    shows(&agent, "Permission denied");
    says(&agent, agent.path("out").to_str().unwrap());
    fs::set_permissions(agent.path("out"), Permissions::from_mode(0o755)).unwrap();
    arrives(&agent, lines(0..100));
    agent.stop();
}

#[test]
fn an_output_directory_that_is_removed_is_made_again_and_nothing_comes_twice() {
    let mut agent = agent();
    append(&agent, "in/a.log", lines(0..100));
    agent.start();
    arrives(&agent, lines(0..100));
    // What was taken away is delivered; what comes from now on goes to the new directory.
    assert!(until(|| fs::rename(agent.path("out"), agent.path("taken")).is_ok()));
    append(&agent, "in/a.log", lines(100..200));
    let all = || {
        let mut all = rolled(&agent.path("taken"));
        all.extend(rolled(&agent.path("out")));
        String::from_utf8(all).unwrap()
    };
    assert!(until(|| all().len() >= lines(0..200).len()), "{}", agent.story());
    assert_eq!(all(), lines(0..200), "{}", agent.story());
    agent.stop();
}
