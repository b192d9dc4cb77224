//! `${…}` in values: environment, files, credentials, other properties.
//!
//! Shape: `${env:N}`, `${file:PATH}`, `${credential:N}`, `${sys:N}` (a `-D`), `${N}` (another property), each with
//! `:-default`; `$${` stands for `${`; references may be nested. A name that is nowhere stays as it is written, as in
//! Flume, with a warning; a file or credential that cannot be read is an error.
//! Invariants: what came from outside is a secret; the order of properties does not matter; circles end in an error.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::{Document, Entry};
use super::text::Text;
use crate::diag::{Diagnostic, Report, Severity};

/// Where names are looked up.
pub struct Lookup<'a> {
    pub env: &'a BTreeMap<String, String>,
    pub defines: &'a [(String, String)],
    /// Relative files start here.
    pub dir: &'a Path,
}

/// Replaces the references in all values.
pub fn interpolate(document: &mut Document, lookup: &Lookup<'_>, report: &mut Report) {
    let before = document.clone();
    let mut referenced = Vec::new();
    for entry in document.entries.iter_mut().filter(|entry| entry.value.text.contains("${")) {
        let mut run = Run {
            document: &before,
            lookup,
            report,
            entry: entry.clone(),
            within: vec![entry.key.text.clone()],
            referenced: Vec::new(),
            secret: false,
            broken: false,
        };
        let text = run.replace(&entry.value.text.clone());
        referenced.append(&mut run.referenced);
        entry.secret |= run.secret;
        entry.broken |= run.broken;
        if text != entry.value.text {
            entry.value = Text::computed(text, entry.value.span).trimmed();
        }
    }
    document.entries.retain(|entry| !entry.value.text.is_empty());
    document.reindex();
    document.referenced.extend(referenced);
}

struct Run<'a> {
    document: &'a Document,
    lookup: &'a Lookup<'a>,
    report: &'a mut Report,
    entry: Entry,
    /// The properties being looked up, to notice circles.
    within: Vec<String>,
    referenced: Vec<String>,
    secret: bool,
    broken: bool,
}

impl Run<'_> {
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
        if let Some((filter, _)) = name.split_once('[').filter(|_| name.ends_with(']')) {
            self.no_config_filters(filter);
            return None;
        }
        let found = match name.split_once(':') {
            Some(("env", name)) => self.outside(self.lookup.env.get(name).cloned()),
            Some(("sys", name)) => self.define(name),
            Some(("file", path)) => return self.file(self.lookup.dir.join(path), default),
            Some(("credential", name)) => return self.credential(name, default),
            _ => self.property(name),
        };
        found.or_else(|| default.map(str::to_string)).or_else(|| self.missing(name))
    }

    /// A value from outside is a secret.
    fn outside(&mut self, value: Option<String>) -> Option<String> {
        if let Some(value) = &value {
            self.secret = true;
            self.report.keep_secret(value);
        }
        value
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
        self.referenced.push(name.to_string());
        self.secret |= found.secret;
        self.within.push(name.to_string());
        let text = self.replace(&found.value.text);
        self.within.pop();
        Some(text)
    }

    fn credential(&mut self, name: &str, default: Option<&str>) -> Option<String> {
        let Some(dir) = self.lookup.env.get("CREDENTIALS_DIRECTORY") else {
            if default.is_some() {
                return default.map(str::to_string);
            }
            let what = format!("cannot read credential `{name}`: the service was given none");
            let hint = format!("add `LoadCredential={name}:PATH` to the unit, or set CREDENTIALS_DIRECTORY");
            self.tell(Diagnostic::error("missing-credential", what).at(self.entry.value.span).hint(hint));
            return None;
        };
        self.file(PathBuf::from(dir).join(name), default)
    }

    fn file(&mut self, path: PathBuf, default: Option<&str>) -> Option<String> {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                self.outside(Some(text.strip_suffix('\r').unwrap_or(text).to_string()))
            }
            Err(_) if default.is_some() => default.map(str::to_string),
            Err(cause) => {
                let what = format!("cannot read `{}`: {cause}", path.display());
                self.tell(Diagnostic::error("unreadable", what).at(self.entry.value.span));
                None
            }
        }
    }

    /// Reports; after an error nothing runs with this value.
    fn tell(&mut self, problem: Diagnostic) {
        self.broken |= problem.severity == Severity::Error;
        self.report.push(problem);
    }

    fn missing(&mut self, name: &str) -> Option<String> {
        if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
            return None; // `${0}` is a field number of several sinks
        }
        let what = format!("nothing is named `{name}`: `${{{name}}}` stays as it is written");
        let problem = Diagnostic::warning("unresolved-reference", what).at(self.entry.value.span);
        self.tell(
            problem
                .hint(format!("`${{{name}:-value}}` gives a value for that case; `$${{` stands for `${{`")),
        );
        None
    }

    fn no_config_filters(&mut self, filter: &str) {
        let what = format!("config filters (`${{{filter}[…]}}`) are known, not in this version yet");
        let problem = Diagnostic::error("not-yet", what).at(self.entry.value.span);
        self.tell(problem.hint("use `${env:NAME}`, `${file:PATH}` or `${credential:NAME}`"));
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
