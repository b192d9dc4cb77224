//! What is shipped while files grow, roll, shrink and go.
use super::*;
use crate::flow::Counter;
use crate::tail::testing::Rig;

fn rig(more: &[(&str, &str)]) -> Rig {
    let mut values = vec![
        ("filegroups", "g"),
        ("filegroups.g", r"@/logs/.*\.log"),
        ("positionFile", "@/pos.json"),
        ("drainQuiet", "50"),
        ("lateTime", "100"),
        ("writePosInterval", "10"),
    ];
    values.extend_from_slice(more);
    let rig = Rig::new(&SPEC, &values);
    std::fs::create_dir(rig.path("logs")).unwrap();
    rig
}

#[test]
fn whole_lines_come_and_torn_ones_wait() {
    let mut rig = rig(&[]);
    rig.write("logs/a.log", "one\r\n\nthr");
    rig.start();
    rig.expect(&["one", ""]);
    rig.append("logs/a.log", "ee\nfour\n");
    rig.expect(&["one", "", "three", "four"]);
    rig.kill();
    rig.append("logs/a.log", "five\n");
    rig.start();
    rig.expect(&["one", "", "three", "four", "five"]);
    rig.stop();
}

#[test]
fn a_rename_repeats_nothing_and_its_unread_lines_come_at_once() {
    let mut rig = rig(&[]);
    rig.write("logs/a.log", "one\n");
    rig.start();
    rig.expect(&["one"]);
    rig.append("logs/a.log", "two\n");
    rig.rename("logs/a.log", "logs/b.log");
    rig.write("logs/a.log", "three\n");
    rig.until("three lines", |rig| rig.bodies().len() >= 3);
    rig.append("logs/b.log", "late\n");
    rig.until("the late line", |rig| rig.bodies().len() >= 4);
    rig.rename("logs/b.log", "logs/b.old");
    rig.append("logs/b.old", "later\n");
    rig.until("the later line", |rig| rig.bodies().len() >= 5);
    rig.settle(50);
    let mut bodies = rig.bodies();
    bodies.sort();
    assert_eq!(bodies, ["late", "later", "one", "three", "two"]);
    rig.stop();
}

#[test]
fn a_rename_while_the_agent_is_down_repeats_and_loses_nothing() {
    let mut rig = rig(&[]);
    rig.write("logs/a.log", "one\ntwo\n");
    rig.start();
    rig.expect(&["one", "two"]);
    rig.kill();
    rig.append("logs/a.log", "three\n");
    rig.rename("logs/a.log", "logs/a.log.1");
    rig.write("logs/a.log", "four\n");
    rig.drain();
    let mut bodies = rig.bodies();
    bodies.sort();
    assert_eq!(bodies, ["four", "one", "three", "two"]);
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let mut rig = rig(&[]);
    rig.write("logs/a.log", "one\ntwo\n");
    rig.start();
    rig.expect(&["one", "two"]);
    rig.write("logs/a.log", "uno\n");
    rig.expect(&["one", "two", "uno"]);
    // Refilled past the old position between two looks.
    rig.kill();
    rig.write("logs/a.log", "eins\nzwei\ndrei\n");
    rig.start();
    rig.expect(&["one", "two", "uno", "eins", "zwei", "drei"]);
    rig.stop();
}

#[test]
fn a_deleted_file_is_read_to_its_end() {
    let mut rig = rig(&[]);
    rig.write("logs/a.log", "one\n");
    rig.start();
    rig.expect(&["one"]);
    rig.append("logs/a.log", "two\nunended");
    std::fs::remove_file(rig.path("logs/a.log")).unwrap();
    rig.expect(&["one", "two", "unended"]);
    rig.until("the mark is gone", |rig| rig.record().streams.is_empty());
    rig.stop();
}

#[test]
fn the_position_file_is_flumes_and_moving_it_moves_us() {
    let mut rig = rig(&[]);
    rig.write("logs/a.log", "one\ntwo\nthree\n");
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(rig.path("logs/a.log")).unwrap().ino();
    let path = rig.path("logs/a.log").display().to_string();
    let text = |pos: u64| format!("[{{\"inode\":{inode},\"pos\":{pos},\"file\":\"{path}\"}}]");
    rig.write("pos.json", text(4));
    rig.start();
    rig.expect(&["two", "three"]);
    rig.stop();
    assert_eq!(std::fs::read_to_string(rig.path("pos.json")).unwrap(), text(14));
    // Flume went on from there, and came back.
    rig.append("logs/a.log", "four\nfive\n");
    rig.write("pos.json", text(19));
    rig.start();
    rig.expect(&["two", "three", "five"]);
    rig.stop();
}

#[test]
fn headers_offsets_and_skipping_to_the_end() {
    let more =
        [("skipToEnd", "true"), ("fileHeader", "true"), ("byteOffsetHeader", "true"), ("headers.g.k", "v")];
    let mut rig = rig(&more);
    rig.write("logs/a.log", "old\n");
    rig.start();
    rig.until("the file is followed", |rig| rig.counter(Counter::FilesOpen) == 1);
    rig.append("logs/a.log", "new\n");
    rig.write("logs/b.log", "all\n");
    rig.until("two lines", |rig| rig.bodies().len() == 2);
    let event = rig.events().into_iter().find(|got| got.body == "new").unwrap();
    assert_eq!(event.headers.get("k"), Some("v"));
    assert_eq!(event.headers.get("byteoffset"), Some("4"));
    assert_eq!(event.headers.get("file"), Some(rig.path("logs/a.log").to_str().unwrap()));
    rig.stop();
}

#[test]
fn a_line_above_the_limit_is_split_and_nothing_is_dropped() {
    let mut rig = rig(&[("maxLineLength", "300000")]);
    let long = "x".repeat(1_000_000);
    rig.write("logs/a.log", format!("{long}\nend\n"));
    rig.drain();
    let lengths: Vec<usize> = rig.bodies().iter().map(String::len).collect();
    assert_eq!(lengths, [300_000, 300_000, 300_000, 100_000, 3]);
}

#[test]
fn a_missing_directory_is_waited_for_and_an_unreadable_file_stops_nothing() {
    let mut rig = rig(&[]);
    std::fs::remove_dir(rig.path("logs")).unwrap();
    rig.set("rescanInterval", "20");
    rig.start();
    rig.until("a sentence", |rig| rig.trouble().is_some_and(|what| what.contains("cannot look into")));
    rig.write("logs/a.log", "nul \0 and \u{fffd} pass\n");
    // A directory with a matching name is no file; a dangling link is none either.
    std::fs::create_dir(rig.path("logs/dir.log")).unwrap();
    std::os::unix::fs::symlink("nowhere", rig.path("logs/link.log")).unwrap();
    rig.expect(&["nul \0 and \u{fffd} pass"]);
    rig.stop();
}

/// Whether this process has the file open.
fn is_open(path: &std::path::Path) -> bool {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    links.filter_map(|link| std::fs::read_link(link.path()).ok()).any(|to| to == path)
}

#[test]
fn an_idle_file_is_closed_and_read_on_when_it_grows() {
    let mut rig = rig(&[("idleTimeout", "60")]);
    rig.write("logs/a.log", "one\n");
    let path = rig.path("logs/a.log").canonicalize().unwrap();
    rig.start();
    rig.expect(&["one"]);
    rig.until("it is closed", |_| !is_open(&path));
    rig.append("logs/a.log", "two\nhal");
    rig.expect(&["one", "two"]);
    rig.settle(120);
    assert!(is_open(&path), "what is held keeps it open");
    rig.append("logs/a.log", "f\n");
    rig.expect(&["one", "two", "half"]);
    rig.stop();
}

#[test]
fn files_take_turns_of_so_many_batches() {
    let mut rig = rig(&[("batchSize", "2"), ("maxBatchCount", "1")]);
    for name in ["a", "b"] {
        rig.write(&format!("logs/{name}.log"), (0..6).map(|n| format!("{name}{n}\n")).collect::<String>());
    }
    rig.drain();
    let bodies = rig.bodies();
    let whose: String = bodies.iter().filter_map(|body| body.chars().next()).collect();
    assert!(whose == "aabbaabbaabb" || whose == "bbaabbaabbaa", "{whose}");
}

#[test]
fn groups_have_their_own_headers_and_hidden_files_match_too() {
    let more = [
        ("filegroups", "g h nowhere"),
        ("filegroups.h", r"@/other/.*"),
        ("headers.g.k", "of g"),
        ("headers.h.k", "of h"),
        ("headers.h.with.dots", "v"),
        ("headers.h.file", "overwritten"),
        ("fileHeader", "true"),
    ];
    let mut rig = rig(&more);
    rig.write("logs/a.log", "one\n");
    rig.write("other/.hidden", "two\n");
    rig.write("other/sub/deep", "never\n");
    rig.drain();
    let mut events = rig.events();
    events.sort_by(|a, b| a.body.cmp(&b.body));
    let told: Vec<_> = events.iter().map(|event| (event.body.as_str(), event.headers.get("k"))).collect();
    assert_eq!(told, [("one", Some("of g")), ("two", Some("of h"))]);
    assert_eq!(events[1].headers.get("with.dots"), Some("v"));
    assert_eq!(events[1].headers.get("file"), rig.path("other/.hidden").to_str());
    assert_eq!(events[0].headers.get("with.dots"), None);
}

#[test]
fn skip_to_end_is_for_files_without_a_position_that_are_there_at_the_start() {
    let mut rig = rig(&[("skipToEnd", "true")]);
    rig.write("logs/a.log", "old\n");
    rig.start();
    rig.until("it is followed", |rig| rig.counter(Counter::FilesOpen) == 1);
    rig.append("logs/a.log", "one\n");
    rig.expect(&["one"]);
    rig.kill();
    rig.append("logs/a.log", "two\n");
    rig.drain();
    assert_eq!(rig.bodies(), ["one", "two"], "a known position is gone on from");
}
