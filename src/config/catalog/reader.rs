//! Finds entries, reads each once, and remembers what is to be said of their files.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{Content, Entry};
use super::file::read_file;
use super::kinds::{self, Kind};
use super::places::{Folder, Places, Rank};
use crate::config::spec::{Field, Refusal};
use crate::diag::{Diagnostic, Report, Severity, nearest};

/// Why there is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Lowercase, no full stop.
    pub what: String,
    pub instead: Option<String>,
}

impl Trouble {
    /// As a component refuses the key that named the entry.
    pub fn at(self, field: &Field) -> Refusal {
        Refusal { instead: self.instead, ..Refusal::at(field, self.what) }
    }
}

/// The files of one name, the one that counts first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub files: Vec<PathBuf>,
}

/// All entries that an agent can name. Clones share what was read.
#[derive(Clone, Default)]
pub struct Catalogs(Arc<Inner>);

#[derive(Default)]
struct Inner {
    places: Places,
    env: BTreeMap<String, String>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    report: Report,
    read: BTreeMap<(&'static str, String), Result<Arc<Entry>, Trouble>>,
}

impl fmt::Debug for Catalogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalogs({:?})", self.0.places)
    }
}

impl Catalogs {
    /// Catalogs in these places; `env` is where secrets are looked up.
    pub fn new(places: Places, env: BTreeMap<String, String>) -> Catalogs {
        Catalogs(Arc::new(Inner { places, env, memory: Mutex::default() }))
    }

    /// The entry of a name, as it was when it was first asked for.
    pub fn entry(&self, kind: &'static Kind, name: &str) -> Result<Arc<Entry>, Trouble> {
        let mut memory = self.memory();
        let key = (kind.name, name.to_string());
        if let Some(known) = memory.read.get(&key) {
            return known.clone();
        }
        let found = self.find(kind, name, &mut memory.report);
        memory.read.insert(key, found.clone());
        found
    }

    /// Whether a name has a file, right or wrong.
    pub fn has(&self, kind: &Kind, name: &str) -> bool {
        !self.files(kind, name).is_empty()
    }

    /// All names of a kind, in their order.
    pub fn list(&self, kind: &Kind) -> Vec<Listed> {
        let mut names = BTreeSet::new();
        for Folder { dir, .. } in self.0.places.folders(kind.name) {
            let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
            names.extend(files.filter_map(|file| entry_name(&file)));
        }
        let listed = |name: String| {
            let files = self.files(kind, &name).into_iter().map(|(file, _)| file).collect();
            Listed { name, files }
        };
        names.into_iter().map(listed).filter(|listed| !listed.files.is_empty()).collect()
    }

    /// The text of a value, from where it is kept.
    pub fn reveal(&self, content: &Content) -> Result<String, Trouble> {
        match content {
            Content::Plain(text) => Ok(text.clone()),
            Content::Secret(secret) => secret
                .reveal(&self.0.env)
                .map_err(|missing| Trouble { what: missing.what, instead: Some(missing.instead) }),
        }
    }

    /// The text of a field, from where it is kept; else its default.
    pub fn text(&self, entry: &Entry, field: &Field) -> Result<Option<String>, Trouble> {
        match entry.get(field.key) {
            Some(content) => self.reveal(content).map(Some),
            None => Ok(field.default.map(str::to_string)),
        }
    }

    /// The parts of a field that is a list.
    pub fn list_of(&self, entry: &Entry, field: &Field) -> Result<Vec<String>, Trouble> {
        let text = self.text(entry, field)?.unwrap_or_default();
        Ok(kinds::list(&text).map(str::to_string).collect())
    }

    /// Adds what is to be said of all files that were read so far.
    pub fn tell(&self, report: &mut Report) {
        report.absorb(&self.memory().report);
    }

    /// The folders of a kind, for hints.
    pub fn searched(&self, kind: &Kind) -> String {
        self.0.places.shown(kind.name)
    }

    /// Folders of a kind that cannot be looked into, and why.
    pub fn closed(&self, kind: &Kind) -> Vec<(Folder, io::Error)> {
        let folders = self.0.places.folders(kind.name).into_iter();
        let tried = folders.filter_map(|folder| fs::read_dir(&folder.dir).err().map(|cause| (folder, cause)));
        tried.filter(|(_, cause)| cause.kind() != io::ErrorKind::NotFound).collect()
    }

    /// That there is no such name, with the names there are.
    pub fn unknown(&self, kind: &Kind, name: &str) -> Trouble {
        let names: Vec<String> = self.list(kind).into_iter().map(|listed| listed.name).collect();
        let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let near = nearest(name, names.iter().map(String::as_str));
        let there = match names.len() {
            0 => "there are none".to_string(),
            1 => format!("there is {known}"),
            _ => format!("there are {known}"),
        };
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let what = format!("the env catalogs have no {} entry `{name}`: {there}", kind.name);
        let closed: String =
            self.closed(kind).iter().map(not_looked_into).map(|text| format!("; {text}")).collect();
        Trouble { what, instead: Some(format!("{near}searched: {}{closed}", self.searched(kind))) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files of a name, in order. A name is one part of a path, so that it leads nowhere else.
    fn files(&self, kind: &Kind, name: &str) -> Vec<(PathBuf, Rank)> {
        if !is_name(name) {
            return Vec::new();
        }
        let folders = self.0.places.folders(kind.name).into_iter();
        let both = folders.flat_map(|Folder { dir, rank }| {
            ["toml", "xml"].map(|end| (dir.join(format!("{name}.{end}")), rank))
        });
        both.filter(|(file, _)| fs::symlink_metadata(file).is_ok()).collect()
    }

    fn find(&self, kind: &'static Kind, name: &str, report: &mut Report) -> Result<Arc<Entry>, Trouble> {
        let files = self.files(kind, name);
        let Some((file, rank)) = files.first() else { return Err(self.unknown(kind, name)) };
        let mut own = Report::default();
        for (hidden, _) in files[1..].iter().filter(|(_, other)| other == rank) {
            let what = format!("`{}` is hidden by `{}`", hidden.display(), file.display());
            let hint = format!("both are {} entry `{name}`; keep one", kind.name);
            own.push(Diagnostic::note("hidden-entry", what).hint(hint));
        }
        let folders = self.0.places.folders(kind.name);
        let own_folder = folders.iter().position(|folder| file.parent() == Some(&folder.dir));
        let earlier = &folders[..own_folder.unwrap_or(folders.len())];
        for closed in self.closed(kind).iter().filter(|(folder, _)| earlier.contains(folder)) {
            let problem = Diagnostic::warning("unreadable", not_looked_into(closed));
            own.push(problem.hint(format!("{} entry `{name}` may be there and come first", kind.name)));
        }
        let entry = read_file(kind, name, file, &mut own);
        if let Some(entry) = &entry {
            self.secrets(entry, &mut own);
        }
        let outcome = entry.map(Arc::new).ok_or_else(|| broken(kind, name, file, &own));
        report.absorb(&own);
        outcome
    }

    /// Secrets that cannot be had here.
    fn secrets(&self, entry: &Entry, report: &mut Report) {
        for value in &entry.values {
            let Content::Secret(secret) = &value.content else { continue };
            let Err(missing) = secret.reveal(&self.0.env) else { continue };
            let place = format!("{}:{}", entry.file.display(), value.at.line);
            let what = format!(
                "`{}` of {} entry `{}` ({place}): {}",
                value.key, entry.kind.name, entry.name, missing.what
            );
            report.push(match missing.only_here {
                true => Diagnostic::note("missing-secret", what).hint(missing.instead),
                false => Diagnostic::warning("missing-secret", what).hint(missing.instead),
            });
        }
    }
}

fn not_looked_into((folder, cause): &(Folder, io::Error)) -> String {
    format!("cannot look into `{}`: {cause}", folder.dir.display())
}

/// The name of the entry that a file is.
fn entry_name(file: &Path) -> Option<String> {
    let end = file.extension()?.to_str()?;
    let name = file.file_stem()?.to_str()?;
    (matches!(end, "toml" | "xml") && is_name(name)).then(|| name.to_string())
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c != '/' && !c.is_control();
    !name.is_empty() && !name.starts_with('.') && name.len() <= 200 && name.chars().all(plain)
}

fn broken(kind: &Kind, name: &str, file: &Path, report: &Report) -> Trouble {
    let worst = report.in_order().into_iter().find(|d| d.severity == Severity::Error);
    let (place, why) = match worst {
        Some(problem) => {
            let spot = problem.span.map(|span| report.files.spot(span.file, span.start));
            let place = spot.map(|spot| format!(":{}:{}", spot.line, spot.column)).unwrap_or_default();
            (place, report.shown(&problem.message))
        }
        None => (String::new(), "it cannot be read".to_string()),
    };
    let what = format!("{} entry `{name}` cannot be used: {}{place}: {why}", kind.name, file.display());
    Trouble { what, instead: Some(format!("`dataflowkit env show {} {name}` shows all of it", kind.name)) }
}
