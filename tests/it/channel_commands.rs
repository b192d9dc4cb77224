//! `dataflowkit channel inspect|verify|export` on the logs of real agents: whole, damaged, encrypted, and on directories
//! that hold none.
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Agent, until};

/// Without a sink everything stays in the log.
const CONFIG: &str = "
a1.sources = r1
a1.channels = c1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.maxFileSize = 65536
a1.channels.c1.minimumRequiredSpace = 1048576
";

const SINK: &str = "
a1.sinks = k1
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.syncInterval = 20
";

fn channel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dataflowkit")).arg("channel").args(arguments).output().unwrap()
}

/// Exit status, output and error output.
fn told(arguments: &[&str]) -> (i32, String, String) {
    let output = channel(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn inspected(dir: &str) -> Value {
    let (status, out, err) = told(&["inspect", "--json", dir]);
    assert_eq!(status, 0, "{out}{err}");
    serde_json::from_str(&out).unwrap()
}

fn write(agent: &Agent, lines: std::ops::Range<u64>) {
    let mut file = OpenOptions::new().append(true).create(true).open(agent.path("in/a.log")).unwrap();
    for line in lines {
        writeln!(file, "line {line} {}", "x".repeat(80)).unwrap();
    }
}

fn agent(config: &str) -> Agent {
    let agent = Agent::new(config);
    fs::create_dir(agent.path("in")).unwrap();
    fs::create_dir(agent.path("out")).unwrap();
    agent
}

fn state(agent: &Agent) -> Value {
    let status = agent.status(&["--json"]);
    let status: Value = serde_json::from_str(&status).unwrap_or_default();
    let channels = status["components"].as_array().cloned().unwrap_or_default();
    channels.into_iter().find(|component| component["kind"] == "channel").unwrap_or_default()
}

/// Until so many events lie in the log and wait.
fn wait_for(agent: &Agent, events: u64) {
    let dir = agent.path("state/c1").to_str().unwrap().to_string();
    let waiting = || serde_json::from_str::<Value>(&told(&["inspect", "--json", &dir]).1).unwrap_or_default();
    let filled = until(|| waiting()["waiting_events"] == events);
    assert!(filled, "{:#}\n{}", waiting(), agent.story());
}

/// Runs until so many events wait in the log.
fn fill(agent: &mut Agent, events: u64) {
    agent.start();
    wait_for(agent, events);
}

/// An agent that has stopped with so many lines in its log, and the log's directory.
fn filled(config: &str, lines: u64) -> (Agent, String) {
    let mut agent = agent(config);
    agent.start();
    // Step by step, so that there are several writes and several segments.
    for step in 0..5 {
        write(&agent, lines * step / 5..lines * (step + 1) / 5);
        wait_for(&agent, lines * (step + 1) / 5);
    }
    agent.stop();
    let dir = agent.path("state/channel-c1/data").to_str().unwrap().to_string();
    (agent, dir)
}

fn segments(dir: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "dfklog")).collect();
    all.sort();
    all
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn inspect_tells_what_waits_where_and_since_when() {
    let (agent, dir) = filled(CONFIG, 2000);
    let look = inspected(&dir);
    assert_eq!(look["stored_events"], 2000, "{look:#}");
    assert_eq!(look["waiting_events"], 2000);
    assert_eq!(look["sources"]["r1"]["waiting_events"], 2000);
    assert_eq!(look["whole"], true);
    assert!(look["segments"].as_array().unwrap().len() > 2, "{look:#}");
    assert!(look["oldest_waiting_seconds"].as_u64().unwrap() < 60);
    let length = fs::metadata(agent.path("in/a.log")).unwrap().len();
    let stream = &look["streams"][0];
    assert_eq!(stream["path"], agent.path("in/a.log").to_str().unwrap());
    assert_eq!((&stream["held"]["low"], &stream["delivered"]["low"]), (&length.into(), &0.into()));
    let (status, text, _) = told(&["inspect", &dir]);
    assert_eq!(status, 0);
    assert!(text.contains("\n  2000 events stored: 0 settled, 2000 wait (178890 bytes)\n"), "{text}");
    assert!(text.contains("\n  source r1: 2000 events wait, 178890 bytes\n"), "{text}");
    assert!(text.ends_with("no damage seen (`verify` looks into every frame)\n"), "{text}");
}

#[test]
fn a_log_is_found_by_its_directory_its_channel_and_its_instance() {
    let (agent, dir) = filled(CONFIG, 10);
    let log = inspected(&dir)["log"].clone();
    for name in ["state/channel-c1", "state/c1", "state", "state/channel-c1/data"] {
        assert_eq!(inspected(agent.path(name).to_str().unwrap())["log"], log, "{name}");
    }
    let state = agent.path("state");
    let (status, out, err) = told(&["inspect", "agent/c1", "--state-dir", state.to_str().unwrap()]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains(log.as_str().unwrap()));
    let conf = agent.path("agent.properties");
    let by_file = ["export", "--conf", conf.to_str().unwrap(), "--channel", "c1", "--state-dir"];
    let (status, out, err) = told(&[&by_file[..], &[state.to_str().unwrap()]].concat());
    assert_eq!((status, out.lines().count()), (0, 10), "{err}");
}

#[test]
fn a_running_agent_is_looked_at_and_left_alone() {
    let mut agent = agent(CONFIG);
    write(&agent, 0..500);
    fill(&mut agent, 500);
    let dir = agent.path("state/channel-c1/data").to_str().unwrap().to_string();
    let look = inspected(&dir);
    assert!(look["owner"].as_u64().is_some(), "{look:#}");
    assert_eq!(look["waiting_events"], 500);
    assert!(told(&["inspect", &dir]).1.contains(" has it open: figures are those of a moment\n"));
    assert_eq!(told(&["verify", &dir]).0, 0);
    assert_eq!(told(&["export", &dir]).1.lines().count(), 500);
    write(&agent, 500..600);
    assert!(until(|| state(&agent)["log"]["events_on_disk"] == 600), "{}", agent.story());
    let text = agent.status(&[]);
    assert!(text.contains("; 600 events on disk, "), "{text}");
    agent.stop();
    assert_eq!(inspected(&dir)["owner"], Value::Null);
}

#[test]
fn verify_names_each_damaged_part_and_each_hole() {
    let (agent, dir) = filled(CONFIG, 2000);
    let (status, out, _) = told(&["verify", &dir]);
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with("whole: ") && out.ends_with(", 2000 events\n"), "{out}");
    let broken = segments(&dir)[1].clone();
    flip(&broken, inspected(&dir)["segments"][1]["used_bytes"].as_u64().unwrap() / 2);
    let (status, out, err) = told(&["verify", &dir]);
    assert_eq!((status, err.as_str()), (1, ""), "{out}");
    assert!(out.contains(&format!("{}: ", broken.display())), "{out}");
    assert!(out.contains(" are damaged\n") && out.contains(" is missing\n"), "{out}");
    let hole = format!(" of `{}` of source `r1` are missing; ", agent.path("in/a.log").display());
    assert!(out.contains(&hole), "{out}");
    assert!(out.contains("\nDAMAGED: "), "{out}");
    let (_, json, _) = told(&["verify", "--json", &dir]);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["path"], broken.to_str().unwrap());
    assert_eq!(lines.last().unwrap()["whole"], false);
    assert!(told(&["inspect", &dir]).1.contains("DAMAGE: "), "inspect says it too");
    let (status, out, err) = told(&["export", &dir]);
    let left = out.lines().count();
    assert_eq!(status, 1);
    assert!(left > 1000 && left < 2000, "{left}");
    assert!(err.contains("the log is damaged"), "{err}");
}

#[test]
fn no_damage_keeps_the_commands_from_looking() {
    type Harm = fn(&str);
    let harms: [(&str, Harm, i32); 8] = [
        ("a lost segment", |dir| fs::remove_file(&segments(dir)[1]).unwrap(), 1),
        (
            "an empty segment",
            |dir| drop(fs::File::create(Path::new(dir).join("0000000999.dfklog")).unwrap()),
            0,
        ),
        ("a segment of text", |dir| fs::write(Path::new(dir).join("0000000999.dfklog"), "text").unwrap(), 0),
        (
            "a header of zeros",
            |dir| {
                let file = OpenOptions::new().write(true).open(&segments(dir)[0]).unwrap();
                file.write_all_at(&[0; 128], 0).unwrap();
            },
            1,
        ),
        (
            "a copied segment",
            |dir| fs::copy(&segments(dir)[0], Path::new(dir).join("0000000777.dfklog")).map(drop).unwrap(),
            1,
        ),
        (
            "a cut segment",
            |dir| {
                let first = segments(dir)[0].clone();
                let length = fs::metadata(&first).unwrap().len();
                OpenOptions::new().write(true).open(first).unwrap().set_len(length / 2).unwrap();
            },
            1,
        ),
        (
            "a folder called like a segment",
            |dir| fs::create_dir(Path::new(dir).join("0000000999.dfklog")).unwrap(),
            0,
        ),
        ("foreign files", |dir| fs::write(Path::new(dir).join("notes.txt"), "text").unwrap(), 0),
    ];
    for (what, harm, status) in harms {
        let (agent, dir) = filled(CONFIG, 2000);
        harm(&dir);
        assert_eq!(told(&["inspect", &dir]).0, 0, "{what}");
        assert_eq!(told(&["inspect", "--json", &dir]).0, 0, "{what}");
        let verified = told(&["verify", &dir]);
        assert_eq!(verified.0, status, "{what}: {verified:?}");
        assert_eq!(told(&["export", &dir]).0, status, "{what}\n{}", agent.story());
    }
}

#[test]
fn export_prints_what_waits_and_all_when_asked() {
    let mut agent = agent(&format!("{CONFIG}{SINK}").replace("65536", "67108864"));
    write(&agent, 0..100);
    agent.start();
    assert!(until(|| crate::support::rolled(&agent.path("out")).ends_with(b"x\n")), "{}", agent.story());
    wait_for(&agent, 0);
    agent.stop();
    agent.configure(
        &CONFIG
            .replace("65536", "67108864")
            .replace("a1.sources.r1.channels", "a1.sources.r1.fileHeader = true\na1.sources.r1.channels"),
    );
    OpenOptions::new()
        .append(true)
        .open(agent.path("in/a.log"))
        .unwrap()
        .write_all(b"caf\xc3\xa9\n\xff\xfe\n")
        .unwrap();
    fill(&mut agent, 2);
    agent.stop();
    let dir = agent.path("state/channel-c1/data").to_str().unwrap().to_string();
    let (status, out, err) = told(&["export", &dir]);
    assert_eq!((status, err.as_str()), (0, ""));
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert_eq!((&lines[0]["body"], &lines[1]["body"]), (&"café".into(), &Value::Null));
    assert_eq!(lines[1]["body_base64"], "//4=");
    assert_eq!(lines[0]["source"], "r1");
    let path = agent.path("in/a.log");
    assert_eq!(lines[0]["headers"]["file"], path.to_str().unwrap());
    assert_eq!(lines[0]["to"].as_u64().unwrap() - lines[0]["from"].as_u64().unwrap(), 6);
    assert_eq!(lines[0]["to"], lines[1]["from"]);
    assert_eq!(channel(&["export", "--raw", &dir]).stdout, b"caf\xc3\xa9\n\xff\xfe\n");
    let all = told(&["export", "--all", &dir]).1.lines().count();
    assert!(all == 2 || all == 102, "{all}: what is delivered may have left the log");
}

#[test]
fn an_encrypted_log_is_read_by_its_keys_only() {
    let keys = "
a1.channels.c1.encryption.activeKey = k0
a1.channels.c1.encryption.cipherProvider = AESGCM
a1.channels.c1.encryption.keyProvider = KEYFILE
a1.channels.c1.encryption.keyProvider.keys = k0
a1.channels.c1.encryption.keyProvider.keys.k0.file = @DIR@/k0
a1.channels.c1.compression = zstd
";
    let mut agent = agent(&format!("{CONFIG}{keys}"));
    fs::write(agent.path("k0"), [7; 32]).unwrap();
    fs::write(agent.path("other"), [8; 32]).unwrap();
    fs::write(agent.path("short"), [8; 7]).unwrap();
    write(&agent, 0..200);
    agent.start();
    assert!(until(|| state(&agent)["log"]["events_on_disk"] == 200), "{}", agent.story());
    agent.stop();
    let dir = agent.path("state/channel-c1/data").to_str().unwrap().to_string();
    let lacking = "dataflowkit channel: the log is encrypted by the key `k0`: give it by `--key k0=FILE`, or the agent file by `--conf`\n";
    for command in ["verify", "export"] {
        assert_eq!(told(&[command, &dir]), (2, String::new(), lacking.to_string()));
    }
    let (status, out, _) = told(&["inspect", &dir]);
    assert_eq!(status, 0);
    assert!(
        out.contains(", encrypted by `k0`\n") && out.contains("CANNOT BE READ: the log is encrypted"),
        "{out}"
    );
    let key = |file: &str| format!("k0={}", agent.path(file).display());
    let (status, _, err) = told(&["verify", "--key", &key("other"), &dir]);
    let wrong =
        "dataflowkit channel: the key `k0` that was given is not the one that the log is encrypted by\n";
    assert_eq!((status, err.as_str()), (2, wrong));
    let (status, _, err) = told(&["verify", "--key", &key("short"), &dir]);
    assert_eq!(status, 2);
    assert!(err.contains("holds neither 16, 24 or 32 bytes"), "{err}");
    let (status, out, err) = told(&["verify", "--key", &key("k0"), &dir]);
    assert_eq!(status, 0, "{out}{err}");
    assert_eq!(told(&["export", "--key", &key("k0"), &dir]).1.lines().count(), 200);
    let conf = agent.path("agent.properties");
    let (status, out, err) = told(&["export", &dir, "--conf", conf.to_str().unwrap(), "--channel", "c1"]);
    assert_eq!((status, out.lines().count()), (0, 200), "{err}");
    let (status, _, err) = told(&["export", "--conf", conf.to_str().unwrap(), "--channel", "c2"]);
    assert_eq!(status, 2);
    assert!(err.contains("has no file channel `c2`; it has `a1.c1`"), "{err}");
}

#[test]
fn what_is_no_log_is_told_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    for folder in ["empty", "flume", "other"] {
        fs::create_dir(path(folder)).unwrap();
    }
    for name in ["flume/log-1", "flume/log-1.meta", "flume/in_use.lock", "other/notes.txt"] {
        fs::write(path(name), "text").unwrap();
    }
    let cases = [
        ("nowhere", "cannot look into `@`: No such file or directory (os error 2)"),
        ("other/notes.txt", "`@` is a file; give the directory of the log"),
        ("empty", "`@` is empty"),
        ("other", "`@` has no segment of a channel's log (NNNNNNNNNN.dfklog)"),
        (
            "flume",
            "`@` has files of Apache Flume's own file channel (log-N), whose form is another: to bring its events over, let Flume run once more until they are delivered",
        ),
    ];
    for (name, sentence) in cases {
        for command in ["inspect", "verify", "export"] {
            let expected = format!("dataflowkit channel: {}\n", sentence.replace('@', &path(name)));
            assert_eq!(told(&[command, &path(name)]), (2, String::new(), expected));
        }
    }
    let (status, _, err) = told(&["inspect"]);
    assert_eq!(status, 2);
    assert!(err.contains("no directory: give that of the log"), "{err}");
}

/// Two channels, the second one spillable; `KEYS` are added.
const CHECKED: &str = "
a1.sources = r1
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.channels = c1 c2
a1.channels.c1.type = file
a1.channels.c2.type = SPILLABLEMEMORY
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
a1.sinks.k2.type = logger
a1.sinks.k2.channel = c2
";

fn checked(keys: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.properties");
    fs::write(&path, format!("{CHECKED}{keys}\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dataflowkit")).arg("check").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn check_tells_where_a_log_may_not_lie_and_what_has_no_effect() {
    let cases = [
        ("a1.channels.c1.dataDirs = /d1, /d1", "channel `c1` (file): `/d1` stands twice in `dataDirs`"),
        (
            "a1.channels.c1.dataDirs = /d1\na1.channels.c1.checkpointDir = /d1/",
            "channel `c1` (file): `/d1/` is both `checkpointDir` and one of `dataDirs`",
        ),
        (
            "a1.channels.c1.dataDirs = /d1,/d2\na1.channels.c2.checkpointDir = /x/../d2",
            "channels `c1` and `c2` share the directory `/d2`",
        ),
        (
            "a1.channels.c1.dataDirs = /d1,~/d2",
            "hint: `~` is no home directory here, as in Flume: write the path in full",
        ),
        ("a1.channels.c1.dataDirs = d1", "note[relative-path]: `dataDirs` is relative"),
        (
            "a1.channels.c1.useDualCheckpoints = true",
            "note[ignored-key]: `useDualCheckpoints` has no effect: the log is its own checkpoint",
        ),
        (
            "a1.channels.c1.encryption.activeKey = k",
            "`encryption.activeKey` needs `encryption.cipherProvider` too",
        ),
        ("a1.channels.c1.maxFileSize = 10MB", "hint: write digits only; the unit is bytes"),
        ("a1.channels.c1.compression = gzip", "must be one of `none`, `lz4`, `zstd`, not `gzip`"),
        ("a1.channels.c1.transactionCapacity = 2000000", "hint: set `capacity` to 2000000 or more"),
    ];
    for (keys, expected) in cases {
        let told = checked(keys);
        assert!(told.contains(expected), "{keys}\n{told}");
    }
    let told = checked("a1.channels.c1.dataDirs = /d1\na1.channels.c2.dataDirs = /d1");
    assert!(
        told.contains("a1: channel `c2` does not run: it shares the directory `/d1` with channel `c1`\n"),
        "{told}"
    );
    assert!(told.contains("a1: r1 -> c1 -> k1: "), "the first one runs\n{told}");
}

#[test]
fn check_promises_what_each_kind_of_channel_keeps() {
    let told = checked("");
    assert!(told.contains("a1: r1 -> c1 -> k1: G3, nothing lost by a power cut; repeats are possible\n    rests on: `c1` is on disk before `r1` answers"), "{told}");
    assert!(
        told.contains("a1: r1 -> c2 -> k2: G0, ")
            && told.contains("`c2` is in memory, but for what it spills\n"),
        "{told}"
    );
    for keys in ["a1.sources.r1.ack-every-event = false", "a1.channels.c1.fsyncPerTransaction = false"] {
        assert!(checked(keys).contains("a1: r1 -> c1 -> k1: G2, "), "{keys}\n{}", checked(keys));
    }
    let tail = "a1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = /in\na1.sources.r2.channels = c1 c2\na1.sources = r2";
    let told = checked(tail);
    assert!(told.contains("a1: r2 -> c1 -> k1: G3, ") && told.contains("a1: r2 -> c2 -> k2: G1, "), "{told}");
}
