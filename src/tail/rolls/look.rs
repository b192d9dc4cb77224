//! One look into the directory: the live file and the rolled ones.
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Live;
use crate::codec::java_regex;
use crate::tail::desk::Halt;
use crate::tail::listing::{self, Key, Name};

/// What one look saw.
pub struct Seen {
    /// The path of the live file.
    pub live: PathBuf,
    /// The live file, if there is one.
    pub meta: Option<Metadata>,
    /// Rolled files, oldest first.
    pub rolled: Vec<Rolled>,
    pub names: Vec<Name>,
}

/// A rolled file.
pub struct Rolled {
    pub path: PathBuf,
    pub meta: Metadata,
}

impl Rolled {
    pub fn key(&self) -> Key {
        listing::key(&self.meta)
    }
}

impl Live<'_> {
    pub(super) fn look(&self, names: Vec<Name>) -> Result<Seen, Halt> {
        let live = self.live_path(&names);
        let meta = listing::regular(&live).map_err(Halt::Read)?;
        let rolled = self.rolled(&names, &live);
        Ok(Seen { live, meta, rolled, names })
    }

    /// The path of the live file.
    fn live_path(&self, names: &[Name]) -> PathBuf {
        let literal = self.settings.dir.join(&self.settings.live);
        if literal.exists() {
            return literal;
        }
        let Ok(pattern) = java_regex::full_match(&self.settings.live) else { return literal };
        let rolled = &self.settings.rolled;
        let fits =
            |name: &&Name| pattern.is_match(name.name.as_bytes()) && !rolled.is_match(name.name.as_bytes());
        let mut fitting = names.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => self.settings.dir.join(&only.name),
            _ => literal,
        }
    }

    /// Rolled files, oldest first.
    fn rolled(&self, names: &[Name], live: &Path) -> Vec<Rolled> {
        let mut rolled = Vec::new();
        for name in names.iter().filter(|name| self.settings.rolled.is_match(name.name.as_bytes())) {
            let path = self.settings.dir.join(&name.name);
            match listing::regular(&path) {
                Ok(Some(meta)) if path != live => rolled.push(Rolled { path, meta }),
                Ok(_) => {}
                Err(error) => self.desk.cannot_read_and(&path, &error, "it is tried again"),
            }
        }
        rolled.sort_by(|a, b| {
            listing::modified(&a.meta).cmp(&listing::modified(&b.meta)).then_with(|| a.path.cmp(&b.path))
        });
        rolled
    }
}
