//! The record beside a real Flume: a random dozen on every run, all of them to record anew.
//!
//! Ignored without being asked for, since it needs a Java runtime and Maven; `tests/run compat` asks, and where Flume
//! cannot be had it fails.
use std::sync::Mutex;

use crate::ALL;
use crate::case::{Case, NEW, OLD, OURS};
use crate::diff::diff;
use crate::program::{Program, install};
use crate::stage;

/// Names of cases or the beginnings of some, separated by spaces; an empty one stands for all.
const RECORD: &str = "DATAFLOWKIT_COMPAT_RECORD";
const ACCEPT: &str = "DATAFLOWKIT_COMPAT_ACCEPT";
const SEED: &str = "DATAFLOWKIT_COMPAT_SEED";
const DOZEN: usize = 12;
/// Each waits most of its time.
const AT_ONCE: usize = 8;

#[test]
#[ignore = "needs a Java runtime and Maven; tests/run compat runs it"]
fn a_random_dozen_is_still_what_flume_does() {
    if let Some(names) = asked(ACCEPT) {
        return accept(&names);
    }
    install(NEW);
    install(OLD);
    match asked(RECORD) {
        Some(names) => record(&names),
        None => compare(&dozen()),
    }
}

/// The cases that an environment variable names.
fn asked(variable: &str) -> Option<Vec<&'static str>> {
    let wanted = std::env::var(variable).ok()?;
    let matches = |name: &&&str| wanted.split(' ').any(|part| name.starts_with(part));
    Some(ALL.iter().filter(matches).copied().collect())
}

/// A dozen by a seed that is printed, or given.
fn dozen() -> Vec<&'static str> {
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let mut state: u64 = given.unwrap_or_else(|| u64::from(std::process::id()));
    println!("the dozen of {SEED}={state}");
    let mut names = ALL.to_vec();
    (0..DOZEN.min(names.len())).map(|_| names.swap_remove(step(&mut state) % names.len())).collect()
}

/// Knuth's linear congruence: its upper bits are random enough to choose a test by.
fn step(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) as usize
}

/// Runs cases in the Flumes that can, several at a time, all in the newer one first; `done` is told of each.
fn run_all(names: &[&'static str], done: impl Fn(Case, &'static str, String) + Sync) {
    let jobs = |flume| names.iter().map(move |name| (*name, flume));
    let left = Mutex::new(jobs(OLD).chain(jobs(NEW)).collect::<Vec<_>>());
    let finished = Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, flume)) = left.lock().unwrap().pop() else { break };
                    let case = Case::load(name);
                    if !case.runs_in(flume) {
                        continue;
                    }
                    let seen = stage::run(&case, Program::Flume(flume));
                    let _one_at_a_time = finished.lock().unwrap();
                    done(Case::load(name), flume, seen);
                }
            });
        }
    });
}

fn record(names: &[&'static str]) {
    run_all(names, |mut case, flume, seen| {
        println!("recorded {} of {flume}", case.name);
        case.save(vec![(flume, seen)]);
    });
}

fn compare(names: &[&'static str]) {
    let stale = Mutex::new(Vec::new());
    run_all(names, |case, flume, seen| {
        let recorded = if flume == OLD { case.old_record() } else { case.record(flume) }.unwrap_or_default();
        // A story of nothing is recorded as an empty line.
        let (recorded, seen) = (recorded.trim_end(), seen.trim_end());
        println!("{} {} beside {flume}", if recorded == seen { "same" } else { "NOT THE SAME" }, case.name);
        if recorded != seen {
            let text = format!("{}, {flume}: - recorded, + seen now\n{}", case.name, diff(recorded, seen));
            stale.lock().unwrap().push(text);
        }
    });
    let stale = stale.into_inner().unwrap();
    assert!(stale.is_empty(), "the record is not what Flume does\n{}", stale.join("\n"));
}

/// Writes what ours does as the section of a difference, for somebody to judge and to give a reason.
fn accept(names: &[&'static str]) {
    for name in names {
        let mut case = Case::load(name);
        let seen = stage::run(&case, Program::Ours);
        println!("{name}: - Flume's record, + ours\n{}", diff(case.record(NEW).unwrap_or_default(), &seen));
        case.save(vec![(OURS, seen)]);
    }
}
