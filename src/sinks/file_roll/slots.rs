//! Where records lie: dot-files named by key (K1), one per slot.
use std::fs;
use std::path::{Path, PathBuf};

use crate::flow::ChannelKey;

/// The first part of the record's name: readable, and with a hash of the whole key, so that no two keys share it.
pub fn stem(key: &ChannelKey) -> String {
    let readable = |text: &str| -> String {
        let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        text.chars().take(60).map(kept).collect()
    };
    let hash = xxhash_rust::xxh3::xxh3_64(key.to_string().as_bytes());
    format!(".dataflowkit-{}@{}-{hash:016x}.marks", readable(&key.instance), readable(&key.channel))
}

/// The name of one slot.
pub fn slot_name(stem: &str, slot: u32) -> String {
    if slot == 0 { stem.into() } else { format!("{stem}{slot}") }
}

/// The slots of a key that are there, in order.
pub fn slots(dir: &Path, stem: &str) -> Vec<PathBuf> {
    let names =
        fs::read_dir(dir).into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
    let mut slots: Vec<(u32, PathBuf)> = names
        .filter_map(|name| {
            let number = name.strip_prefix(stem)?;
            let number = if number.is_empty() { 0 } else { number.parse().ok()? };
            Some((number, dir.join(name)))
        })
        .collect();
    slots.sort();
    slots.into_iter().map(|(_, path)| path).collect()
}
