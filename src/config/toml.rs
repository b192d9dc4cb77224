//! TOML as a second spelling of the same model.
//!
//! Shape: `[a1.sources.r1] type = "netcat"` is `a1.sources.r1.type = netcat`: tables are joined by dots, arrays by
//! blanks, numbers and booleans are their text. A TOML key cannot be a value and a table at once, so the lists that
//! Flume spells beside their members (`a1.sources`, `….interceptors`) follow from the tables, in the order written;
//! a quoted key (`"handler.paramName"`) says the same as a dotted one where both are needed.
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::catalog::{is_secret, secret_parts};
use super::text::Text;
use crate::diag::{Diagnostic, FileId, Report, Span};

/// Reads a whole text into pairs in the order written. `None`: it is not TOML.
pub fn parse(text: &str, file: FileId, report: &mut Report) -> Option<Vec<(Text, Text)>> {
    let table = read(text, file, report)?;
    let mut flat = Flat { source: Source { text, file }, report, out: Vec::new() };
    flat.table("", table.get_ref());
    let mut out = flat.out;
    out.sort_by_key(|(key, _)| key.span.start);
    Some(implied_lists(out))
}

/// The table that a text is. `None`: it is not TOML, which has been reported.
pub fn read<'t>(text: &'t str, file: FileId, report: &mut Report) -> Option<Spanned<DeTable<'t>>> {
    match DeTable::parse(text) {
        Ok(table) => Some(table),
        Err(error) => {
            let problem = Diagnostic::error("bad-toml", error.message().trim().to_lowercase());
            let problem = problem.maybe_at(error.span().map(|range| Span::new(file, range)));
            let hint = error.span().and_then(|range| look_alike(text, range.start));
            hide_secrets(text, file, report);
            report.push(problem.maybe_hint(hint));
            None
        }
    }
}

/// What follows a key that promises a secret is not shown, though the text could not be read.
fn hide_secrets(text: &str, file: FileId, report: &mut Report) {
    secret_parts(text).into_iter().for_each(|part| report.files.mask(Span::new(file, part)));
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some((key, value)) = line.split_once('=')
            && is_secret(key.trim().trim_matches(['"', '\'']))
        {
            let end = start + line.trim_end().len();
            report.files.mask(Span::new(file, end.min(start + line.len() - value.len())..end));
        }
        start += line.len();
    }
}

/// A character on the line of a mistake that a word processor or a Chinese keyboard writes for one of TOML's.
fn look_alike(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next()?;
    let twins = [
        ('＝', "="),
        ('：', ":"),
        ('，', ","),
        ('“', "\""),
        ('”', "\""),
        ('‘', "'"),
        ('’', "'"),
        ('［', "["),
        ('］', "]"),
    ];
    let (found, meant) = twins.into_iter().find(|(c, _)| line.contains(*c))?;
    Some(format!("`{found}` stands on this line: write `{meant}`"))
}

/// A text and what spans call it.
pub struct Source<'a> {
    pub text: &'a str,
    pub file: FileId,
}

impl Source<'_> {
    /// A string without escapes keeps the place of each character.
    pub fn string(&self, text: &str, span: Span) -> Text {
        let written = &self.text[span.start..span.end];
        match written.find(text).filter(|_| !text.is_empty()) {
            Some(at) => Text::plain(text, self.file, span.start + at),
            None => Text::computed(text, span),
        }
    }
}

struct Flat<'a> {
    source: Source<'a>,
    report: &'a mut Report,
    out: Vec<(Text, Text)>,
}

impl Flat<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let path = format!("{prefix}{}", key.get_ref());
            let at = Span::new(self.source.file, key.span());
            match value.get_ref() {
                DeValue::Table(inner) => self.table(&format!("{path}."), inner),
                _ => {
                    if let Some(value) = self.value(value) {
                        self.out.push((Text::computed(path, at), value));
                    }
                }
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let span = Span::new(self.source.file, value.span());
        let text = match value.get_ref() {
            DeValue::String(text) => return Some(self.source.string(text, span)),
            DeValue::Integer(number) => number.as_str().replace('_', ""),
            DeValue::Float(number) => number.as_str().replace('_', ""),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(items) => {
                let words: Option<Vec<String>> =
                    items.iter().map(|item| self.value(item).map(|t| t.text)).collect();
                words?.join(" ")
            }
            DeValue::Table(_) => {
                let what = "a table cannot be a member of a list here";
                self.report.push(Diagnostic::error("bad-toml", what).at(span));
                return None;
            }
        };
        Some(Text::computed(text, span))
    }
}

/// Adds the name lists that follow from the tables, unless the text has them.
fn implied_lists(pairs: Vec<(Text, Text)>) -> Vec<(Text, Text)> {
    let mut lists: Vec<(String, Vec<String>, Span)> = Vec::new();
    for (key, _) in &pairs {
        let parts: Vec<&str> = key.text.split('.').collect();
        for at in [1, 3] {
            let kind = parts.get(at).copied().unwrap_or_default();
            let is_list = match at {
                1 => ["sources", "channels", "sinks", "sinkgroups", "configfilters"].contains(&kind),
                _ => kind == "interceptors",
            };
            let (true, Some(member)) = (is_list && parts.len() > at + 2, parts.get(at + 1)) else { continue };
            let list = parts[..=at].join(".");
            match lists.iter_mut().find(|(name, _, _)| *name == list) {
                Some((_, members, _)) if members.iter().any(|known| known == member) => {}
                Some((_, members, _)) => members.push((*member).to_string()),
                None => lists.push((list, vec![(*member).to_string()], key.span)),
            }
        }
    }
    lists.retain(|(list, _, _)| !pairs.iter().any(|(key, _)| key.text == *list));
    let implied = lists
        .into_iter()
        .map(|(list, members, span)| (Text::computed(list, span), Text::computed(members.join(" "), span)));
    implied.collect::<Vec<_>>().into_iter().chain(pairs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(String, String)> {
        let mut report = Report::default();
        let file = report.files.add("x.toml", text);
        let pairs = parse(text, file, &mut report).expect("it is TOML");
        pairs.into_iter().map(|(key, value)| (key.text, value.text)).collect()
    }

    #[test]
    fn tables_arrays_numbers_and_flags_say_what_properties_say() {
        let text = "[a1.sources.r1]\ntype = \"netcat\"\nport = 44_444\nack = true\nchannels = [\"c1\", \"c2\"]\n\
                    interceptors.i2.type = \"host\"\ninterceptors.i1.type = \"static\"\n[a1.channels.c1]\ntype = 'memory'\n";
        let expected = [
            ("a1.sources", "r1"),
            ("a1.sources.r1.interceptors", "i2 i1"),
            ("a1.channels", "c1"),
            ("a1.sources.r1.type", "netcat"),
            ("a1.sources.r1.port", "44444"),
            ("a1.sources.r1.ack", "true"),
            ("a1.sources.r1.channels", "c1 c2"),
            ("a1.sources.r1.interceptors.i2.type", "host"),
            ("a1.sources.r1.interceptors.i1.type", "static"),
            ("a1.channels.c1.type", "memory"),
        ];
        let expected: Vec<_> = expected.map(|(k, v)| (k.to_string(), v.to_string())).into();
        assert_eq!(flat(text), expected);
    }

    #[test]
    fn a_quoted_key_is_a_dotted_one() {
        assert_eq!(flat("[a.s.h]\n\"x.y\" = 1"), [("a.s.h.x.y".to_string(), "1".to_string())]);
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let mut report = Report::default();
        let file = report.files.add("x.toml", "[a1\nx = 1\n");
        assert!(parse("[a1\nx = 1\n", file, &mut report).is_none());
        assert!(report.has_errors() && report.in_order()[0].span.is_some());
    }
}
