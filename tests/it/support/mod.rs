//! What the tests of the binary share: an agent in a directory of its own, conditions that are waited for, and lines
//! that can be counted.
pub mod flume;
pub mod kafka;
pub mod lines;
pub mod proxy;

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Nothing that a test waits for takes this long on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until `done`, closely; false if it never was.
pub fn until(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        // Not a guess: the pause between two looks.
        std::thread::park_timeout(Duration::from_millis(10));
    }
    done()
}

/// Counts of this test run: few by default, all with `tests/run --long`.
pub fn count(reduced: u64, full: u64) -> u64 {
    if std::env::var_os("DATAFLOWKIT_LONG").is_some() { full } else { reduced }
}

/// An agent's directory and, while it runs, its process. Everything is gone when it is dropped.
pub struct Agent {
    dir: tempfile::TempDir,
    child: Option<Child>,
    arguments: Vec<String>,
    starts: usize,
    user: Option<u32>,
    program: PathBuf,
    variables: Vec<(String, String)>,
}

/// The user id that owns nothing.
const NOBODY: u32 = 65_534;

impl Agent {
    /// An agent file, `@DIR@` standing for its directory; not started.
    pub fn new(config: &str) -> Agent {
        let dir = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_dataflowkit").into();
        let agent = Agent {
            dir,
            child: None,
            arguments: Vec::new(),
            starts: 0,
            user: None,
            program,
            variables: Vec::new(),
        };
        agent.configure(config);
        agent
    }

    /// Replaces the agent file.
    pub fn configure(&self, config: &str) {
        let text = config.replace("@DIR@", self.path("").to_str().unwrap().trim_end_matches('/'));
        fs::write(self.path("agent.properties"), text).unwrap();
    }

    /// Runs as a user with few rights, who owns its directory; as whoever we are, where we are not root.
    pub fn run_by_nobody(mut self) -> Agent {
        if nix::unistd::geteuid().is_root() {
            let entries = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
            for path in entries.chain([self.dir.path().to_path_buf()]) {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            self.user = Some(NOBODY);
        }
        self
    }

    /// Another program than `dataflowkit`.
    pub fn of(mut self, program: &Path) -> Agent {
        self.program = program.into();
        self
    }

    /// One more variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Agent {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// More arguments for the next starts.
    pub fn with(mut self, arguments: &[&str]) -> Agent {
        self.arguments = arguments.iter().map(|a| a.to_string()).collect();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command that starts it, its log to `log-N`.
    fn command(&mut self) -> Command {
        self.starts += 1;
        let log = fs::File::create(self.path(&format!("log-{}", self.starts))).unwrap();
        let printed = fs::File::create(self.path("printed")).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["agent", "-f"]).arg(self.path("agent.properties"));
        command.arg("--state-dir").arg(self.path("state")).arg("--runtime-dir").arg(self.path("run"));
        command.args(&self.arguments).stdin(Stdio::null()).stdout(printed).stderr(log);
        command
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            // Flume's own default files lie there: ours are nobody else's.
            .env("HOME", self.dir.path())
            .env("DATAFLOWKIT_INSTALLATION", "test")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Starts it, and waits for nothing.
    pub fn spawn(&mut self) -> &mut Agent {
        assert!(self.child.is_none(), "it runs already");
        self.child = Some(self.command().spawn().unwrap());
        self
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) -> &mut Agent {
        self.spawn();
        let ready = until(|| self.log().contains("is ready") || !self.is_running());
        assert!(ready && self.is_running(), "the agent is not ready\n{}", self.story());
        self
    }

    /// Runs it to its own end.
    pub fn run(&mut self) -> ExitStatus {
        self.spawn();
        self.ended()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let ended = until(|| !self.is_running());
        assert!(ended, "the agent does not end\n{}", self.story());
        self.child.take().unwrap().wait().unwrap()
    }

    fn signal(&mut self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    }

    /// kill -9, and its end.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.ended();
    }

    /// Holds it where it is, as a machine does that is too busy.
    pub fn pause(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGTERM, and an orderly end.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended();
        assert!(status.success(), "ended with {status}\n{}", self.story());
    }

    /// Connects to the port that its netcat source says it listens on.
    pub fn connect(&self) -> TcpStream {
        let port = || -> Option<u16> {
            let log = self.log();
            let (_, rest) = log.split_once("listens on 127.0.0.1:")?;
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
        };
        assert!(until(|| port().is_some()), "it does not listen\n{}", self.story());
        let peer = TcpStream::connect(("127.0.0.1", port().unwrap())).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer
    }

    /// What `dataflowkit status` prints of it.
    pub fn status(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
        command.args(["status", "agent", "--runtime-dir"]).arg(self.path("run")).args(arguments);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// The most memory it ever had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let pid = self.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// What its last start has printed.
    pub fn printed(&self) -> String {
        fs::read_to_string(self.path("printed")).unwrap_or_default()
    }

    /// The log of the last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path(&format!("log-{}", self.starts))).unwrap_or_default()
    }

    /// All that one needs to mend a failing test: config, files, logs.
    pub fn story(&self) -> String {
        let mut story = format!("--- {}\n", self.path("agent.properties").display());
        story += &fs::read_to_string(self.path("agent.properties")).unwrap_or_default();
        story += "\n--- files\n";
        tree(self.dir.path(), &mut story);
        for start in 1..=self.starts {
            let log = fs::read_to_string(self.path(&format!("log-{start}"))).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            story += &format!("--- log of start {start}\n");
            tail.iter().rev().for_each(|line| story += &format!("{line}\n"));
        }
        story
    }

    /// Keeps the directory of a failing test for a look.
    pub fn keep(self) -> PathBuf {
        let mut this = self;
        if this.is_running() {
            this.kill();
        }
        let dir = std::mem::replace(&mut this.dir, tempfile::tempdir().unwrap());
        dir.keep()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A small file system, unmounted when dropped; there is none without the right to mount.
pub struct Tiny(pub PathBuf);

impl Tiny {
    pub fn mount(path: PathBuf, size: &str) -> Option<Tiny> {
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Tiny(path))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn tree(dir: &Path, story: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let length = entry.metadata().map_or(0, |meta| meta.len());
        *story += &format!("{:>10} {}\n", length, entry.path().display());
        if entry.path().is_dir() {
            tree(&entry.path(), story);
        }
    }
}

/// The data files of a `file_roll` directory, in the order they were written, as one text.
pub fn rolled(dir: &Path) -> Vec<u8> {
    let number = |path: &PathBuf| -> Option<(u64, u64)> {
        let (time, number) = path.file_name()?.to_str()?.split_once('-')?;
        Some((time.parse().ok()?, number.parse().ok()?))
    };
    let paths = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
    files.sort();
    let mut all = Vec::new();
    for (_, path) in files {
        fs::File::open(path).and_then(|mut file| file.read_to_end(&mut all)).unwrap();
    }
    all
}
