//! An entry as TOML: keys, tables of keys, and `{ credential = "…" }` where a value is kept elsewhere.
//!
//! Shape: tables are joined by dots; the parts of an array by commas; a table of one text under `credential`, `env` or
//! `file` is no table but says where the value is.
use toml::de::{DeTable, DeValue};

use super::entry::{Outside, Raw, hide};
use super::secret::is_secret;
use crate::config::text::Text;
use crate::config::toml::{Source, read};
use crate::diag::{Diagnostic, FileId, Report, Severity, Span};

/// The keys in the order written. `None`: it is not TOML, or has what no entry can have.
pub(super) fn parse(text: &str, file: FileId, report: &mut Report) -> Option<Vec<Raw>> {
    let before = report.count(Severity::Error);
    let table = read(text, file, report)?;
    let mut run = Run { source: Source { text, file }, report, out: Vec::new() };
    run.table("", table.get_ref());
    let Run { mut out, .. } = run;
    out.sort_by_key(|raw| raw.key.span.start);
    (report.count(Severity::Error) == before).then_some(out)
}

struct Run<'a> {
    source: Source<'a>,
    report: &'a mut Report,
    out: Vec<Raw>,
}

impl Run<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let path = format!("{prefix}{}", key.get_ref());
            let name = Text::computed(path, Span::new(self.source.file, key.span()));
            let span = Span::new(self.source.file, value.span());
            match value.get_ref() {
                DeValue::Table(inner) => match outside(inner) {
                    Some((way, value, at)) => {
                        let at = Span::new(self.source.file, at);
                        self.add(name, self.source.string(value, at), Some(way));
                    }
                    None if is_secret(&name.text) => self.no_secret(&name.text, span),
                    None => self.table(&format!("{}.", name.text), inner),
                },
                DeValue::String(text) => self.add(name, self.source.string(text, span), None),
                DeValue::Array(items) => {
                    let parts: Option<Vec<String>> =
                        items.iter().map(|item| scalar(item.get_ref())).collect();
                    match parts {
                        Some(parts) => self.add(name, Text::computed(parts.join(","), span), None),
                        None => self.not_an_entry(&name.text, span),
                    }
                }
                other => match scalar(other) {
                    Some(text) => self.add(name, Text::computed(text, span), None),
                    None => self.not_an_entry(&name.text, span),
                },
            }
        }
    }

    fn add(&mut self, key: Text, value: Text, outside: Option<Outside>) {
        let value = value.trimmed();
        if value.text.is_empty() {
            let what = format!("`{}` has no value and counts as absent", key.text);
            return self.report.push(Diagnostic::note("empty-value", what).at(key.span));
        }
        if outside.is_none() {
            hide(&key.text, &value, self.report);
        }
        self.out.push(Raw { key, value, outside, doc: None });
    }

    fn no_secret(&mut self, key: &str, span: Span) {
        let what = format!("`{key}` is a table that does not say where the secret is");
        let hint = "write `{ credential = \"NAME\" }`, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`, and nothing beside it";
        self.report.push(Diagnostic::error("bad-secret", what).at(span).hint(hint));
    }

    fn not_an_entry(&mut self, key: &str, span: Span) {
        let what = format!("`{key}` holds tables in a list, which no entry has");
        self.report.push(Diagnostic::error("bad-toml", what).at(span));
    }
}

/// A table that says where a value is kept.
fn outside<'t>(table: &'t DeTable<'_>) -> Option<(Outside, &'t str, std::ops::Range<usize>)> {
    let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
    let way = match key.get_ref().as_ref() {
        "credential" => Outside::Credential,
        "env" => Outside::Env,
        "file" => Outside::File,
        _ => return None,
    };
    match value.get_ref() {
        DeValue::String(text) => Some((way, text, value.span())),
        _ => None,
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().replace('_', ""),
        DeValue::Float(number) => number.as_str().replace('_', ""),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => return None,
    })
}
