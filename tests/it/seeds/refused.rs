//! Seeds that cannot run as they are printed: what `check` and the agent say of them.
use super::{check, says, seed};
use crate::support::Agent;

/// What `check` prints; it ends with 1.
fn findings(name: &str) -> String {
    let output = check(name, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    text
}

fn java_class(name: &str, kind: &str, class: &str) {
    let text = findings(name);
    let words = format!(
        "error[java-class]: {kind}: Java class `{class}` is not known, and Java plug-ins cannot be loaded"
    );
    assert!(text.contains(&words), "{text}");
    assert!(
        text.contains("hint: rewrite it as a program in any language and run that: `type = exec`"),
        "{text}"
    );
    // Nothing of this agent is left that could run.
    let mut agent = Agent::new(&seed(name, &[]));
    agent.spawn();
    says(&agent, &words);
}

#[test]
fn seed_001_mysource_names_the_java_class_and_the_way_out() {
    java_class("001-mysource", "source `r1`", "com.stt.demo.flume.Ch01_mySource.MySource");
}

#[test]
fn seed_001_mysink_names_the_java_class_and_the_way_out() {
    java_class("001-mysink", "sink `k1`", "com.stt.demo.flume.Ch02_mySink.MySink");
}

#[test]
fn seed_000_a_file_sink_as_printed_is_told_where_the_channels_belong() {
    let text = findings("000-file-sink-as-printed");
    assert!(text.contains("hint: did you mean `agent.channels`?"), "{text}");
    let mut agent = Agent::new(&seed("000-file-sink-as-printed", &[]));
    assert_eq!(agent.run().code(), Some(78), "{}", agent.story());
}

#[test]
fn seed_000_a_syslog_sink_as_printed_is_told_where_its_class_belongs() {
    let text = findings("000-syslog-sink-as-printed");
    assert!(text.contains("hint: move it to `agent.sinks.NAME.type`"), "{text}");
}
