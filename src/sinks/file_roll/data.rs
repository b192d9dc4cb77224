//! One data file: created once, appended to, never longer than what the record says of it.
//!
//! Invariants: `length` is what the record has; bytes beyond it are being written or are cut off again. Writes go to
//! the end (O_APPEND), so that a file cut by somebody else gets no hole.
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::flow::DeliverError;

/// An open data file.
#[derive(Debug)]
pub struct DataFile {
    pub name: String,
    pub path: PathBuf,
    file: File,
    /// Bytes that are recorded.
    pub length: u64,
}

impl DataFile {
    /// Creates a file that must not be there yet.
    pub fn create(dir: &Path, name: String) -> io::Result<DataFile> {
        let path = dir.join(&name);
        let file = File::options().append(true).create_new(true).open(&path)?;
        Ok(DataFile { name, path, file, length: 0 })
    }

    /// A file that an earlier run left, to be cut and synced.
    pub fn found(dir: &Path, name: &str, length: u64) -> io::Result<DataFile> {
        let path = dir.join(name);
        let file = File::options().append(true).open(&path)?;
        Ok(DataFile { name: name.into(), path, file, length })
    }

    /// Writes all slices behind what is there, by as few calls as the kernel allows.
    pub fn write(&self, mut slices: &mut [IoSlice]) -> io::Result<u64> {
        let mut written = 0;
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match (&self.file).write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count as u64;
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Cuts off what lies beyond the recorded length; how much that was.
    pub fn cut_back(&self) -> io::Result<u64> {
        let beyond = self.size()?.saturating_sub(self.length);
        if beyond > 0 {
            self.file.set_len(self.length)?;
        }
        Ok(beyond)
    }

    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether somebody has deleted it or given it another name.
    pub fn is_taken(&self) -> bool {
        let Ok(open) = self.file.metadata() else { return false };
        std::fs::metadata(&self.path)
            .map_or(true, |named| (named.dev(), named.ino()) != (open.dev(), open.ino()))
    }
}

/// An error of the directory or a file, with its path.
pub fn failed(doing: &str, path: &Path, error: io::Error) -> DeliverError {
    DeliverError::not_there(format!("cannot {doing} `{}`", path.display()), error)
}
