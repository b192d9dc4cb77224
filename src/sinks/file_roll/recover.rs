//! What is done at the start with the data files that an earlier run left.
//!
//! A file that is longer than recorded has bytes that no mark covers: they are cut off and come again. Under the boot
//! of the record the delivered lengths count, under another one the durable lengths (S6). A file that is gone or
//! shorter was taken by somebody: its marks stand.
//! Invariants: a start after a boot records nothing before all files are cut, so that a kill in between leaves the same
//! work to do; then the new boot id and the files' ends are one frame. After a failed sync it is the other way round:
//! the record is taken back first, since under the same boot a file cut shorter than it says would count as delivered.
use std::io;
use std::path::Path;

use super::data::DataFile;
use crate::event::{Entry, FileLength, Record};
use crate::flow::{ChannelKey, DeliverError};

/// Whose record, under which boot.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub dir: &'a Path,
    pub key: &'a ChannelKey,
    pub boot: &'a str,
    /// A sync failed: only what was durable before is certain, as after a reboot.
    pub distrust: bool,
}

impl Owner<'_> {
    /// What takes a record of this boot back to what was durable: an id in between.
    pub fn taking_back(&self) -> [Entry; 2] {
        [
            Entry::Boot { id: format!("{}, before a failed sync", self.boot) },
            Entry::Boot { id: self.boot.into() },
        ]
    }
}

/// Cuts the files; adds to `entries` what is to be recorded of it. Returns the files that are not synced yet.
pub fn recover(
    owner: Owner,
    record: &Record,
    entries: &mut Vec<Entry>,
) -> Result<Vec<DataFile>, DeliverError> {
    let rebooted = record.boot.as_deref().is_some_and(|boot| boot != owner.boot);
    entries.push(Entry::Boot { id: owner.boot.into() });
    let (mut unsynced, mut files) = (Vec::new(), Vec::new());
    for (name, lengths) in record.place(0).map(|place| place.files.clone()).unwrap_or_default() {
        let length = if rebooted { lengths.durable } else { lengths.delivered };
        let is_final = lengths.closed && !rebooted;
        unsynced.extend(mend(owner.dir, &name, length, is_final)?);
        files.push(FileLength { name, length });
    }
    let closed: Vec<_> = files.iter().map(|file| Entry::Closed { file: file.name.clone() }).collect();
    if !files.is_empty() {
        entries.push(Entry::Delivered { place: 0, had: Vec::new(), files });
    }
    entries.extend(closed);
    Ok(unsynced)
}

/// Brings one file to its recorded length.
fn mend(dir: &Path, name: &str, length: u64, is_final: bool) -> Result<Option<DataFile>, DeliverError> {
    let path = dir.join(name);
    let failed =
        |error| DeliverError::not_there(format!("cannot cut `{}` to {length} bytes", path.display()), error);
    if Path::new(name).file_name().is_none_or(|own| own != name) {
        // Not a name that we give: the record verified, so somebody else made it.
        return Ok(None);
    }
    let file = match DataFile::found(dir, name, length) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if length > 0 {
                log::info!(
                    "`{}` was taken away after {length} bytes were delivered to it; they count as delivered",
                    path.display()
                );
            }
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let size = file.size().map_err(failed)?;
    if size < length {
        log::info!(
            "`{}` has {size} bytes, {length} were delivered to it: somebody cut it, and what was delivered counts",
            path.display()
        );
    } else if is_final {
        // Rolled and complete; only its sync is outstanding.
    } else if length == 0 {
        std::fs::remove_file(&path).map_err(failed)?;
        log::info!(
            "removed `{}`: none of its {size} bytes was recorded as delivered; they come again",
            path.display()
        );
        return Ok(None);
    } else if file.cut_back().map_err(failed)? > 0 {
        let beyond = size - length;
        log::info!(
            "cut `{}` to {length} bytes: {beyond} bytes behind were not recorded; they come again",
            path.display()
        );
    }
    Ok(Some(file))
}
