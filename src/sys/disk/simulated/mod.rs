//! A disk in memory whose crashes, torn sectors, failures and lies come from a seed.
//!
//! Why: what a log does at a power cut cannot be seen on a real disk, and hardly repeated. Here a history of calls is
//! run once to count its calls, then again with a crash at every one, and each crash has many outcomes.
//! Shape: `image` (bytes), `inode` (live, durable, and changes between), `cut` (what a power cut leaves of those),
//! `names` (the same for directories), `faults` and `lies`, `world` (all of it, and the calls' numbers), `acts` and
//! `calls` (the traits).
//! Invariants: what `sync` and `sync_dir` covered is found after every power cut; of all else any legal part. One
//! thread making the same calls on the same seed sees the same; nothing here has a thread or reads a clock.
//! Truth: fsync(2), and ext4 with `data=ordered`, except that a new file's name needs `sync_dir` here. Not simulated:
//! stale bytes behind the end of what was written (zeros are found), damage to synced bytes (`put` does that).
//!
//! ```
//! # use std::{io::IoSlice, path::Path};
//! use dataflowkit::sys::disk::{Disk, SimulatedDisk, is_crash, write_all_at};
//!
//! let history = |disk: &SimulatedDisk| -> std::io::Result<()> {
//!     disk.create_dir_all(Path::new("/log"))?;
//!     let file = disk.create(Path::new("/log/a"))?;
//!     write_all_at(&*file, &mut [IoSlice::new(b"held")], 0)?;
//!     file.sync()?;
//!     disk.sync_dir(Path::new("/log"))
//! };
//! let whole = SimulatedDisk::new(1);
//! history(&whole).unwrap();
//! for number in 0..whole.calls() {
//!     let disk = SimulatedDisk::new(1);
//!     disk.crash_at(number);
//!     assert!(is_crash(&history(&disk).unwrap_err()));
//!     disk.power_cut(); // and now: recover from `disk`, and see that nothing acknowledged is missing
//! }
//! ```
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod acts;
mod calls;
mod cut;
mod faults;
mod image;
mod inode;
mod lies;
mod names;
mod random;
#[cfg(test)]
mod tests;
mod world;

pub use faults::{Call, Fault};
pub use lies::Lie;
pub use random::Random;

use image::Image;
use inode::Inode;
use names::tidy;
use world::World;

/// Room for everything, and no number that callers' sums overflow with.
const ROOMY: u64 = 1 << 40;

/// The disk and the handle on it; clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk {
    world: Arc<Mutex<World>>,
    /// The life it is bound to; `None`: always the present one.
    life: Option<u64>,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub bytes_written: u64,
    /// Of each sync, what had been written to its file since the one before.
    pub bytes_synced: u64,
    /// Syncs of files that did not fail.
    pub syncs: u64,
    pub directory_syncs: u64,
}

/// The error of all calls from a crash on.
#[derive(Debug)]
struct Crash;

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated machine has crashed")
    }
}

impl std::error::Error for Crash {}

fn crashed() -> io::Error {
    io::Error::other(Crash)
}

/// Whether a call failed since the process or the machine is down, in the simulation.
pub fn is_crash(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Crash>())
}

fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> SimulatedDisk {
        SimulatedDisk { world: Arc::new(Mutex::new(World::new(seed, ROOMY))), life: None }
    }

    /// The disk as one process sees it: after the next `kill` or `power_cut` all calls fail, so that threads that
    /// outlive their simulated process change nothing.
    pub fn process(&self) -> SimulatedDisk {
        SimulatedDisk { world: Arc::clone(&self.world), life: Some(self.world().life) }
    }

    /// Another disk in the same state, as a start for `kill` or `power_cut`; files open here are not open there.
    pub fn fork(&self) -> SimulatedDisk {
        let world = self.world().clone();
        SimulatedDisk { world: Arc::new(Mutex::new(world)), life: self.life }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.world)
    }

    /// Calls so far, of all lives; those that failed count, those after a crash do not.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// The same of one kind.
    pub fn calls_of(&self, call: Call) -> u64 {
        self.world().calls_of[call as usize]
    }

    pub fn figures(&self) -> Figures {
        self.world().figures
    }

    /// Crashes at the call with this number (the first one of a disk has 0): it may happen, or in part, or not, and
    /// from then on all calls fail with `is_crash`, until `kill` or `power_cut`.
    pub fn crash_at(&self, number: u64) {
        self.world().crash_at = Some(number);
    }

    /// Whether the crash has come: all calls fail until `kill` or `power_cut`.
    pub fn is_down(&self) -> bool {
        self.world().crashed
    }

    /// A power cut: only what was synced is surely left. Open files and locks are dead; a crash still armed is not any
    /// more. Faults and lies stay.
    pub fn power_cut(&self) {
        let mut world = self.world();
        let seed = world.seed_of_cut();
        world.cut_power(seed);
    }

    /// The same with an outcome of its own seed, to see many of one history; on a `fork`, each.
    pub fn power_cut_seeded(&self, seed: u64) {
        self.world().cut_power(seed);
    }

    /// kill -9: files are as they were; open files and locks are dead; a later power cut may still take what was not
    /// synced.
    pub fn kill(&self) {
        self.world().kill();
    }

    /// Lets the n-th call of a kind (the first one of a disk has 0) meet a fault.
    pub fn fail_at(&self, call: Call, nth: u64, fault: Fault) {
        self.world().plan.at(call, nth, fault);
    }

    /// Lets calls of a kind meet a fault this often, of 1.
    pub fn fail_often(&self, call: Call, fault: Fault, of_one: f64) {
        self.world().plan.often(call, fault, of_one);
    }

    /// Forgets all faults that were asked for.
    pub fn fail_no_more(&self) {
        self.world().plan = Default::default();
    }

    /// Bytes that all files together may take, allocated ones included; may fall below what they take.
    pub fn set_capacity(&self, bytes: u64) {
        self.world().capacity = bytes;
    }

    /// Bytes that all files take.
    pub fn used(&self) -> u64 {
        self.world().used()
    }

    /// Lies from now on, besides the lies told before.
    pub fn tell(&self, lie: Lie) {
        self.world().lies.push(lie);
    }

    /// Lies no more; what was lied about so far stays so.
    pub fn be_honest(&self) {
        let mut world = self.world();
        world.lies.clear();
        world.settle_all();
    }

    /// All files, as a reader would find them now.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.world().names.live().keys().cloned().collect()
    }

    /// A file's content, as a reader would find it now; no call.
    pub fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut world = self.world();
        let ino = world.names.find(&tidy(path))?;
        Ok(world.inode(ino).live().to_vec())
    }

    /// Gives a file this content, durably, and if it was missing its name too; no call. Who has it open sees it.
    pub fn put(&self, path: &Path, content: Vec<u8>) {
        let (mut world, path) = (self.world(), tidy(path));
        let found = Inode::found(Image::of(content));
        match world.names.find(&path) {
            Ok(ino) => {
                let inode = world.inode(ino);
                let handles = std::mem::replace(inode, found).handles;
                inode.handles = handles;
            }
            Err(_) => {
                let ino = world.next();
                world.inodes.insert(ino, found);
                world.names.set_durably(&path, ino);
            }
        }
    }

    /// Changes a file's content in place, as `put` does.
    pub fn damage(&self, path: &Path, harm: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut content = self.content(path)?;
        harm(&mut content);
        self.put(path, content);
        Ok(())
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.world();
        write!(f, "simulated disk of {} files after {} calls", world.names.live().len(), world.calls)
    }
}
