//! The file channel by real processes: kill -9 at random, destinations that are blocked, disks that are full, backlogs,
//! restarts, second owners, changed configurations.
//!
//! `tests/run --long kills` runs 300 seeds and a backlog of 2 GB. Some seeds again:
//! `DATAFLOWKIT_SEED=17,22 cargo test --test it kills::random -- --nocapture`.
mod acked;
mod backlog;
mod change;
mod owner;
mod random;
mod room;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Agent;

/// A file that is followed → a file channel → files, every wait in milliseconds.
const FOLLOWED: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.batchSize = 1000
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.dataDirs = @DIR@/fc/data
a1.channels.c1.checkpointDir = @DIR@/fc/checkpoint
a1.channels.c1.capacity = 1000000000
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.sink.batchSize = 1000
a1.sinks.k1.retryDelay = 20
a1.sinks.k1.syncInterval = 50
";

/// An agent on this file, with an input directory.
fn agent(config: &str) -> Agent {
    let agent = Agent::new(config);
    fs::create_dir(agent.path("in")).unwrap();
    agent
}

pub(crate) fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// What stands where a destination's directory should be: its sink fails until it is lifted.
pub(crate) struct Blocked(PathBuf);

impl Blocked {
    pub(crate) fn new(dir: PathBuf) -> Blocked {
        if dir.exists() {
            fs::rename(&dir, dir.with_extension("away")).unwrap();
        }
        fs::write(&dir, "no directory").unwrap();
        Blocked(dir)
    }

    pub(crate) fn lift(self) {
        fs::remove_file(&self.0).unwrap();
        let away = self.0.with_extension("away");
        if away.exists() {
            fs::rename(away, &self.0).unwrap();
        }
    }
}

/// What the agent says of a component of a kind, of which there is one; nothing if it does not answer.
fn component(agent: &Agent, kind: &str) -> Value {
    let status: Value = serde_json::from_str(&agent.status(&["--json"])).unwrap_or_default();
    let all = status["components"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|component| component["kind"] == kind).unwrap_or_default()
}

/// Events in the channel.
fn depth(agent: &Agent) -> u64 {
    component(agent, "channel")["depth"]["events"].as_u64().unwrap_or(0)
}

/// Bytes in all data files of a `file_roll` directory.
fn delivered_bytes(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    let data = files.filter(|file| !file.file_name().as_encoded_bytes().starts_with(b"."));
    data.map(|file| file.metadata().map_or(0, |meta| meta.len())).sum()
}
