//! The channel under a simulated disk: random histories of sources, sinks, faults and crashes, each from a seed.
//!
//! What is real: the channel, its log, the outlets and books of `flow`. What is simulated: the disk, the destinations,
//! the threads (`watched`). Every life of a process ends with a kill or a power cut, most of them within a call of the
//! disk; at last everything is drained without faults, and counted (`verdict`).
//!
//! `DATAFLOWKIT_LONG=1`: a hundred times as many. `DATAFLOWKIT_SEED=n` tells one history, step by step. Deliberate bugs
//! (`fakes`) prove that the verdict would notice: each must be found.
mod fakes;
mod input;
mod life;
mod store;
mod verdict;
mod watched;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::store::log::bug;
use crate::sys::random;
use fakes::Fake;
use life::Life;
use verdict::Figures;
use world::World;

/// Crash points of a test run.
const CRASHES: u64 = 10_000;
/// Histories that found a defect once, beyond those that every run goes through.
const FOUND_ONCE: [u64; 1] = [62566];
/// Histories within which every deliberate bug must be found.
const FIND_WITHIN: u64 = 300;
/// So many of them at least.
const FOUND: usize = 20;

/// How one history went.
struct Told {
    fault: Option<String>,
    figures: Figures,
    trace: Vec<String>,
}

fn history(seed: u64, fake: Option<Fake>, tracing: bool) -> Told {
    random::repeat(seed);
    bug::set(match fake {
        Some(Fake::Bug(bug)) => Some(bug),
        _ => None,
    });
    let world = Rc::new(World::new(seed, fake, tracing));
    watched::set_world(tracing.then(|| world.clone()));
    let mut figures = Figures { histories: 1, ..Figures::default() };
    let ran = catch_unwind(AssertUnwindSafe(|| run(&world, &mut figures)));
    watched::set_life(None);
    watched::set_world(None);
    bug::set(None);
    if let Err(panic) = ran {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        world.fail(format!("panic: {}", text.unwrap_or_default()));
    }
    figures.crashes = world.crashes.get();
    figures.calls = world.disk.calls();
    Told { fault: world.fault.take(), figures, trace: world.trace.take() }
}

fn run(world: &Rc<World>, figures: &mut Figures) {
    for _ in 0..4 + world.below(20) {
        live(world);
        if world.fault.borrow().is_some() {
            return;
        }
    }
    world.disk.fail_no_more();
    world.set_room(1 << 40);
    world.draining.set(true);
    let Some(life) = Life::open(world) else { return };
    if !life.drain() {
        world.fail("it never comes to rest".into());
    }
    if world.fault.borrow().is_none() {
        world.judge(figures);
        life.judge();
    }
}

/// One life, and its end.
fn live(world: &Rc<World>) {
    world.disk.fail_no_more();
    let within = [8, 60, 300][world.below(3) as usize];
    world.disk.crash_at(world.disk.calls() + world.below(within));
    let Some(life) = Life::open(world) else { return world.crash() };
    watched::set_life(Some(life.clone()));
    world.draw_faults();
    for _ in 0..world.below(90) {
        life.step();
        if world.disk.is_down() || world.fault.borrow().is_some() {
            break;
        }
    }
    if world.chance(0.1) && world.fault.borrow().is_none() {
        life.close();
    }
    watched::set_life(None);
    drop(life);
    world.crash();
}

/// The whole story of a history that failed.
fn story(seed: u64, fake: Option<Fake>) -> String {
    let mut told = history(seed, fake, true);
    let skipped = told.trace.len().saturating_sub(1500);
    told.trace.drain(..skipped);
    format!("seed {seed}: {}\n  {}", told.fault.unwrap_or("no fault".into()), told.trace.join("\n  "))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_crash_loses_or_repeats_an_event() {
    if let Some(seed) = number("DATAFLOWKIT_SEED") {
        println!("{}", story(seed, None));
        return;
    }
    let wanted = if number("DATAFLOWKIT_LONG").is_some() { 100 * CRASHES } else { CRASHES };
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    let total = Mutex::new((Figures::default(), Vec::new()));
    let explore = || loop {
        let turn = next.fetch_add(1, Relaxed);
        let seed = FOUND_ONCE.get(turn as usize).copied().unwrap_or_else(|| turn - FOUND_ONCE.len() as u64);
        let told = history(seed, None, false);
        let mut total = total.lock().unwrap();
        total.0 += told.figures;
        if let Some(fault) = told.fault {
            println!("seed {seed}: {fault}");
            total.1.push((seed, fault));
        }
        if total.0.crashes >= wanted || total.1.len() >= 20 {
            return;
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(explore))));
    let (figures, mut failed) = total.into_inner().unwrap();
    failed.sort();
    println!(
        "{} crash points in {} histories, {} disk calls, {:.1} s; acked {}; lost {}, twice {}, torn {}, out of order {}",
        figures.crashes,
        figures.histories,
        figures.calls,
        began.elapsed().as_secs_f64(),
        figures.acked,
        figures.lost,
        figures.twice,
        failed.iter().filter(|(_, fault)| fault.starts_with("torn")).count(),
        figures.disorder,
    );
    assert!(failed.is_empty(), "{}", story(failed[0].0, None));
}

#[test]
fn every_deliberate_bug_is_found() {
    let (next, missed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let look = || {
        while let Some(fake) = fakes::ALL.get(next.fetch_add(1, Relaxed) as usize) {
            let mut crashes = 0;
            let found = (0..FIND_WITHIN).find_map(|seed| {
                let told = history(seed, Some(*fake), false);
                crashes += told.figures.crashes;
                told.fault.map(|fault| (seed, fault))
            });
            match found {
                Some((seed, fault)) => {
                    println!("{fake:?}: found after {crashes} crash points, by seed {seed}: {fault}")
                }
                None => missed.lock().unwrap().push(*fake),
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(look))));
    let missed = missed.into_inner().unwrap();
    println!("{} of {} deliberate bugs found", fakes::ALL.len() - missed.len(), fakes::ALL.len());
    println!("not found within {FIND_WITHIN} histories each: {missed:?}");
    assert!(fakes::ALL.len() - missed.len() >= FOUND, "{missed:?}");
}
