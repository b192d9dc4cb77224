//! An entry as TOML.
//!
//! Invariant: what is written is read as the same values; a test holds that.
use std::fmt::Write;

use super::entry::{Content, Entry, Value};
use super::secret::{Secret, veiled};
use crate::config::spec::{Field, State, Type};

/// What becomes of secrets that stand in the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inline {
    /// They are written: the file is for few eyes.
    Written,
    /// A credential of this entry's name is written in their place, and stars in that of a password inside an address.
    Credential,
}

/// The text of the file.
pub fn as_toml(entry: &Entry, inline: Inline) -> String {
    let mut out = String::new();
    let field = |value: &Value| entry.kind.fields.iter().find(|field| field.key == value.key);
    let prefixes = || entry.kind.fields.iter().filter(|field| matches!(field.ty, Type::Prefix));
    for value in &entry.values {
        if !prefixes().any(|prefix| value.key.starts_with(prefix.key)) {
            line(&mut out, field(value), &value.key, value, entry, inline);
        }
    }
    for prefix in prefixes() {
        let below = |value: &&Value| value.key.starts_with(prefix.key);
        for (at, value) in entry.values.iter().filter(below).enumerate() {
            if at == 0 {
                let _ = writeln!(out, "\n[{}]", prefix.key.trim_end_matches('.'));
            }
            line(&mut out, Some(prefix), &value.key[prefix.key.len()..], value, entry, inline);
        }
    }
    out
}

fn line(out: &mut String, field: Option<&Field>, key: &str, value: &Value, entry: &Entry, inline: Inline) {
    out.extend(value.doc.iter().map(|doc| comment(doc)));
    let text = match &value.content {
        Content::Plain(text) if inline == Inline::Credential => plain(field, &veiled(text)),
        Content::Plain(text) => plain(field, text),
        Content::Secret(Secret::Inline(text)) if inline == Inline::Written => quoted(text),
        Content::Secret(Secret::Inline(_)) => {
            format!("{{ credential = {} }}", quoted(&credential(entry, &value.key)))
        }
        Content::Secret(Secret::Credential(name)) => format!("{{ credential = {} }}", quoted(name)),
        Content::Secret(Secret::Env(name)) => format!("{{ env = {} }}", quoted(name)),
        Content::Secret(Secret::File(path)) => {
            format!("{{ file = {} }}", quoted(&path.display().to_string()))
        }
    };
    let bare = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare { key.to_string() } else { quoted(key) };
    match field.map(|field| field.state) {
        Some(State::Ignored(reason)) => {
            let _ = writeln!(out, "# {key} = {text}   # no effect: {reason}");
        }
        Some(_) => {
            let _ = writeln!(out, "{key} = {text}");
        }
        None => {
            let _ = writeln!(out, "# {key} = {text}   # no effect: not known here");
        }
    }
}

/// The name of the credential that a secret of an entry would have.
pub fn credential(entry: &Entry, key: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    format!("{}-{}-{last}", entry.kind.name, entry.name)
}

fn plain(field: Option<&Field>, text: &str) -> String {
    match field {
        // As TOML writes numbers: without leading zeros.
        Some(Field { ty: Type::Int { .. }, .. }) => {
            text.trim().parse::<i64>().map_or(quoted(text), |n| n.to_string())
        }
        Some(field) if field.key == super::kafka::BROKERS.key => {
            let parts: Vec<String> = super::kinds::list(text).map(quoted).collect();
            format!("[{}]", parts.join(", "))
        }
        _ => quoted(text),
    }
}

/// A text on one line, whatever is in it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text as comment lines.
pub fn comment(text: &str) -> String {
    let plain = |line: &str| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    text.lines().map(|line| format!("# {}\n", plain(line).trim())).collect()
}
