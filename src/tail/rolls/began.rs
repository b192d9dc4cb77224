//! When the source started for the first time, and what the live file was then.
//!
//! Why kept: what was rolled after it is no history, also where a kill left no mark of it.
//! Shape: one line, milliseconds since 1970, then inode and birth of the live file, or zeros.
//! Errors: a file that cannot be written: all is taken for new, and nothing is history.
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use crate::sys;
use crate::tail::identity::Inode;
use crate::tail::listing;

/// The first start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Began {
    ms: u64,
    inode: u64,
    birth: u64,
}

impl Began {
    /// As kept at `path`, or now.
    pub fn first(path: &Path, live: &Path) -> io::Result<Began> {
        if let Ok(text) = fs::read_to_string(path) {
            let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
            if let (Some(ms), Some(inode), Some(birth)) = (numbers.next(), numbers.next(), numbers.next()) {
                return Ok(Began { ms, inode, birth });
            }
        }
        let inode = fs::metadata(live).ok().map(|meta| Inode::of(&meta));
        let (inode, birth) = inode.map_or((0, 0), |inode| (inode.number, inode.birth));
        let began = Began { ms: sys::wall_ms(), inode, birth };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        sys::replace_with(path, format!("{} {inode} {birth}\n", began.ms).as_bytes())?;
        Ok(began)
    }

    /// Whether a file was last written before the first start, and was not the live file then.
    pub fn is_after(&self, meta: &Metadata) -> bool {
        // Modification times lag behind the clock by a tick of the kernel.
        const TICK_MS: i128 = 12;
        let live = Inode { device: 0, number: self.inode, birth: self.birth };
        let old = listing::modified(meta) / 1_000_000 + TICK_MS < i128::from(self.ms);
        old && !live.is_like(&Inode::of(meta))
    }
}
