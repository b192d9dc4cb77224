//! Real channel directories: a channel is used for a while by sources and a sink, and killed.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dataflowkit::channels::file::{FileChannel, Harm, Settings};
use dataflowkit::event::{Attributes, Batch, Builder, Checks, Headers, Marks, Span, Stream, StreamRecord};
use dataflowkit::flow::{
    Channel, ChannelKey, Destination, Kind, Limit, Outcome, Pulse, PutError, Seat, Stop, Tally,
};
use dataflowkit::store::log::cipher::Algorithm;
use dataflowkit::store::log::{self as store, KeyRing, Packing};
use dataflowkit::sys::disk::simulated::{Call, Fault};
use dataflowkit::sys::disk::{Disk, SimulatedDisk};

use crate::model::dice::Dice;

pub const DIRS: [&str; 2] = ["/a", "/b"];
pub const CHECKPOINT: &str = "/cp";

/// What differs from original to original.
#[derive(Clone, Copy, Debug)]
pub struct Flavour {
    pub packing: Packing,
    pub encrypted: bool,
    /// The destination keeps a record of marks.
    pub records: bool,
}

impl Flavour {
    pub fn of(number: usize) -> Flavour {
        let packing = if number % 4 == 1 { Packing::Lz4 } else { Packing::None };
        Flavour { packing, encrypted: number % 4 == 3, records: number % 3 != 2 }
    }

    pub fn keys(&self) -> KeyRing {
        if !self.encrypted {
            return KeyRing::default();
        }
        let keys = BTreeMap::from([("k".to_string(), vec![7; 16])]);
        KeyRing { active: Some(("k".into(), Algorithm::AesGcm)), keys }
    }
}

/// One event of a stream that can be read again.
pub struct Line {
    pub from: u64,
    pub to: u64,
    pub body: String,
    /// It moves marks and goes nowhere.
    pub filtered: bool,
}

/// A stream, and all it will ever hold.
#[derive(Clone)]
pub struct Tail {
    pub stream: Arc<Stream>,
    pub lines: Arc<Vec<Line>>,
}

impl Tail {
    fn new(name: &str, dice: &mut Dice) -> Tail {
        let stream = Stream::mint("tail", Attributes::default().with("path", format!("/log/{name}")));
        let mut from = 0;
        let line = |number| {
            let body = format!("{name}-{number} {}", "x".repeat(dice.below(40)));
            let line = Line { from, to: from + body.len() as u64 + 1, body, filtered: dice.one_in(12) };
            from = line.to;
            line
        };
        Tail { stream, lines: Arc::new((0..60).map(line).collect()) }
    }

    /// Puts up to `most` lines from where the channel is; false at the end.
    pub fn put(&self, channel: &Arc<FileChannel>, at: &mut usize, most: usize) -> bool {
        let lines = &self.lines[*at..(*at + most).min(self.lines.len())];
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return false };
        let span = Span::new(self.stream.clone(), first.from, last.to);
        let kept: Vec<_> = lines.iter().filter(|line| !line.filtered).collect();
        let batch = if kept.is_empty() {
            Batch::empty(span)
        } else {
            let mut batch = Builder::shared(Headers::default());
            for line in kept {
                batch.push(line.body.as_bytes(), line.from..line.to);
            }
            batch.finish(Some(span))
        };
        match put(channel, "tail", batch) {
            Ok(()) => *at += lines.len(),
            Err(PutError::Gap { expected }) => *at = self.line_at(expected),
            Err(other) => panic!("{other:?}"),
        }
        true
    }

    pub fn line_at(&self, position: u64) -> usize {
        let at = self.lines.iter().position(|line| line.from == position);
        at.unwrap_or_else(|| {
            assert_eq!(self.lines.last().unwrap().to, position, "no line begins there");
            self.lines.len()
        })
    }

    /// The line where the channel wants it to go on.
    pub fn resume(&self, channel: &Arc<FileChannel>) -> usize {
        if channel.held(self.stream.id).is_none() {
            channel.join(&self.stream, 0, &Checks::default()).unwrap();
        }
        self.line_at(channel.held(self.stream.id).unwrap().low())
    }
}

fn put(channel: &Arc<FileChannel>, source: &str, batch: Batch) -> Result<(), PutError> {
    let room = Limit { events: batch.len(), bytes: batch.bytes() };
    assert!(channel.reserve(room, Duration::ZERO, &Stop::new()), "there is room");
    let tally = Tally { read: batch.len() as u64, ..Tally::default() };
    channel.put(source, batch, tally, room).map(|receipt| receipt.forget())
}

/// A destination, and what it got.
#[derive(Clone, Default)]
pub struct Far {
    pub marks: Marks,
    pub got: Vec<String>,
    /// Stream and position of every event, in the order of arrival.
    pub order: Vec<(u128, u64)>,
}

impl Far {
    fn take(&mut self, batches: &[Batch]) {
        for batch in batches {
            let span = batch.span().expect("a log gives every event a position");
            for event in batch.events() {
                self.got.push(String::from_utf8(event.body().to_vec()).expect("all were text"));
                self.order.push((span.stream.id.0, event.range().start));
            }
            let new = || StreamRecord {
                source: span.stream.source.clone(),
                attributes: Attributes::default(),
                mark: Default::default(),
                checks: Checks::default(),
            };
            self.marks.entry(span.stream.id).or_insert_with(new).mark.insert(span.from, span.to);
        }
    }
}

/// A channel with its sink.
pub struct Open {
    pub channel: Arc<FileChannel>,
    pub harm: Harm,
    seat: Option<Seat>,
    flavour: Flavour,
}

impl Open {
    pub fn on(disk: Arc<dyn Disk>, root: &Path, flavour: Flavour, keys: KeyRing) -> Open {
        let settings = Settings {
            capacity: 1_000_000,
            transaction: 10_000,
            keep_alive: Duration::ZERO,
            empty_delay: Duration::ZERO,
            memory: None,
            before_spill: Duration::ZERO,
            sync_every: None,
            checkpoint: Some(at(root, CHECKPOINT).join("marks.dfk")),
        };
        let log = store::Settings {
            dirs: DIRS.iter().map(|dir| at(root, dir)).collect(),
            segment_bytes: 1500,
            minimum_free: 0,
            packing: flavour.packing,
            keys: Arc::new(keys),
        };
        let key = ChannelKey { installation: "i".into(), instance: "a".into(), channel: "c".into() };
        let pulse = Pulse::new(Kind::Channel, "c", "file");
        let also = [at(root, CHECKPOINT)];
        let opened = FileChannel::open(disk, settings, log, &also, None, key, pulse);
        let (channel, harm) = opened.expect("a channel starts whatever it finds");
        Open { channel, harm, seat: None, flavour }
    }

    /// The sink begins: it tells what its destination has.
    pub fn report(&mut self, far: &Far) -> Vec<Box<str>> {
        let destination = self.flavour.records.then(|| Destination("out".into()));
        let seat = self.channel.attach("k", destination);
        self.seat = Some(seat);
        let marks = self.flavour.records.then(|| far.marks.clone());
        self.channel.report(seat, marks).unwrap()
    }

    /// Delivers one lease; false if there was none.
    pub fn deliver(&self, far: &mut Far, events: usize) -> bool {
        let up_to = Limit { events, bytes: 1 << 20 };
        let seat = self.seat.expect("reported");
        let Some(lease) = self.channel.clone().take(seat, up_to, Duration::ZERO, &Stop::new()) else {
            return false;
        };
        far.take(&lease.batches);
        lease.settle(Outcome::Delivered).unwrap();
        true
    }

    pub fn write_and_sync(&self) -> bool {
        while let Ok(wrote) = self.channel.write()
            && let Ok(synced) = self.channel.sync()
        {
            if !wrote && !synced {
                return true;
            }
        }
        false
    }

    /// Everything that is there goes out, for good.
    pub fn drain(&self, far: &mut Far) {
        self.write_and_sync();
        while self.deliver(far, 50) {}
        self.channel.synced(self.seat.expect("reported")).unwrap();
        self.write_and_sync();
        self.channel.retain().unwrap();
    }

    /// Sources go on where the channel wants them, to their ends.
    pub fn feed(&self, tails: &[Tail]) {
        for tail in tails {
            let mut at = tail.resume(&self.channel);
            while tail.put(&self.channel, &mut at, 7) {}
        }
    }
}

pub fn at(root: &Path, dir: &str) -> PathBuf {
    root.join(dir.trim_start_matches('/'))
}

/// Directories as a killed channel left them, and what was outside.
pub struct Original {
    pub flavour: Flavour,
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    pub tails: Vec<Tail>,
    pub far: Far,
}

pub fn files_of(disk: &SimulatedDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = disk.paths().into_iter().filter(|path| !path.ends_with("in_use.lock"));
    paths.map(|path| (path.clone(), disk.content(&path).unwrap())).collect()
}

impl Original {
    pub fn make(seed: u64) -> Original {
        let dice = &mut Dice::of(seed, 0);
        let flavour = Flavour::of(seed as usize);
        let disk = SimulatedDisk::new(seed);
        let root = Path::new("/");
        let tails: Vec<Tail> = ["p", "q", "r"].iter().map(|name| Tail::new(name, dice)).collect();
        let (mut far, mut own) = (Far::default(), 0);
        for life in 0..dice.between(1, 3) {
            let mut open = Open::on(Arc::new(disk.process()), root, flavour, flavour.keys());
            let mut lines: Vec<usize> = tails.iter().map(|tail| tail.resume(&open.channel)).collect();
            open.report(&far);
            for _ in 0..dice.between(10, 30) {
                act(&open, &disk, dice, &tails, &mut lines, &mut own, &mut far);
            }
            if life == 0 || dice.one_in(2) {
                open.write_and_sync();
            }
            disk.kill();
        }
        Original { flavour, files: files_of(&disk), tails, far }
    }
}

fn act(
    open: &Open,
    disk: &SimulatedDisk,
    dice: &mut Dice,
    tails: &[Tail],
    lines: &mut [usize],
    own: &mut usize,
    far: &mut Far,
) {
    match dice.below(10) {
        0..=3 => {
            let tail = dice.below(tails.len());
            tails[tail].put(&open.channel, &mut lines[tail], dice.between(1, 5));
        }
        4 | 5 => {
            let mut batch = Builder::shared(Headers::default());
            for _ in 0..dice.between(1, 4) {
                *own += 1;
                let body = format!("n-{own} {}", "y".repeat(dice.below(30)));
                let at = batch.len() as u64;
                batch.push(body.as_bytes(), at..at + 1);
            }
            put(&open.channel, "net", batch.finish(None)).unwrap();
        }
        6 | 7 => drop(open.write_and_sync()),
        8 => {
            open.write_and_sync();
            open.deliver(far, dice.between(1, 12));
            if dice.one_in(2) {
                open.channel.synced(Seat(0)).unwrap();
                open.write_and_sync();
                open.channel.retain().unwrap();
            }
        }
        _ => {
            let call = if dice.one_in(2) { Call::Sync } else { Call::Write };
            disk.fail_at(call, disk.calls_of(call), Fault::Io);
            let _ = open.channel.write();
            let _ = open.channel.sync();
            disk.fail_no_more();
        }
    }
}
