//! The simulated disk keeps what a disk must keep, and takes what a disk may take.
use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::sys::disk::{Disk, DiskFile, RealDisk, read_up_to, write_all_at};

mod any;
mod content;
mod crashes;
mod failures;
mod lying;
mod naming;
mod same_as_real;

const DIR: &str = "/log";
const A: &str = "/log/a";
const B: &str = "/log/b";
const SEEDS: std::ops::Range<u64> = 0..400;

/// A disk with a directory that no power cut takes.
fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk
}

/// A file with this content, all of it durable.
fn kept(disk: &SimulatedDisk, path: &str, content: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.create(Path::new(path)).unwrap();
    write(&file, 0, content);
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file
}

fn write(file: &Arc<dyn DiskFile>, at: u64, content: &[u8]) {
    write_all_at(&**file, &mut [IoSlice::new(content)], at).unwrap();
}

/// A file's content; `None`: no such name.
fn found(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    disk.content(Path::new(path)).ok()
}

/// What many power cuts leave, seen through `look`.
fn outcomes<T: Ord>(disk: &SimulatedDisk, look: impl Fn(&SimulatedDisk) -> T) -> BTreeSet<T> {
    let one = |seed| {
        let disk = disk.fork();
        disk.power_cut_seeded(seed);
        look(&disk)
    };
    SEEDS.map(one).collect()
}
