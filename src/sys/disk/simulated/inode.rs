//! One file, whatever its names: what a reader sees, what the disk surely has, and the changes in between.
//!
//! Invariants: `live` is `durable` with `after_failure` and then `unsynced` applied in order. Changes are numbered by
//! the world's sequence, rising. As long as no sync has failed, a sync folds the changes into `durable`; from the first
//! failure on, changes pile up in `after_failure`, since what the failed sync dropped may or may not lie beneath them.
use super::cut;
use super::image::Image;
use super::random::Random;

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

impl Change {
    pub fn apply(&self, image: &mut Image) {
        match self {
            Change::Write { at, bytes } => image.write(*at, bytes),
            Change::Length(len) => image.set_len(*len),
        }
    }

    /// The length of a file of this length after it.
    pub fn length_after(&self, len: u64) -> u64 {
        match self {
            Change::Write { at, bytes } => len.max(at + bytes.len() as u64),
            Change::Length(len) => *len,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::Length(_) => 0,
        }
    }
}

/// Changes that one sync was about.
#[derive(Clone, Debug)]
struct Group {
    changes: Vec<Change>,
    /// False: its sync failed, so each may be on the disk or not, for ever.
    surely: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    live: Image,
    durable: Image,
    after_failure: Vec<Group>,
    unsynced: Vec<(u64, Change)>,
    /// Where the space ends that it takes on the disk; holes count, lengthening by `set_len` does not.
    taken: u64,
    /// Open files and locks; they keep it when its last name is gone.
    pub handles: usize,
    /// The sequence at the last sync, for `Lie::SyncIsOneBehind`.
    pub synced_at: u64,
}

impl Inode {
    /// A file as found at a start: all of it durable.
    pub fn found(image: Image) -> Inode {
        Inode { taken: image.len(), durable: image.clone(), live: image, ..Inode::default() }
    }

    pub fn live(&self) -> &Image {
        &self.live
    }

    pub fn taken(&self) -> u64 {
        self.taken
    }

    pub fn write(&mut self, sequence: u64, at: u64, bytes: Vec<u8>) {
        self.taken = self.taken.max(at + bytes.len() as u64);
        self.change(sequence, Change::Write { at, bytes });
    }

    pub fn set_len(&mut self, sequence: u64, len: u64) {
        self.taken = self.taken.min(len);
        self.change(sequence, Change::Length(len));
    }

    pub fn allocate(&mut self, sequence: u64, len: u64) {
        self.taken = self.taken.max(len);
        if len > self.live.len() {
            self.change(sequence, Change::Length(len));
        }
    }

    fn change(&mut self, sequence: u64, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push((sequence, change));
    }

    /// Bytes written since the last sync.
    pub fn dirty(&self) -> u64 {
        self.unsynced.iter().map(|(_, change)| change.bytes()).sum()
    }

    /// Makes durable what was changed before a moment.
    pub fn sync(&mut self, before: u64) {
        let changes = self.take_unsynced(before);
        if self.after_failure.is_empty() {
            changes.iter().for_each(|change| change.apply(&mut self.durable));
        } else {
            self.after_failure.push(Group { changes, surely: true });
        }
    }

    /// As `sync`, but what was written past the durable length is not kept.
    pub fn sync_without_appends(&mut self, before: u64) {
        for change in self.take_unsynced(before) {
            let len = self.durable.len();
            change.apply(&mut self.durable);
            if matches!(change, Change::Write { .. }) {
                self.durable.set_len(len);
            }
        }
    }

    /// A failed sync: as Linux does, the dirty pages count as clean from here on, wherever they are.
    pub fn sync_failed(&mut self) {
        let changes = self.take_unsynced(u64::MAX);
        self.after_failure.push(Group { changes, surely: false });
    }

    fn take_unsynced(&mut self, before: u64) -> Vec<Change> {
        let count = self.unsynced.partition_point(|(sequence, _)| *sequence < before);
        self.unsynced.drain(..count).map(|(_, change)| change).collect()
    }

    /// What a power cut leaves of it.
    pub fn after_power_cut(&self, random: &mut Random) -> Image {
        let mut image = self.durable.clone();
        for group in &self.after_failure {
            if group.surely {
                group.changes.iter().for_each(|change| change.apply(&mut image));
            } else {
                image = cut::scatter(image, &group.changes.iter().collect::<Vec<_>>(), random);
            }
        }
        let unsynced: Vec<&Change> = self.unsynced.iter().map(|(_, change)| change).collect();
        cut::scatter(image, &unsynced, random)
    }
}
