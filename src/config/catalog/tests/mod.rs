//! Entries as people write them, and as they go wrong; every diagnostic in full.
mod addresses;
mod finding;
mod foreign;
mod toml;
mod xml;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::diag::{Report, text};

/// A directory of catalogs.
pub(super) struct Case {
    dir: tempfile::TempDir,
    env: std::collections::BTreeMap<String, String>,
}

impl Case {
    pub fn new() -> Case {
        Case { dir: tempfile::tempdir().unwrap(), env: Default::default() }
    }

    /// With one file.
    pub fn with(path: &str, content: impl AsRef<[u8]>) -> Case {
        Case::new().file(path, content)
    }

    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Case {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        self
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn env(mut self, key: &str, value: &str) -> Case {
        self.env.insert(key.into(), value.into());
        self
    }

    /// As an agent of the instance `orders` sees them, whose file is in `conf`.
    pub fn catalogs(&self) -> Catalogs {
        let places = Places {
            env_root: Some(self.path("root")),
            config_dir: self.path("conf"),
            instance: "orders".into(),
        };
        Catalogs::new(places, self.env.clone())
    }

    /// All that is said, the directory taken out.
    pub fn told(&self, catalogs: &Catalogs) -> String {
        let mut report = Report::default();
        catalogs.tell(&mut report);
        self.clean(&text(&report))
    }

    pub fn clean(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// An entry as written, or what is wrong with it; and what is said.
pub(super) fn read(
    kind: &'static Kind,
    file: &str,
    content: impl AsRef<[u8]>,
) -> (Result<Vec<(String, String)>, String>, String) {
    let case = Case::with(&format!("root/{}/{file}", kind.name), content);
    let catalogs = case.catalogs();
    let name = file.split('.').next().unwrap();
    let entry = catalogs.entry(kind, name).map(|entry| {
        let values = entry.values.iter();
        values.map(|value| (value.key.clone(), value.content.shown())).collect()
    });
    (entry.map_err(|trouble| case.clean(&trouble.what)), case.told(&catalogs))
}

/// Pairs, to compare with.
pub(super) fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    Ok(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
}
