//! `${…}` in values: environment, files, credentials, dates, config filters, other properties.
//!
//! Shape: `${env:N}`, `${file:PATH}`, `${credential:N}`, `${sys:N}` (a `-D`), `${date:PATTERN}` (Java's letters),
//! `${FILTER['key']}` (see [`filters`](super::filters)), `${N}` (another property), each with `:-default`; `$${` stands
//! for `${`; references may be nested. A name that is nowhere stays as it is written, as in Flume, with a warning; a file or
//! credential that cannot be read, a pattern that is none and a filter that fails are errors. `${java:…}` stays as it is
//! written: there is no Java to tell about.
//! Invariants: what came from outside is a secret; the order of properties does not matter; circles end in an error.
//! Dates: all of one load are of the same moment, and stay what they were until the next load, as in Flume. So a restart
//! or a reload finds other values, as if somebody had edited the file; but rules that decide which events go where count
//! as the same ([`Entry::undated`]), else each start would offer events again that went elsewhere before.
mod outside;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Zoned;

use super::document::{Document, Entry};
use super::filters::{self, Filters};
use super::text::Text;
use crate::diag::{Diagnostic, Report, Severity};

/// Where names are looked up.
pub struct Lookup<'a> {
    pub env: &'a BTreeMap<String, String>,
    pub defines: &'a [(String, String)],
    /// Relative files start here.
    pub dir: &'a Path,
    /// The moment that dates are of.
    pub now: &'a Zoned,
}

/// Replaces the references in all values: first in the declarations of config filters, which then give values to others.
pub fn interpolate(document: &mut Document, agents: &[String], lookup: &Lookup<'_>, report: &mut Report) {
    pass(document, lookup, None, filters::is_declaration, report);
    let filters = Filters::read(document, agents, report);
    pass(document, lookup, Some(&filters), |key| !filters::is_declaration(key), report);
}

/// Replaces the references in the values of these keys.
fn pass(
    document: &mut Document,
    lookup: &Lookup<'_>,
    filters: Option<&Filters>,
    wanted: fn(&str) -> bool,
    report: &mut Report,
) {
    let before = document.clone();
    let mut referenced = Vec::new();
    let entries = document.entries.iter_mut().filter(|entry| wanted(&entry.key.text));
    for entry in entries.filter(|entry| entry.value.text.contains("${")) {
        let run = Run {
            document: &before,
            lookup,
            filters,
            report,
            entry: entry.clone(),
            within: vec![entry.key.text.clone()],
            found: Found::default(),
            keep_dates: false,
        };
        let (text, found) = run.whole();
        referenced.extend(found.referenced);
        entry.secret |= found.secret;
        entry.broken |= found.broken;
        entry.undated = found.undated;
        if text != entry.value.text {
            entry.value = Text::computed(text, entry.value.span).trimmed();
        }
    }
    document.entries.retain(|entry| !entry.value.text.is_empty());
    document.reindex();
    document.referenced.extend(referenced);
}

/// What was found about a value.
#[derive(Default)]
struct Found {
    referenced: Vec<String>,
    secret: bool,
    broken: bool,
    dated: bool,
    undated: Option<String>,
}

struct Run<'a> {
    document: &'a Document,
    lookup: &'a Lookup<'a>,
    /// `None`: the filters themselves are being declared.
    filters: Option<&'a Filters>,
    report: &'a mut Report,
    entry: Entry,
    /// The properties being looked up, to notice circles.
    within: Vec<String>,
    found: Found,
    /// Dates stay as they are written.
    keep_dates: bool,
}

impl Run<'_> {
    /// The text of the entry with its references replaced, and what was found on the way.
    fn whole(mut self) -> (String, Found) {
        let written = self.entry.value.text.clone();
        let text = self.replace(&written);
        if self.found.dated {
            // All has been said by now, and every filter has answered.
            let mut again =
                Run { report: &mut Report::default(), keep_dates: true, found: Found::default(), ..self };
            let undated = again.replace(&written);
            self.found.undated = Some(undated);
        }
        (text, self.found)
    }

    fn replace(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                out.push_str(&rest[..at - 1]);
                out.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let Some(end) = closing(&rest[at..]) else {
                rest = &rest[at..];
                break;
            };
            let reference = &rest[at..at + end + 1];
            let inner = self.replace(&reference[2..reference.len() - 1]);
            out.push_str(&self.reference(&inner).unwrap_or_else(|| reference.to_string()));
            rest = &rest[at + end + 1..];
        }
        out + rest
    }

    /// What a reference stands for; `None`: it stays as written.
    fn reference(&mut self, inner: &str) -> Option<String> {
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let found = match name.split_once(':') {
            Some(("env", name)) => self.outside(self.lookup.env.get(name).cloned()),
            Some(("sys", name)) => self.define(name),
            Some(("file", path)) => return self.file(self.lookup.dir.join(path), default),
            Some(("credential", name)) => return self.credential(name, default),
            Some(("date", pattern)) => return self.date(pattern),
            Some(("java", _)) => return default.map(str::to_string).or_else(|| self.no_java(name)),
            _ => match filters::reference(name).filter(|_| self.document.get(name).is_none()) {
                Some((filter, key)) => return self.filtered(name, (filter, key), default),
                None => self.property(name),
            },
        };
        found.or_else(|| default.map(str::to_string)).or_else(|| self.missing(name))
    }

    fn define(&mut self, name: &str) -> Option<String> {
        self.lookup.defines.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    fn property(&mut self, name: &str) -> Option<String> {
        let found = self.document.get(name)?;
        if self.within.iter().any(|known| known == name) {
            let what = format!("`{}` refers to itself by `${{{name}}}`", self.within[0]);
            self.tell(Diagnostic::error("circular-reference", what).at(self.entry.value.span));
            return None;
        }
        self.found.referenced.push(name.to_string());
        self.found.secret |= found.secret;
        self.within.push(name.to_string());
        let text = self.replace(&found.value.text);
        self.within.pop();
        Some(text)
    }

    /// Reports; after an error nothing runs with this value.
    fn tell(&mut self, problem: Diagnostic) {
        self.found.broken |= problem.severity == Severity::Error;
        self.report.push(problem);
    }

    fn missing(&mut self, name: &str) -> Option<String> {
        if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
            return None; // `${0}` is a field number of several sinks
        }
        let what = format!("nothing is named `{name}`: `${{{name}}}` stays as it is written");
        let problem = Diagnostic::warning("unresolved-reference", what).at(self.entry.value.span);
        let of_filter = name.contains('[') && name.ends_with(']');
        self.tell(problem.hint(match of_filter {
            true => {
                "a key of a config filter is letters, digits, `-` and `_`; `$${` stands for `${`".to_string()
            }
            false => format!("`${{{name}:-value}}` gives a value for that case; `$${{` stands for `${{`"),
        }));
        None
    }
}

/// Where the brace that opens a reference is closed, references inside it left out.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    None
}
