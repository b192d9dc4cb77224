//! Mistakes in the agent file.
use super::{CONFIG, agent, append, arrives, lines, says, shows};
use crate::support::Agent;

#[test]
fn an_unknown_key_is_told_with_place_and_nearest_name_and_changes_nothing_else() {
    let mut agent = agent();
    agent.configure(&format!("{CONFIG}a1.sources.r1.batchsize = 7\n"));
    append(&agent, "in/a.log", lines(0..10));
    agent.start();
    arrives(&agent, lines(0..10));
    says(&agent, "source `r1` (taildir) has no key `batchsize`");
    let line = CONFIG.lines().count() + 1;
    says(&agent, &format!("agent.properties:{line}:15"));
    says(&agent, "did you mean `batchSize`?");
    says(&agent, "`dataflowkit explain source taildir` lists its keys");
    agent.stop();
}

const BROKEN: &str = "
a1.sources = r1 r2
a1.sources.r2.type = netcatt
a1.sources.r2.bind = 127.0.0.1
a1.sources.r2.port = 0
a1.sources.r2.channels = c1
";

fn broken() -> String {
    CONFIG.replace("\na1.sources = r1\n", BROKEN)
}

#[test]
fn an_unknown_type_is_left_out_loudly_and_the_rest_runs() {
    let mut agent = agent();
    agent.configure(&broken());
    append(&agent, "in/a.log", lines(0..10));
    agent.start();
    arrives(&agent, lines(0..10));
    says(&agent, "agent.properties:3:22");
    says(&agent, "did you mean `netcat`?");
    says(&agent, "`dataflowkit explain source` lists the types");
    shows(&agent, "NOT RUNNING: source `r2`");
    says(&agent, "NOT RUNNING: source `r2`");
    agent.stop();
}

#[test]
fn strict_refuses_what_would_be_left_out_and_unknown_keys() {
    for config in [broken(), format!("{CONFIG}a1.sources.r1.batchsize = 7\n")] {
        let mut agent = Agent::new(&config).with(&["--strict"]);
        assert_eq!(agent.run().code(), Some(78), "{}", agent.story());
        assert!(!agent.path("out").exists());
    }
}

#[test]
fn a_file_that_cannot_run_at_all_ends_with_78_and_the_reason() {
    let cases = [
        ("", "has no"),
        ("a1.sources = r1\n", "has no"),
        (&CONFIG.replace("TAILDIR", "jms"), "not in this version yet"),
        (&CONFIG.replace("filegroups.g = ", "filegroups.g = @DIR@/in/[\n#"), "filegroups.g"),
    ];
    for (config, words) in cases {
        let mut agent = Agent::new(config).with(&["--strict"]);
        assert_eq!(agent.run().code(), Some(78), "{}", agent.story());
        says(&agent, words);
    }
    let mut agent = Agent::new("").with(&["-f", "/nowhere/a.properties"]);
    assert_eq!(agent.run().code(), Some(78), "{}", agent.story());
    says(&agent, "cannot read `/nowhere/a.properties`: No such file or directory");
}
