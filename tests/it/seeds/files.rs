//! Seeds of finished files: the platform's File Source and Flume's spooling directory.
use std::fs;
use std::time::{Duration, Instant};

use super::{agent, appears, append, arrives, check, out, says};
use crate::support::until;

#[test]
fn seed_000_file_source_ships_no_sooner_than_2_s_after_the_last_change() {
    let mut agent = agent("000-file-source", "src", &["sinks.k.sink.serializer = HEADER_AND_TEXT"]);
    agent.start();
    append(&agent.path("src/abc.log"), "one\ntwo");
    let changed = Instant::now();
    let path = agent.path("src/abc.log");
    let expected = format!("{{file={0}}} one\n{{file={0}}} two\n", path.display());
    arrives(&agent, &expected);
    assert!(changed.elapsed() >= Duration::from_secs(2), "shipped after {:?}", changed.elapsed());
    appears(&agent, "src/abc.log.COMPLETED");
    assert!(!path.exists());
    agent.stop();
}

#[test]
fn seed_000_file_source_does_not_touch_a_file_that_grows() {
    let mut agent = agent("000-file-source", "src", &["sources.s.readyInterval = 500"]);
    agent.start();
    append(&agent.path("src/any name"), "done\n");
    // It grows until the other one is through, closer than two looks are apart.
    let mut growing = 0;
    let shipped = until(|| {
        append(&agent.path("src/growing"), &format!("{growing}\n"));
        growing += 1;
        agent.path("src/any name.COMPLETED").exists()
    });
    assert!(shipped, "{}", agent.story());
    assert_eq!(out(&agent), "done\n", "{}", agent.story());
    let lines: String = (0..growing).map(|n| format!("{n}\n")).collect();
    arrives(&agent, &format!("done\n{lines}"));
    appears(&agent, "src/growing.COMPLETED");
    agent.stop();
}

const RECORDS: [&str; 2] = [
    "2016-05-19 14:00:00,000 ERROR a\njava.lang.X: y\n\tat z\n",
    "2016-05-19 14:00:01,000 WARN b\njava.lang.Y\n\tat z\n\tat w\n",
];

#[test]
fn seed_000_file_source_table_takes_names_by_pattern_and_joins_stack_traces() {
    // Without a newline after each event, and with headers, the bodies' bounds can be seen.
    let more = ["sources.s.readyInterval = 100", "sinks.k.sink.serializer = HEADER_AND_TEXT"];
    let mut agent = agent("000-file-source-table", "src", &more);
    append(&agent.path("src/file-1.dat"), &RECORDS.concat());
    append(&agent.path("src/other.txt"), "left\n");
    agent.start();
    appears(&agent, "src/file-1.dat.COMPLETED");
    let first = format!("{{}} {}{{}} {}", RECORDS[0], RECORDS[1]);
    assert_eq!(out(&agent), first, "{}", agent.story());
    append(&agent.path("src/file12.dat"), RECORDS[0]);
    appears(&agent, "src/file12.dat.COMPLETED");
    assert_eq!(out(&agent), format!("{first}{{}} {}", RECORDS[0]));
    assert!(agent.path("src/other.txt").exists());
    agent.stop();
}

#[test]
fn seed_000_redis_source_as_printed_is_a_file_source_by_its_cut_class_name() {
    let more = ["sources.s.readyInterval = 100", "sinks.k.sink.serializer = HEADER_AND_TEXT"];
    let mut agent = agent("000-redis-source-as-printed", "src", &more);
    append(&agent.path("src/file-7.dat"), "seven\n");
    append(&agent.path("src/xfile-7.dat"), "left\n");
    agent.start();
    says(
        &agent,
        "is cut short and taken for `com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource`",
    );
    appears(&agent, "src/file-7.dat.COMPLETED");
    assert_eq!(out(&agent), format!("{{file={}}} seven\n", agent.path("src/file-7.dat").display()));
    assert!(agent.path("src/xfile-7.dat").exists());
    agent.stop();
}

#[test]
fn seed_000x_line_end_with_splits_at_backslash_n() {
    let mut agent = agent("000x-line-end-with", "src", &["sources.s.readyInterval = 100"]);
    append(&agent.path("src/a"), r"a\nb\nc");
    agent.start();
    arrives(&agent, "a\nb\nc\n");
    appears(&agent, "src/a.COMPLETED");
    agent.stop();
}

#[test]
fn seed_003_spooldir_json_ships_only_names_without_a_dot() {
    let mut agent = agent("003-spooldir-json", "json", &["sources.taildir.quietTime = 50"]);
    append(&agent.path("json/x.json"), "{}\n");
    append(&agent.path("json/plain"), "plain text\n");
    agent.start();
    let body = "70 6C 61 69 6E 20 74 65 78 74";
    says(&agent, body);
    let event = agent.log().lines().find(|line| line.contains(body)).unwrap().to_string();
    let filename = format!("filename={}", agent.path("json/plain").display());
    assert!(event.contains(&filename) && event.contains("basename=plain"), "{event}");
    appears(&agent, "json/plain.COMPLETED");
    agent.stop();
    assert_eq!(fs::read_to_string(agent.path("json/x.json")).unwrap(), "{}\n");
    assert_eq!(agent.log().matches("Event: {").count(), 1, "{}", agent.story());
}

#[test]
fn seed_003_spooldir_json_is_told_that_its_pattern_leaves_out_every_json_file() {
    let output = check("003-spooldir-json", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let words = "`ignorePattern` leaves out every file whose name has a dot, such as `x.json`";
    assert!(text.contains(words), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
}
