//! All properties of an agent file and its drop-ins, merged, with the place of each.
//!
//! Invariants: keys and values are trimmed as Flume trims them; no value is empty (an empty one counts as absent); a
//! key stands once. Later files win; inside one file the later line wins and says so.
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::catalog::is_secret;
use super::decode::{Decoded, decode};
use super::text::Text;
use super::{properties, toml};
use crate::diag::{Diagnostic, FileId, Report};

/// One property.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Text,
    pub value: Text,
    /// The value is shown nowhere.
    pub secret: bool,
    /// The value could not be found out, which has been reported; nothing runs with it.
    pub broken: bool,
    /// The value with its dates as they are written, where it has some.
    pub undated: Option<String>,
}

/// The merged properties, in the order of their first mention.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub entries: Vec<Entry>,
    index: HashMap<String, usize>,
    /// Keys that values refer to.
    pub referenced: HashSet<String>,
}

impl Document {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).map(|at| &self.entries[*at])
    }

    /// Whether a value refers to this key by `${key}`.
    pub fn is_referenced(&self, key: &str) -> bool {
        self.referenced.contains(key)
    }

    /// Reads a file and its drop-ins. `None`: one of them cannot be read; half a configuration is not run.
    pub fn read(file: &Path, report: &mut Report) -> Option<Document> {
        let mut document = Document::default();
        document.add_file(file, report)?;
        for drop_in in drop_ins(file, report) {
            document.add_file(&drop_in, report)?;
        }
        Some(document)
    }

    fn add_file(&mut self, path: &Path, report: &mut Report) -> Option<()> {
        let name = path.display().to_string();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(cause) => {
                report.push(Diagnostic::error("unreadable", format!("cannot read `{name}`: {cause}")));
                return None;
            }
        };
        let text = as_text(&name, bytes, report)?;
        let file = report.files.add(name, text);
        self.add_text(file, path.extension().is_some_and(|end| end == "toml"), report)
    }

    /// Adds one text; later ones win.
    pub fn add_text(&mut self, file: FileId, is_toml: bool, report: &mut Report) -> Option<()> {
        let text = report.files.text(file).to_string();
        let pairs = match is_toml {
            true => toml::parse(&text, file, report)?,
            false => java_pairs(properties::parse(&text, file, report)?, report),
        };
        for (key, value) in pairs {
            self.add(key.trimmed(), value.trimmed(), report);
        }
        Some(())
    }

    /// Sets a key from the command line.
    pub fn define(&mut self, key: &str, value: &str, report: &mut Report) {
        let file = report.files.add(format!("-D{key}"), format!("{key}={value}"));
        let pair = (Text::plain(key, file, 0), Text::plain(value, file, key.len() + 1));
        self.add(pair.0.trimmed(), pair.1.trimmed(), report);
    }

    /// Finds keys again after entries were removed.
    pub fn reindex(&mut self) {
        self.index =
            self.entries.iter().enumerate().map(|(at, entry)| (entry.key.text.clone(), at)).collect();
    }

    fn add(&mut self, key: Text, value: Text, report: &mut Report) {
        if value.text.is_empty() {
            return self.clear(key, report);
        }
        let secret = is_secret(&key.text);
        if secret {
            report.files.mask(value.span);
            report.keep_secret(&value.text);
        }
        let entry = Entry { key, value, secret, broken: false, undated: None };
        match self.index.get(&entry.key.text) {
            Some(at) => self.replace(*at, entry, report),
            None => {
                self.index.insert(entry.key.text.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    /// An empty value: the key is absent, also where it had a value before, since of equal keys the last one counts.
    fn clear(&mut self, key: Text, report: &mut Report) {
        if key.text.is_empty() {
            return;
        }
        let what = format!("`{}` has no value and counts as absent", key.text);
        let Some(at) = self.index.get(&key.text) else {
            return report.push(Diagnostic::note("empty-value", what).at(key.span));
        };
        let older = self.entries.remove(*at);
        let taken_back = Diagnostic::warning("empty-value", what).at(key.span);
        report.push(taken_back.label(older.key.span, "what is set here is taken back"));
        self.reindex();
    }

    fn replace(&mut self, at: usize, entry: Entry, report: &mut Report) {
        let older = &self.entries[at];
        if older.key.span.file == entry.key.span.file {
            report.push(
                Diagnostic::warning(
                    "duplicate-key",
                    format!("`{}` is set twice; the last one counts", entry.key.text),
                )
                .at(entry.key.span)
                .label(older.key.span, "first set here"),
            );
        }
        self.entries[at] = entry;
    }
}

/// What Java reads, with full-width separators taken for what was meant.
fn java_pairs(pairs: Vec<properties::Pair>, report: &mut Report) -> Vec<(Text, Text)> {
    let mut out = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let Some((at, meant)) = pair.full_width else {
            out.push((pair.key, pair.value));
            continue;
        };
        let what = format!("a full-width separator stands between `{}` and its value", meant.key.text.trim());
        report.push(
            Diagnostic::repair("full-width-separator", what)
                .at(at)
                .hint("write an ASCII `=`; Java takes this character for a part of the text"),
        );
        out.push((meant.key, meant.value));
    }
    out
}

fn as_text(name: &str, bytes: Vec<u8>, report: &mut Report) -> Option<String> {
    match decode(bytes) {
        Decoded::Utf8(text) => Some(text),
        Decoded::Latin1(text) => {
            let what = format!("`{name}` is not UTF-8 and is read as Latin-1");
            report.push(Diagnostic::note("latin-1", what).hint("save it as UTF-8"));
            Some(text)
        }
        Decoded::Gbk => {
            let what = format!("`{name}` looks like GBK; agent files are UTF-8");
            let hint = format!("iconv -f GBK -t UTF-8 {name} > {name}.utf8");
            report.push(Diagnostic::error("gbk", what).hint(hint));
            None
        }
    }
}

/// `NAME.d/*.{properties,toml,conf}` beside the file, in name order.
fn drop_ins(file: &Path, report: &mut Report) -> Vec<PathBuf> {
    let dir = file.with_extension("d");
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(cause) => {
            report.push(Diagnostic::error("unreadable", format!("cannot list `{}`: {cause}", dir.display())));
            return Vec::new();
        }
    };
    let known = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        matches!(end, Some("properties" | "toml" | "conf")) && !is_hidden(path)
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(known).collect();
    files.sort();
    files
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
