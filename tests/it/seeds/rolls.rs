//! Seeds of the Roll File Source: a new file per period, and one file that is emptied or replaced in place.
use std::fs;
use std::ops::Range;

use super::{agent, appears, append, arrives, out};
use crate::support::{Agent, until};

fn next() -> Agent {
    let agent = agent("000-roll-next", "logs", &[]);
    append(&agent.path("logs/file-01.dat"), "1 first\n");
    agent
}

/// Appends lines to both files for a while, the agent killed and started in between or not; all that was written.
fn write_both(agent: &mut Agent, restart: bool) -> String {
    let (mut old, mut new) = (String::from("1 first\n"), String::new());
    for number in 0..100 {
        old += &format!("1 {number}\n");
        append(&agent.path("logs/file-01.dat"), &format!("1 {number}\n"));
        new += &format!("2 {number}\n");
        append(&agent.path("logs/file-02.dat"), &format!("2 {number}\n"));
        until(|| out(agent).contains(&format!("\n1 {number}\n")));
        if restart && number == 50 {
            agent.kill();
            agent.start();
        }
    }
    old + &new
}

/// All of the old file before the new one, which is followed on.
fn rolls_to_the_next(restart: bool) {
    let mut agent = next();
    agent.start();
    arrives(&agent, "1 first\n");
    let all = write_both(&mut agent, restart);
    arrives(&agent, &all);
    appears(&agent, "logs/file-01.dat.COMPLETED");
    append(&agent.path("logs/file-02.dat"), "2 more\n");
    arrives(&agent, &(all + "2 more\n"));
    assert!(agent.path("logs/file-02.dat").exists());
    agent.stop();
}

#[test]
fn seed_000_roll_next_ships_a_file_whole_before_its_successor() {
    rolls_to_the_next(false);
}

#[test]
fn seed_000_roll_next_is_not_changed_by_a_restart() {
    rolls_to_the_next(true);
}

#[derive(Clone, Copy)]
enum Roll {
    Copy,
    Move,
}

/// What the agent does while the file rolls.
#[derive(Clone, Copy)]
enum Meanwhile {
    Runs,
    Hangs,
    IsDown,
}

/// Records of two lines, with time stamps as the seed's pattern wants them.
fn records(numbers: Range<u32>) -> String {
    numbers.map(|n| format!("2016-05-19 14:00:{n:02},000 record\n\tat {n}\n")).collect()
}

fn rolls_itself(roll: Roll, meanwhile: Meanwhile) {
    let mut agent = agent("000-roll-self", "logs", &["sources.s.recordTimeout = 200"]);
    let live = agent.path("logs/file.log");
    append(&live, &records(0..5));
    agent.start();
    arrives(&agent, &records(0..5));
    match meanwhile {
        Meanwhile::Runs => {}
        Meanwhile::Hangs => agent.pause(),
        Meanwhile::IsDown => agent.kill(),
    }
    append(&live, &records(5..10));
    let rolled = agent.path("logs/file.log.2016051914");
    match roll {
        Roll::Copy => {
            fs::copy(&live, &rolled).unwrap();
            fs::File::options().write(true).open(&live).unwrap().set_len(0).unwrap();
        }
        Roll::Move => fs::rename(&live, &rolled).unwrap(),
    }
    append(&live, &records(10..15));
    match meanwhile {
        Meanwhile::Runs => {}
        Meanwhile::Hangs => agent.resume(),
        Meanwhile::IsDown => _ = agent.start(),
    }
    arrives(&agent, &records(0..15));
    // Nothing comes twice behind them either.
    append(&live, &records(15..16));
    arrives(&agent, &records(0..16));
    agent.stop();
    assert_eq!(out(&agent), records(0..16), "{}", agent.story());
    assert!(rolled.exists(), "rolled files are left as they are");
}

#[test]
fn seed_000_roll_self_by_copy_and_truncation() {
    rolls_itself(Roll::Copy, Meanwhile::Runs);
}

#[test]
fn seed_000_roll_self_by_copy_and_truncation_with_unread_lines() {
    rolls_itself(Roll::Copy, Meanwhile::Hangs);
}

#[test]
fn seed_000_roll_self_by_copy_and_truncation_while_the_agent_is_down() {
    rolls_itself(Roll::Copy, Meanwhile::IsDown);
}

#[test]
fn seed_000_roll_self_by_rename_and_creation() {
    rolls_itself(Roll::Move, Meanwhile::Runs);
}

#[test]
fn seed_000_roll_self_by_rename_and_creation_with_unread_lines() {
    rolls_itself(Roll::Move, Meanwhile::Hangs);
}

#[test]
fn seed_000_roll_self_by_rename_and_creation_while_the_agent_is_down() {
    rolls_itself(Roll::Move, Meanwhile::IsDown);
}

#[test]
fn seed_000_roll_self_cuts_a_line_of_4000_characters_at_3000() {
    let mut agent = agent("000-roll-self", "logs", &["sources.s.recordTimeout = 200"]);
    let line = |length: usize| format!("{:x<length$}\n", "2016-05-19 14:00:00,000 ");
    append(&agent.path("logs/file.log"), &(line(4000) + &records(1..2)));
    agent.start();
    arrives(&agent, &(line(3000) + &records(1..2)));
    assert!(agent.status(&[]).contains("truncated"), "{}", agent.status(&[]));
    agent.stop();
}
