//! kcat: a client that shares nothing with us.
//!
//! Limits: its library, as Debian 12 has it, is older than 2.6.1 and cannot authenticate by SCRAM to Kafka 4. It reads
//! its stdin by the KiB, so a transaction whose input does not end may hold back the last lines.
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::{Broker, Version};

/// A client that shares nothing with us.
#[derive(Clone)]
pub struct Kcat {
    bootstrap: String,
    settings: Vec<String>,
}

impl Kcat {
    /// A client of the plain listener that keeps the order of what it produces.
    pub fn at(broker: &Broker) -> Kcat {
        // A batch that is tried again may come after its successor.
        let order = if broker.version == Version::V0 { "max.in.flight=1" } else { "enable.idempotence=true" };
        Kcat { bootstrap: broker.bootstrap().into(), settings: vec![order.into()] }
    }

    /// One more setting of its library, as `name=value`.
    pub fn with(mut self, setting: &str) -> Kcat {
        self.settings.push(setting.into());
        self
    }

    /// Sends each line of `text` to a partition. With a `transactional.id` all of it is one transaction.
    pub fn produce(&self, topic: &str, partition: i32, text: &[u8]) {
        let mut child = self.command(&["-P", "-t", topic, "-p", &partition.to_string()]).spawn().unwrap();
        child.stdin.take().expect("it is a pipe").write_all(text).unwrap();
        printed(child.wait_with_output().unwrap());
    }

    /// All that was committed to a partition, a line per message.
    pub fn consume(&self, topic: &str, partition: i32) -> Vec<u8> {
        self.read(&["-t", topic, "-p", &partition.to_string()], "read_committed")
    }

    /// All that was committed to a topic; only the order within a partition means something.
    pub fn consume_all(&self, topic: &str) -> Vec<u8> {
        self.read(&["-t", topic], "read_committed")
    }

    /// All that lies in a topic, be it committed or not.
    pub fn consume_uncommitted(&self, topic: &str) -> Vec<u8> {
        self.read(&["-t", topic], "read_uncommitted")
    }

    /// The values of all messages that were committed to a partition, as they are.
    pub fn values(&self, topic: &str, partition: i32) -> Vec<Vec<u8>> {
        let what = ["-t", topic, "-p", &partition.to_string(), "-f", "%S\n%s"];
        let printed = self.read(&what, "read_committed");
        let (mut rest, mut values) = (&printed[..], Vec::new());
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let length: usize = std::str::from_utf8(&rest[..at]).unwrap().parse().unwrap();
            values.push(rest[at + 1..at + 1 + length].to_vec());
            rest = &rest[at + 1 + length..];
        }
        values
    }

    /// Keys of a topic, and whether their newest value is a tombstone.
    pub fn keys(&self, topic: &str) -> BTreeMap<String, bool> {
        let printed = self.read(&["-t", topic, "-f", "%S %k\n"], "read_committed");
        let text = String::from_utf8(printed).unwrap();
        let keys = text.lines().filter_map(|line| line.split_once(' '));
        keys.map(|(length, key)| (key.to_string(), length == "-1")).collect()
    }

    fn read(&self, what: &[&str], isolation: &str) -> Vec<u8> {
        let mut command = self.command(&["-C", "-e", "-q", "-o", "beginning"]);
        command.args(what).args(["-X", &format!("isolation.level={isolation}")]);
        printed(command.output().unwrap())
    }

    /// Brokers and partitions, as it prints them.
    pub fn listing(&self, topic: &str) -> String {
        let output = self.command(&["-L", "-t", topic]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kcat");
        command.args(["-b", &self.bootstrap]).args(arguments);
        self.settings.iter().for_each(|setting| {
            command.args(["-X", setting]);
        });
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn printed(output: Output) -> Vec<u8> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kcat ended with {}\n{said}", output.status);
    output.stdout
}
