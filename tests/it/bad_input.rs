//! What bad input gets: a sentence with place and cause, a counter, another try; the others go on, and nothing is lost
//! when the cause goes away.
mod config;
mod content;
mod files;
mod room;

use std::fs::{self, OpenOptions};
use std::io::Write;

use crate::support::{Agent, rolled, until};

const CONFIG: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.positionFile = @DIR@/positions.json
a1.sources.r1.rescanInterval = 100
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 1000
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.retryDelay = 20
a1.sinks.k1.syncInterval = 20
";

fn agent() -> Agent {
    let agent = Agent::new(CONFIG);
    fs::create_dir(agent.path("in")).unwrap();
    agent
}

fn append(agent: &Agent, file: &str, bytes: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(agent.path(file)).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("line {n}\n")).collect()
}

fn arrives(agent: &Agent, expected: impl AsRef<[u8]>) {
    let (expected, out) = (expected.as_ref(), agent.path("out"));
    until(|| rolled(&out).len() >= expected.len());
    let got = rolled(&out);
    let first = got.iter().zip(expected).position(|(a, b)| a != b);
    let (have, want) = (got.len(), expected.len());
    assert!(got == expected, "{have} bytes, not {want}, differing at {first:?}\n{}", agent.story());
}

fn says(agent: &Agent, words: &str) {
    assert!(until(|| agent.log().contains(words)), "it does not say `{words}`\n{}", agent.story());
}

/// The trouble stands in `status` while it lasts.
fn shows(agent: &Agent, words: &str) {
    let shown = until(|| agent.status(&[]).contains(words));
    assert!(shown, "no `{words}` in the status\n{}\n{}", agent.status(&[]), agent.story());
}
