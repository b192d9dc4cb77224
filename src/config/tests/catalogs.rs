//! Agent files that name entries of the env catalogs.
use super::*;

/// An agent file whose sink goes to a cluster, with catalogs beside it.
fn case(sink: &str, files: &[(&str, &str)]) -> Case {
    let sink = format!("a1.sinks.k1.type = cluster\n{sink}");
    let case = Case::new(&GOOD.replace("a1.sinks.k1.type = logger\n", &sink));
    for (path, content) in files {
        let file = case.dir.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    case
}

const ITOSI: (&str, &str) = ("env/kafka/itosi.toml", "brokers = [\"k:9092\"]\nbatch_size = 7\n");

/// What is said, and whether the sink runs.
fn told(case: &Case) -> (String, bool) {
    let loaded = case.load();
    let runs = loaded.graph.as_ref().is_some_and(|graph| graph.sinks.len() == 1);
    (case.clean(&loaded), runs)
}

#[test]
fn an_entry_is_found_beside_the_agent_file_and_nothing_is_said() {
    assert_eq!(told(&case("a1.sinks.k1.topics = itosi.orders\n", &[ITOSI])), (String::new(), true));
    let own = ("agent.d/env/kafka/itosi.toml", "brokers = 'own:9092'\nnew = 1\n");
    let (text, runs) = told(&case("a1.sinks.k1.topics = itosi.orders\n", &[ITOSI, own]));
    assert!(runs && text.contains("--> agent.d/env/kafka/itosi.toml:2:1\n"), "{text}");
}

#[test]
fn the_environment_names_a_place_that_comes_first() {
    let mut case = case(
        "a1.sinks.k1.kafka_name = itosi\na1.sinks.k1.topics = t\n",
        &[ITOSI, ("old/common/kafka/itosi.xml", "<x/>")],
    );
    case.request.env.insert("DATAFLOWKIT_ENV_ROOT".into(), case.dir.path().join("old").display().to_string());
    let (text, runs) = told(&case);
    assert!(
        !runs
            && text
                .contains("error[no-entry]: `x` is no catalog entry\n  --> old/common/kafka/itosi.xml:1:1\n"),
        "{text}"
    );
}

#[test]
fn an_unknown_entry_is_told_at_its_key_with_the_names_and_places() {
    let (text, runs) = told(&case("a1.sinks.k1.topics = itosy.orders\n", &[ITOSI]));
    assert!(!runs);
    assert_eq!(
        text,
        "error[refused-value]: sink `k1` (cluster): `itosy.orders`: the env catalogs have no kafka entry `itosy`: there is `itosi`\n  \
         --> agent.properties:10:22\n\
         10 | a1.sinks.k1.topics = itosy.orders\n   |                      ^^^^^^^^^^^^\n\
         hint: did you mean `itosi`? searched: `agent.d/env/kafka`, `/etc/dataflowkit/agent.d/env/kafka`, `env/kafka`, \
         `env_root/{env/common,common,evn/common}/kafka`, `/etc/dataflowkit/env/kafka`, \
         `/etc/dataflowkit/env_root/{env/common,common,evn/common}/kafka`, `/usr/lib/dataflowkit/env/kafka`\n"
    );
}

#[test]
fn a_broken_entry_is_told_where_it_is_and_where_it_is_named() {
    let broken = ("env/kafka/itosi.toml", "brokers = \"k:9092\"\nacks = 2\n");
    let (text, runs) = told(&case("a1.sinks.k1.kafka_name = itosi\na1.sinks.k1.topics = t\n", &[broken]));
    assert!(!runs);
    assert!(
        text.contains(
            "error[refused-value]: sink `k1` (cluster): kafka entry `itosi` cannot be used: env/kafka/itosi.toml:2:8: \
             kafka entry `itosi`: `acks` must be one of `0`, `1`, `all`, not `2`\n  --> agent.properties:10:26\n"
        ),
        "{text}"
    );
    assert!(text.contains("error[bad-choice]: kafka entry `itosi`: `acks` must be one of `0`, `1`, `all`, not `2`\n  --> env/kafka/itosi.toml:2:8\n"), "{text}");
}

#[test]
fn entries_that_nobody_names_are_not_read() {
    let broken = ("env/kafka/other.toml", "nonsense");
    assert_eq!(told(&case("a1.sinks.k1.topics = itosi.orders\n", &[ITOSI, broken])), (String::new(), true));
}

#[test]
fn a_full_width_separator_before_the_name_is_repaired() {
    for line in ["kafka_name ＝ itosi", "kafka_name＝itosi", "kafka_name ：itosi"] {
        let (text, runs) = told(&case(&format!("a1.sinks.k1.{line}\na1.sinks.k1.topics = t\n"), &[ITOSI]));
        assert!(runs && text.starts_with("note[full-width-separator]: "), "{line}: {text}");
    }
}

#[test]
fn the_component_beats_the_entry_and_the_entry_the_default() {
    let keeps_record = |lines: &str, entry: &str| {
        let case =
            case(&format!("a1.sinks.k1.topics = itosi.t\n{lines}"), &[("env/kafka/itosi.toml", entry)]);
        case.load().graph.unwrap().sinks[0].keeps_record
    };
    assert!(keeps_record("a1.sinks.k1.batchSize = 7\n", "brokers = 'k'\nbatch_size = 8\n"));
    assert!(!keeps_record("a1.sinks.k1.batchSize = 8\n", ITOSI.1));
    assert!(keeps_record("", ITOSI.1));
    assert!(!keeps_record("", "brokers = 'k'\n"), "the default is 100");
}
