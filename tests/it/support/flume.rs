//! A real Apache Flume on the other side of ours, with its source, sink and channel of Kafka.
//!
//! Why `setpriv`: a test that is killed leaves no JVM behind. Limits: idle sinks of Flume's look up every 5 s at worst.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::until;

/// An agent `f` of Flume in a directory of its own. Everything is gone when it is dropped.
pub struct Flume {
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Flume {
    /// Starts it on an agent file, `@DIR@` standing for its directory, and waits until this component has been started.
    /// There are directories `in`, `out` and `other`.
    pub fn start(config: &str, component: &str) -> Flume {
        let dir = tempfile::tempdir().unwrap();
        let text = config.replace("@DIR@", dir.path().to_str().unwrap());
        fs::write(dir.path().join("agent.properties"), text).unwrap();
        ["in", "out", "other"].iter().for_each(|name| fs::create_dir(dir.path().join(name)).unwrap());
        let mut command = Command::new("setpriv");
        command.args([
            "--pdeathsig",
            "KILL",
            "java",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
        ]);
        command.args(["-cp", classpath(), "org.apache.flume.node.Application", "--name", "f", "--conf-file"]);
        command.arg(dir.path().join("agent.properties")).current_dir(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(dir.path().join("log")).unwrap());
        let mut flume = Flume { child: Some(command.spawn().unwrap()), dir };
        let started = format!("{component} started");
        let ready = until(|| flume.log().contains(&started) || !flume.is_running());
        assert!(ready && flume.is_running(), "Flume does not start\n{}", flume.story());
        flume
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The end of its log.
    pub fn story(&self) -> String {
        let log = self.log();
        let tail: Vec<&str> = log.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("--- Flume's log\n{}\n", tail.join("\n"))
    }

    /// What a `file_roll` sink of it has written to a directory.
    pub fn output(&self, dir: &str) -> String {
        String::from_utf8(super::rolled(&self.path(dir))).unwrap()
    }

    fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }
}

impl Drop for Flume {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn classpath() -> &'static str {
    static CLASSPATH: OnceLock<String> = OnceLock::new();
    CLASSPATH.get_or_init(|| {
        script("install");
        script("classpath").trim().to_string()
    })
}

fn script(command: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/flume");
    let output = Command::new(script).args([command, "1.11.0", "kafka"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no Apache Flume (`tests/run kafka` installs what it needs)\n{said}");
    String::from_utf8(output.stdout).unwrap()
}
