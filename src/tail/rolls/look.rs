//! One look into the directory: the live file and the rolled ones.
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Live;
use crate::codec::java_regex;
use crate::tail::desk::Halt;
use crate::tail::listing::{self, Key, Name, Places};

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
    /// Opened when it was seen, unless it is known: its name may lead elsewhere soon.
    file: Option<io::Result<File>>,
}

impl Rolled {
    pub fn key(&self) -> Key {
        listing::key(&self.meta)
    }

    /// One more descriptor of it; `None`: it was known when it was seen.
    pub fn file(&self) -> io::Result<Option<File>> {
        match &self.file {
            None => Ok(None),
            Some(Ok(file)) => file.try_clone().map(Some),
            Some(Err(error)) => Err(error.kind().into()),
        }
    }
}

impl Seen {
    fn places(&self) -> Places {
        let live = self.meta.as_ref().map(|meta| (self.live.clone(), listing::key(meta)));
        self.rolled.iter().map(|rolled| (rolled.path.clone(), rolled.key())).chain(live).collect()
    }
}

impl Live<'_> {
    /// `None`: the directory cannot be looked into, which has been said.
    pub(super) fn look(&mut self) -> Result<Option<Seen>, Halt> {
        let look = || self.folder.names(&self.desk).map(|names| self.see(names));
        let places = |seen: &Result<Seen, Halt>| seen.as_ref().map(Seen::places).unwrap_or_default();
        listing::settled(look, places).transpose()
    }

    fn see(&self, names: Vec<Name>) -> Result<Seen, Halt> {
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

    /// `None`: its name leads elsewhere by now, and the next look differs.
    fn opened(&self, path: PathBuf, meta: Metadata) -> Option<Rolled> {
        let key = listing::key(&meta);
        let file = match self.known.contains_key(&key) {
            true => None,
            false => Some(listing::open(&path, key).transpose()?),
        };
        Some(Rolled { path, meta, file })
    }

    /// Rolled files, oldest first.
    fn rolled(&self, names: &[Name], live: &Path) -> Vec<Rolled> {
        let mut rolled = Vec::new();
        for name in names.iter().filter(|name| self.settings.rolled.is_match(name.name.as_bytes())) {
            let path = self.settings.dir.join(&name.name);
            match listing::regular(&path) {
                Ok(Some(meta)) if path != live => rolled.extend(self.opened(path, meta)),
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
