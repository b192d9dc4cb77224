//! The seeds with a Kafka sink, each with its outcome, and kcat as who reads.
//!
//! A seed is run as it is but for ports; the catalog is the seed's own with the broker's address.
use std::fs;
use std::io::Write;
use std::path::Path;

use crate::support::kafka::{Broker, Kcat, Version};
use crate::support::{Agent, until};

fn seed(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seed-configs").join(path)).unwrap()
}

fn agent(name: &str, broker: &Broker) -> Agent {
    let text = seed(&format!("{name}.properties")).replace("= 44444", "= 0");
    Agent::new(&text.replace("127.0.0.1:9092", broker.bootstrap()))
}

/// Lines by the netcat source; each is answered.
fn send(agent: &Agent, lines: &str) {
    agent.connect().write_all(lines.as_bytes()).unwrap();
}

fn arrives(agent: &Agent, kcat: &Kcat, expected: &str) {
    let all = || String::from_utf8(kcat.consume("zhangleitest", 0)).unwrap();
    assert!(until(|| all() == expected), "{}\n{}\n{}", all(), agent.status(&[]), agent.story());
}

#[test]
fn seed_000_kafka_sink_by_its_catalog_and_by_the_names_of_its_table() {
    let broker = Broker::start(Version::V3, &[]);
    broker.create("zhangleitest", 1, &["max.message.bytes=3000000"]);
    let kcat = Kcat::at(&broker);
    let before = by_its_catalog(&broker, &kcat);
    by_the_names_of_its_table(&broker, &kcat, &before);
}

fn by_its_catalog(broker: &Broker, kcat: &Kcat) -> String {
    let agent = agent("000-kafka-sink", broker);
    let root = agent.path("env_root");
    fs::create_dir_all(root.join("common/kafka")).unwrap();
    let entry = seed("env_root/common/kafka/itosi.xml").replace("127.0.0.1:9092", broker.bootstrap());
    fs::write(root.join("common/kafka/itosi.xml"), entry).unwrap();
    let mut agent = agent.with(&["--env-root", root.to_str().unwrap()]);
    agent.start();
    let warned = "`acks = 0` asks for no answer: nothing tells what has arrived, and nothing is promised";
    assert!(agent.log().contains(warned), "{}", agent.log());
    let text: String = (0..1000).map(|number| format!("event {number}\n")).collect();
    send(&agent, &text);
    arrives(&agent, kcat, &text);
    let codecs = codecs(broker);
    assert!(!codecs.is_empty() && codecs.iter().all(|codec| *codec == GZIP), "{codecs:?}");
    agent.stop();
    text
}

const GZIP: u8 = 1;

/// Of the batches in the broker's log: `[offset i64][length i32][epoch i32][magic u8][crc u32][attributes i16]…`, of which
/// the codec is the lowest three bits.
fn codecs(broker: &Broker) -> Vec<u8> {
    let dir = Path::new(broker.told("dir")).join("data/zhangleitest-0");
    let log = fs::read(dir.join("00000000000000000000.log")).unwrap();
    let (mut rest, mut codecs) = (&log[..], Vec::new());
    while rest.len() > 23 {
        let length = u32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        codecs.push(rest[22] & 7);
        rest = rest.get(12 + length..).unwrap_or_default();
    }
    codecs
}

fn by_the_names_of_its_table(broker: &Broker, kcat: &Kcat, before: &str) {
    let mut agent = agent("000-kafka-sink-table-names", broker);
    agent.start();
    assert_eq!(
        agent.log().matches("`toppic` is another spelling of").count(),
        1,
        "one lint\n{}",
        agent.log()
    );
    send(&agent, "one\ntwo\n");
    arrives(&agent, kcat, &format!("{before}one\ntwo\n"));
    agent.stop();
}
