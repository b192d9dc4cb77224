//! A program that logs: appends lines in pieces of any size, and rolls its files in one of seven ways.
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::support::lines;

/// How files roll, and so which source follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A new file per period.
    Next,
    /// The live file is copied and emptied.
    SelfByCopy,
    /// The live file is renamed and created anew.
    SelfByRename,
    /// The same, as logrotate does it: every older file moves one number up before.
    SelfByChain,
    Taildir,
    TaildirByChain,
    /// Finished files are moved in.
    Spooldir,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Next,
        Kind::SelfByCopy,
        Kind::SelfByRename,
        Kind::SelfByChain,
        Kind::Taildir,
        Kind::TaildirByChain,
        Kind::Spooldir,
    ];
}

/// A generator of numbers that a seed repeats (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// The writer and what it has done.
pub struct Writer {
    kind: Kind,
    dir: PathBuf,
    live: File,
    /// The file rolled last, while its writer may still add a line to it.
    rolled: Option<(File, u32)>,
    /// That of the first file: tells several writers apart.
    first: u32,
    generation: u32,
    /// How many lines there were when each rolled file of a chain ended, the late one included; the newest last.
    chain: VecDeque<u64>,
    number: u64,
    /// The rest of a line whose beginning is written.
    pending: Vec<u8>,
    steps: Vec<String>,
}

impl Writer {
    pub fn new(kind: Kind, dir: PathBuf) -> Writer {
        Writer::from(kind, dir, 0)
    }

    /// One whose files are numbered from `first` on.
    pub fn from(kind: Kind, dir: PathBuf, first: u32) -> Writer {
        fs::create_dir_all(&dir).unwrap();
        let live = create(&path_of(kind, &dir, first));
        let (steps, pending) = (vec!["begin".to_string()], Vec::new());
        let chain = VecDeque::new();
        Writer { kind, dir, live, rolled: None, first, generation: first, chain, number: 0, pending, steps }
    }

    /// Whether it wrote to a file of this number.
    pub fn is_from(&self, file: u32) -> bool {
        (self.first..=self.generation).contains(&file)
    }

    /// Lines begun so far; all are whole after `finish`.
    pub fn written(&self) -> u64 {
        self.number
    }

    pub fn story(&self) -> String {
        self.steps.join("\n")
    }

    /// The first line.
    pub fn begin(&mut self) {
        let mut bytes = lines::line(self.generation, self.number, 40);
        bytes.push(b'\n');
        self.live.write_all(&bytes).unwrap();
        self.number += 1;
    }

    /// Appends some lines, the last of them perhaps in part.
    pub fn write(&mut self, random: &mut Random) {
        let mut bytes = std::mem::take(&mut self.pending);
        let first = self.number;
        for _ in 0..random.below(12) {
            let length = if random.below(50) == 0 { 20_000 } else { 20 + random.below(200) as usize };
            bytes.extend(lines::line(self.generation, self.number, length));
            bytes.push(b'\n');
            self.number += 1;
        }
        if self.kind != Kind::Spooldir && random.below(3) == 0 {
            let keep = random.below(bytes.len() as u64 + 1) as usize;
            self.pending = bytes.split_off(keep);
        }
        for piece in bytes.chunks(1 + random.below(4000) as usize) {
            self.live.write_all(piece).unwrap();
        }
        self.steps.push(format!("write {first}..{} ({} bytes pending)", self.number, self.pending.len()));
    }

    /// Ends the present file, as its kind does.
    pub fn roll(&mut self, random: &mut Random) {
        self.flush();
        let live = path_of(self.kind, &self.dir, self.generation);
        let next = self.generation + 1;
        let aged = |number: u32| self.dir.join(format!("app.log.{number}"));
        match self.kind {
            Kind::SelfByCopy => {
                fs::copy(&live, aged(next)).unwrap();
                self.live.set_len(0).unwrap();
            }
            Kind::SelfByRename | Kind::Taildir | Kind::SelfByChain | Kind::TaildirByChain => {
                if self.is_chain() {
                    let older = (1..=self.chain.len() as u32).rev();
                    older.for_each(|number| fs::rename(aged(number), aged(number + 1)).unwrap());
                }
                fs::rename(&live, aged(if self.is_chain() { 1 } else { next })).unwrap();
                let old = std::mem::replace(&mut self.live, create(&live));
                self.rolled = Some((old, self.generation));
            }
            Kind::Next => {
                let old = std::mem::replace(&mut self.live, create(&path_of(self.kind, &self.dir, next)));
                self.rolled = Some((old, self.generation));
            }
            Kind::Spooldir => {
                fs::rename(&live, self.dir.join(format!("done-{:05}.log", self.generation))).unwrap();
                self.live = create(&path_of(self.kind, &self.dir, next));
            }
        }
        self.generation = next;
        self.steps.push(format!("roll to generation {next}"));
        self.late(random);
        if self.is_chain() {
            self.chain.push_back(self.number);
        }
    }

    fn is_chain(&self) -> bool {
        matches!(self.kind, Kind::SelfByChain | Kind::TaildirByChain)
    }

    /// Removes the oldest file of a chain, if all of it has arrived, as logrotate does after so many; the next live file
    /// mostly gets its inode.
    pub fn prune(&mut self, arrived: u64) {
        if self.chain.len() > 1 && self.chain[0] <= arrived {
            fs::remove_file(self.dir.join(format!("app.log.{}", self.chain.len()))).unwrap();
            self.chain.pop_front();
            self.steps.push("remove the oldest".into());
        }
    }

    /// A few lines for the file that was rolled last, right after the roll: its process had it open still.
    fn late(&mut self, random: &mut Random) {
        let Some((mut old, generation)) = self.rolled.take() else { return };
        if random.below(2) == 0 {
            let mut bytes = lines::line(generation, self.number, 40);
            bytes.push(b'\n');
            old.write_all(&bytes).unwrap();
            self.steps.push(format!("late line {} to generation {generation}", self.number));
            self.number += 1;
        }
    }

    fn flush(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        self.live.write_all(&rest).unwrap();
    }

    /// Writes what is pending; a last roll hands over a spool file that is still being written.
    pub fn finish(&mut self, random: &mut Random) {
        self.flush();
        if self.kind == Kind::Spooldir {
            self.roll(random);
        }
        self.steps.push(format!("finish at {}", self.number));
    }
}

fn path_of(kind: Kind, dir: &std::path::Path, generation: u32) -> PathBuf {
    match kind {
        Kind::Next => dir.join(format!("app-{generation:05}.log")),
        Kind::Spooldir => dir.join(format!(".writing-{generation}")),
        _ => dir.join("app.log"),
    }
}

fn create(path: &std::path::Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
