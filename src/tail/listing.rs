//! A look into a directory: which files are there, by name and inode.
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::codec::java_regex::Pattern;

/// Compressed siblings are never read as text.
const COMPRESSED: [&str; 5] = [".gz", ".bz2", ".xz", ".zst", ".zip"];

/// One name of a directory.
#[derive(Clone, Debug)]
pub struct Name {
    pub name: OsString,
    pub inode: u64,
}

/// Device and inode: what a file is known by while it is there.
pub type Key = (u64, u64);

pub fn key(meta: &Metadata) -> Key {
    (meta.dev(), meta.ino())
}

/// All names in a directory.
pub fn names(dir: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        names.push(Name { name: entry.file_name(), inode: entry.ino() });
    }
    Ok(names)
}

/// A regular file, links followed; `None`: gone, or something else.
pub fn regular(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(meta.is_file().then_some(meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens the file that a look found under this name; `None`: the name leads elsewhere by now, or nowhere.
pub fn open(path: &Path, seen: Key) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let is_seen = key(&file.metadata()?) == seen;
    Ok(is_seen.then_some(file))
}

/// Files and the names they were seen under.
pub type Places = BTreeSet<(PathBuf, Key)>;

/// Looks until two looks in a row see the same files under the same names. Why: one that is under way while files are
/// renamed may see a file under neither of its names. After a hundred the last one counts; so long nobody renames.
pub fn settled<T>(mut look: impl FnMut() -> Option<T>, places: impl Fn(&T) -> Places) -> Option<T> {
    let mut before = places(&look()?);
    for _ in 1..100 {
        let seen = look()?;
        let now = places(&seen);
        if now == before {
            return Some(seen);
        }
        before = now;
    }
    look()
}

/// Nanoseconds since 1970, as files are ordered by.
pub fn modified(meta: &Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

/// Which names are candidates.
#[derive(Clone, Debug)]
pub struct Candidates {
    pub target: Pattern,
    pub ignore: Option<Pattern>,
    /// Finished files end in it.
    pub suffix: String,
    pub hidden: bool,
    pub compressed: bool,
}

impl Candidates {
    pub fn takes(&self, name: &OsStr) -> bool {
        let bytes = name.as_bytes();
        let ends = |suffix: &str| !suffix.is_empty() && bytes.ends_with(suffix.as_bytes());
        (self.hidden || !bytes.starts_with(b"."))
            && !self.is_finished(bytes)
            && (self.compressed || !COMPRESSED.iter().any(|suffix| ends(suffix)))
            && !self.ignore.as_ref().is_some_and(|ignore| ignore.is_match(bytes))
            && self.target.is_match(bytes)
    }

    /// Whether a name ends in the suffix of finished files or of those set aside, perhaps with a number behind it.
    fn is_finished(&self, name: &[u8]) -> bool {
        if self.suffix.is_empty() {
            return false;
        }
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let plain = name[..name.len() - digits].strip_suffix(b".").filter(|_| digits > 0).unwrap_or(name);
        [self.suffix.as_bytes(), b".FAILED"]
            .iter()
            .any(|suffix| name.ends_with(suffix) || plain.ends_with(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_names_are_no_candidates_numbered_ones_neither() {
        let target = crate::codec::java_regex::full_match(".*").unwrap();
        let candidates = Candidates {
            target,
            ignore: None,
            suffix: ".COMPLETED".into(),
            hidden: false,
            compressed: false,
        };
        for name in ["a.log", "a.log.1", "a.COMPLETED.log", "7"] {
            assert!(candidates.takes(OsStr::new(name)), "{name}");
        }
        for name in ["a.COMPLETED", "a.COMPLETED.12", "a.FAILED", ".a", "a.gz"] {
            assert!(!candidates.takes(OsStr::new(name)), "{name}");
        }
    }
}
