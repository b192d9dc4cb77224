//! A large backlog: kill -9 upon it, the time until the first of it comes out, a stop in the middle, the rest, exactly.
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Blocked, FOLLOWED, agent, delivered_bytes, depth};
use crate::support::{Agent, count, until};

/// Appends lines of 100 bytes that say which they are.
fn write_input(path: &Path, numbers: Range<u64>) {
    let file = File::options().create(true).append(true).open(path).unwrap();
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let text = "2024-10-01 12:00:00,000 INFO com.example.Orders took an order of a customer in a region ";
    for number in numbers {
        writeln!(file, "{text}{number:0>11}").unwrap();
    }
    file.flush().unwrap();
}

/// Waits as long as something goes on; false if it does not reach `goal`.
fn grows_to(goal: u64, mut now: impl FnMut() -> u64) -> bool {
    loop {
        let before = now();
        if before >= goal {
            return true;
        }
        if !until(|| now() > before) {
            return false;
        }
    }
}

/// The data files of the destination, oldest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| -> Option<(u64, u64)> {
        let (time, number) = path.file_name()?.to_str()?.split_once('-')?;
        Some((time.parse().ok()?, number.parse().ok()?))
    };
    let mut files: Vec<_> = names.filter_map(|path| Some((number(&path)?, path))).collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// Whether the files together are the input, byte for byte: each line once, whole and in order.
fn is_same(input: &Path, outputs: &[PathBuf]) -> bool {
    let mut input = File::open(input).unwrap();
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    for output in outputs {
        let mut output = File::open(output).unwrap();
        loop {
            let length = output.read(&mut right).unwrap();
            if length == 0 {
                break;
            }
            if input.read_exact(&mut left[..length]).is_err() || left[..length] != right[..length] {
                return false;
            }
        }
    }
    input.read(&mut left).unwrap() == 0
}

/// Fills the channel while the destination is not there; kills the agent. Events and peak memory.
fn fill(agent: &mut Agent, lines: u64) -> u64 {
    agent.start();
    let began = Instant::now();
    assert!(grows_to(lines, || depth(agent)), "{} of {lines} events\n{}", depth(agent), agent.story());
    let (memory, time) = (agent.peak_memory(), began.elapsed().as_secs_f32());
    println!("backlog: {} MB taken in {time:.1} s, peak memory {} MiB", lines / 10_000, memory >> 10);
    agent.kill();
    memory
}

/// From the process's start to the first byte at the destination.
fn first_out(agent: &mut Agent) -> Duration {
    let out = agent.path("out");
    let (before, began) = (delivered_bytes(&out), Instant::now());
    agent.spawn();
    let mut arrived = || {
        while agent.is_running() && began.elapsed() < Duration::from_secs(60) {
            if delivered_bytes(&out) > before {
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        false
    };
    assert!(arrived(), "nothing comes out\n{}", agent.story());
    began.elapsed()
}

#[test]
fn a_backlog_survives_kills_and_stops_and_drains_exactly_once() {
    let bytes = count(100, 2000) * 1_000_000;
    let mut agent = agent(FOLLOWED);
    let input = agent.path("in/a.log");
    let lines = bytes / 100;
    // S4: a channel without any record would wait for its destination.
    write_input(&input, 0..1);
    agent.start();
    assert!(until(|| delivered_bytes(&agent.path("out")) > 0), "{}", agent.story());
    agent.stop();
    write_input(&input, 1..lines);
    let blocked = Blocked::new(agent.path("out"));
    let filled = fill(&mut agent, lines - 1);
    blocked.lift();
    let first = first_out(&mut agent);
    let began = Instant::now();
    agent.stop();
    let (stopped, left) = (began.elapsed(), bytes - delivered_bytes(&agent.path("out")));
    println!(
        "backlog: first event out after {:.2} s; stopped in {:.2} s with {} MB left",
        first.as_secs_f32(),
        stopped.as_secs_f32(),
        left / 1_000_000
    );
    assert!(left > bytes / 10, "a stop does not drain: {left} of {bytes} bytes left\n{}", agent.story());
    assert!(stopped < Duration::from_secs(10), "a stop took {stopped:?}\n{}", agent.story());
    let began = Instant::now();
    agent.start();
    let out = agent.path("out");
    assert!(grows_to(bytes, || delivered_bytes(&out)), "{}", agent.story());
    let (time, memory) = (began.elapsed().as_secs_f32(), agent.peak_memory());
    println!("backlog: drained in {time:.1} s, peak memory {} MiB", filled.max(memory) >> 10);
    assert!(until(|| depth(&agent) == 0), "{}", agent.story());
    agent.stop();
    assert!(is_same(&input, &files(&out)), "what arrived is not what was written\n{}", agent.story());
    let segments = std::fs::read_dir(agent.path("fc/data")).unwrap().flatten();
    let kept: u64 = segments.map(|segment| segment.metadata().unwrap().len()).sum();
    assert!(kept < 160 << 20, "{kept} bytes of log are kept of a channel that is empty\n{}", agent.story());
}
