//! The configuration files of real users, tutorials and manuals, through `check`, against the components there are.
//!
//! A file whose types are all built must have nothing wrong with it, but for what `KNOWN_BAD` says; one that names a
//! type of a later version must say just that.
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use dataflowkit::config::{Request, load_all, resolve};
use dataflowkit::diag::{Severity, text};
use dataflowkit::registry;

/// What follows from a type that is not built yet.
const LATER: [&str; 4] = ["not-yet", "channel-left-out", "group-member", "nothing-to-run"];

/// Files that are wrong on purpose, or as their manual prints them: with these errors and no others.
const KNOWN_BAD: [(&str, &[&str]); 4] = [
    ("000-file-sink-as-printed", &["misplaced-list", "nothing-to-run", "unknown-channel"]),
    ("000-syslog-sink-as-printed", &["missing-type", "nothing-to-run", "wrong-kind"]),
    ("001-mysource", &["java-class"]),
    ("001-mysink", &["java-class"]),
];

/// Warnings that a file deserves.
const KNOWN_ODD: [(&str, &[&str]); 2] =
    [("000-redis-source-as-printed", &["cut-class-name"]), ("000-kafka-sink", &["no-guarantee"])];

fn seeds() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seed-configs");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "properties")).collect();
    files.sort();
    assert!(files.len() >= 51, "{}", files.len());
    files
}

struct Checked {
    errors: BTreeSet<&'static str>,
    warnings: BTreeSet<&'static str>,
    shown: String,
    runs: bool,
}

fn check(seed: &Path, strict: bool) -> Checked {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agent.properties");
    let content = fs::read_to_string(seed).unwrap().replace("@DIR@", dir.path().to_str().unwrap());
    fs::write(&file, content).unwrap();
    // The catalogs that the files name lie beside them.
    symlink(seed.with_file_name("env_root"), dir.path().join("env_root")).unwrap();
    let mut request = Request::new(&file, registry::all().collect());
    request.strict = strict;
    let (graphs, report) = load_all(&request);
    let codes = |severity| {
        let all = report.in_order();
        all.into_iter().filter(|d| d.severity == severity).map(|d| d.code).collect()
    };
    Checked {
        errors: codes(Severity::Error),
        warnings: codes(Severity::Warning),
        shown: text(&report),
        runs: !graphs.is_empty(),
    }
}

/// A type of the file that no component of this build is known by, although one should be.
fn not_there(seed: &Path) -> Option<String> {
    let content = fs::read_to_string(seed).unwrap();
    let specs: Vec<_> = registry::all().collect();
    let types = content
        .lines()
        .filter_map(|line| line.split_once('=').filter(|(key, _)| key.trim().ends_with(".type")));
    let types = types.filter_map(|(_, value)| value.split_whitespace().next());
    let known = |name: &str| specs.iter().any(|spec| resolve(spec.kind, name, &specs).is_ok());
    let foreign = |name: &str| name.starts_with("com.stt.demo.");
    types.map(str::to_string).find(|name| !known(name) && !foreign(name))
}

fn of<'a>(table: &[(&str, &'a [&'a str])], seed: &Path) -> BTreeSet<&'a str> {
    let name = seed.file_stem().unwrap().to_str().unwrap();
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, codes)| codes.iter().copied().collect())
        .unwrap_or_default()
}

#[test]
fn every_seed_file_has_the_problems_it_should_and_no_others() {
    for seed in seeds() {
        let name = seed.display();
        if let Some(missing) = not_there(&seed) {
            eprintln!("SKIPPED {name}: this build has no `{missing}`");
            continue;
        }
        let checked = check(&seed, false);
        let expected = of(&KNOWN_BAD, &seed);
        let own: BTreeSet<&str> =
            checked.errors.iter().copied().filter(|code| expected.contains(code)).collect();
        assert_eq!(own, expected, "{name}\n{}", checked.shown);
        let later = checked.errors.contains("not-yet");
        let known = |code: &str| expected.contains(code) || (later && LATER.contains(&code));
        let others: Vec<_> = checked.errors.iter().filter(|code| !known(code)).collect();
        assert!(others.is_empty(), "{name}: {others:?}\n{}", checked.shown);
        if !later {
            assert_eq!(checked.warnings, of(&KNOWN_ODD, &seed), "{name}\n{}", checked.shown);
            assert!(checked.runs != expected.contains("nothing-to-run"), "{name}\n{}", checked.shown);
        }
    }
}

#[test]
fn notes_after_values_run_and_are_errors_under_strict() {
    let seeds = seeds();
    let seed =
        seeds.iter().find(|path| path.ends_with("001-netcat-logger-inline-comments.properties")).unwrap();
    if let Some(missing) = not_there(seed) {
        eprintln!("SKIPPED {}: this build has no `{missing}`", seed.display());
        return;
    }
    let plain = check(seed, false);
    assert!(plain.runs && plain.errors.is_empty() && plain.warnings.is_empty(), "{}", plain.shown);
    assert_eq!(plain.shown.matches("note[inline-note]").count(), 12, "one lint per value\n{}", plain.shown);
    assert_eq!(check(seed, true).errors, BTreeSet::from(["inline-note"]));
}
