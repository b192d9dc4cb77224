//! The expected outcomes of the seed configurations (`tests/seed-configs/README.md`), through the real agent.
//!
//! A seed file runs as it is, but for free ports and keys appended to a copy, which shorten waits or make headers
//! visible. Seeds whose components are not built yet are in `config_seeds` only.
mod files;
mod network;
mod refused;
mod rolls;
mod spooltail;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Agent, rolled, until};

/// A seed's text with more keys, each below the agent's name.
pub(crate) fn seed(name: &str, more: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/seed-configs/{name}.properties"));
    let text = fs::read_to_string(path).unwrap().replace("= 44444", "= 0");
    let agent = if text.contains("\na1.sources") { "a1" } else { "agent" };
    more.iter().fold(text + "\n", |text, key| text + &format!("{agent}.{key}\n"))
}

/// Its agent, with an input directory, not started.
fn agent(name: &str, input: &str, more: &[&str]) -> Agent {
    let agent = Agent::new(&seed(name, more));
    fs::create_dir(agent.path(input)).unwrap();
    agent
}

fn check(name: &str, arguments: &[&str]) -> Output {
    let agent = Agent::new(&seed(name, &[]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
    command.arg("check").args(arguments).arg(agent.path("agent.properties")).output().unwrap()
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn out(agent: &Agent) -> String {
    String::from_utf8(rolled(&agent.path("out"))).unwrap()
}

/// Waits for as much, and compares.
fn arrives(agent: &Agent, expected: &str) {
    until(|| out(agent).len() >= expected.len());
    assert_eq!(out(agent), expected, "{}", agent.story());
}

fn appears(agent: &Agent, file: &str) {
    assert!(until(|| agent.path(file).exists()), "no `{file}`\n{}", agent.story());
}

fn says(agent: &Agent, words: &str) {
    assert!(until(|| agent.log().contains(words)), "it does not say `{words}`\n{}", agent.story());
}
