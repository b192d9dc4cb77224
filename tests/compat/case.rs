//! One case: an agent file, what is done around it, and what Apache Flume was seen to do.
//!
//! Shape of `cases/GROUP/NAME.case`: a sentence or two, then sections that begin with `== TITLE`:
//! `agent PART…` (the parts lie in `agents/` and stand in front of the section's own lines), `steps` (see [`Step`]),
//! `flume 1.11`, `flume 1.6` where that is another story, and `ours` where ours is one that `DIFFERENCES.md` explains.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::Step;

/// The Flume that all cases are equal to, unless listed.
pub const NEW: &str = "flume 1.11";
/// The Flume that has its own record where it does something else.
pub const OLD: &str = "flume 1.6";
pub const OURS: &str = "ours";
/// A title instead of a record that would repeat the older Flume's.
const OURS_AS_OLD: &str = "ours as flume 1.6";

pub struct Case {
    /// `GROUP/NAME`.
    pub name: String,
    path: PathBuf,
    /// Everything before the first record, as it stands.
    head: String,
    pub agent: String,
    pub steps: Vec<Step>,
    records: BTreeMap<&'static str, String>,
}

pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat")
}

impl Case {
    pub fn load(name: &str) -> Case {
        let path = here().join("cases").join(name).with_extension("case");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut case = Case {
            name: name.to_string(),
            path,
            head: String::new(),
            agent: String::new(),
            steps: Vec::new(),
            records: BTreeMap::new(),
        };
        for section in sections(&text) {
            case.take(section);
        }
        case
    }

    fn take(&mut self, section: &str) {
        let (title, body) = section
            .strip_prefix("== ")
            .map_or(("", section), |rest| rest.split_once('\n').unwrap_or((rest, "")));
        let mut words = title.split(' ');
        match (words.next().unwrap_or_default(), title) {
            ("agent", _) => {
                let parts = words.map(|part| here().join("agents").join(part).with_extension("properties"));
                let parts = parts.map(|path| fs::read_to_string(&path).expect("a part of agents/"));
                self.agent = parts.chain([body.to_string()]).collect();
            }
            ("steps", _) => {
                self.steps = body.lines().filter(|l| !l.trim().is_empty()).map(Step::parse).collect()
            }
            ("", _) => {}
            (_, OURS_AS_OLD) => _ = self.records.insert(OURS, self.records[OLD].clone()),
            _ => {
                let title = [NEW, OLD, OURS].into_iter().find(|known| *known == title);
                let title = title.unwrap_or_else(|| panic!("{}: what is `{section}`?", self.name));
                self.records.insert(title, body.trim_end().to_string() + "\n");
                return;
            }
        }
        if self.records.is_empty() {
            self.head += section;
        }
    }

    /// What was recorded under this title.
    pub fn record(&self, title: &str) -> Option<&str> {
        self.records.get(title).map(String::as_str)
    }

    /// What the older Flume does, if it can run the case at all.
    pub fn old_record(&self) -> Option<&str> {
        let shared = self.runs_in(OLD).then(|| self.record(NEW)).flatten();
        self.record(OLD).or(shared)
    }

    pub fn runs_in(&self, flume: &str) -> bool {
        flume == NEW || !self.steps.contains(&Step::OnlyNew)
    }

    /// What ours is to do.
    pub fn expected(&self) -> &str {
        self.record(OURS).or(self.record(NEW)).unwrap_or("(not recorded: tests/run compat --record)\n")
    }

    /// Puts records in and writes the file; none where it would say nothing of its own.
    pub fn save(&mut self, records: Vec<(&'static str, String)>) {
        self.records.extend(records);
        for title in [OLD, OURS] {
            if self.records.get(title) == self.records.get(NEW) {
                self.records.remove(title);
            }
        }
        let mut text = self.head.trim_end().to_string() + "\n";
        for title in [NEW, OLD, OURS] {
            let Some(record) = self.records.get(title) else { continue };
            match title == OURS && self.records.get(OLD) == Some(record) {
                true => text += &format!("== {OURS_AS_OLD}\n"),
                false => text += &format!("== {title}\n{record}"),
            }
        }
        fs::write(&self.path, text).unwrap();
    }
}

/// Cuts in front of each title.
fn sections(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    starts.extend(text.match_indices("\n== ").map(|(at, _)| at + 1));
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// The names of all case files, in order.
pub fn all() -> Vec<String> {
    let mut names = Vec::new();
    for group in fs::read_dir(here().join("cases")).unwrap().flatten() {
        for file in fs::read_dir(group.path()).unwrap().flatten() {
            let name = Path::new(&group.file_name()).join(file.file_name()).with_extension("");
            names.push(name.to_str().expect("plain names").to_string());
        }
    }
    names.sort();
    names
}
