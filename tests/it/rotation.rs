//! The rotation fuzzer: writers, rolls of every kind, partial writes and kill -9, interleaved by a seed.
//!
//! Every wait of the agent is set to milliseconds. `tests/run --long rotation` runs 200 seeds. Some seeds again:
//! `DATAFLOWKIT_SEED=17,22 cargo test --test it rotation -- --nocapture`.
pub mod writer;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::support::lines::Counted;
use crate::support::{Agent, count, rolled, until};
use writer::{Kind, Random, Writer};

const ENDS: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 2000
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.rollInterval = 1
a1.sinks.k1.syncInterval = 20
";

const ROLL: &str =
    "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldirectorytailfile.SpoolDirectoryTailFileSource";

/// The source `r1` that follows such files in `@DIR@/in`.
pub fn source(kind: Kind) -> String {
    let keys: &[(&str, &str)] = match kind {
        Kind::Next => &[("type", ROLL), ("rollModule", "next"), ("targetPattern", "app-\\\\d+\\\\.log")],
        Kind::SelfByCopy | Kind::SelfByRename | Kind::SelfByChain => &[
            ("type", ROLL),
            ("rollModule", "self"),
            ("targetPattern", "app.log"),
            ("rollPattern", "app\\\\.log\\\\.\\\\d+"),
        ],
        Kind::Taildir => {
            &[("type", "TAILDIR"), ("filegroups", "g"), ("filegroups.g", "@DIR@/in/app\\\\.log.*")]
        }
        // Files are closed soon: they are only found again by name.
        Kind::TaildirByChain => &[
            ("type", "TAILDIR"),
            ("filegroups", "g"),
            ("filegroups.g", "@DIR@/in/app\\\\.log.*"),
            ("idleTimeout", "5"),
        ],
        Kind::Spooldir => {
            &[("type", "spooldir"), ("pollDelay", "20"), ("deserializer.maxLineLength", "100000")]
        }
    };
    let mut text: String =
        keys.iter().map(|(key, value)| format!("a1.sources.r1.{key} = {value}\n")).collect();
    let is_taildir = matches!(kind, Kind::Taildir | Kind::TaildirByChain);
    if !is_taildir {
        text += "a1.sources.r1.spoolDir = @DIR@/in\n";
    }
    if !is_taildir && kind != Kind::Spooldir {
        text += "a1.sources.r1.quietTime = 250\na1.sources.r1.bufferMaxLineLength = 100000\n";
    }
    text + "a1.sources.r1.batchSize = 7\n"
}

/// One run: what was written against what arrived.
fn one(seed: u64) -> Result<Counted, String> {
    let kind = Kind::ALL[seed as usize % Kind::ALL.len()];
    let mut random = Random::new(seed);
    let mut agent = Agent::new(&(ENDS.to_string() + &source(kind)));
    let (mut writer, agent_out) = (Writer::new(kind, agent.path("in")), agent.path("out"));
    agent.start();
    // What rolled before the source's first look is history by design: the first line arrives before the first roll.
    writer.begin();
    until(|| !rolled(&agent.path("out")).is_empty() || kind == Kind::Spooldir);
    let arrived = || rolled(&agent_out).iter().filter(|byte| **byte == b'\n').count() as u64;
    let steps = 60 + random.below(60);
    for _ in 0..steps {
        match random.below(100) {
            0..5 if agent.is_running() => agent.kill(),
            _ if !agent.is_running() && random.below(3) == 0 => _ = agent.spawn(),
            5..20 => writer.roll(&mut random),
            // The last commit, of at most a hundred events, may be cut back by a kill.
            20..25 => writer.prune(arrived().saturating_sub(100)),
            25..35 => thread::park_timeout(Duration::from_millis(random.below(60))),
            _ => writer.write(&mut random),
        }
    }
    writer.finish(&mut random);
    if !agent.is_running() {
        agent.start();
    }
    let all = until(|| arrived() >= writer.written());
    agent.stop();
    let counted = Counted::of(writer.written(), &rolled(&agent.path("out")));
    if all && counted.is_exact() {
        return Ok(counted);
    }
    let story = format!(
        "seed {seed} ({kind:?}): {counted}\n{}\n--- steps\n{}\n",
        counted.examples.join("\n"),
        writer.story()
    );
    let story = story + &agent.story();
    Err(format!("{story}\nkept in {}", agent.keep().display()))
}

#[test]
fn rolled_files_arrive_once_whole_and_in_order_through_kills() {
    let seeds: Vec<u64> = match std::env::var("DATAFLOWKIT_SEED") {
        Ok(seeds) => seeds.split(',').map(|seed| seed.parse().expect("a seed is a number")).collect(),
        Err(_) => (0..count(21, 280)).collect(),
    };
    let (next, total, failures) = (AtomicU64::new(0), Mutex::new(Counted::default()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4.min(seeds.len()) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, SeqCst) as usize) {
                    match one(*seed) {
                        Ok(counted) => total.lock().unwrap().add(counted),
                        Err(story) => failures.lock().unwrap().push(story),
                    }
                }
            });
        }
    });
    println!("rotation: {} seeds, {}", seeds.len(), total.lock().unwrap());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} seeds failed\n{}", failures.len(), seeds.len(), failures[0]);
}
