//! What becomes of a file that has been read and delivered: renamed, deleted, marked elsewhere, or left as it is.
//!
//! Invariants: nothing is ever overwritten: where the new name is taken, a number follows it.
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::follow::Followed;
use super::identity::Inode;
use super::listing;

/// The end of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retire {
    /// Renamed to its name and this suffix.
    Rename(String),
    Delete,
    Keep,
    /// An empty file of the same name and suffix in another directory, as Flume's `tracker_dir`.
    Mark {
        root: PathBuf,
        tracker: PathBuf,
        suffix: String,
    },
}

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub enum Retired {
    /// Under a new name; true: the plain one was taken.
    Renamed(PathBuf, bool),
    Deleted,
    Kept,
}

impl Retire {
    /// Ends a followed file, unless its name leads to another one by now: that is not ours to end.
    pub fn finish_own(&self, followed: &Followed) -> io::Result<Retired> {
        let own = listing::regular(&followed.path)?
            .is_some_and(|meta| followed.face.inode.is_like(&Inode::of(&meta)));
        if own { self.finish(&followed.path) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn finish(&self, path: &Path) -> io::Result<Retired> {
        match self {
            Retire::Rename(suffix) => rename_numbered(path, suffix),
            Retire::Delete => fs::remove_file(path).map(|()| Retired::Deleted),
            Retire::Keep => Ok(Retired::Kept),
            Retire::Mark { root, tracker, suffix } => mark(&marker(root, tracker, suffix, path)),
        }
    }

    /// Whether the marker of this file stands: it has been read.
    pub fn is_marked(&self, path: &Path) -> bool {
        match self {
            Retire::Mark { root, tracker, suffix } => marker(root, tracker, suffix, path).exists(),
            _ => false,
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn marker(root: &Path, tracker: &Path, suffix: &str, path: &Path) -> PathBuf {
    with_suffix(&tracker.join(path.strip_prefix(root).unwrap_or(path)), suffix)
}

fn mark(marker: &Path) -> io::Result<Retired> {
    if let Some(parent) = marker.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::OpenOptions::new().create(true).append(true).open(marker)?;
    Ok(Retired::Kept)
}

/// Renames to the first free of `suffix`, `suffix.1`, `suffix.2`, …
pub fn rename_numbered(path: &Path, suffix: &str) -> io::Result<Retired> {
    for number in 0..100_000 {
        let end = if number == 0 { suffix.to_string() } else { format!("{suffix}.{number}") };
        let to = with_suffix(path, &end);
        match rename_new(path, &to) {
            Ok(()) => return Ok(Retired::Renamed(to, number > 0)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Renames unless the new name is taken.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // The file system cannot do it in one step.
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        other => other.map_err(io::Error::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_used_again_gets_a_number_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let retire = Retire::Rename(".COMPLETED".into());
        for (number, end) in ["", ".1", ".2"].iter().enumerate() {
            fs::write(&path, number.to_string()).unwrap();
            let to = dir.path().join(format!("a.log.COMPLETED{end}"));
            assert_eq!(retire.finish(&path).unwrap(), Retired::Renamed(to.clone(), number > 0));
            assert_eq!(fs::read_to_string(to).unwrap(), number.to_string());
        }
        assert!(retire.finish(&path).is_err(), "nothing is there any more");
    }

    #[test]
    fn a_marker_stands_for_the_file_in_another_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (root, tracker) = (dir.path().join("in"), dir.path().join("t"));
        fs::create_dir_all(root.join("sub")).unwrap();
        let path = root.join("sub/a");
        fs::write(&path, "x").unwrap();
        let retire = Retire::Mark { root, tracker: tracker.clone(), suffix: ".C".into() };
        assert!(!retire.is_marked(&path));
        retire.finish(&path).unwrap();
        assert!(retire.is_marked(&path) && path.exists());
        assert!(tracker.join("sub/a.C").exists());
    }
}
