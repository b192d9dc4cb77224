//! `dataflowkit env import DIR`: XML entries of the older platform as TOML.
//!
//! Overwrites nothing. What is printed has no secrets in it: a credential stands in their place; what is written to a
//! directory has them, readable for owner and group only.
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{NOTHING_THERE, tell};
use crate::config::catalog::{
    self, Content, Entry, Inline, Kind, Value, as_toml, comment, credential, legacy, read_file,
};
use crate::diag::Report;

pub fn run(dir: &Path, to: Option<&Path>, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let found = found(dir)?;
    if found.is_empty() {
        let layouts = "env/common/KIND, common/KIND or evn/common/KIND";
        writeln!(
            err,
            "dataflowkit env: `{}` has no XML entries: looked for {layouts} in it, in env_root and in conf/env_root below it",
            dir.display()
        )?;
        return Ok(NOTHING_THERE);
    }
    let mut failed = false;
    let mut done: Vec<(&Kind, String, PathBuf)> = Vec::new();
    for (kind, name, file) in found {
        if let Some((.., first)) = done.iter().find(|(other, known, _)| *other == kind && *known == name) {
            writeln!(err, "left out: `{}`, since `{}` comes first", file.display(), first.display())?;
            continue;
        }
        let mut report = Report::default();
        let entry = read_file(kind, &name, &file, &mut report);
        tell(&report, err)?;
        failed |= match (entry, to) {
            (None, _) => true,
            (Some(entry), None) => print(&entry, out, err).map(|()| false)?,
            (Some(entry), Some(to)) => !write(&entry, to, out, err)?,
        };
        done.push((kind, name, file));
    }
    Ok(u8::from(failed))
}

/// All XML entries below a directory, in the order in which they would be found.
fn found(dir: &Path) -> io::Result<Vec<(&'static Kind, String, PathBuf)>> {
    let dir = std::path::absolute(dir)?;
    let mut out = Vec::new();
    for kind in catalog::ALL {
        let roots = [dir.clone(), dir.join("env_root"), dir.join("conf/env_root")];
        let below = roots
            .iter()
            .flat_map(|root| std::iter::once(root.join(kind.name)).chain(legacy(root, kind.name)));
        let itself = Some(dir.clone()).filter(|dir| dir.file_name().is_some_and(|name| name == kind.name));
        for folder in itself.into_iter().chain(below) {
            let mut files: Vec<PathBuf> =
                fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            files.sort();
            for file in files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "xml")) {
                let name = file.file_stem().and_then(|stem| stem.to_str()).map(str::to_string);
                out.extend(name.map(|name| (kind, name, file)));
            }
        }
    }
    Ok(out)
}

fn head(entry: &Entry) -> String {
    comment(&format!("from {}", entry.file.display()))
}

fn print(entry: &Entry, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# {}/{}.toml", entry.kind.name, entry.name)?;
    writeln!(out, "{}{}", head(entry), as_toml(entry, Inline::Credential))?;
    for value in exposed(entry) {
        let (key, kind, name) = (&value.key, entry.kind.name, &entry.name);
        let cure = match value.content {
            Content::Plain(_) => "put it in place of the stars".to_string(),
            Content::Secret(_) => {
                format!("give it to the unit by `LoadCredential={}:PATH`", credential(entry, key))
            }
        };
        writeln!(
            err,
            "`{key}` of {kind} entry `{name}` holds a secret, which is not printed: {cure}, or let `--to DIR` write the file"
        )?;
    }
    Ok(())
}

/// Values that stand in the file and may not be shown.
fn exposed(entry: &Entry) -> impl Iterator<Item = &Value> {
    entry.values.iter().filter(|value| value.content.is_exposed())
}

/// Writes the file unless there is one; whether it did.
fn write(entry: &Entry, to: &Path, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<bool> {
    let path = to.join(entry.kind.name).join(format!("{}.toml", entry.name));
    let mode = if exposed(entry).next().is_some() { 0o640 } else { 0o644 };
    let text = head(entry) + &as_toml(entry, Inline::Written);
    let made = fs::create_dir_all(to.join(entry.kind.name))
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(mode).open(&path))
        .and_then(|mut file| {
            // Half an entry would be taken for a whole one.
            file.write_all(text.as_bytes()).inspect_err(|_| drop(fs::remove_file(&path)))
        });
    match made {
        Ok(()) if mode == 0o640 => {
            writeln!(out, "{}", path.display())?;
            writeln!(err, "`{}` holds a secret: others may not read it, the service may", path.display())?;
        }
        Ok(()) => writeln!(out, "{}", path.display())?,
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            writeln!(err, "not written: `{}` is there already", path.display())?;
            return Ok(false);
        }
        Err(cause) => {
            writeln!(err, "not written: `{}`: {cause}", path.display())?;
            return Ok(false);
        }
    }
    Ok(true)
}
