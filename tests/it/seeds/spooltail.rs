//! Seed 002 on a file channel and a file sink: ningg's source on hourly files, killed again and again.
//!
//! Reduced counts by default; `DATAFLOWKIT_LONG` gives a million lines and ten kills.
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use super::{appears, seed};
use crate::rotation::writer::Random;
use crate::support::lines::{self, Counted};
use crate::support::{Agent, count, rolled, until};

/// Lines per hourly file.
const PER_HOUR: u64 = 4_000;

/// A program that logs into `010_2017041200`, `010_2017041201`, …, in pieces of any size.
struct Hourly {
    dir: PathBuf,
    per_hour: u64,
    random: Random,
    number: u64,
    bytes: u64,
    pending: Vec<u8>,
    live: Option<(u32, File)>,
}

impl Hourly {
    fn name(hour: u32) -> String {
        format!("010_201704{:02}{:02}", 12 + hour / 24, hour % 24)
    }

    /// Writes lines up to this number; the last of them perhaps in part.
    fn write_to(&mut self, number: u64) {
        while self.number < number {
            let hour = (self.number / self.per_hour) as u32;
            if self.live.as_ref().is_none_or(|(present, _)| *present != hour) {
                self.flush();
                let path = self.dir.join(Hourly::name(hour));
                self.live = Some((hour, OpenOptions::new().create(true).append(true).open(path).unwrap()));
            }
            let length = 20 + self.random.below(80) as usize;
            self.pending.extend(lines::line(hour, self.number, length));
            self.pending.push(b'\n');
            self.number += 1;
            if self.random.below(30) == 0 {
                let piece = self.random.below(self.pending.len() as u64 + 1) as usize;
                let rest = self.pending.split_off(piece);
                self.flush();
                self.pending = rest;
            }
        }
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.bytes += pending.len() as u64;
        if let Some((_, live)) = &mut self.live {
            live.write_all(&pending).unwrap();
        }
    }
}

fn config() -> String {
    seed("002-spooltail-local", &["sources.r1.quietTime = 100"])
}

/// How much has arrived.
fn size(agent: &Agent) -> u64 {
    let files = fs::read_dir(agent.path("out")).into_iter().flatten().flatten();
    files
        .filter(|file| !file.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|f| f.metadata().unwrap().len())
        .sum()
}

#[test]
fn seed_002_spooltail_local_loses_and_repeats_nothing_through_kills() {
    let (total, kills) = (count(30_000, 1_000_000), count(3, 10));
    let per_hour = PER_HOUR.max(total / 20);
    let mut agent = Agent::new(&config());
    let dir = agent.path("testdata");
    fs::create_dir(&dir).unwrap();
    let (random, pending) = (Random::new(2), Vec::new());
    let mut writer = Hourly { dir, per_hour, random, number: 0, bytes: 0, pending, live: None };
    agent.start();
    let share = total / (kills + 1);
    for _ in 0..kills {
        let (begin, before) = (writer.number, size(&agent));
        writer.write_to(begin + share / 3);
        writer.flush();
        assert!(until(|| size(&agent) > before), "nothing arrives\n{}", agent.story());
        writer.write_to(begin + share / 3 * 2);
        agent.kill();
        writer.write_to(begin + share);
        agent.spawn();
    }
    writer.write_to(total);
    writer.flush();
    let mut seen = 0;
    while size(&agent) < writer.bytes {
        let goes_on = until(|| size(&agent) > seen);
        assert!(goes_on, "{} of {} bytes\n{}", size(&agent), writer.bytes, agent.story());
        seen = size(&agent);
    }
    let last = (total - 1) / per_hour;
    appears(&agent, &format!("testdata/{}.COMPLETED", Hourly::name(last as u32 - 1)));
    assert!(agent.path(&format!("testdata/{}", Hourly::name(last as u32))).exists());
    agent.stop();
    let counted = Counted::of(total, &rolled(&agent.path("out")));
    println!("002-spooltail-local: {kills} kills, {counted}");
    assert!(counted.is_exact(), "{counted}\n{}\n{}", counted.examples.join("\n"), agent.story());
}
