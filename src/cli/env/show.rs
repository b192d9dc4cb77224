//! `dataflowkit env show KIND NAME`.
use std::io::{self, Write};

use super::{NOTHING_THERE, kind, tell};
use crate::config::State;
use crate::config::catalog::{Catalogs, Content, Entry, Kind, Secret};
use crate::diag::Report;

pub fn run(
    word: &str,
    name: &str,
    catalogs: &Catalogs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let Some(kind) = kind(word, err)? else { return Ok(NOTHING_THERE) };
    if !catalogs.has(kind, name) {
        let unknown = catalogs.unknown(kind, name);
        writeln!(err, "dataflowkit env: {}", unknown.what)?;
        unknown.instead.iter().try_for_each(|hint| writeln!(err, "hint: {hint}"))?;
        return Ok(NOTHING_THERE);
    }
    if let Ok(entry) = catalogs.entry(kind, name) {
        show(&entry, catalogs, out)?;
    }
    let mut report = Report::default();
    catalogs.tell(&mut report);
    Ok(u8::from(tell(&report, err)?))
}

fn show(entry: &Entry, catalogs: &Catalogs, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {}  {}", entry.kind.name, entry.name, entry.file.display())?;
    let files = catalogs.list(entry.kind).into_iter().find(|listed| listed.name == entry.name);
    for hidden in files.iter().flat_map(|listed| listed.files.iter().skip(1)) {
        writeln!(out, "hides {}", hidden.display())?;
    }
    let rows: Vec<(&str, String, String)> = entry
        .values
        .iter()
        .map(|value| {
            let whence = match &value.content {
                Content::Secret(secret @ (Secret::Credential(_) | Secret::Env(_) | Secret::File(_))) => {
                    secret.whence()
                }
                _ => ignored(entry.kind, &value.key),
            };
            let place = format!("{}:{}:{}{whence}", entry.file.display(), value.at.line, value.at.column);
            (value.key.as_str(), value.content.shown(), place)
        })
        .collect();
    let width = |part: fn(&(&str, String, String)) -> usize| rows.iter().map(part).max().unwrap_or(0);
    let (keys, values) = (width(|row| row.0.chars().count()), width(|row| row.1.chars().count()).min(60));
    for (key, value, place) in &rows {
        writeln!(out, "  {key:<keys$}  {value:<values$}  {place}")?;
    }
    Ok(())
}

fn ignored(kind: &Kind, key: &str) -> String {
    match kind.fields.iter().find(|field| field.key == key).map(|field| field.state) {
        Some(State::Ignored(_)) => ", without effect".to_string(),
        _ => String::new(),
    }
}
