//! Where keys and values come from: drop-ins, the command line, references, the choice of the agent.
use super::*;
use crate::diag::text;

fn value(case: &Case, key: &str) -> Option<String> {
    let loaded = case.load();
    let graph = loaded.graph.as_ref().unwrap_or_else(|| panic!("{}", text(&loaded.report)));
    graph.sources[0].node.values.get(key).cloned()
}

fn bind(case: &Case) -> String {
    value(case, "bind").unwrap()
}

fn with_bind(value: &str) -> Case {
    Case::new(&GOOD.replace("127.0.0.1", value))
}

#[test]
fn an_empty_value_takes_back_what_was_set_before() {
    let case =
        Case::new(&format!("{GOOD}\na1.sources.r1.max-line-length = 20\na1.sources.r1.max-line-length =\n"));
    assert_eq!(value(&case, "max-line-length"), None);
    assert!(case.clean(&case.load()).starts_with(
        "warning[empty-value]: `a1.sources.r1.max-line-length` has no value and counts as absent"
    ));
}

#[test]
fn drop_ins_are_merged_in_name_order_and_keep_their_places() {
    let case = Case::new(GOOD);
    let dir = case.dir.path().join("agent.d");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("20-b.toml"), "[a1.sources.r1]\nport = 2\n").unwrap();
    fs::write(dir.join("10-a.properties"), "a1.sources.r1.port = 1\na1.sources.r1.bind = ::1\n").unwrap();
    fs::write(dir.join("30-c.conf"), "a1.sources.r1.nope = 1\n").unwrap();
    fs::write(dir.join("40-d.txt"), "a1.sources.r1.port = 4\n").unwrap();
    fs::write(dir.join(".hidden.conf"), "a1.sources.r1.port = 5\n").unwrap();
    assert_eq!(value(&case, "port").unwrap(), "2");
    assert_eq!(bind(&case), "::1");
    assert_eq!(
        case.clean(&case.load()),
        "warning[unknown-key]: source `r1` (netcat) has no key `nope`\n  \
         --> agent.d/30-c.conf:1:15\n\
         1 | a1.sources.r1.nope = 1\n  \
           |               ^^^^\n\
         hint: `dataflowkit explain source netcat` lists its keys\n"
    );
}

#[test]
fn the_command_line_beats_all_files() {
    let mut case = Case::new(GOOD);
    case.request.defines = vec![
        ("a1.sources.r1.port".into(), "7x".into()),
        ("flume.root.logger".into(), "=DEBUG,console".into()),
    ];
    let loaded = case.load();
    assert!(case.clean(&loaded).contains("--> -Da1.sources.r1.port:1:20\n"), "{}", case.clean(&loaded));
    assert_eq!((loaded.logging.level, loaded.logging.console), (Some(log::LevelFilter::Debug), true));
}

#[test]
fn references_are_replaced() {
    for (written, expected) in [
        ("${env:HOST}", "h.example"),
        ("a-${env:HOST}-b", "a-h.example-b"),
        ("${env:NOPE:-fallback}", "fallback"),
        ("${env:NOPE:-${env:HOST}}", "h.example"),
        ("${a1.sources.r1.port}", "44444"),
        ("${a1.sinks.k1.${env:WHICH}}", "logger"),
        ("$${env:HOST}", "${env:HOST}"),
        ("${sys:my.host}", "by-define"),
        ("${file:host.txt}", "from-a-file"),
        ("${credential:host}", "from-a-credential"),
        ("${credential:nope:-none}", "none"),
        ("${0}-${1}", "${0}-${1}"),
        ("${unclosed", "${unclosed"),
        ("%{host} $1 {x} $", "%{host} $1 {x} $"),
        ("x${a1.sources.r1.max-line-length}y", "x512y"),
    ] {
        let mut case = Case::new(
            &(GOOD.replace("127.0.0.1", written) + "a1.sources.r1.max-line-length = ${env:LENGTH}\n"),
        );
        let dir = case.dir.path().to_path_buf();
        fs::write(dir.join("host.txt"), "from-a-file\n").unwrap();
        fs::write(dir.join("host"), "from-a-credential").unwrap();
        let env = [
            ("HOST", "h.example"),
            ("WHICH", "type"),
            ("LENGTH", "512"),
            ("CREDENTIALS_DIRECTORY", dir.to_str().unwrap()),
        ];
        case.request.env = env.map(|(key, value)| (key.to_string(), value.to_string())).into();
        case.request.defines = vec![("my.host".into(), "by-define".into())];
        assert_eq!(bind(&case), expected, "{written}");
        assert_eq!(case.clean(&case.load()), "", "{written}");
    }
}

#[test]
fn a_name_that_is_nowhere_stays_and_is_told_of() {
    let case = with_bind("${env:NOPE}");
    assert_eq!(bind(&case), "${env:NOPE}");
    assert_eq!(
        case.clean(&case.load()),
        "warning[unresolved-reference]: nothing is named `env:NOPE`: `${env:NOPE}` stays as it is written\n  \
         --> agent.properties:5:22\n\
         5 | a1.sources.r1.bind = ${env:NOPE}\n  \
           |                      ^^^^^^^^^^^\n\
         hint: `${env:NOPE:-value}` gives a value for that case; `$${` stands for `${`\n"
    );
}

#[test]
fn a_file_or_credential_that_cannot_be_read_is_an_error() {
    for (written, text) in [
        ("${file:nope.txt}", "error[unreadable]: cannot read `nope.txt`: No such file or directory"),
        (
            "${credential:pw}",
            "error[missing-credential]: cannot read credential `pw`: the service was given none",
        ),
    ] {
        let case = with_bind(written);
        let shown = case.clean(&case.load());
        assert!(shown.starts_with(text), "{shown}");
        let graph = case.load().graph.expect("the sink can run");
        assert!(graph.sources.is_empty(), "nothing runs with a value that could not be found out");
    }
}

#[test]
fn a_drop_in_that_cannot_be_read_stops_everything() {
    let case = Case::new(GOOD);
    let dir = case.dir.path().join("agent.d");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("10-a.toml"), "[a1").unwrap();
    assert!(case.load().fatal());
    fs::write(dir.join("10-a.toml"), "").unwrap();
    assert!(!case.load().fatal());
}

#[test]
fn a_circle_of_references_is_an_error() {
    let case = Case::new(
        &(GOOD.replace("127.0.0.1", "${a1.sources.r1.x}") + "a1.sources.r1.x = ${a1.sources.r1.bind}\n"),
    );
    let shown = case.clean(&case.load());
    assert!(shown.contains("error[circular-reference]: `a1.sources.r1.bind` refers to itself"), "{shown}");
}

#[test]
fn what_came_from_outside_is_never_shown() {
    let mut case =
        Case::new(&(GOOD.replace("44444", "${env:PORT}") + "a1.sources.r1.password = ${file:pw}\n"));
    fs::write(case.dir.path().join("pw"), "hunter2\n").unwrap();
    case.request.env = [("PORT".to_string(), "s3cret-port".to_string())].into();
    let loaded = case.load();
    let shown = case.clean(&loaded) + &crate::diag::json(&loaded.report);
    assert!(loaded.report.count(crate::diag::Severity::Error) == 2, "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("s3cret-port"), "{shown}");
}

#[test]
fn the_agent_is_the_named_one_or_that_of_the_instance_or_of_the_environment_or_the_only_one() {
    let two = GOOD.to_string() + &GOOD.replace("a1.", "a2.");
    let mut case = Case::new(&two);
    let agent = |case: &Case| case.load().graph.map(|graph| graph.agent);
    assert_eq!(agent(&case), None);
    assert_eq!(
        case.clean(&case.load()).replace(&case.request.file.display().to_string(), "FILE"),
        "error[which-agent]: `agent.properties` has several agents (`a1`, `a2`) and none was chosen\n\
         hint: choose one by `-n NAME`, by AGENT_NAME, or by the name of the instance\n"
    );
    case.request.env = [("AGENT_NAME".to_string(), "a2".to_string())].into();
    assert_eq!(agent(&case).as_deref(), Some("a2"));
    case.request.place.instance = "a1".into();
    assert_eq!(agent(&case).as_deref(), Some("a1"));
    case.request.name = Some("a2".into());
    assert_eq!(agent(&case).as_deref(), Some("a2"));
    case.request.name = Some("a22".into());
    assert_eq!(agent(&case), None);
    assert!(
        case.clean(&case.load())
            .contains("has no agent `a22`; it has `a1`, `a2`\nhint: did you mean `-n a2`?")
    );
    let mut only = Case::new(GOOD);
    only.request.place.instance = "orders".into();
    assert_eq!(agent(&only).as_deref(), Some("a1"));
}

#[test]
fn files_that_are_not_there_or_not_text_are_told_by_name() {
    let mut case = Case::new("");
    let (gbk, _, _) = encoding_rs::GBK.encode("a1.sources = 来源\n");
    fs::write(&case.request.file, gbk).unwrap();
    assert_eq!(
        case.clean(&case.load()),
        "error[gbk]: `agent.properties` looks like GBK; agent files are UTF-8\n\
         hint: iconv -f GBK -t UTF-8 agent.properties > agent.properties.utf8\n"
    );
    fs::write(&case.request.file, "\u{feff}".to_string() + GOOD).unwrap();
    assert!(!case.load().fatal());
    fs::write(&case.request.file, vec![0u8; 4096]).unwrap();
    assert!(case.load().fatal());
    case.request.file = case.dir.path().join("nope.properties");
    assert_eq!(
        case.clean(&case.load()),
        "error[unreadable]: cannot read `nope.properties`: No such file or directory (os error 2)\n"
    );
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic(lines in proptest::collection::vec("(a1[.](sources|sinks|channels|sinkgroups)([.](r1|c1|k1|g1)[.](type|channels|channel|sinks|selector.type|interceptors|interceptors.i.type|port))? ?[=:＝] ?(netcat|memory|logger|r1|c1|k1|g1|host|\\$\\{a1.sources\\}|# x| )*)?", 0..20)) {
        let loaded = Case::new(&lines.join("\n")).load();
        let _ = text(&loaded.report) + &crate::diag::json(&loaded.report);
    }
}
