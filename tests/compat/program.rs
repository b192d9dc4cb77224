//! The two programs that run an agent file: Apache Flume, and ours. How each is started, and what each counts.
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::case::{NEW, here};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Ours,
    /// By the title of its record.
    Flume(&'static str),
}

/// Types of components that Flume counts nothing of.
const UNCOUNTED: [&str; 4] = ["netcat", "netcatudp", "logger", "null"];

impl Program {
    /// A command to run `dir/agent.properties`, its log to go where its stderr goes.
    pub fn command(self, dir: &Path, monitor: u16) -> Command {
        let config = dir.join("agent.properties");
        let mut command = match self {
            Program::Ours => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
                command.args(["agent", "-n", "a1", "-f"]).arg(config).arg("-Dcompat=property");
                command.arg("--state-dir").arg(dir.join("state")).arg("--runtime-dir").arg(dir.join("run"));
                command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
                command.env("DATAFLOWKIT_INSTALLATION", "test");
                command
            }
            Program::Flume(version) => {
                let mut command = Command::new("java");
                command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
                command.arg(classpath(version)).arg("-Dcompat=property").arg("-Dfile.encoding=UTF-8");
                command.arg(format!("-Duser.home={}", dir.display())).arg("-Dflume.monitoring.type=http");
                command.arg(format!("-Dflume.monitoring.port={monitor}"));
                command
                    .args(["org.apache.flume.node.Application", "--name", "a1", "--conf-file"])
                    .arg(config);
                command
            }
        };
        command.env("COMPAT", "environment").env("TZ", "UTC").env("LC_ALL", "C.UTF-8").env("HOME", dir);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Whether all components that can run do.
    pub fn is_ready(self, log: &str, monitor: u16) -> bool {
        match self {
            Program::Ours => log.contains("is ready"),
            Program::Flume(_) => metrics(monitor).is_some(),
        }
    }

    /// The counters of all components, by Flume's names.
    pub fn counters(self, dir: &Path, monitor: u16) -> Option<Counters> {
        match self {
            Program::Ours => ours(dir),
            Program::Flume(_) => metrics(monitor).map(|found| theirs(&found)),
        }
    }
}

/// `KIND.NAME COUNTER`, and its value.
pub type Counters = BTreeMap<String, u64>;

const KEPT: [&str; 6] = [
    "EventAcceptedCount",
    "EventPutSuccessCount",
    "EventTakeSuccessCount",
    "ChannelSize",
    "ChannelCapacity",
    "EventDrainSuccessCount",
];

fn theirs(metrics: &Value) -> Counters {
    let mut counters = Counters::new();
    for (component, values) in metrics.as_object().into_iter().flatten() {
        for name in KEPT {
            let value = values.get(name).and_then(Value::as_str).and_then(|value| value.parse().ok());
            counters.extend(value.map(|value| (format!("{component} {name}"), value)));
        }
    }
    counters
}

/// What `dataflowkit status` says, in Flume's words: a channel was put what its sources read and was not kept from it.
fn ours(dir: &Path) -> Option<Counters> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
    command.args(["status", "agent", "--json", "--runtime-dir"]).arg(dir.join("run"));
    let status: Value = serde_json::from_slice(&command.output().ok()?.stdout).ok()?;
    let mut counters = Counters::new();
    for component in status["components"].as_array()? {
        let (name, kind) = (component["name"].as_str()?, component["type"].as_str()?);
        let count = |counter: &str| component["counters"][counter].as_u64().unwrap_or(0);
        if UNCOUNTED.contains(&kind) {
            continue;
        }
        match component["kind"].as_str()? {
            "source" => _ = counters.insert(format!("SOURCE.{name} EventAcceptedCount"), count("read_total")),
            "sink" => {
                _ = counters.insert(format!("SINK.{name} EventDrainSuccessCount"), count("delivered_total"))
            }
            "channel" => {
                let depth = &component["depth"];
                let mut put =
                    |counter: &str, value| counters.insert(format!("CHANNEL.{name} {counter}"), value);
                put("ChannelSize", depth["events"].as_u64()?);
                put("ChannelCapacity", depth["capacity_events"].as_u64()?);
                put("EventPutSuccessCount", 0);
                put("EventTakeSuccessCount", 0);
            }
            _ => {}
        }
    }
    for ledger in status["ledgers"].as_array()? {
        let count = |name: &str| ledger[name].as_u64().unwrap_or(0);
        let kept =
            ["filtered", "routed_elsewhere", "without_route", "skipped_by_optional", "repeats_dropped"];
        let put = count("read") - kept.iter().map(|name| count(name)).sum::<u64>();
        let channel = ledger["channel"].as_str()?;
        *counters.entry(format!("CHANNEL.{channel} EventPutSuccessCount")).or_default() += put;
        *counters.entry(format!("CHANNEL.{channel} EventTakeSuccessCount")).or_default() +=
            count("delivered");
    }
    Some(counters)
}

/// Flume's HTTP monitoring.
fn metrics(port: u16) -> Option<Value> {
    let mut peer = TcpStream::connect(("127.0.0.1", port)).ok()?;
    peer.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    peer.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    peer.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

fn server(arguments: &[&str]) -> String {
    let script = here().join("../servers/flume");
    let output = Command::new(&script).args(arguments).output().unwrap_or_else(|e| panic!("{script:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "no Apache Flume: `tests/servers/flume {}`: {said}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("a path").trim().to_string()
}

fn release(flume: &str) -> &'static str {
    if flume == NEW { "1.11.0" } else { "1.6.0" }
}

fn classpath(flume: &str) -> String {
    server(&["classpath", release(flume)])
}

/// Fetches Flume where it is not there yet.
pub fn install(flume: &str) {
    server(&["install", release(flume)]);
}

/// A program that runs; killed when dropped.
pub struct Running(Child);

impl Running {
    pub fn start(program: Program, dir: &Path, monitor: u16, log: &Path) -> Running {
        let stderr = fs::File::create(log).unwrap();
        Running(program.command(dir, monitor).stderr(stderr).spawn().expect("it can be started"))
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<i32> {
        self.0.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }

    pub fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(self.0.id() as i32), signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
