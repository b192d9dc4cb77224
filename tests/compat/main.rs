//! One agent file and one input through Apache Flume, recorded, and through ours: the same is seen of both.
//!
//! Seen are: delivered headers and bodies, the names of files left behind, answers on sockets, words in the log that
//! stand for events, and counters. What ours does otherwise on purpose stands in `DIFFERENCES.md`, with the reason; a
//! difference that is not listed fails, and so does a listed one that is gone.
//!
//! - `case`: the case files; `steps`: their words
//! - `program`: how Flume and ours are started, and what they count; `stage`: a case on one of them
//! - `veil`, `avro`, `diff`: what was seen, made fit to be compared
//! - `page`: `DIFFERENCES.md`; `live`: the record beside a real Flume, and how it is made
//!
//! `tests/run compat` runs it, with a random dozen live; `tests/run compat --record [NAME…]` records.
mod avro;
mod case;
mod diff;
mod live;
mod page;
mod program;
mod stage;
mod steps;
mod veil;

use case::{Case, NEW, OURS};
use program::Program;

/// Runs a case on ours, and compares.
fn check(name: &str) {
    let case = Case::load(name);
    let seen = stage::run(&case, Program::Ours);
    let listed = case.record(OURS).is_some();
    assert!(
        !listed || case.record(NEW) != Some(&seen),
        "{name}: a difference is gone: take its section `{OURS}` out of the case and its row out of DIFFERENCES.md"
    );
    let whose = if listed { "ours, as listed in DIFFERENCES.md" } else { "Flume's record" };
    assert!(
        seen == case.expected(),
        "{name}: - {whose}, + seen now\n{}\n--- agent\n{}",
        diff::diff(case.expected(), &seen),
        case.agent
    );
}

/// A test for each case: `GROUP { NAME… }` is `cases/GROUP/NAME.case`.
macro_rules! cases {
    ($($group:ident { $($name:ident)* })*) => {
        $(mod $group {
            $(#[test] fn $name() { crate::check(concat!(stringify!($group), "/", stringify!($name))) })*
        })*
        const ALL: &[&str] = &[$($(concat!(stringify!($group), "/", stringify!($name)),)*)*];
    };
}

include!("cases.rs");

#[test]
fn every_case_file_is_a_test() {
    let (files, mut tests) = (case::all(), ALL.to_vec());
    tests.sort();
    assert_eq!(files, tests, "tests/compat/cases.rs names the cases");
}
