//! What a file becomes.
use std::time::Duration;

use super::*;
use crate::config::guarantee::{Class, promises};
use crate::diag::text;
use crate::flow::Kind;

#[test]
fn a_good_file_becomes_a_graph_and_says_nothing() {
    let loaded = Case::new(GOOD).load();
    let graph = loaded.graph.as_ref().expect("it can run");
    assert_eq!(text(&loaded.report), "");
    assert!(!loaded.fatal());
    assert_eq!(graph.agent, "a1");
    let source = &graph.sources[0];
    assert_eq!((source.node.name.as_str(), source.node.spec.name), ("r1", "netcat"));
    assert_eq!(source.channels, ["c1"]);
    assert_eq!(source.selector.spec.name, "replicating");
    assert_eq!(source.selector.channels, ["c1"]);
    assert_eq!(source.node.values.get("port").map(String::as_str), Some("44444"));
    assert_eq!(source.node.values.get("type"), None, "structure is no value of the component");
    assert_eq!(graph.sinks[0].channel, "c1");
    assert_eq!(graph.sinks[0].retry_delay, Duration::from_secs(5));
    assert_eq!(graph.channels.len(), 1);
    assert!(graph.dropped.is_empty());
}

#[test]
fn toml_says_the_same() {
    let toml = r#"
[a1.sources.r1]
type = "netcat"
bind = "127.0.0.1"
port = 44444
channels = ["c1"]
[a1.channels.c1]
type = "memory"
[a1.sinks]
k1 = { type = "logger", channel = "c1" }
"#;
    let (toml, java) = (Case::named("agent.toml", toml).load(), Case::new(GOOD).load());
    assert_eq!(text(&toml.report), "");
    let (toml, java) = (toml.graph.unwrap(), java.graph.unwrap());
    assert_eq!(toml.sources[0].node.values, java.sources[0].node.values);
    assert_eq!(toml.sources[0].fingerprint, java.sources[0].fingerprint);
    assert_eq!(toml.sinks[0].channel, java.sinks[0].channel);
}

#[test]
fn t9_lists_keep_their_order_and_names_stand_once() {
    let more = "a1.channels.c2.type = memory\na1.channels.c0.type = memory\na1.sinks.k2.type = logger\n\
                a1.sinks.k2.channel = c2\na1.sinks.k0.type = logger\na1.sinks.k0.channel = c0\n";
    let content =
        GOOD.replace("channels = c1", "channels = c2 c1\tc0 c2").replace("sinks = k1", "sinks = k2 k1 k0")
            + more;
    let graph = Case::new(&content).load().graph.unwrap();
    let names: Vec<_> = graph.channels.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["c2", "c1", "c0"]);
    assert_eq!(graph.sources[0].channels, ["c2", "c1", "c0"]);
    let names: Vec<_> = graph.sinks.iter().map(|sink| sink.node.name.as_str()).collect();
    assert_eq!(names, ["k2", "k1", "k0"]);
}

#[test]
fn t2_one_unknown_type_leaves_the_rest_running() {
    let more = "a1.sources.r2.type = nope\na1.sources.r2.channels = c1\n";
    let loaded = Case::new(&(GOOD.replace("sources = r1", "sources = r1 r2") + more)).load();
    assert!(loaded.report.has_errors() && !loaded.fatal());
    let graph = loaded.graph.unwrap();
    assert_eq!(graph.sources.len(), 1);
    assert_eq!((graph.dropped[0].kind, graph.dropped[0].name.as_str()), (Kind::Source, "r2"));
}

#[test]
fn t15_a_group_of_one_sink_needs_no_processor_type() {
    let graph =
        Case::new(&format!("{GOOD}a1.sinkgroups = g1\na1.sinkgroups.g1.sinks = k1\n")).load().graph.unwrap();
    assert_eq!((graph.groups[0].node.name.as_str(), graph.groups[0].node.spec.name), ("g1", "default"));
    assert_eq!(graph.groups[0].sinks, ["k1"]);
    assert!(!graph.groups[0].exactly_once && graph.groups[0].keeps_order);
}

#[test]
fn t16_a_sink_may_be_named_like_a_group() {
    let content = format!("{GOOD}a1.sinkgroups = k1\na1.sinkgroups.k1.sinks = k1\n");
    let loaded = Case::new(&content).load();
    assert_eq!(text(&loaded.report), "");
    assert_eq!(loaded.graph.unwrap().sinks.len(), 1);
}

#[test]
fn what_decides_on_routes_changes_the_fingerprint_and_nothing_else_does() {
    let print = |content: &str| Case::new(content).load().graph.unwrap().sources[0].fingerprint;
    let plain = print(GOOD);
    assert_eq!(plain, print(&GOOD.replace("44444", "44445")));
    let host = format!("{GOOD}a1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = host\n");
    assert_ne!(plain, print(&host));
    assert_ne!(print(&host), print(&format!("{host}a1.sources.r1.interceptors.i.useIP = false\n")));
    let selector = format!("{GOOD}a1.sources.r1.selector.optional = c1\n");
    assert_ne!(plain, print(&selector));
}

#[test]
fn each_path_has_its_class_and_what_would_raise_it() {
    let class = |content: &str| {
        let graph = Case::new(content).load().graph.unwrap();
        let promise = promises(&graph).remove(0);
        (promise.class, promise.raise.is_some())
    };
    assert_eq!(class(GOOD), (Class::BestEffort, true));
    let files = GOOD
        .replace("= netcat", "= spooldir")
        .replace("bind = 127.0.0.1", "spoolDir = /in")
        .replace("a1.sources.r1.port = 44444\n", "");
    assert_eq!(class(&files), (Class::KillRereadable, true));
    let recorded = files.replace("logger", "file_roll") + "a1.sinks.k1.sink.directory = /out\n";
    assert_eq!(class(&recorded), (Class::ExactlyOnce, false));
}
