//! What is said about mistakes. The texts are interface: all of them stand in `mistakes.txt`.
//!
//! After a change that is meant, `BLESS=1 cargo test --lib config::tests` writes the file anew; read the difference.
use super::*;
use crate::diag::{Severity, text};

/// A file with ten different mistakes.
const TEN: &str = include_str!("ten-mistakes.properties");

/// [`GOOD`] with parts replaced and lines added.
fn bad(replaced: &[(&str, &str)], added: &str) -> String {
    replaced.iter().fold(GOOD.to_string(), |text, (from, to)| text.replace(from, to)) + added
}

fn cases() -> Vec<(&'static str, String)> {
    let long = "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.Sp";
    let spool = format!("= {long}\na1.sources.r1.spoolDir = /in");
    let type_is = |name: &str| bad(&[("= netcat", &format!("= {name}"))], "");
    vec![
        ("ten mistakes", TEN.to_string()),
        ("no agent", "hello world\n".to_string()),
        ("a list at the wrong place", bad(&[("a1.channels =", "a1.sinks.channels =")], "")),
        ("a sink for a source", type_is("org.apache.flume.sink.LoggerSink")),
        ("a Java class", type_is("com.stt.demo.flume.Ch01_mySource.MySource")),
        ("a type that is not built yet", type_is("avro")),
        ("no type", bad(&[("a1.sources.r1.type = netcat\n", "")], "")),
        (
            "a class name cut short",
            bad(
                &[
                    ("= netcat", &spool),
                    ("a1.sources.r1.bind = 127.0.0.1\n", ""),
                    ("a1.sources.r1.port = 44444\n", ""),
                ],
                "",
            ),
        ),
        (
            "notes after values",
            bad(
                &[
                    ("= r1", "= r1  # the source"),
                    ("netcat", "netcat # tcp"),
                    ("44444", "44444 # port"),
                    ("127.0.0.1", "127.0.0.1 # here"),
                    ("s = c1", "s = c1 # c1 again"),
                    ("channel = c1", "channel = c1 # from here"),
                ],
                "",
            ),
        ),
        ("full-width separators", bad(&[("bind = ", "bind＝"), ("port = ", "port ： ")], "")),
        (
            "keys of all states",
            bad(
                &[],
                "a1.sources.r1.cipher = x\na1.sources.r1.threads = 4\na1.sources.r1.ack-every-event = yes\n",
            ),
        ),
        ("a secret of the wrong type", bad(&[], "a1.sources.r1.password = hunter2\n")),
        (
            "values that do not fit",
            bad(&[("44444", "70000")], "a1.channels.c1.capacity = lots\na1.sinks.k1.retryDelay = 5s\n"),
        ),
        ("a lenient value out of range", bad(&[], "a1.channels.c1.capacity = -5\n")),
        ("a value that only the component can judge", bad(&[], "a1.channels.c1.capacity = 50\n")),
        (
            "a choice",
            bad(
                &[
                    ("= netcat", "= spooldir"),
                    ("bind = 127.0.0.1", "spoolDir = x"),
                    ("port = 44444", "consumeOrder = oldset"),
                ],
                "a1.sources.r1.directory = y\n",
            ),
        ),
        ("commas", bad(&[("a1.channels = c1", "a1.channels = c1, c2")], "a1.channels.c2.type = memory\n")),
        ("a channel that is not there", bad(&[("r1.channels = c1", "r1.channels = c1 c9")], "")),
        (
            "a group with a processor of later",
            bad(
                &[],
                "a1.sinkgroups = g1 g2\na1.sinkgroups.g1.sinks = k1 k9\na1.sinkgroups.g2.sinks = k1\na1.sinkgroups.g1.processor.type = failover\n",
            ),
        ),
        (
            "a default group of two",
            bad(
                &[("= k1", "= k1 k2")],
                "a1.sinks.k2.type = logger\na1.sinks.k2.channel = c1\na1.sinkgroups = g1\na1.sinkgroups.g1.sinks = k1 k2\n",
            ),
        ),
        (
            "a group over two channels",
            bad(
                &[
                    ("= k1", "= k1 k2"),
                    ("a1.channels = c1", "a1.channels = c1 c2"),
                    ("r1.channels = c1", "r1.channels = c1 c2"),
                ],
                "a1.channels.c2.type = memory\na1.sinks.k2.type = logger\na1.sinks.k2.channel = c2\na1.sinkgroups = g1\na1.sinkgroups.g1.sinks = k1 k2\n",
            ),
        ),
        (
            "selector and interceptors",
            bad(
                &[],
                "a1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.mapping.x = c1 c2\na1.sources.r1.interceptors = i1 i2\na1.sources.r1.interceptors.i1.type = host\na1.sources.r1.interceptors.i3.type = host\n",
            ),
        ),
        (
            "multiplexing without default",
            bad(&[], "a1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.mapping.x = c1\n"),
        ),
        (
            "a batch that is too large",
            bad(
                &[("logger", "file_roll")],
                "a1.sinks.k1.sink.directory = /out\na1.sinks.k1.batchSize = 500\n",
            ),
        ),
        (
            "an empty value, and a key that belongs to nobody",
            bad(&[], "a1.sources.r1.ack-every-event =\nloose = 1\n"),
        ),
        (
            "a config filter without keys, and one that is not there",
            bad(&[("127.0.0.1", "${f1['host']}"), ("= logger", "= ${f2[sink]}")], "a1.configfilters = f1\n"),
        ),
        (
            "config filters that cannot work",
            bad(
                &[("127.0.0.1", "${f1['host']}"), ("44444", "${f6[port]}")],
                "a1.configfilters = f1 f2 f3 f4 f5 f6 # six\na1.configfilters.f1.command = x\na1.configfilters.f2.type = enf\n\
                 a1.configfilters.f3.type = com.example.VaultConfigFilter\na1.configfilters.f4.type = hadoop\n\
                 a1.configfilters.f4.credential.provider.path = jceks://file/etc/x.jceks\na1.configfilters.f5.type = external\n\
                 a1.configfilters.f6.type = External\na1.configfilters.f6.command = printf\na1.configfilters.f6.charset = UTF-9\n",
            ),
        ),
        (
            "config filters and their keys",
            bad(
                &[
                    ("127.0.0.1", "${f1['NOPE']} ${fi['x']:-y}"),
                    ("= c1\na1.sinks =", "= c1 ${f1[x]}\na1.sinks ="),
                ],
                "a1.configfilters = f1\na1.configfilters.f1.type = org.apache.flume.configfilter.EnvironmentVariableConfigFilter\n\
                 a1.configfilters.f1.command = echo ${f1[x]}\na1.configfilters.f2.type = env\na1.configfilters.f1 = env\na1.sinks.k1.retryDelay = ${F1['x']}\n",
            ),
        ),
        (
            "programs of config filters",
            bad(
                &[
                    ("127.0.0.1", "${f1['x']}"),
                    ("44444", "${f2['x']}"),
                    ("= logger", "= ${f3['x']}"),
                    ("= memory", "= ${f4['a.b']}"),
                ],
                "a1.configfilters = f1 f2 f3 f4\na1.configfilters.f1.type = external\na1.configfilters.f1.command = false\n\
                 a1.configfilters.f2.type = external\na1.configfilters.f2.command = /no/such/program\n\
                 a1.configfilters.f3.type = external\na1.configfilters.f3.command = true\n\
                 a1.configfilters.f4.type = external\na1.configfilters.f4.command = printf logger\\n\n",
            ),
        ),
        (
            "dates, and a Java that is not there",
            bad(
                &[("127.0.0.1", "${date:yyyy-MM-ddTHH}"), ("= logger", "= ${java:version}")],
                "a1.sinks.k1.retryDelay = ${date:HH'}\n",
            ),
        ),
        ("references to nothing", bad(&[("127.0.0.1", "${env:NOPE}"), ("44444", "${port")], "")),
    ]
}

#[test]
fn every_text_is_as_it_stands_in_the_file() {
    let mut all = String::new();
    for (name, content) in cases() {
        let case = Case::new(&content);
        let loaded = case.load();
        all += &format!("===== {name}\n{}", case.clean(&loaded));
        for dropped in loaded.graph.iter().flat_map(|graph| &graph.dropped) {
            all += &format!("left out: {} `{}`: {}\n", dropped.kind.word(), dropped.name, dropped.why);
        }
        all += &format!("===> {}\n\n", if loaded.fatal() { "nothing runs" } else { "runs" });
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/mistakes.txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(file, &all).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap();
    for (case, expected) in all.split("===== ").zip(expected.split("===== ")) {
        assert_eq!(case, expected);
    }
    assert_eq!(all, expected);
}

#[test]
fn ten_mistakes_give_ten_problems_each_at_its_line_and_column() {
    let loaded = Case::new(TEN).load();
    let places: Vec<_> = loaded
        .report
        .in_order()
        .iter()
        .map(|d| {
            let span = d.span.expect("each has a place");
            let spot = loaded.report.files.spot(span.file, span.start);
            (d.code, spot.line, spot.column)
        })
        .collect();
    assert_eq!(
        places,
        [
            ("unknown-kind", 8, 4),
            ("bad-number", 11, 22),
            ("unknown-agent", 13, 1),
            ("unknown-type", 15, 22),
            ("unknown-key", 24, 16),
            ("missing-key", 27, 20),
            ("missing-key", 30, 13),
            ("unlisted", 34, 13),
            ("duplicate-key", 37, 1),
            ("unknown-channel", 37, 23),
        ]
    );
    assert!(!loaded.fatal(), "one flow is whole and runs");
}

#[test]
fn strict_turns_warnings_and_repairs_into_errors_and_starts_nothing() {
    for content in [
        bad(&[("44444", "44444 # port")], ""),
        bad(&[], "a1.sources.r1.portt = 1\n"),
        bad(&[("bind =", "bind＝")], ""),
    ] {
        assert!(!Case::new(&content).load().fatal(), "{content}");
        let strict = Case::new(&content).strict().load();
        assert!(strict.fatal() && strict.report.count(Severity::Error) == 1, "{}", text(&strict.report));
    }
    let alias = bad(
        &[
            ("= netcat", "= spooldir"),
            ("bind", "directory"),
            ("127.0.0.1", "/in"),
            ("a1.sources.r1.port = 44444\n", ""),
        ],
        "",
    );
    assert!(!Case::new(&alias).strict().load().fatal(), "an alias is only a note");
}
