//! Positions that Java sources left behind: read once, left alone.
//!
//! Shape: an Avro container file; metadata `file` is the path of the file being read, and the last record's `offset`
//! (a zig-zag varint) is the position. Blocks: count, size, bytes, 16-byte sync marker.
//! Truth: Flume's `DurablePositionTracker`; the Avro 1.7 specification, "Object Container Files".
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::avro::container::MAGIC;
use crate::codec::avro::wire::Input;
use crate::sys;

/// A position that was left for one file.
pub struct Imported {
    file: PathBuf,
    at: u64,
    hash: u64,
    /// What was imported before; a position stands for one file once, not for a later one of the same name.
    memo: PathBuf,
    used: AtomicBool,
}

impl Imported {
    /// Where to begin this file, if it is the one.
    pub fn begin(&self, path: &Path) -> Option<u64> {
        (!self.used.load(Relaxed) && is_same_path(&self.file, path)).then_some(self.at)
    }

    /// The file was opened, and where it begins is durable (P7): never again.
    pub fn opened(&self, path: &Path, source: &str) {
        if self.begin(path).is_some() {
            self.used.store(true, Relaxed);
            self.remember(source);
        }
    }

    fn remember(&self, source: &str) {
        let parent = self.memo.parent().unwrap_or(Path::new("."));
        let written = fs::create_dir_all(parent)
            .and_then(|()| sys::replace_with(&self.memo, format!("{:016x}\n", self.hash).as_bytes()));
        if let Err(error) = written {
            log::warn!(component = source; "cannot write `{}`: {error}", self.memo.display());
        }
    }
}

/// The position of a spooldir or ningg meta file; `None`: there is none, it was taken over before, or it says nothing.
pub fn spool_position(meta: &Path, memo: &Path, source: &str) -> Option<Arc<Imported>> {
    let bytes = match fs::read(meta) {
        Ok(bytes) if bytes.is_empty() => return None,
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            log::warn!(component = source; "cannot read `{}`: {error}", meta.display());
            return None;
        }
    };
    let hash = xxh3_64(&bytes);
    if fs::read_to_string(memo).is_ok_and(|text| u64::from_str_radix(text.trim(), 16) == Ok(hash)) {
        return None;
    }
    let Some((file, at)) = parse(&bytes) else {
        log::warn!(component = source; "`{}` is no position file of Flume; nothing is imported from it", meta.display());
        return None;
    };
    let imported = Imported { file: file.into(), at, hash, memo: memo.into(), used: AtomicBool::new(false) };
    if !imported.file.exists() {
        // It was finished, or is gone: a later file of that name is another one.
        imported.remember(source);
        return None;
    }
    log::info!(component = source; "`{}` was left by Flume: `{}` is read on from byte {at}", meta.display(), imported.file.display());
    Some(Arc::new(imported))
}

/// Flume compares the texts; we compare what they lead to.
fn is_same_path(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The path and the last offset.
pub fn parse(bytes: &[u8]) -> Option<(String, u64)> {
    let mut input = Input::new(bytes.strip_prefix(MAGIC)?);
    let mut file = None;
    loop {
        let count = input.long().ok()?;
        if count == 0 {
            break;
        }
        if count < 0 {
            // A negative count is followed by the block's size.
            input.length().ok()?;
        }
        for _ in 0..count.unsigned_abs() {
            let (key, value) = (input.bytes().ok()?, input.bytes().ok()?);
            if key == b"file" {
                file = Some(String::from_utf8_lossy(value).into_owned());
            }
        }
    }
    input.take(16).ok()?;
    let mut at = 0;
    // A block that was cut short by a crash ends the list; the one before it counts.
    while let Some(offset) = block(&mut input) {
        at = offset;
    }
    Some((file?, at))
}

fn block(input: &mut Input<'_>) -> Option<u64> {
    let count = input.long().ok()?;
    let mut body = Input::new(input.bytes().ok()?);
    input.take(16).ok()?;
    let mut offset = None;
    for _ in 0..count {
        offset = Some(u64::try_from(body.long().ok()?).ok()?);
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_the_legacy_code_are_read() {
        let sample = |name: &str| {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seed-configs/legacy-state").join(name);
            parse(&fs::read(path).unwrap())
        };
        assert_eq!(sample("flumespool-main.meta"), Some(("/srv/dfk/spool/abc.log".into(), 792)));
        let tail = Some(("/srv/dfk/testdata/010_2017041212".into(), 1692));
        assert_eq!(sample("flumespooltailfile-main.meta"), tail);
    }

    #[test]
    fn foreign_bytes_never_panic() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        let name = "tests/seed-configs/legacy-state/flumespooltailfile-main.meta";
        let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        for cut in 0..sample.len() {
            parse(&sample[..cut]);
        }
        assert_eq!(parse(&sample[..sample.len() - 1]).unwrap().1, 792, "the last whole record counts");
    }
}
