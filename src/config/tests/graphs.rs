//! What a file becomes.
use std::time::Duration;

use super::*;

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
    assert_eq!(graph.sinks[0].channel, "c1");
    assert_eq!(graph.sinks[0].retry_delay, Duration::from_secs(5));
    assert_eq!(graph.channels.len(), 1);
    assert!(graph.dropped.is_empty());
}
