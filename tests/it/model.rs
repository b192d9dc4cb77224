//! The positions protocol, explored at random: sources, channels, sinks and destinations in memory, killed and
//! powered off between any two effects, reconfigured at restarts.
//!
//! What is real: `flow::Outlet`, `flow::Book`, `flow::Lease`, all of `event`. What is the model's: inputs, the queue of
//! a memory channel, its journal as a log that knows what is synced, destinations, and the sinks' runner. A history is
//! a seed; each step has dice of its own, so that a failing history shrinks by leaving steps out.
//!
//! `DATAFLOWKIT_LONG=1` explores a million histories, else a part of them. `DATAFLOWKIT_SEED=n` tells one history.
//! Deliberate bugs ([`bug::Bug`]) prove that the verdict would notice: each must be found.
mod bug;
mod channel;
mod destination;
pub mod dice;
mod disk;
mod input;
mod run;
mod verdict;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use bug::Bug;
use dice::Dice;
use disk::Shared;
use world::World;

/// Seeds within which every deliberate bug must be found.
const FIND_WITHIN: u64 = 20_000;

/// How one history went.
struct History {
    fault: Option<String>,
    steps: u64,
    effects: u64,
    crashes: u64,
    trace: Vec<String>,
}

fn history(seed: u64, bug: Option<Bug>, without: &BTreeSet<u64>, tracing: bool) -> History {
    let shared = Arc::new(Shared::new(bug, tracing));
    let mut world = World::new(seed, shared.clone());
    let steps = world.length(&mut Dice::of(seed, u64::MAX - 1));
    world.start();
    for step in (0..steps).filter(|step| !without.contains(step)) {
        world.step(&mut Dice::of(seed, step));
        if step % 8 == 0 || steps > 100 {
            world.check_channels(false);
        }
        if world.broken.is_some() {
            break;
        }
    }
    if world.broken.is_none() {
        if world.drain() { world.judge() } else { world.fail("it never comes to rest".into()) }
    }
    let (fault, crashes) = (world.broken.take(), world.crashes);
    History { fault, steps, effects: shared.effects(), crashes, trace: shared.trace() }
}

/// Leaves out steps as long as the history still fails, and tells what is left.
fn shrunk(seed: u64, bug: Option<Bug>) -> String {
    let steps = history(seed, bug, &BTreeSet::new(), false).steps;
    let mut without = BTreeSet::new();
    for _ in 0..3 {
        for step in (0..steps).rev() {
            if without.insert(step) && history(seed, bug, &without, false).fault.is_none() {
                without.remove(&step);
            }
        }
    }
    let mut told = history(seed, bug, &without, true);
    if told.trace.len() > 50 {
        told.trace.drain(25..told.trace.len() - 25);
    }
    format!("seed {seed}: {}\n  {}", told.fault.unwrap_or_default(), told.trace.join("\n  "))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_history_breaks_a_rule() {
    if let Some(seed) = number("DATAFLOWKIT_SEED") {
        println!("{}", shrunk(seed, None));
        return;
    }
    let fast = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
    let count = if number("DATAFLOWKIT_LONG").is_some() { 1_000_000 } else { fast };
    let [steps, effects, crashes, next] = [const { AtomicU64::new(0) }; 4];
    let began = Instant::now();
    let failed = std::sync::Mutex::new(BTreeSet::new());
    let explore = || {
        while let seed = next.fetch_add(1, Relaxed)
            && seed < count
            && failed.lock().unwrap().len() < 5
        {
            let told = history(seed, None, &BTreeSet::new(), false);
            steps.fetch_add(told.steps, Relaxed);
            effects.fetch_add(told.effects, Relaxed);
            crashes.fetch_add(told.crashes, Relaxed);
            if told.fault.is_some() {
                failed.lock().unwrap().insert(seed);
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(explore))));
    let failed = failed.into_inner().unwrap();
    println!(
        "{} histories, {} steps, {} effects, {} crashes in {:.1} s; broken: {}",
        next.into_inner().min(count),
        steps.into_inner(),
        effects.into_inner(),
        crashes.into_inner(),
        began.elapsed().as_secs_f64(),
        failed.len()
    );
    let told: Vec<String> = failed.iter().map(|seed| shrunk(*seed, None)).collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

#[test]
fn every_deliberate_bug_is_found() {
    let find = |bug: Bug| {
        (0..FIND_WITHIN).find(|seed| history(*seed, Some(bug), &BTreeSet::new(), false).fault.is_some())
    };
    let mut missed = Vec::new();
    for bug in bug::ALL {
        match find(*bug) {
            Some(seed) => {
                let fault = history(seed, Some(*bug), &BTreeSet::new(), false).fault.unwrap_or_default();
                println!("{bug:?}: found by seed {seed}, after {} histories: {fault}", seed + 1);
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found within {FIND_WITHIN} histories: {missed:?}");
}
