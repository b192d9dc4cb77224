//! Avro containers through the binary: read record by record, written again, killed in between, broken ones told.
use std::fs;
use std::path::{Path, PathBuf};

use dataflowkit::codec::avro::wire::{Input, put_bytes, put_long};
use dataflowkit::codec::avro::{Block, Codec, Header, container};

use crate::support::{Agent, count, until};

const CONFIG: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = spooldir
a1.sources.r1.spoolDir = @DIR@/in
a1.sources.r1.channels = c1
a1.sources.r1.deserializer = AVRO
a1.sources.r1.deserializer.schemaType = LITERAL
a1.sources.r1.batchSize = 50
a1.sources.r1.quietTime = 20
a1.sources.r1.drainQuiet = 200
a1.channels.c1.type = memory
a1.channels.c1.capacity = 1000
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.batchSize = 10
a1.sinks.k1.sink.serializer = org.apache.flume.sink.hdfs.AvroEventSerializer$Builder
a1.sinks.k1.sink.serializer.compressionCodec = deflate
";

const SCHEMA: &str =
    r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"text","type":"string"}]}"#;
const SYNC: container::Sync = *b"spooldir's input";

/// A container of numbered records, a thousand to a block.
fn input(records: std::ops::Range<u64>, codec: Codec) -> Vec<u8> {
    let mut out = Vec::new();
    container::put_header(SCHEMA, codec, &SYNC, &mut out);
    let numbers: Vec<u64> = records.collect();
    for numbers in numbers.chunks(1000) {
        let mut datums = Vec::new();
        for number in numbers {
            put_long(*number as i64, &mut datums);
            put_bytes(b"the same text in every record, so that a block packs well", &mut datums);
        }
        container::put_block(numbers.len() as u64, &datums, codec, &SYNC, &mut out).unwrap();
    }
    out
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')).collect()
}

/// The numbers of all records of whole containers.
fn numbers(dir: &Path) -> Vec<i64> {
    let mut numbers = Vec::new();
    for path in files(dir) {
        let bytes = fs::read(&path).unwrap();
        let header = Header::read(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert_eq!((header.text.as_str(), header.codec), (SCHEMA, Codec::Deflate));
        let mut at = header.length;
        while at < bytes.len() {
            let block = Block::read(&bytes[at..], &header.sync)
                .unwrap_or_else(|fault| panic!("{} at {at}: {fault}", path.display()));
            let datums = header.codec.unpack(block.packed).unwrap();
            let mut input = Input::new(&datums);
            for _ in 0..block.count {
                numbers.push(input.long().unwrap());
                input.bytes().unwrap();
            }
            at += block.length;
        }
    }
    numbers.sort_unstable();
    numbers
}

fn written(dir: &Path) -> u64 {
    files(dir).iter().map(|path| fs::metadata(path).map_or(0, |meta| meta.len())).sum()
}

#[test]
fn records_of_packed_containers_come_once_through_a_memory_channel_and_kills() {
    let records = count(40_000, 1_000_000);
    let mut agent = Agent::new(CONFIG);
    fs::create_dir(agent.path("in")).unwrap();
    fs::write(agent.path("in/a.avro"), input(0..records / 2, Codec::Snappy)).unwrap();
    fs::write(agent.path("in/b.avro"), input(records / 2..records, Codec::Deflate)).unwrap();
    let mut kills = 0;
    for _ in 0..4 {
        let before = written(&agent.path("out"));
        agent.spawn();
        until(|| written(&agent.path("out")) > before + 3_000 || agent.path("in/b.avro.COMPLETED").exists());
        kills += u32::from(!agent.path("in/b.avro.COMPLETED").exists());
        agent.kill();
    }
    assert!(kills > 0, "it was through before it could be killed\n{}", agent.story());
    let mut agent = agent.with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    assert_eq!(numbers(&agent.path("out")), (0..records as i64).collect::<Vec<_>>(), "{}", agent.story());
    assert!(["a", "b"].iter().all(|name| agent.path(&format!("in/{name}.avro.COMPLETED")).exists()));
}

#[test]
fn a_broken_container_is_told_counted_and_set_aside_and_its_good_blocks_are_shipped() {
    let mut agent = Agent::new(CONFIG);
    fs::create_dir(agent.path("in")).unwrap();
    let mut torn = input(0..3000, Codec::Null);
    torn.truncate(torn.len() - 100);
    fs::write(agent.path("in/torn.avro"), torn).unwrap();
    fs::write(agent.path("in/notes.txt"), "no Avro at all\n").unwrap();
    fs::write(agent.path("in/fine.avro"), input(5000..5010, Codec::Null)).unwrap();
    agent.start();
    let names = ["torn.avro.FAILED", "notes.txt.FAILED", "fine.avro.COMPLETED"];
    let done = || names.iter().all(|name| agent.path(&format!("in/{name}")).exists());
    assert!(until(done), "{}", agent.story());
    for words in [
        "it ends inside a block; what lies before was shipped, and it is set aside as `.FAILED`",
        "notes.txt` is no Avro after byte 0 and 0 records: it does not begin as an Avro container",
    ] {
        assert!(until(|| agent.log().contains(words)), "not said: {words}\n{}", agent.story());
    }
    assert!(
        agent.status(&["--json"]).contains("\"decode_errors_total\": 2"),
        "{}",
        agent.status(&["--json"])
    );
    agent.stop();
    let expected: Vec<i64> = (0..2000).chain(5000..5010).collect();
    assert_eq!(numbers(&agent.path("out")), expected, "{}", agent.story());
}

#[test]
fn events_of_flume_become_containers_that_a_spooldir_reads_again() {
    let mut agent = Agent::new(
        &CONFIG
            .replace("org.apache.flume.sink.hdfs.AvroEventSerializer$Builder", "avro_event")
            .replace("= AVRO", "= LINE"),
    )
    .with(&["--until-drained"]);
    fs::create_dir(agent.path("in")).unwrap();
    fs::write(agent.path("in/a.log"), "one\ntwo\n").unwrap();
    assert!(agent.run().success(), "{}", agent.story());
    let written = files(&agent.path("out"));
    let mut again =
        Agent::new(&CONFIG.replace("org.apache.flume.sink.hdfs.AvroEventSerializer$Builder", "json"))
            .with(&["--until-drained"]);
    fs::create_dir(again.path("in")).unwrap();
    fs::copy(&written[0], again.path("in/events.avro")).unwrap();
    assert!(again.run().success(), "{}", again.story());
    let text = fs::read_to_string(&files(&again.path("out"))[0]).unwrap();
    let bodies: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("\"body\":").map(|(_, body)| body)).collect();
    assert_eq!(
        bodies,
        [r#""\u0000\u0006one"}"#, r#""\u0000\u0006two"}"#],
        "the bare datums: no headers, a body\n{text}"
    );
    assert!(
        text.starts_with(
            r#"{"headers":{"flume.avro.schema.literal":"{\"type\":\"record\",\"name\":\"Event\""#
        ),
        "{text}"
    );
}
