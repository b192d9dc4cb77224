//! Random runs: kill -9, orderly stops, destinations that fail for a while, a writer that goes on writing and rotating
//! meanwhile; then all that was written against all that arrived.
mod shape;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use super::Blocked;
use crate::rotation::writer::{Random, Writer};
use crate::support::lines::{Counted, parse};
use crate::support::{Agent, Tiny, count, rolled, until};
use shape::Shape;

/// What the runs add up to.
#[derive(Default)]
struct Sum {
    counted: Counted,
    kills: u64,
    stops: u64,
    blocked: u64,
}

/// One run under way.
struct Run {
    shape: Shape,
    random: Random,
    agent: Agent,
    writers: Vec<Writer>,
    /// Of the first destination, which can be filled.
    small: Option<Tiny>,
    block: Option<Blocked>,
    ballast: Option<PathBuf>,
    sum: Sum,
}

impl Run {
    fn new(seed: u64) -> Run {
        let shape = Shape::of(seed);
        // What a spillable channel has in memory alone is drained at a stop, as long as that is possible.
        let agent = Agent::new(&shape.config()).with(&["--drain-limit", "300"]);
        shape.write_keys(&agent);
        let writers = shape.writers(&agent);
        let small = if shape.is_blocked() { Tiny::mount(agent.path("out1"), "16m") } else { None };
        let (random, sum) = (Random::new(seed), Sum::default());
        Run { shape, random, agent, writers, small, block: None, ballast: None, sum }
    }

    fn go(&mut self) {
        self.agent.start();
        // What rolled before a source's first look is history by design: a first line arrives before the first roll.
        self.writers.iter_mut().for_each(Writer::begin);
        until(|| self.arrived().iter().filter(|byte| **byte == b'\n').count() >= self.shape.early());
        let steps = 80 + self.random.below(80);
        for step in 0..steps {
            self.step();
            if self.shape.is_blocked() && step == steps / 4 {
                self.obstruct();
            }
            if step == steps * 3 / 4 {
                self.clear();
            }
        }
        self.writers.iter_mut().for_each(|writer| writer.finish(&mut self.random));
        self.clear();
        if self.agent.is_running() {
            self.end();
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..5 if self.agent.is_running() => self.end(),
            _ if !self.agent.is_running() && self.random.below(3) == 0 => _ = self.agent.spawn(),
            5..15 => {
                let at = self.a_writer();
                self.writers[at].roll(&mut self.random);
            }
            15..30 => thread::park_timeout(Duration::from_millis(self.random.below(60))),
            _ => {
                for _ in 0..1 + self.random.below(8) {
                    let at = self.a_writer();
                    self.writers[at].write(&mut self.random);
                }
            }
        }
    }

    fn a_writer(&mut self) -> usize {
        self.random.below(self.writers.len() as u64) as usize
    }

    /// Mostly kill -9, now and then in order.
    fn end(&mut self) {
        if self.random.below(6) == 0 && self.agent.log().contains("is ready") {
            self.agent.stop();
            self.sum.stops += 1;
        } else {
            self.agent.kill();
            self.sum.kills += 1;
        }
    }

    /// The first destination's disk is full, or its directory is not there any more.
    fn obstruct(&mut self) {
        self.sum.blocked = 1;
        match &self.small {
            Some(small) => {
                let ballast = small.0.join(".ballast");
                let mut size = 16 << 20;
                while size >= 4096 {
                    let part = format!("{}{size}", ballast.display());
                    // As much as there is room for: a write that fails has filled some of it.
                    let _ = fs::write(part, vec![0u8; size]);
                    size /= 2;
                }
                self.ballast = Some(small.0.clone());
            }
            None => self.block = Some(Blocked::new(self.agent.path("out1"))),
        }
    }

    fn clear(&mut self) {
        if let Some(dir) = self.ballast.take() {
            let files = fs::read_dir(dir).unwrap().flatten();
            let ballast = files.filter(|file| file.file_name().as_encoded_bytes().starts_with(b".ballast"));
            ballast.for_each(|file| fs::remove_file(file.path()).unwrap());
        }
        if let Some(block) = self.block.take() {
            block.lift();
        }
    }

    fn arrived(&self) -> Vec<u8> {
        self.shape.outputs().iter().flat_map(|out| rolled(&self.agent.path(out))).collect()
    }

    /// Each writer's lines against those that arrived; the torn ones are counted with the first.
    fn counted(&self) -> Counted {
        let mut parts = vec![Vec::new(); self.writers.len()];
        for line in self.arrived().split_inclusive(|byte| *byte == b'\n') {
            let file = line.strip_suffix(b"\n").and_then(parse).map(|(file, _)| file);
            let of = file.and_then(|file| self.writers.iter().position(|writer| writer.is_from(file)));
            parts[of.unwrap_or(0)].extend_from_slice(line);
        }
        let mut sum = Counted::default();
        let each = self.writers.iter().zip(&parts).map(|(writer, part)| Counted::of(writer.written(), part));
        each.for_each(|counted| sum.add(counted));
        if self.shape.outputs().len() > 1 {
            // D7: several sinks on one channel trade order for speed.
            sum.disordered = 0;
        }
        sum
    }
}

/// One run to its end; its sums, or its story.
fn one(seed: u64) -> Result<Sum, String> {
    let mut run = Run::new(seed);
    run.go();
    run.agent = run.agent.with(&["--until-drained"]);
    let status = run.agent.run();
    let counted = run.counted();
    if status.success() && counted.is_exact() {
        return Ok(Sum { counted, ..run.sum });
    }
    let examples = counted.examples.join("\n");
    let mut story = format!("seed {seed} ({:?}): {status}, {counted}\n{examples}\n", run.shape);
    run.writers.iter().for_each(|writer| story += &format!("--- steps\n{}\n", writer.story()));
    story += &run.agent.story();
    drop(run.small);
    Err(format!("{story}\nkept in {}", run.agent.keep().display()))
}

#[test]
fn every_line_arrives_once_through_kills_and_blocked_destinations() {
    let seeds: Vec<u64> = match std::env::var("DATAFLOWKIT_SEED") {
        Ok(seeds) => seeds.split(',').map(|seed| seed.parse().expect("a seed is a number")).collect(),
        Err(_) => (0..count(30, 300)).collect(),
    };
    let (next, total, failures) = (AtomicU64::new(0), Mutex::new(Sum::default()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4.min(seeds.len()) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, SeqCst) as usize) {
                    match one(*seed) {
                        Ok(sum) => add(&mut total.lock().unwrap(), sum),
                        Err(story) => failures.lock().unwrap().push(story),
                    }
                }
            });
        }
    });
    let Sum { counted, kills, stops, blocked } = total.into_inner().unwrap();
    println!("kills: {} runs ({blocked} blocked), {kills} kill -9, {stops} stops, {counted}", seeds.len());
    let failures = failures.into_inner().unwrap();
    let heads: Vec<&str> = failures.iter().filter_map(|story| story.lines().next()).collect();
    let story = failures.first().cloned().unwrap_or_default();
    assert!(
        failures.is_empty(),
        "{} of {} runs failed\n{}\n\n{story}",
        failures.len(),
        seeds.len(),
        heads.join("\n")
    );
}

fn add(total: &mut Sum, sum: Sum) {
    total.counted.add(sum.counted);
    total.kills += sum.kills;
    total.stops += sum.stops;
    total.blocked += sum.blocked;
}
