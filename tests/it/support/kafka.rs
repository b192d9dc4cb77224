//! A real Kafka broker in a directory of its own; `Kcat` is the foreign client beside it.
//!
//! Why a script starts it: `tests/servers/kafka` is its parent, waits for it and ends with us, so a test that panics or
//! is killed leaves nothing behind. Its options, users and what it tells are described there.
//! Shape: `key=value` lines on its stdout, `ready=yes` last; the pipe to its stdin is our life line.
mod client;
mod kcat;
mod topics;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::until;
pub use client::{Client, Message};
pub use kcat::Kcat;

/// The brokers that tests run beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 4.4.0
    Newest,
    /// The last that began with ZooKeeper; by KRaft here.
    V3,
    /// Without transactions, headers and idempotence.
    V0,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Version::Newest => "4.4.0",
            Version::V3 => "3.9.2",
            Version::V0 => "0.10.2.2",
        }
    }
}

/// One broker. Everything is gone when it is dropped.
pub struct Broker {
    dir: tempfile::TempDir,
    version: Version,
    options: Vec<String>,
    script: Option<Child>,
    told: BTreeMap<String, String>,
}

impl Broker {
    /// Starts one, with options of `tests/servers/kafka`, and waits until it answers.
    pub fn start(version: Version, options: &[&str]) -> Broker {
        let dir = tempfile::tempdir().unwrap();
        let options = options.iter().map(|option| option.to_string()).collect();
        let mut broker = Broker { dir, version, options, script: None, told: BTreeMap::new() };
        broker.launch();
        broker
    }

    /// The address for clients without encryption or names.
    pub fn bootstrap(&self) -> &str {
        self.told("plaintext")
    }

    /// What the script tells: addresses of other listeners, files, process ids.
    pub fn told(&self, key: &str) -> &str {
        self.told.get(key).unwrap_or_else(|| panic!("no `{key}` in {:?}", self.told))
    }

    /// Stops it unless that was done, and starts it again: same addresses, same data.
    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    /// An orderly end.
    pub fn stop(&mut self) {
        if let Some(script) = &self.script {
            kill(Pid::from_raw(script.id() as i32), Signal::SIGTERM).expect("we have not waited for it");
            let status = self.ended();
            assert!(status, "it did not end well\n{}", self.story());
        }
    }

    /// kill -9, and its end.
    pub fn kill(&mut self) {
        let pid = self.told("pid").parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        self.ended();
    }

    /// Makes a topic, and waits until it can be used. Settings are `name=value`.
    pub fn create(&self, topic: &str, partitions: i32, settings: &[&str]) {
        let at: SocketAddr = self.bootstrap().parse().unwrap();
        topics::create(at, self.version, topic, partitions, settings);
        let wanted = format!("topic \"{topic}\" with {partitions} partitions:");
        let kcat = Kcat::at(self);
        let there = until(|| {
            let listed = kcat.listing(topic);
            listed.contains(&wanted) && !listed.contains("leader -1")
        });
        assert!(there, "`{topic}` does not come up\n{}", kcat.listing(topic));
    }

    fn launch(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/kafka");
        let mut command = Command::new(script);
        command.args(["start", self.version.number()]).arg(self.dir.path().join("broker")).arg("--attached");
        command.args(&self.options).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(self.dir.path().join("said")).unwrap());
        let mut script = command.spawn().unwrap();
        let output = BufReader::new(script.stdout.take().expect("it is a pipe"));
        self.script = Some(script);
        self.told.clear();
        for line in output.lines() {
            let line = line.unwrap();
            let (key, value) = line.split_once('=').unwrap_or((&line, ""));
            self.told.insert(key.into(), value.into());
            if key == "ready" {
                return;
            }
        }
        panic!("no broker (`tests/run kafka` installs what it needs)\n{}", self.story());
    }

    /// Waits for the end of the script; whether it went well.
    fn ended(&mut self) -> bool {
        self.script.take().expect("it runs").wait().unwrap().success()
    }

    /// What the script said, and the end of the broker's log.
    pub fn story(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        let log = read("broker/broker.log");
        let tail: Vec<&str> = log.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("--- said\n{}--- end of broker.log\n{}\n", read("said"), tail.join("\n"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut script) = self.script.take() {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(script.id() as i32), Signal::SIGTERM);
            let _ = script.wait();
        }
    }
}
