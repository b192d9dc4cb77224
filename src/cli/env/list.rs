//! `dataflowkit env list [KIND]`.
use std::io::{self, Write};

use super::{NOTHING_THERE, kind, tell};
use crate::config::catalog::{self, Catalogs, Kind};
use crate::diag::{Diagnostic, Report};

pub fn run(
    word: Option<&str>,
    catalogs: &Catalogs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let kinds: Vec<&'static Kind> = match word {
        None => catalog::ALL.to_vec(),
        Some(word) => match kind(word, err)? {
            Some(kind) => vec![kind],
            None => return Ok(NOTHING_THERE),
        },
    };
    let mut found = false;
    for kind in &kinds {
        found |= of_kind(kind, catalogs, out)?;
    }
    if !found {
        for kind in &kinds {
            writeln!(err, "no {} entries; searched: {}", kind.name, catalogs.searched(kind))?;
        }
    }
    let mut report = Report::default();
    for (folder, cause) in kinds.iter().flat_map(|kind| catalogs.closed(kind)) {
        let what = format!("cannot look into `{}`: {cause}", folder.dir.display());
        report.push(Diagnostic::error("unreadable", what));
    }
    catalogs.tell(&mut report);
    Ok(u8::from(tell(&report, err)?))
}

/// One line per name, and one per file that it hides.
fn of_kind(kind: &'static Kind, catalogs: &Catalogs, out: &mut dyn Write) -> io::Result<bool> {
    let all = catalogs.list(kind);
    let width = all.iter().map(|listed| listed.name.chars().count()).max().unwrap_or(0);
    for listed in &all {
        let about = match catalogs.entry(kind, &listed.name) {
            Ok(entry) => {
                entry.get("description").map(|text| format!("  {}", text.shown())).unwrap_or_default()
            }
            Err(_) => "  BROKEN".to_string(),
        };
        let (name, file) = (&listed.name, listed.files[0].display());
        writeln!(out, "{:<6} {name:<width$}  {file}{about}", kind.name)?;
        for hidden in &listed.files[1..] {
            writeln!(out, "{:<6} {:<width$}  hides {}", "", "", hidden.display())?;
        }
    }
    Ok(!all.is_empty())
}
