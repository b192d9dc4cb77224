//! `DIFFERENCES.md` and the cases say the same.
use std::collections::BTreeSet;
use std::fs;

use crate::ALL;
use crate::case::{Case, NEW, OLD, OURS, here};

fn page() -> String {
    fs::read_to_string(here().join("DIFFERENCES.md")).unwrap()
}

/// The names in the first cells of its tables.
fn listed(page: &str) -> BTreeSet<String> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`').to_string());
    names.collect()
}

/// One line of figures, which the page holds.
pub fn figures() -> String {
    let cases: Vec<Case> = ALL.iter().map(|name| Case::load(name)).collect();
    let count = |holds: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| holds(case)).count();
    let differs = |case: &Case| case.record(OURS).is_some();
    let old = |case: &Case| case.runs_in(OLD);
    let equal_old = |case: &Case| case.old_record() == Some(case.expected());
    format!(
        "{} cases: {} equal to Flume 1.11, {} listed below. Flume 1.6 runs {} of them, and does something else than 1.11 in {}; ours equals it in {}.",
        cases.len(),
        count(&|case| !differs(case)),
        count(&differs),
        count(&old),
        count(&|case| case.record(OLD).is_some()),
        count(&|case| old(case) && equal_old(case)),
    )
}

#[test]
fn the_page_lists_each_difference_and_no_other() {
    let differing = ALL.iter().filter(|name| Case::load(name).record(OURS).is_some());
    let differing: BTreeSet<String> = differing.map(|name| name.to_string()).collect();
    assert_eq!(listed(&page()), differing);
}

#[test]
fn the_page_has_the_figures() {
    let figures = figures();
    assert!(page().contains(&figures), "DIFFERENCES.md should say:\n{figures}");
}

#[test]
fn every_case_is_recorded() {
    let missing: Vec<&&str> = ALL.iter().filter(|name| Case::load(name).record(NEW).is_none()).collect();
    assert!(missing.is_empty(), "tests/run compat --record: {missing:?}");
}
