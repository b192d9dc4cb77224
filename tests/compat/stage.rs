//! Runs a case: writes its files, starts a program, does the steps, waits until nothing moves, and tells what is there.
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use crate::avro;
use crate::case::Case;
use crate::program::{Counters, Program, Running};
use crate::steps::Step;
use crate::veil::Veil;

/// How long a step waits for what may never come. Flume's idle sinks and sources look every 5 s.
const FLUME_PATIENCE: Duration = Duration::from_secs(45);
const OURS_PATIENCE: Duration = Duration::from_secs(10);
/// Nothing has moved for so long: it is over.
const FLUME_RESTS: Duration = Duration::from_secs(6);
const OURS_RESTS: Duration = Duration::from_secs(3);
/// What is right without having been waited for must stay so for a while.
const OURS_HOLDS: Duration = Duration::from_secs(1);
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// What of a log is shown: from these words to the end of the line.
const SHOWN: [&str; 3] = ["Event: {", "Null sink k1 successful", "StderrLogger["];

/// Runs a case from its first step to the end of the program; what was seen.
pub fn run(case: &Case, program: Program) -> String {
    let mut stage = Stage::new(case, program);
    for step in &case.steps {
        stage.step(step);
    }
    let counters = stage.settle();
    stage.stop(Signal::SIGTERM);
    stage.tell(counters.as_ref())
}

struct Stage<'a> {
    case: &'a Case,
    program: Program,
    root: tempfile::TempDir,
    /// What ages of files are counted from.
    born: SystemTime,
    port: u16,
    monitor: u16,
    veil: Veil,
    running: Option<Running>,
    logs: Vec<PathBuf>,
    peer: Option<TcpStream>,
    answers: Vec<u8>,
    /// What did not come, and how a program ended that nobody had told to.
    remarks: Vec<String>,
}

impl Stage<'_> {
    fn new(case: &Case, program: Program) -> Stage<'_> {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("d");
        fs::create_dir_all(dir.join("out")).unwrap();
        fs::create_dir_all(root.path().join("private")).unwrap();
        let (port, monitor) = (free_port(), free_port());
        let agent = case.agent.replace("@DIR@", dir.to_str().expect("a plain path"));
        let agent = agent.replace("@PRIVATE@", root.path().join("private").to_str().expect("a plain path"));
        let agent = agent.replace("@PORT@", &port.to_string());
        fs::write(root.path().join("agent.properties"), agent).unwrap();
        let veil = Veil::new(&dir, &root.path().join("private"), &[port]);
        let (running, logs, peer, answers) = (None, Vec::new(), None, Vec::new());
        let (remarks, born) = (Vec::new(), SystemTime::now());
        Stage { case, program, root, born, port, monitor, veil, running, logs, peer, answers, remarks }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("d").join(name)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::OnlyNew | Step::ShowEverything | Step::ShowSorted => {}
            Step::File { path, text, age } => self.write(path, text, *age),
            Step::Append { path, text } => {
                let mut file = fs::OpenOptions::new().append(true).open(self.path(path)).unwrap();
                file.write_all(text).unwrap();
            }
            Step::Directory(path) => fs::create_dir_all(self.path(path)).unwrap(),
            Step::Rename(from, to) => fs::rename(self.path(from), self.path(to)).unwrap(),
            Step::Remove(path) => {
                let path = self.path(path);
                let gone = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
                gone.unwrap();
            }
            Step::Position { path, file, offset } => {
                let file = self.path(file);
                let inode = fs::metadata(&file).unwrap().ino();
                let text = format!(r#"[{{"inode":{inode},"pos":{offset},"file":"{}"}}]"#, file.display());
                fs::write(self.path(path), text).unwrap();
            }
            Step::Start => self.start(),
            Step::Stop => self.stop(Signal::SIGTERM),
            Step::Kill => self.stop(Signal::SIGKILL),
            Step::Connect => self.connect(),
            Step::Send(text) => {
                // A peer that has closed is seen by its silence.
                let _ = self.peer().map(|mut peer| peer.write_all(text));
            }
            Step::Answers(count) => self.read(*count),
            Step::Close => {
                let _ = self.peer().map(|peer| peer.shutdown(Shutdown::Write));
                self.read(usize::MAX);
            }
            Step::Datagram(text) => {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.send_to(text, ("127.0.0.1", self.port)).unwrap();
            }
            Step::WaitLines(count) => self.wait(step, |stage| stage.lines_out() >= *count),
            Step::WaitFile { path, there } => self.wait(step, |stage| stage.path(path).exists() == *there),
            Step::WaitLogged(text) => self.wait(step, |stage| stage.logged().contains(text)),
            Step::Pause(seconds) => _ = until(Duration::from_secs(*seconds), || false),
        }
    }

    fn write(&self, path: &str, text: &[u8], age: Option<u64>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the case's directory")).unwrap();
        fs::write(&path, text).unwrap();
        if let Some(age) = age {
            let time = self.born - Duration::from_secs(age);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
    }

    fn start(&mut self) {
        let log = self.root.path().join(format!("log-{}", self.logs.len() + 1));
        self.logs.push(log.clone());
        self.running = Some(Running::start(self.program, self.root.path(), self.monitor, &log));
        let (program, monitor, patience) = (self.program, self.monitor, self.patience());
        let running = self.running.as_mut().expect("just started");
        until(patience, || running.ended().is_some() || program.is_ready(&read_text(&log), monitor));
    }

    fn stop(&mut self, signal: Signal) {
        let Some(mut running) = self.running.take() else { return };
        if let Some(status) = running.ended() {
            self.remarks.push(format!("ended by itself with {status}"));
            return;
        }
        running.signal(signal);
        if !until(STOP_LIMIT, || running.ended().is_some()) {
            self.remarks.push("does not stop".into());
        }
    }

    fn connect(&mut self) {
        let address = ("127.0.0.1", self.port);
        let mut found = None;
        until(self.patience(), || {
            found = TcpStream::connect(address).ok();
            found.is_some()
        });
        match &found {
            Some(peer) => peer.set_read_timeout(Some(Duration::from_secs(4))).unwrap(),
            None => self.remarks.push("nobody listens".into()),
        }
        self.peer = found;
    }

    fn patience(&self) -> Duration {
        if self.program == Program::Ours { OURS_PATIENCE } else { FLUME_PATIENCE }
    }

    fn peer(&self) -> Option<&TcpStream> {
        self.peer.as_ref()
    }

    /// Reads so many lines of answers, or to the end.
    fn read(&mut self, lines: usize) {
        let Some(mut peer) = self.peer.as_ref() else { return };
        let (mut byte, mut left) = ([0u8], lines);
        while left > 0 {
            match peer.read(&mut byte) {
                Ok(1) => self.answers.push(byte[0]),
                // A reset too: it closed with input unread.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return self.answers.extend(b"<silence>\n");
                }
                _ => return self.answers.extend(b"<closed>\n"),
            }
            left -= usize::from(byte[0] == b'\n');
        }
    }

    fn wait(&mut self, step: &Step, done: impl Fn(&Self) -> bool) {
        if !until(self.patience(), || done(self)) {
            self.remarks.push(format!("in vain: {step:?}"));
        }
    }

    fn lines_out(&self) -> usize {
        let files = self.files().into_iter().filter(|path| is_output(&self.name(path)) && !is_hidden(path));
        files.map(|path| fs::read(path).map_or(0, |bytes| lines_in(&bytes))).sum()
    }

    fn logged(&self) -> String {
        let mut shown = String::new();
        for line in self.logs.iter().map(|log| read_text(log)).collect::<String>().lines() {
            let at = SHOWN.iter().filter_map(|words| line.find(words)).min();
            at.into_iter().for_each(|at| shown += &format!("{}\n", &line[at..]));
        }
        shown
    }

    /// Waits until ours is what it should be, or nothing moves any more; the counters then.
    fn settle(&mut self) -> Option<Counters> {
        let ours = self.program == Program::Ours;
        let rest = if ours { OURS_RESTS } else { FLUME_RESTS };
        let hold = if self.case.steps.iter().any(Step::is_wait) { Duration::ZERO } else { OURS_HOLDS };
        let deadline = Instant::now() + 4 * rest;
        let (mut last, mut since) = (String::new(), Instant::now());
        loop {
            if self.running.as_mut().is_some_and(|running| running.ended().is_some()) {
                self.stop(Signal::SIGTERM);
            }
            let counters =
                self.running.as_ref().and_then(|_| self.program.counters(self.root.path(), self.monitor));
            let now = self.tell(counters.as_ref());
            let right = ours && now == self.case.expected();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            if right && since.elapsed() >= hold || since.elapsed() > rest || Instant::now() > deadline {
                return counters;
            }
            until(Duration::from_millis(100), || false);
        }
    }

    /// All that is to be seen, as text.
    fn tell(&self, counters: Option<&Counters>) -> String {
        let mut told = Told(String::new());
        self.remarks.iter().for_each(|remark| told.line(remark));
        told.list("answers", self.veil.lines(&self.answers));
        told.list("logged", self.veil.lines(self.logged().as_bytes()));
        self.tell_files(&mut told);
        let counters = counters.into_iter().flatten().map(|(name, value)| format!("{name} {value}"));
        told.list("counters", counters.collect());
        told.0
    }

    fn tell_files(&self, told: &mut Told) {
        let everything = self.case.steps.contains(&Step::ShowEverything);
        let mut sorted = Vec::new();
        for path in self.files() {
            let name = self.name(&path);
            let bytes = fs::read(&path).unwrap_or_default();
            let hidden = is_hidden(&path);
            if is_output(&name) && !everything && (hidden || bytes.is_empty()) {
                continue;
            }
            let shown = is_output(&name) && !hidden || name.ends_with(".json");
            let bytes =
                avro::lines(&bytes).map_or(bytes, |lines| [lines.join(&b'\n'), b"\n".to_vec()].concat());
            let lines = if shown { self.veil.lines(&bytes) } else { Vec::new() };
            if is_output(&name) && self.case.steps.contains(&Step::ShowSorted) {
                sorted.extend(lines);
            } else {
                told.file(&self.veil.text(&name), lines);
            }
        }
        sorted.sort();
        told.list("out*, sorted", sorted);
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.path("")).expect("found there").to_string_lossy().into_owned()
    }

    /// All files, in an order in which `…-10` comes after `…-9`.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut dirs = vec![self.path("")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { dirs.push(path) } else { files.push(path) }
            }
        }
        files.sort_by_key(|path| natural(&path.to_string_lossy()));
        files
    }
}

struct Told(String);

impl Told {
    fn line(&mut self, text: &str) {
        self.0 += text;
        self.0.push('\n');
    }

    fn file(&mut self, name: &str, lines: Vec<String>) {
        self.line(name);
        lines.iter().for_each(|line| self.line(&format!("  {line}")));
    }

    fn list(&mut self, title: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.file(&format!("{title}:"), lines);
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_output(name: &str) -> bool {
    name.starts_with("out")
}

fn lines_in(bytes: &[u8]) -> usize {
    avro::lines(bytes)
        .map_or_else(|| bytes.iter().filter(|byte| **byte == b'\n').count(), |lines| lines.len() - 2)
}

/// Numbers in a name, as wide as any.
fn natural(name: &str) -> String {
    let mut key = String::new();
    let mut digits = String::new();
    for char in name.chars().chain(['\0']) {
        if char.is_ascii_digit() {
            digits.push(char);
            continue;
        }
        if !digits.is_empty() {
            key += &format!("{digits:0>20}");
            digits.clear();
        }
        key.push(char);
    }
    key
}

fn read_text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Looks until it is so, closely; whether it ever was.
fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    true
}

/// A port below those that the kernel gives away by itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 16_000 + (std::process::id() % 1_500) as u16 * 10;
    loop {
        let port = first + NEXT.fetch_add(1, Relaxed) % 1_700;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
