//! A look into a directory: which files are there, by name and inode.
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;

use regex::bytes::Regex;

/// Compressed siblings are never read as text.
const COMPRESSED: [&str; 5] = [".gz", ".bz2", ".xz", ".zst", ".zip"];

/// One name of a directory.
#[derive(Clone, Debug)]
pub struct Name {
    pub name: OsString,
    pub inode: u64,
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

/// Nanoseconds since 1970, as files are ordered by.
pub fn modified(meta: &Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

/// Which names are candidates.
#[derive(Clone, Debug)]
pub struct Candidates {
    pub target: Regex,
    pub ignore: Option<Regex>,
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
            && !ends(&self.suffix)
            && (self.compressed || !COMPRESSED.iter().any(|suffix| ends(suffix)))
            && !self.ignore.as_ref().is_some_and(|ignore| ignore.is_match(bytes))
            && self.target.is_match(bytes)
    }
}
