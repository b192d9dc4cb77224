//! A file that may be read, as one look saw it.
use std::fs::Metadata;
use std::path::PathBuf;

use crate::tail::listing::{self, Key};

/// What one look saw of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub size: u64,
    pub modified: i128,
}

impl Look {
    pub fn of(meta: &Metadata) -> Look {
        Look { size: meta.len(), modified: listing::modified(meta) }
    }
}

/// A file that may be read.
pub struct Candidate {
    pub path: PathBuf,
    pub key: Key,
    pub look: Look,
}
