//! The program of `examples/custom`: built as its own crate, with a source and a sink of its own.
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{Agent, rolled, until};

/// Builds it, once, beside the program itself.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let own = Path::new(env!("CARGO_BIN_EXE_dataflowkit"));
        let release = own.parent().is_some_and(|dir| dir.ends_with("release"));
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--quiet", "--package", "dataflowkit-custom"]);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(release.then_some("--release"));
        cargo.arg("--target-dir").arg(own.ancestors().nth(2).unwrap());
        assert!(cargo.status().unwrap().success(), "the example does not build");
        own.with_file_name("dataflowkit-custom")
    })
}

const INTO_FILES: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = com.stt.demo.flume.Ch01_mySource.MySource
a1.sources.r1.delay = 5
a1.sources.r1.field = mySource-
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.channel = c1
";

const FROM_NETCAT: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = com.stt.demo.flume.Ch02_mySink.MySink
a1.sinks.k1.prefix = mysinkprefix:
a1.sinks.k1.suffix = :myskinsuffix
a1.sinks.k1.channel = c1
";

fn lines(dir: &Path) -> Vec<String> {
    String::from_utf8(rolled(dir)).unwrap().lines().map(str::to_string).collect()
}

#[test]
fn a_custom_source_goes_on_after_kills_with_nothing_lost_and_nothing_twice() {
    let mut agent = Agent::new(INTO_FILES).of(program());
    let out = agent.path("out");
    for round in 1..=4 {
        agent.start();
        let arrived = until(|| out.exists() && lines(&out).len() >= round * 20);
        assert!(arrived, "{}", agent.story());
        if round < 4 { agent.kill() } else { agent.stop() }
    }
    let wrong = lines(&out).into_iter().enumerate().find(|(n, line)| *line != format!("mySource-{}", n % 5));
    assert_eq!(wrong, None, "{}", agent.story());
}

#[test]
fn a_custom_sink_prints_what_a_socket_sent() {
    let mut agent = Agent::new(FROM_NETCAT).of(program());
    agent.start();
    agent.connect().write_all(b"hello\nworld\n").unwrap();
    let expected = "mysinkprefix:hello:myskinsuffix\nmysinkprefix:world:myskinsuffix\n";
    assert!(until(|| agent.printed() == expected), "{:?}\n{}", agent.printed(), agent.story());
    agent.stop();
}

#[test]
fn custom_components_are_checked_and_explained_like_all_others() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.properties");
    let out = |arguments: &[&str]| {
        let output = Command::new(program()).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    fs::write(&file, INTO_FILES.replace("delay = 5", "delay = soon").replace("@DIR@", "/tmp/x")).unwrap();
    let told = out(&["check", file.to_str().unwrap()]);
    assert!(told.contains("`delay`") && told.contains("a.properties:6:23"), "{told}");
    fs::write(&file, INTO_FILES.replace("@DIR@", "/tmp/x")).unwrap();
    let told = out(&["check", file.to_str().unwrap()]);
    assert!(told.contains("r1 -> c1 -> k1: G4"), "{told}");
    let told = out(&["explain", "source", "mysource"]);
    assert!(told.contains("delay") && told.contains("the pause before each text"), "{told}");
}
