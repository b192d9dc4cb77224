//! Recovery is total: real channel directories, harmed at random, always become a channel that runs, keeps every frame
//! that still verifies, and says exactly what does not.
//!
//! What is real: the channel and its log, on the simulated disk, a part of them on the kernel's. What is the test's:
//! `original` (what was written), `mutation` (what was done to it), `oracle` (what must be left).
//! `DATAFLOWKIT_LONG=1` does 20,000 mutations and more, else 3,000. `DATAFLOWKIT_SEED=n` does one and tells of it.
mod later;
mod mutation;
mod oracle;
mod original;
mod same_boot;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use dataflowkit::event::{Mark, StreamId};
use dataflowkit::flow::Channel;
use dataflowkit::store::log::{Damage, Fault};
use dataflowkit::sys::disk::{Disk, SimulatedDisk};

use crate::model::dice::Dice;
use mutation::harm;
use oracle::{Expected, Lore, Span, merged};
use original::{Far, Open, Original, files_of};
use same_boot::SameBoot;

const ORIGINALS: usize = 24;

fn originals() -> &'static [(Original, Lore)] {
    static MADE: OnceLock<Vec<(Original, Lore)>> = OnceLock::new();
    MADE.get_or_init(|| {
        let make = |seed| {
            let original = Original::make(seed as u64);
            let lore = Lore::of(&original);
            (original, lore)
        };
        (0..ORIGINALS).map(make).collect()
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What went wrong, by kind.
#[derive(Debug)]
enum Wrong {
    Dropped(String),
    Report(String),
    Other(String),
}

fn ensure(holds: bool, wrong: impl FnOnce() -> Wrong) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// One directory, harmed once or more, and all that becomes of it.
struct Trial {
    original: &'static Original,
    lore: &'static Lore,
    files: BTreeMap<PathBuf, Vec<u8>>,
    told: Vec<String>,
    expected: Expected,
}

impl Trial {
    fn new(seed: u64) -> Trial {
        let dice = &mut Dice::of(seed, 1);
        let all = originals();
        let chosen = dice.below(all.len());
        let (original, lore) = &all[chosen];
        let (other, others) = &all[(chosen + 1) % all.len()];
        let mut files = original.files.clone();
        let harms = if dice.one_in(2) { 1 } else { dice.between(2, 4) };
        let told = (0..harms).map(|_| harm(&mut files, &other.files, dice)).collect();
        let expected = Expected::of(&files, lore, others);
        Trial { original, lore, files, told, expected }
    }

    fn run(&self) -> Result<(), Wrong> {
        let disk = SimulatedDisk::new(0);
        original::DIRS.iter().for_each(|dir| disk.create_dir_all(Path::new(dir)).unwrap());
        disk.create_dir_all(Path::new(original::CHECKPOINT)).unwrap();
        self.files.iter().for_each(|(path, content)| disk.put(path, content.clone()));
        let mut far = self.original.far.clone();
        let before = far.order.len();
        let mut open = self.open(&disk);
        if number("DATAFLOWKIT_SEED").is_some() {
            println!("{:?}\nfound: {:?}", self.told, open.harm);
        }
        if !self.expected.certain {
            open.report(&far);
            open.drain(&mut far);
            return self.nothing_is_deleted(&disk);
        }
        self.check_report(&open)?;
        open.report(&far);
        open.drain(&mut far);
        self.check_arrivals(&far, before)?;
        if self.told.len() == 1 {
            self.check_reopening(&disk)?;
        }
        open.feed(&self.original.tails);
        open.drain(&mut far);
        self.check_total(&open, &far)?;
        self.nothing_is_deleted(&disk)?;
        disk.kill();
        self.check_afterwards(&disk, far)
    }

    fn open(&self, disk: &SimulatedDisk) -> Open {
        let flavour = self.original.flavour;
        Open::on(Arc::new(disk.process()), Path::new("/"), flavour, flavour.keys())
    }

    fn check_report(&self, open: &Open) -> Result<(), Wrong> {
        let told = told(&open.harm.damage);
        let due = &self.expected.damage;
        ensure(told == *due, || Wrong::Report(format!("damage: told {told:?}, due {due:?}")))?;
        let (told, due) = (open.harm.missing_frames, self.expected.missing_frames);
        ensure(told == due, || Wrong::Report(format!("missing frames: told {told}, due {due}")))?;
        let spans = self.expected.spans(self.lore);
        let of = |stream: &StreamId| spans.get(stream).cloned().unwrap_or_default();
        for (stream, range) in open.harm.again.iter().chain(&open.harm.lost) {
            let kept = of(stream).overlaps(range.start, range.end);
            ensure(!kept, || Wrong::Report(format!("{range:?} of {stream:?} is there, and told as gone")))?;
        }
        if oracle::has_record(self.lore, &self.expected) {
            self.check_ranges(open, &spans)?;
        }
        Ok(())
    }

    /// Where all marks were spared, exactly the holes are told.
    fn check_ranges(&self, open: &Open, spans: &BTreeMap<StreamId, Mark>) -> Result<(), Wrong> {
        let record = oracle::record(self.lore);
        let remains = oracle::spans(self.expected.remains.iter().map(|number| &self.lore.frames[number]));
        let streams: BTreeSet<StreamId> =
            record.streams.keys().chain(spans.keys()).chain(remains.keys()).copied().collect();
        let (mut again, mut lost) = (Vec::new(), Vec::new());
        for stream in streams {
            let mut held = record.had(stream);
            held.union(&spans.get(&stream).cloned().unwrap_or_default());
            let high = remains.get(&stream).map_or(0, Mark::high).max(held.high());
            let holes = held.missing(0, high).into_iter().flatten();
            let all = if stream.is_of_log() { &mut lost } else { &mut again };
            all.extend(holes.map(|at| (stream, at)));
        }
        let flat = |ranges: &[(StreamId, std::ops::Range<u64>)]| {
            let mut all: Vec<(StreamId, u64)> =
                ranges.iter().flat_map(|(stream, range)| range.clone().map(|at| (*stream, at))).collect();
            all.sort();
            all
        };
        let told = flat(&open.harm.again);
        ensure(told == again, || Wrong::Report(format!("again: told {told:?}, due {again:?}")))?;
        let told = flat(&open.harm.lost);
        ensure(told == lost, || Wrong::Report(format!("lost: told {told:?}, due {lost:?}")))
    }

    /// Every event of a frame that verifies arrives, once, in order, unless it was settled.
    fn check_arrivals(&self, far: &Far, before: usize) -> Result<(), Wrong> {
        let there = self.expected.bodies(self.lore);
        let arrived = &far.got[before..];
        let once: BTreeSet<&str> = arrived.iter().map(String::as_str).collect();
        ensure(once.len() == arrived.len(), || Wrong::Other("an event came twice".into()))?;
        if let Some(made_up) = once.iter().find(|body| !there.contains_key(*body)) {
            return Err(Wrong::Other(format!("`{made_up}` came and is in no frame")));
        }
        let delivered: BTreeSet<&str> = self.original.far.got.iter().map(String::as_str).collect();
        let records = self.original.flavour.records;
        for (body, (stream, at)) in &there {
            let was = delivered.contains(body);
            let came = once.contains(body);
            ensure(was || came, || Wrong::Dropped(format!("`{body}` ({stream:?} at {at}) did not come")))?;
            let exact = records || oracle::has_record(self.lore, &self.expected);
            ensure(!(exact && was && came), || Wrong::Other(format!("`{body}` came again")))?;
        }
        let mut highest: BTreeMap<u128, u64> = BTreeMap::new();
        for (stream, at) in &far.order[before..] {
            let above = highest.insert(*stream, *at).is_none_or(|last| last < *at);
            ensure(above, || Wrong::Other(format!("out of order at {at}")))?;
        }
        Ok(())
    }

    /// A cut tail is told once.
    fn check_reopening(&self, disk: &SimulatedDisk) -> Result<(), Wrong> {
        let disk = disk.fork();
        disk.kill();
        let again = self.open(&disk);
        let twice = |path: &Path| {
            let number = |path: &Path| path.file_name().map(|name| name.to_owned());
            self.files.keys().filter(|other| number(other) == number(path)).count() > 1
        };
        let cut = again.harm.damage.iter().find(|damage| damage.fault == Fault::Cut && !twice(&damage.path));
        let copied = self.expected.damage.iter().any(|damage| damage.3 == "copy");
        ensure(cut.is_none() || copied, || Wrong::Report(format!("a cut is told twice: {cut:?}")))
    }

    /// After the sources went on nothing is missing, and nothing is there twice that need not be.
    fn check_total(&self, open: &Open, far: &Far) -> Result<(), Wrong> {
        ensure(open.channel.is_drained(), || Wrong::Other("not drained".into()))?;
        let mut got: BTreeMap<&str, usize> = BTreeMap::new();
        far.got.iter().for_each(|body| *got.entry(body).or_default() += 1);
        let lines = self.original.tails.iter().flat_map(|tail| tail.lines.iter());
        for line in lines.filter(|line| !line.filtered) {
            let count = got.get(line.body.as_str()).copied().unwrap_or(0);
            ensure(count > 0, || Wrong::Dropped(format!("`{}` is lost", line.body)))?;
        }
        let twice = got.iter().find(|(_, count)| **count > 1);
        let exact = self.original.flavour.records || oracle::has_record(self.lore, &self.expected);
        ensure(twice.is_none() || !exact, || Wrong::Other(format!("{twice:?} came twice")))?;
        for (source, ledger) in open.channel.ledgers() {
            let fine = ledger.balances() && ledger.in_flight == 0;
            ensure(fine, || Wrong::Other(format!("ledger of {source}: {ledger:?}")))?;
        }
        ensure(open.channel.depth().events == 0, || Wrong::Other("room is not given back".into()))
    }

    /// Damaged segments are set aside with all their bytes once they are drained.
    fn nothing_is_deleted(&self, disk: &SimulatedDisk) -> Result<(), Wrong> {
        let now = files_of(disk);
        for (path, ..) in self.expected.damage.iter().filter(|damage| damage.3 != "cut") {
            let content = &self.files[path];
            let aside = now.iter().any(|(other, now)| {
                let name = other.to_string_lossy();
                let is = name.starts_with(&format!("{}.damaged", path.display())) || !self.expected.certain;
                is && now == content
            });
            ensure(aside, || Wrong::Other(format!("{} is not set aside", path.display())))?;
        }
        Ok(())
    }

    /// The next start finds a log without a fault and delivers nothing.
    fn check_afterwards(&self, disk: &SimulatedDisk, mut far: Far) -> Result<(), Wrong> {
        let mut open = self.open(disk);
        let harm = &open.harm;
        let quiet = harm.damage.is_empty() && harm.again.is_empty() && harm.lost.is_empty();
        ensure(quiet && harm.missing_frames == 0, || Wrong::Report(format!("afterwards: {harm:?}")))?;
        let before = far.got.len();
        open.report(&far);
        open.feed(&self.original.tails);
        open.drain(&mut far);
        ensure(far.got.len() == before, || Wrong::Other("more came at the next start".into()))
    }
}

fn told(damage: &[Damage]) -> Vec<Span> {
    let word = |fault: &Fault| match fault {
        Fault::Cut => "cut",
        Fault::Broken => "broken",
        Fault::Copy => "copy",
        Fault::Foreign => "foreign",
        Fault::NoKey(_) => "no key",
        Fault::Sealed => "sealed",
        Fault::Unreadable(_) => "unreadable",
    };
    let span = |damage: &Damage| (damage.path.clone(), damage.from, damage.to, word(&damage.fault));
    merged(damage.iter().map(span).collect())
}

/// The same on the kernel's files: fewer of them, for they are slow.
#[test]
fn damage_on_real_files_leads_to_a_channel_that_runs_as_well() {
    let count = if number("DATAFLOWKIT_LONG").is_some() { 500 } else { 25 };
    for seed in 1_000_000..1_000_000 + count {
        let trial = Trial::new(seed);
        let root = tempfile::tempdir().unwrap();
        for dir in original::DIRS.into_iter().chain([original::CHECKPOINT]) {
            std::fs::create_dir_all(original::at(root.path(), dir)).unwrap();
        }
        for (path, content) in &trial.files {
            std::fs::write(original::at(root.path(), path.to_str().unwrap()), content).unwrap();
        }
        let flavour = trial.original.flavour;
        let mut far = trial.original.far.clone();
        let before = far.order.len();
        let mut open = Open::on(Arc::new(SameBoot), root.path(), flavour, flavour.keys());
        let here = |damage: &Damage| Damage {
            path: Path::new("/").join(damage.path.strip_prefix(root.path()).unwrap()),
            ..damage.clone()
        };
        open.harm.damage = open.harm.damage.iter().map(here).collect();
        let mut checked = || -> Result<(), Wrong> {
            trial.check_report(&open)?;
            open.report(&far);
            open.drain(&mut far);
            trial.check_arrivals(&far, before)?;
            open.feed(&trial.original.tails);
            open.drain(&mut far);
            trial.check_total(&open, &far)
        };
        if trial.expected.certain
            && let Err(wrong) = checked()
        {
            panic!("seed {seed}: {wrong:?}; {:?}", trial.told);
        }
    }
}

#[derive(Default)]
struct Sums {
    mutations: AtomicU64,
    uncertain: AtomicU64,
    failed_starts: AtomicU64,
    dropped: AtomicU64,
    reports: AtomicU64,
    others: AtomicU64,
}

fn attempt(seed: u64, sums: &Sums) -> Option<String> {
    let trial = Trial::new(seed);
    sums.mutations.fetch_add(trial.told.len() as u64, Relaxed);
    sums.uncertain.fetch_add(u64::from(!trial.expected.certain), Relaxed);
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| trial.run()));
    let (sum, what) = match run {
        Ok(Ok(())) => return None,
        Ok(Err(Wrong::Dropped(what))) => (&sums.dropped, what),
        Ok(Err(Wrong::Report(what))) => (&sums.reports, what),
        Ok(Err(Wrong::Other(what))) => (&sums.others, what),
        Err(panic) => {
            let what = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked".into());
            (&sums.failed_starts, what)
        }
    };
    sum.fetch_add(1, Relaxed);
    Some(format!("seed {seed} ({:?}): {what}\n    {}", trial.original.flavour, trial.told.join("\n    ")))
}

#[test]
fn any_damage_leads_to_a_channel_that_runs_and_keeps_what_verifies() {
    let sums = Sums::default();
    if let Some(seed) = number("DATAFLOWKIT_SEED") {
        println!("{}", attempt(seed, &sums).unwrap_or_else(|| "nothing is wrong".into()));
        return;
    }
    let goal = if number("DATAFLOWKIT_LONG").is_some() { 24_000 } else { 3_000 };
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    let wrong: Mutex<Vec<String>> = Mutex::default();
    let work = || {
        while sums.mutations.load(Relaxed) < goal && wrong.lock().unwrap().len() < 8 {
            let told = attempt(next.fetch_add(1, Relaxed), &sums);
            wrong.lock().unwrap().extend(told);
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    println!(
        "{:?} mutations of {:?} directories in {:.1} s: starts that failed {:?}, valid records dropped {:?}, \
         wrong reports {:?}, otherwise wrong {:?}; not sure whose directory {:?}",
        sums.mutations,
        next,
        began.elapsed().as_secs_f64(),
        sums.failed_starts,
        sums.dropped,
        sums.reports,
        sums.others,
        sums.uncertain
    );
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
