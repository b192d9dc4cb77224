//! What both types ship while files roll, restart by restart.
use std::fs;
use std::time::Duration;

use super::*;
use crate::flow::Counter;
use crate::tail::testing::Rig;

const TIMES: [(&str, &str); 5] = [
    ("spoolDir", "@/logs"),
    ("quietTime", "60"),
    ("lateTime", "150"),
    ("drainQuiet", "60"),
    ("recordTimeout", "100"),
];

fn rig(spec: &'static Spec, more: &[(&str, &str)]) -> Rig {
    let values: Vec<_> = TIMES.iter().chain(more).copied().collect();
    let rig = Rig::new(spec, &values);
    fs::create_dir(rig.path("logs")).unwrap();
    rig
}

fn next(more: &[(&str, &str)]) -> Rig {
    let mut all = vec![("rollModule", "next"), ("targetPattern", r"file-(\d)*.dat")];
    all.extend_from_slice(more);
    rig(&SPEC, &all)
}

fn itself(more: &[(&str, &str)]) -> Rig {
    let mut all = vec![("targetPattern", "file.log"), ("rollPattern", r"file.log.(\d)+")];
    all.extend_from_slice(more);
    rig(&SPEC, &all)
}

#[test]
fn next_all_of_one_file_comes_before_the_next_and_it_is_renamed() {
    let mut rig = next(&[]);
    rig.write("logs/file-01.dat", "one\n");
    rig.start();
    rig.expect(&["one"]);
    rig.write("logs/file-02.dat", "three\n");
    rig.append("logs/file-01.dat", "two\ntail without end");
    rig.expect(&["one", "two", "tail without end", "three"]);
    rig.until("it is renamed", |rig| rig.exists("logs/file-01.dat.COMPLETED"));
    rig.append("logs/file-02.dat", "four\n");
    rig.expect(&["one", "two", "tail without end", "three", "four"]);
    rig.append("logs/file-01.dat.COMPLETED", "\nlate\n");
    rig.expect(&["one", "two", "tail without end", "three", "four", "late"]);
    assert!(rig.exists("logs/file-02.dat"), "the newest is live");
    rig.stop();
}

#[test]
fn next_a_restart_in_between_changes_nothing() {
    let mut rig = next(&[]);
    rig.write("logs/file-01.dat", "one\n");
    rig.start();
    rig.expect(&["one"]);
    rig.kill();
    rig.append("logs/file-01.dat", "two\n");
    rig.write("logs/file-02.dat", "three\n");
    rig.start();
    rig.expect(&["one", "two", "three"]);
    rig.kill();
    rig.start();
    rig.until("it is renamed", |rig| rig.exists("logs/file-01.dat.COMPLETED"));
    rig.until("its mark is gone", |rig| rig.record().streams.len() == 1);
    assert_eq!(rig.bodies(), ["one", "two", "three"]);
    rig.stop();
}

#[test]
fn d5_nothing_is_retired_before_it_is_durable() {
    let mut rig = next(&[("deletePolicy", "immediate")]);
    rig.write("logs/file-01.dat", "one\n");
    rig.write("logs/file-02.dat", "two\n");
    rig.start();
    let stop = Stop::new();
    stop.wait(Duration::from_millis(500));
    assert!(rig.exists("logs/file-01.dat"), "nothing has been delivered yet");
    rig.until("it is deleted", |rig| !rig.exists("logs/file-01.dat"));
    assert_eq!(rig.bodies(), ["one", "two"]);
    rig.stop();
}

#[test]
fn next_a_vanished_file_is_read_to_its_end_and_the_next_one_follows() {
    let mut rig = next(&[]);
    rig.write("logs/file-01.dat", "one\n");
    rig.start();
    rig.expect(&["one"]);
    rig.append("logs/file-01.dat", "two\n");
    fs::remove_file(rig.path("logs/file-01.dat")).unwrap();
    rig.write("logs/file-02.dat", "three\n");
    rig.expect(&["one", "two", "three"]);
    rig.stop();
}

#[test]
fn next_a_file_renamed_or_copied_while_the_agent_is_down_is_found_again() {
    for copy in [false, true] {
        let mut rig = next(&[]);
        rig.write("logs/file-01.dat", "one\ntwo\n");
        rig.start();
        rig.expect(&["one", "two"]);
        rig.kill();
        rig.append("logs/file-01.dat", "three\n");
        if copy {
            fs::copy(rig.path("logs/file-01.dat"), rig.path("logs/file-00.dat")).unwrap();
            fs::remove_file(rig.path("logs/file-01.dat")).unwrap();
        } else {
            rig.rename("logs/file-01.dat", "logs/archived-01");
        }
        rig.write("logs/file-02.dat", "four\n");
        rig.start();
        rig.until("all four", |rig| rig.bodies().len() == 4);
        let mut bodies = rig.bodies();
        bodies.sort();
        assert_eq!(bodies, ["four", "one", "three", "two"], "copy: {copy}");
        rig.stop();
    }
}

#[test]
fn next_keep_touches_nothing_and_repeats_nothing() {
    let mut rig = next(&[("deletePolicy", "keep")]);
    rig.write("logs/file-01.dat", "one\n");
    rig.write("logs/file-02.dat", "two\n");
    rig.write("logs/file-03.dat.gz", "never");
    rig.start();
    rig.expect(&["one", "two"]);
    rig.stop();
    rig.drain();
    assert_eq!(rig.bodies(), ["one", "two"]);
    assert!(rig.exists("logs/file-01.dat"));
}

#[test]
fn ningg_the_present_period_is_never_over() {
    let mut rig = rig(&NINGG, &[("targetPattern", r".*\d{10}.*"), ("targetFilename", "yyyyMMddHH")]);
    let now = Period::new("yyyyMMddHH", None).unwrap().at(jiff::Timestamp::now());
    rig.write(&format!("logs/app-{now}"), "live\n");
    rig.write("logs/app-2099123123", "from the future\n");
    rig.start();
    rig.expect(&["live"]);
    rig.settle(300);
    assert_eq!(rig.bodies(), ["live"]);
    rig.stop();
}

#[test]
fn ningg_long_lines_are_split_and_its_position_is_imported() {
    let mut rig = rig(&NINGG, &[]);
    rig.write("logs/x-2016-05-19", format!("old\n{}\n", "y".repeat(5000)));
    let mut meta = b"Obj\x01\x02\x08file".to_vec();
    let path = rig.path("logs/x-2016-05-19").display().to_string();
    meta.extend([(path.len() * 2) as u8, ((path.len() * 2) >> 7) as u8]);
    let length = meta.len();
    meta[length - 2] = (path.len() * 2) as u8 | if path.len() >= 64 { 0x80 } else { 0 };
    if path.len() < 64 {
        meta.pop();
    }
    meta.extend(path.as_bytes());
    meta.push(0);
    meta.extend([7; 16]);
    meta.extend([2, 2, 8]);
    meta.extend([7; 16]);
    rig.write("logs/.flumespooltail/.flumespooltailfile-main.meta", meta);
    rig.start();
    rig.until("three pieces", |rig| rig.bodies().len() == 3);
    let lengths: Vec<usize> = rig.bodies().iter().map(String::len).collect();
    assert_eq!(lengths, [2048, 2048, 904]);
    rig.stop();
}

/// The rows of the table in `tail/rolls.rs`, with the agent up and down.
#[test]
fn self_emptied_after_a_copy() {
    for down in [false, true] {
        let mut rig = itself(&[("batchSize", "1")]);
        rig.write("logs/file.log", "one\ntwo\n");
        rig.start();
        rig.expect(&["one", "two"]);
        if down {
            rig.kill();
        }
        rig.append("logs/file.log", "unread\n");
        fs::copy(rig.path("logs/file.log"), rig.path("logs/file.log.1")).unwrap();
        rig.write("logs/file.log", "new\n");
        if down {
            rig.start();
        }
        rig.expect(&["one", "two", "unread", "new"]);
        rig.append("logs/file.log", "newer\n");
        rig.expect(&["one", "two", "unread", "new", "newer"]);
        rig.kill();
        rig.drain();
        assert_eq!(rig.bodies(), ["one", "two", "unread", "new", "newer"], "down: {down}");
    }
}

#[test]
fn f1_a_copy_is_the_same_stream_so_what_is_held_above_a_hole_is_not_read_again() {
    for down in [false, true] {
        let mut rig = itself(&[("batchSize", "1")]);
        rig.write("logs/file.log", "one\ntwo\nthree\n");
        rig.start();
        rig.leave_a_hole(3);
        if down {
            rig.kill();
        }
        rig.append("logs/file.log", "unread\n");
        fs::copy(rig.path("logs/file.log"), rig.path("logs/file.log.1")).unwrap();
        rig.write("logs/file.log", "of the next generation, and longer than the one before it\n");
        if down {
            rig.start();
        }
        // Whether the copy has been found yet or not: nothing of it is delivered before the next kill.
        Stop::new().wait(Duration::from_millis(100));
        rig.kill();
        rig.drain();
        let mut bodies = rig.bodies();
        bodies[..2].sort();
        let all =
            ["three", "two", "one", "unread", "of the next generation, and longer than the one before it"];
        assert_eq!(bodies, all, "down: {down}");
        rig.drain();
        assert_eq!(rig.bodies().len(), all.len(), "down: {down}");
    }
}

#[test]
fn f1_a_copy_that_rolls_on_while_the_agent_is_down_is_found_for_older_generations_too() {
    let mut rig = itself(&[("batchSize", "1")]);
    rig.write("logs/file.log", "a1\na2\n");
    rig.start();
    rig.leave_a_hole(2);
    for (number, next) in [(1, "b1\nb2\n"), (2, "c1\n")] {
        fs::copy(rig.path("logs/file.log"), rig.path(&format!("logs/file.log.{number}"))).unwrap();
        rig.write("logs/file.log", next);
        Stop::new().wait(Duration::from_millis(100));
        rig.kill();
        rig.start();
    }
    rig.until("all", |rig| rig.bodies().len() >= 5);
    rig.kill();
    rig.drain();
    assert_eq!(rig.bodies(), ["a2", "a1", "b1", "b2", "c1"]);
}

/// A stream that nothing was put of begins anew with what stands in the file by then: a head of something else could
/// not recognise it after a kill.
#[test]
fn f1_a_live_file_that_is_emptied_before_its_first_line_was_read_is_recognised_after_a_kill() {
    let mut rig = itself(&[("readHistory", "true"), ("quietTime", "600")]);
    rig.write("logs/file.log.1", "history\n");
    rig.write("logs/file.log", "not read before it is emptied\n");
    rig.start();
    // The live file is open by now, and waits until the rolled one has been quiet.
    rig.expect(&["history"]);
    Stop::new().wait(Duration::from_millis(100));
    fs::copy(rig.path("logs/file.log"), rig.path("logs/file.log.2")).unwrap();
    rig.write("logs/file.log", "new\n");
    rig.until("all three", |rig| rig.bodies().len() >= 3);
    rig.kill();
    rig.drain();
    assert_eq!(rig.bodies(), ["history", "not read before it is emptied", "new"]);
}

#[test]
fn self_a_copy_whose_truncation_is_still_to_come_changes_nothing() {
    let mut rig = itself(&[]);
    rig.write("logs/file.log", "one\ntwo\n");
    rig.start();
    rig.expect(&["one", "two"]);
    fs::copy(rig.path("logs/file.log"), rig.path("logs/file.log.1")).unwrap();
    rig.append("logs/file.log", "three\n");
    rig.expect(&["one", "two", "three"]);
    rig.kill();
    rig.start();
    rig.settle(150);
    assert_eq!(rig.bodies(), ["one", "two", "three"]);
    rig.stop();
}

#[test]
fn self_renamed_and_created_anew() {
    for down in [false, true] {
        let mut rig = itself(&[]);
        rig.write("logs/file.log", "one\n");
        rig.start();
        rig.expect(&["one"]);
        if down {
            rig.kill();
        }
        rig.append("logs/file.log", "two\nno end");
        rig.rename("logs/file.log", "logs/file.log.1");
        rig.write("logs/file.log", "three\n");
        if down {
            rig.start();
        }
        rig.expect(&["one", "two", "no end", "three"]);
        rig.append("logs/file.log.1", "\nlate\n");
        rig.expect(&["one", "two", "no end", "three", "late"]);
        rig.kill();
        rig.drain();
        assert_eq!(rig.bodies(), ["one", "two", "no end", "three", "late"], "down: {down}");
    }
}

#[test]
fn self_several_rolls_while_down_by_copy_and_by_rename() {
    for copy in [false, true] {
        let mut rig = itself(&[]);
        rig.write("logs/file.log.1", "history\n");
        Stop::new().wait(Duration::from_millis(30));
        rig.write("logs/file.log", "a1\na2\n");
        rig.start();
        rig.expect(&["a1", "a2"]);
        rig.kill();
        rig.append("logs/file.log", "a3\n");
        for (number, next) in [(2, "b1\nb2\n"), (3, "c1\n"), (4, "d1\n")] {
            let to = format!("logs/file.log.{number}");
            if copy {
                fs::copy(rig.path("logs/file.log"), rig.path(&to)).unwrap();
            } else {
                rig.rename("logs/file.log", &to);
            }
            rig.write("logs/file.log", next);
            Stop::new().wait(Duration::from_millis(12));
        }
        rig.start();
        rig.expect(&["a1", "a2", "a3", "b1", "b2", "c1", "d1"]);
        rig.kill();
        rig.drain();
        assert_eq!(rig.bodies(), ["a1", "a2", "a3", "b1", "b2", "c1", "d1"], "copy: {copy}");
    }
}

#[test]
fn self_what_no_rolled_file_has_is_named_and_counted() {
    let mut rig = itself(&[]);
    rig.write("logs/file.log", "one\ntwo\nthr");
    rig.start();
    rig.expect(&["one", "two"]);
    rig.until("the torn line was seen", |rig| rig.counter(Counter::ReadBytes) == 6);
    rig.write("logs/file.log", "new\n");
    rig.expect(&["one", "two", "new"]);
    rig.until("counted", |rig| rig.counter(Counter::LostBytes) == 3);
    rig.stop();
}

#[test]
fn self_history_is_read_when_asked_for() {
    let mut rig = itself(&[("readHistory", "true")]);
    rig.write("logs/file.log.1", "history\n");
    rig.write("logs/file.log", "one\n");
    rig.drain();
    assert_eq!(rig.bodies(), ["history", "one"]);
}

#[test]
fn self_a_roll_before_the_first_byte_was_read_is_not_history() {
    let mut rig = itself(&[]);
    rig.start();
    rig.settle(20);
    rig.kill();
    rig.write("logs/file.log.1", "rolled while down\n");
    rig.write("logs/file.log", "live\n");
    rig.drain();
    assert_eq!(rig.bodies(), ["rolled while down", "live"]);
}

#[test]
fn multi_line_records_close_by_silence_and_a_restart_cuts_them_where_they_were_cut() {
    let mut rig = itself(&[("deserializer.multiline", r"^\d{4}-"), ("bufferMaxLineLength", "3000")]);
    rig.write("logs/file.log", "2016-a\n at x\n");
    rig.start();
    rig.expect(&["2016-a\n at x"]);
    rig.append("logs/file.log", format!(" at y\n2016-b {}\n2016-c\n", "z".repeat(4000)));
    rig.until("the long one", |rig| rig.bodies().len() >= 3);
    assert_eq!(rig.bodies()[2].len(), 3000);
    assert_eq!(rig.counter(Counter::Truncated), 1);
    rig.kill();
    rig.drain();
    rig.append("logs/file.log", " at w\n2016-d\n2016-e\n");
    rig.start();
    rig.until("the rest", |rig| rig.bodies().len() >= 6);
    assert_eq!(&rig.bodies()[1], " at y", "r1: it was closed before");
    assert_eq!(&rig.bodies()[3..], ["2016-c\n at w", "2016-d", "2016-e"], "it was open still");
    rig.stop();
}

#[test]
fn self_without_a_pattern_for_rolled_names_is_refused() {
    let values = [("spoolDir", "/x"), ("rollModule", "self"), ("targetPattern", "a.log")];
    let values = values.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let pulse = crate::flow::Pulse::new(Kind::Source, "s", "x");
    let at = At { name: "s", values: &values, place: &Default::default(), pulse: &pulse, channels: &[] };
    assert_eq!(build(&at, false).err().unwrap().key.as_deref(), Some("rollPattern"));
}
