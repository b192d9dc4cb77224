//! Members that fail at random: what was lost and what came twice is counted.
use super::*;

/// A small generator, so that a seed repeats a run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn fate(&mut self, deaf: bool) -> Fate {
        match self.below(6) {
            0 | 1 => Fate::Takes,
            2 | 3 => Fate::NotThere,
            _ => doubt(self.below(5) as usize, if deaf { self.below(3) as usize } else { 0 }),
        }
    }
}

/// Runs a group over random failures; how many events came more often than once, and how many were counted so.
fn at_random(seed: u64, deaf: bool, exactly_once: bool) -> (u64, u64) {
    let mut dice = Dice(seed);
    let count = 2 + dice.below(2);
    let script = |dice: &mut Dice| (0..dice.below(12)).map(|_| dice.fate(deaf)).collect();
    let mut rig = Rig::new((0..count).map(|_| script(&mut dice)).collect());
    rig.processor = match dice.below(3) {
        0 => ("failover", vec![("maxpenalty", "1")]),
        1 => ("load_balance", vec![]),
        _ => {
            ("load_balance", vec![("selector", "random"), ("backoff", "true"), ("selector.maxTimeOut", "1")])
        }
    };
    rig.exactly_once = exactly_once;
    rig.put(60);
    rig.drained();
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    let all: Vec<u64> = (0..count as usize).flat_map(|index| rig.got(index)).collect();
    all.iter().for_each(|event| *times.entry(*event).or_default() += 1);
    assert!(times.keys().copied().eq(0..60), "seed {seed}: lost {times:?}");
    let ledgers = rig.channel.ledgers();
    assert!(ledgers.iter().all(|(_, ledger)| ledger.balances()), "seed {seed}: {ledgers:?}");
    (times.values().filter(|times| **times > 1).count() as u64, rig.twice())
}

#[test]
fn whatever_fails_nothing_is_lost_and_with_members_that_tell_nothing_comes_twice() {
    for seed in 0..60 {
        assert_eq!(at_random(seed, false, false), (0, 0), "seed {seed}");
        assert_eq!(at_random(seed, true, true), (0, 0), "seed {seed}, exactly once");
    }
}

#[test]
fn whatever_fails_what_comes_twice_was_counted() {
    let mut repeats = 0;
    for seed in 0..60 {
        let (twice, counted) = at_random(seed, true, false);
        assert!(twice <= counted, "seed {seed}: {twice} came twice, {counted} were counted");
        repeats += twice;
    }
    assert!(repeats > 0, "the scripts are too kind");
}
