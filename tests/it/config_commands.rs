//! `check`, `explain` and the samples, as the binary runs them.
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dataflowkit::cli::samples;
use dataflowkit::config::State;
use dataflowkit::registry;

fn dataflowkit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dataflowkit")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const GOOD: &str = "a1.sources = r1\na1.channels = c1\na1.sinks = k1\na1.sources.r1.type = seq\na1.sources.r1.channels = c1\n\
                    a1.channels.c1.type = memory\na1.sinks.k1.type = null\na1.sinks.k1.channel = c1\n";

fn file(dir: &tempfile::TempDir, content: &str) -> String {
    let path = dir.path().join("agent.properties");
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn check_ends_with_0_for_a_good_file_1_for_findings_and_2_when_used_wrongly() {
    let dir = tempfile::tempdir().unwrap();
    let output = dataflowkit(&["check", &file(&dir, GOOD)]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).contains("a1: r1 -> c1 -> k1: G"), "{output:?}");
    let output = dataflowkit(&["check", &file(&dir, &GOOD.replace("= null", "= nul"))]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("hint: did you mean `null`?\n"), "{output:?}");
    assert_eq!(dataflowkit(&["check"]).status.code(), Some(2));
    assert_eq!(dataflowkit(&["check", "--format", "xml", "f"]).status.code(), Some(2));
    assert_eq!(dataflowkit(&["check", "/nope.properties"]).status.code(), Some(1));
}

#[test]
fn check_tells_what_a_group_takes_from_the_promise_and_what_gives_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let sink = |name: &str| {
        format!(
            "a1.sinks.{name}.type = file_roll\na1.sinks.{name}.channel = c1\na1.sinks.{name}.sink.directory = /out/{name}\n"
        )
    };
    let config = format!(
        "a1.sources = r1\na1.channels = c1\na1.sinks = k1 k2\na1.sinkgroups = g1\na1.sources.r1.type = spooldir\n\
         a1.sources.r1.spoolDir = /in\na1.sources.r1.channels = c1\na1.channels.c1.type = memory\n{}{}\
         a1.sinkgroups.g1.sinks = k1 k2\na1.sinkgroups.g1.processor.type = load_balance\n",
        sink("k1"),
        sink("k2")
    );
    let told = stdout(&dataflowkit(&["check", &file(&dir, &config)]));
    assert_eq!(
        told.lines().skip(1).take(3).collect::<Vec<_>>(),
        [
            "a1: r1 -> c1 -> k1: G1, nothing lost by kill -9; repeats are possible",
            "    rests on: `r1` can be read again, `k1` keeps a record of what it has; group `g1` gives a batch in doubt to \
             another sink; group `g1` spreads batches over its sinks, so order is not kept",
            "    would raise it: `delivery = exactly-once` on group `g1`",
        ],
        "{told}"
    );
    let config = config.replace("load_balance", "failover") + "a1.sinkgroups.g1.delivery = exactly-once\n";
    let told = stdout(&dataflowkit(&["check", &file(&dir, &config)]));
    assert!(told.contains("a1: r1 -> c1 -> k2: G4"), "{told}");
    assert!(told.contains(", group `g1` waits for the sink that has a batch in doubt\n"), "{told}");
}

#[test]
fn explain_tells_the_keys_of_a_processor_and_those_of_its_group() {
    let told = stdout(&dataflowkit(&["explain", "group", "failover"]));
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{told}"));
    assert!(at("these keys follow `sinkgroups.NAME.processor.`") < at("\npriority.*"), "{told}");
    assert!(at("\nmaxpenalty") < at("these follow `sinkgroups.NAME.`"), "{told}");
    assert!(
        at("these follow `sinkgroups.NAME.`") < at("\ndelivery  one of at-least-once, exactly-once"),
        "{told}"
    );
}

#[test]
fn check_prints_json_lines() {
    let dir = tempfile::tempdir().unwrap();
    let bad = file(&dir, &format!("{GOOD}a1.channels.c1.capacty = 1000\n"));
    let output = dataflowkit(&["check", "--strict", "--format", "json", &bad]);
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["severity"], "error");
    assert_eq!(lines[0]["code"], "unknown-key");
    assert_eq!((&lines[0]["at"]["line"], &lines[0]["at"]["column"]), (&9.into(), &16.into()));
    assert_eq!(lines[0]["hints"][0], "did you mean `capacity`?");
    assert_eq!(lines[1]["path"], serde_json::json!(["r1", "c1", "k1"]));
}

#[test]
fn a_bad_configuration_ends_the_agent_with_78() {
    let dir = tempfile::tempdir().unwrap();
    let bad = file(&dir, "a1.sources = r1\n");
    let (state, run) = (dir.path().join("state"), dir.path().join("run"));
    let (state, run) = (state.to_str().unwrap(), run.to_str().unwrap());
    let output = dataflowkit(&["agent", "-n", "a1", "-f", &bad, "--state-dir", state, "--runtime-dir", run]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
}

/// A sink whose directory a program knows, and a source whose number of events is in the environment.
fn filtered(dir: &tempfile::TempDir, script: &str) -> String {
    let program = dir.path().join("get-secret");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    let content = GOOD.replace("= null", "= file_roll\na1.sinks.k1.sink.directory = ${p['out-dir']}")
        + &format!(
            "a1.sources.r1.totalEvents = ${{e[\"COUNT\"]}}\na1.configfilters = p e\na1.configfilters.e.type = env\n\
             a1.configfilters.p.type = org.apache.flume.configfilter.ExternalProcessConfigFilter\n\
             a1.configfilters.p.command = /bin/sh {} --first\n",
            program.display()
        );
    file(dir, &content)
}

#[test]
fn the_agent_runs_with_what_config_filters_answer() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let config = filtered(&dir, &format!("echo {}/$1/$2", out.display()));
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_dataflowkit"))
        .args(["agent", "-n", "a1", "-f", &config, "--until-drained"])
        .args(["--state-dir", &at("state"), "--runtime-dir", &at("run")])
        .env("COUNT", "7")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let files = fs::read_dir(out.join("--first/out-dir")).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let lines: usize = files.map(|file| fs::read_to_string(file.path()).unwrap().lines().count()).sum();
    assert_eq!(lines, 7);
}

#[test]
fn check_runs_the_programs_of_config_filters_and_names_the_one_that_fails() {
    let dir = tempfile::tempdir().unwrap();
    let check = |script: &str| {
        let config = filtered(&dir, script);
        let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
        let output = command.args(["check", &config]).env("COUNT", "7").output().unwrap();
        (output.status.code(), stdout(&output).replace(dir.path().to_str().unwrap(), "DIR"))
    };
    let (status, told) = check("echo /the/secret/place");
    assert_eq!((status, told.contains("a1: r1 -> c1 -> k1: ")), (Some(0), true), "{told}");
    assert!(!told.contains("secret"), "{told}");
    let (status, told) = check("echo no entry $2 >&2; exit 4");
    assert_eq!(status, Some(1), "{told}");
    assert!(
        told.contains(
            "error[config-filter]: config filter `p` (external): `/bin/sh DIR/get-secret --first out-dir` ended with status 4: \
             no entry out-dir\n  --> DIR/agent.properties:8:30\n8 | a1.sinks.k1.sink.directory = ${p['out-dir']}\n"
        ),
        "{told}"
    );
    assert!(told.contains("a1: sink `k1` does not run: its keys are wrong\n"), "{told}");
}

#[test]
fn explain_tells_kinds_types_and_keys() {
    let all = stdout(&dataflowkit(&["explain"]));
    for spec in registry::all() {
        assert!(all.contains(&format!("  {}", spec.name)), "{}", spec.name);
    }
    for spec in registry::built() {
        let kind = if spec.kind.word() == "sink group" { "group" } else { spec.kind.word() };
        let output = dataflowkit(&["explain", kind, spec.name]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for field in spec.fields() {
            assert!(stdout(&output).contains(&format!("\n{}", field.key)), "{} of {}", field.key, spec.name);
            let told = field.state != State::Honoured || !field.doc.is_empty();
            assert!(told, "`{}` of {} has no doc", field.key, spec.name);
        }
    }
    let one =
        stdout(&dataflowkit(&["explain", "channel", "org.apache.flume.channel.MemoryChannel", "capacity"]));
    assert!(one.starts_with("capacity  number from 1"), "{one}");
    let none = dataflowkit(&["explain", "channle"]);
    assert_eq!(none.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&none.stderr),
        "there is no kind `channle`; did you mean `channel`?\n"
    );
}

#[test]
fn the_committed_samples_are_those_that_the_declarations_give() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(samples::committed());
    let specs: Vec<_> = registry::all().collect();
    let fresh: Vec<_> = samples::samples(&specs).into_iter().chain(samples::entries()).collect();
    let cure = format!("run `cargo run -- samples {}`", samples::committed().display());
    for (name, text) in &fresh {
        let committed = fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert_eq!(&committed, text, "{name} is stale: {cure}");
    }
    for entry in fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            fresh.iter().any(|(fresh, _)| *fresh == name),
            "{name} is no sample any more: remove it, and {cure}"
        );
    }
}

#[test]
fn every_sample_passes_a_strict_check() {
    let dir = tempfile::tempdir().unwrap();
    let specs: Vec<_> = registry::all().collect();
    for (name, text) in samples::samples(&specs) {
        let output = dataflowkit(&["check", "--strict", &file(&dir, &text)]);
        assert_eq!(output.status.code(), Some(0), "{name}\n{}", stdout(&output));
    }
}
