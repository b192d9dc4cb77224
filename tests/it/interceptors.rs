//! Interceptors through the binary: chains on a source and on a sink, what they count, and what `check` says of their
//! patterns.
use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use crate::support::{Agent, rolled, until};

const NETCAT: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.serializer = HEADER_AND_TEXT
";

/// Sends lines through an agent with these keys, and returns what arrives once `done` holds.
fn through(keys: &str, lines: &str, done: impl Fn(&str) -> bool) -> (Agent, String) {
    let mut agent = Agent::new(&format!("{NETCAT}{keys}"));
    agent.start();
    let mut peer = agent.connect();
    peer.write_all(lines.as_bytes()).unwrap();
    let mut answers = vec![0; 3 * lines.lines().count()];
    peer.read_exact(&mut answers).unwrap();
    let out = || String::from_utf8(rolled(&agent.path("out"))).unwrap();
    assert!(until(|| done(&out())), "{}\n{}", out(), agent.story());
    let out = out();
    (agent, out)
}

/// A counter of the only component of this kind.
fn counted(agent: &Agent, kind: &str, counter: &str) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&agent.status(&["--json"])).unwrap();
    let components = status["components"].as_array().unwrap();
    let of_kind = components.iter().find(|component| component["kind"] == kind).unwrap();
    of_kind["counters"][counter].as_u64().unwrap_or(0)
}

#[test]
fn a_chain_makes_headers_replaces_and_removes() {
    let keys = r"
a1.sources.r1.interceptors = i1 i2 i3
a1.sources.r1.interceptors.i1.type = regex_extractor
a1.sources.r1.interceptors.i1.regex = ^(\\S+) level=(\\w+)( user=(?=a)(\\w+))?
a1.sources.r1.interceptors.i1.serializers = t l
a1.sources.r1.interceptors.i1.serializers.t.name = time
a1.sources.r1.interceptors.i1.serializers.t.type = org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer
a1.sources.r1.interceptors.i1.serializers.t.pattern = yyyy-MM-dd'T'HH:mm:ssZ
a1.sources.r1.interceptors.i1.serializers.l.name = level
a1.sources.r1.interceptors.i2.type = search_replace
a1.sources.r1.interceptors.i2.searchPattern = ^\\S+ level=(\\w+)
a1.sources.r1.interceptors.i2.replaceString = [$1]
a1.sources.r1.interceptors.i3.type = remove_header
a1.sources.r1.interceptors.i3.matching = lev.*
";
    let lines = "2016-05-19T14:03:07Z level=WARN user=al\n2016-99-19T14:03:07Z level=INFO\nneither\n";
    let expected = "{time=1463666587000} [WARN] user=al\n{} [INFO]\n{} neither\n";
    let (mut agent, _) = through(keys, lines, |out| out == expected);
    assert_eq!(counted(&agent, "source", "left_as_is_total"), 1);
    assert!(agent.log().contains("`2016-99-19T14:03:07Z` is no time for header `time`"), "{}", agent.story());
    agent.kill();
}

#[test]
fn json_fields_become_headers_and_what_must_not_be_read_goes() {
    let keys = "
a1.sources.r1.interceptors = json redact
a1.sources.r1.interceptors.json.type = json
a1.sources.r1.interceptors.json.fields = user.id
a1.sources.r1.interceptors.redact.type = redact
a1.sources.r1.interceptors.redact.patterns = card ipv4
a1.sources.r1.interceptors.redact.replacement = -
";
    let lines = "{\"user\": {\"id\": 7}, \"card\": \"4111-1111-1111-1111\"}\nfrom 10.0.0.1\n";
    let expected = "{user.id=7} {\"user\": {\"id\": 7}, \"card\": \"-\"}\n{} from -\n";
    let (mut agent, _) = through(keys, lines, |out| out == expected);
    assert_eq!(counted(&agent, "source", "left_as_is_total"), 1, "the second line is no JSON");
    assert_eq!(counted(&agent, "source", "redacted_total"), 2);
    agent.kill();
}

#[test]
fn what_a_sinks_interceptors_drop_is_counted_as_filtered_and_never_read_again() {
    // One file, two sinks on channels of their own: each has its own interceptors.
    let config = "
a1.sources = r1
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*
a1.sources.r1.positionFile = @DIR@/positions.json
a1.sources.r1.channels = c1 c2
a1.channels.c1.type = memory
a1.channels.c2.type = file
a1.channels.c2.checkpointDir = @DIR@/checkpoint
a1.channels.c2.dataDirs = @DIR@/data
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.interceptors = i1 i2
a1.sinks.k1.interceptors.i1.type = regex_filter
a1.sinks.k1.interceptors.i1.regex = DEBUG
a1.sinks.k1.interceptors.i1.excludeEvents = true
a1.sinks.k1.interceptors.i2.type = search_replace
a1.sinks.k1.interceptors.i2.searchPattern = a
a1.sinks.k1.interceptors.i2.replaceString = A
a1.sinks.k2.type = file_roll
a1.sinks.k2.channel = c2
a1.sinks.k2.sink.directory = @DIR@/second
";
    let mut agent = Agent::new(config).with(&["--until-drained"]);
    fs::create_dir(agent.path("in")).unwrap();
    fs::write(agent.path("in/log"), "a\nDEBUG a\nDEBUG b\nb\n").unwrap();
    assert!(agent.run().success(), "{}", agent.story());
    let read = |dir: &str| String::from_utf8(rolled(&agent.path(dir))).unwrap();
    assert_eq!((read("out").as_str(), read("second").as_str()), ("A\nb\n", "a\nDEBUG a\nDEBUG b\nb\n"));
    // A second start reads nothing again, although the destination has seen half of it.
    let grown = fs::OpenOptions::new().append(true).open(agent.path("in/log"));
    grown.unwrap().write_all(b"DEBUG c\nca\n").unwrap();
    agent = agent.with(&[]);
    agent.start();
    let arrived = |agent: &Agent, dir: &str| String::from_utf8(rolled(&agent.path(dir))).unwrap();
    assert!(until(|| arrived(&agent, "out") == "A\nb\ncA\n"), "{}", agent.story());
    assert!(until(|| arrived(&agent, "second").ends_with("b\nDEBUG c\nca\n")), "{}", agent.story());
    let ledger = |status: &serde_json::Value, channel: &str, key: &str| {
        let all = status["ledgers"].as_array().unwrap();
        all.iter().find(|ledger| ledger["channel"] == channel).and_then(|ledger| ledger[key].as_u64())
    };
    let settled = until(|| {
        let status: serde_json::Value = serde_json::from_str(&agent.status(&["--json"])).unwrap();
        let of = |channel| ["read", "filtered", "delivered"].map(|key| ledger(&status, channel, key));
        of("c1") == [Some(2), Some(1), Some(1)] && of("c2") == [Some(2), Some(0), Some(2)]
    });
    assert!(settled, "{}\n{}", agent.status(&["--json"]), agent.story());
    assert_eq!(counted(&agent, "sink", "filtered_total"), 1);
    agent.kill();
}

/// What `check` prints of an agent with these keys, and its exit status.
fn check(keys: &str) -> (String, Option<i32>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agent.properties");
    fs::write(&file, format!("{NETCAT}a1.sources.r1.interceptors = i1\n{keys}").replace("@DIR@", "/d"))
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dataflowkit")).arg("check").arg(&file).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn check_says_where_a_pattern_means_something_else() {
    let (said, status) = check(
        "a1.sources.r1.interceptors.i1.type = regex_filter
a1.sources.r1.interceptors.i1.regex = (a)(?!b)
",
    );
    assert!(said.contains("note[backtracking]: look-ahead is not matched in linear time"), "{said}");
    assert_eq!(status, Some(0), "{said}");
    let (said, status) = check(
        "a1.sources.r1.interceptors.i1.type = regex_split_filter
a1.sources.r1.interceptors.i1.split = |
a1.sources.r1.interceptors.i1.split_format = ${1}
",
    );
    assert!(said.contains("the sign itself is meant"), "{said}");
    assert_eq!(status, Some(0), "{said}");
    let (said, status) = check(
        "a1.sources.r1.interceptors.i1.type = regex_extractor
a1.sources.r1.interceptors.i1.regex = (a)\\\\G
a1.sources.r1.interceptors.i1.serializers = s1
a1.sources.r1.interceptors.i1.serializers.s1.name = h
a1.sources.r1.interceptors.i1.serializers.s1.nmae = h
",
    );
    assert!(
        said.contains("`\\G` is not supported") && said.contains("`serializers.s1.nmae` has no effect"),
        "{said}"
    );
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn a_key_is_never_printed() {
    let (said, status) = check(
        "a1.sources.r1.interceptors.i1.type = redact
a1.sources.r1.interceptors.i1.patterns = card
a1.sources.r1.interceptors.i1.action = hash
a1.sources.r1.interceptors.i1.key = hunter2 # mine
",
    );
    assert!(said.contains("note[plain-secret]") && !said.contains("hunter2"), "{said}");
    assert_eq!(status, Some(0), "{said}");
}
