//! Damage while the channel runs: frames that were whole at start cannot be read back when their turn comes.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dataflowkit::flow::{Channel, Counter};
use dataflowkit::store::log::{Fault, KeyRing, Kind};
use dataflowkit::sys::disk::{Disk, SimulatedDisk};

use super::mutation::is_segment;
use super::original::{Far, Open, Original};
use super::{oracle, originals};
use crate::model::dice::Dice;

fn disk_of(files: &BTreeMap<PathBuf, Vec<u8>>) -> SimulatedDisk {
    let disk = SimulatedDisk::new(0);
    files.keys().for_each(|path| disk.create_dir_all(path.parent().unwrap()).unwrap());
    files.iter().for_each(|(path, content)| disk.put(path, content.clone()));
    disk
}

fn open(disk: &SimulatedDisk, original: &Original) -> Open {
    let flavour = original.flavour;
    Open::on(Arc::new(disk.process()), Path::new("/"), flavour, flavour.keys())
}

/// Changes bytes of segments where they lie, or takes a segment away. Nothing is moved.
fn harm(disk: &SimulatedDisk, files: &BTreeMap<PathBuf, Vec<u8>>, dice: &mut Dice) -> Vec<String> {
    let segments: Vec<&PathBuf> = files.keys().filter(|path| is_segment(path)).collect();
    let mut told = Vec::new();
    for _ in 0..dice.between(1, 4) {
        let path = segments[dice.below(segments.len())];
        let Ok(mut content) = disk.content(path) else { continue };
        if content.is_empty() {
            continue;
        }
        let at = dice.below(content.len());
        let to = (at + dice.between(1, 300)).min(content.len());
        let what = match dice.below(8) {
            0 => {
                content.truncate(at);
                "cut"
            }
            1 | 2 => {
                content[at..to].fill(0);
                "zeros"
            }
            3 if dice.one_in(3) => {
                disk.remove(path).unwrap();
                told.push(format!("{} removed", path.display()));
                continue;
            }
            _ => {
                content[at] ^= 1 << dice.below(8);
                "a bit"
            }
        };
        disk.put(path, content);
        told.push(format!("{what} at {at}..{to} of {}", path.display()));
    }
    told
}

/// Delivers and feeds until nothing more is asked for.
fn to_the_end(open: &Open, original: &Original, far: &mut Far) {
    for _ in 0..20 {
        open.feed(&original.tails);
        open.drain(far);
        if open.channel.must_go_back().is_empty() && open.channel.is_drained() {
            return;
        }
    }
    panic!("it never comes to rest");
}

fn counts(far: &Far) -> BTreeMap<&str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    far.got.iter().for_each(|body| *counts.entry(body).or_default() += 1);
    counts
}

fn one(seed: u64) -> u64 {
    let dice = &mut Dice::of(seed, 9);
    let (original, lore) = &originals()[dice.below(originals().len())];
    let disk = disk_of(&original.files);
    let mut far = original.far.clone();
    let mut open = open(&disk, original);
    open.report(&far);
    let first = dice.below(3);
    for _ in 0..first {
        open.deliver(&mut far, 3);
    }
    let told = harm(&disk, &original.files, dice);
    to_the_end(&open, original, &mut far);
    let got = counts(&far);
    let context = || format!("seed {seed}, {:?}: {told:?}", original.flavour);
    for line in original.tails.iter().flat_map(|tail| tail.lines.iter()).filter(|line| !line.filtered) {
        let count = got.get(line.body.as_str()).copied().unwrap_or(0);
        assert_eq!(count, 1, "`{}`; {}", line.body, context());
    }
    assert!(got.values().all(|count| *count == 1), "{}", context());
    // What nobody can read again is counted, neither more nor less.
    let events = lore.frames.values().flat_map(|known| known.events.iter().map(|(_, body)| body.as_str()));
    let lost =
        events.collect::<BTreeSet<_>>().into_iter().filter(|body| !got.contains_key(body)).count() as u64;
    assert_eq!(open.channel.pulse().get(Counter::LostEvents), lost, "{}", context());
    let ledgers = open.channel.ledgers();
    assert!(ledgers.iter().all(|(_, l)| l.balances() && l.in_flight == 0), "{ledgers:?}; {}", context());
    assert_eq!(
        ledgers.iter().map(|(_, ledger)| ledger.lost).sum::<u64>(),
        lost,
        "{ledgers:?}; {}",
        context()
    );
    assert_eq!(open.channel.depth().events, 0, "{}", context());
    lost
}

#[test]
fn p5_what_cannot_be_read_back_is_read_again_or_counted_as_lost() {
    if let Some(seed) = super::number("DATAFLOWKIT_SEED") {
        println!("{} events are lost", one(seed));
        return;
    }
    let count = if super::number("DATAFLOWKIT_LONG").is_some() { 5_000 } else { 150 };
    let lost: u64 = (0..count).map(one).sum();
    println!("{count} channels harmed while they ran; {lost} events without a position lost, and counted");
    assert!(lost > 0, "the harm is too small to show anything");
}

#[test]
fn a_segment_that_is_damaged_later_is_set_aside() {
    let (original, lore) = originals().iter().find(|(original, _)| original.flavour.records).unwrap();
    let disk = disk_of(&original.files);
    let mut far = original.far.clone();
    let mut open = open(&disk, original);
    open.report(&far);
    let delivered: BTreeSet<&str> = original.far.got.iter().map(String::as_str).collect();
    let waits =
        |known: &&oracle::Known| known.events.iter().any(|(_, body)| !delivered.contains(body.as_str()));
    let frame = &lore.frames.values().find(waits).expect("something waits").bytes;
    let found = |content: &[u8]| content.windows(frame.len()).position(|window| window == frame);
    let (path, at) = original.files.iter().find_map(|(path, c)| found(c).map(|at| (path, at))).unwrap();
    disk.damage(path, |content| content[at + frame.len() - 1] ^= 1).unwrap();
    let harmed = disk.content(path).unwrap();
    to_the_end(&open, original, &mut far);
    let aside = PathBuf::from(format!("{}.damaged", path.display()));
    assert_eq!(disk.content(&aside).unwrap(), harmed);
}

/// A key that is not configured any more: what it encrypted stays, is told, and comes when the key is there again.
#[test]
fn segments_without_their_key_stay_until_it_is_configured_again() {
    let encrypted =
        |(original, _): &&(Original, oracle::Lore)| original.flavour.encrypted && original.flavour.records;
    let (original, lore) = originals().iter().find(encrypted).expect("some are");
    let disk = disk_of(&original.files);
    let mut far = original.far.clone();
    let before = far.got.len();
    let mut without =
        Open::on(Arc::new(disk.process()), Path::new("/"), original.flavour, KeyRing::default());
    let no_key = |open: &Open| open.harm.damage.iter().any(|damage| matches!(damage.fault, Fault::NoKey(_)));
    assert!(no_key(&without) && without.harm.lost.is_empty(), "{:?}", without.harm);
    without.report(&far);
    without.drain(&mut far);
    assert_eq!(far.got.len(), before, "nothing can be read");
    for path in original.files.keys().filter(|path| is_segment(path)) {
        assert_eq!(disk.content(path).unwrap(), original.files[path], "{} stays", path.display());
    }
    disk.kill();
    let mut with = open(&disk, original);
    assert!(!no_key(&with) && with.harm.lost.is_empty(), "{:?}", with.harm);
    with.report(&far);
    to_the_end(&with, original, &mut far);
    let got = counts(&far);
    for known in lore.frames.values().filter(|known| known.kind == Kind::Events) {
        for (_, body) in &known.events {
            assert_eq!(got.get(body.as_str()), Some(&1), "`{body}`");
        }
    }
}
