//! Avro containers: whole whenever they are looked at, and each with one schema.
use super::*;
use crate::codec::avro::wire::{Input, put_bytes, put_long};
use crate::codec::avro::{Block, Header};
use crate::flow::Sink;

/// Each record of a container that must be whole.
fn records(path: &Path) -> (String, Vec<Vec<u8>>) {
    let bytes = fs::read(path).unwrap();
    let header = Header::read(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let (mut at, mut records) = (header.length, Vec::new());
    while at < bytes.len() {
        let block = Block::read(&bytes[at..], &header.sync)
            .unwrap_or_else(|fault| panic!("{} at {at}: {fault}", path.display()));
        let datums = header.codec.unpack(block.packed).unwrap();
        let mut input = Input::new(&datums);
        for _ in 0..block.count {
            let from = input.at();
            header.schema.skip(&mut input).unwrap();
            records.push(datums[from..input.at()].to_vec());
        }
        at += block.length;
    }
    (header.text, records)
}

/// The bodies of Flume's events, a line each; none where the file has no byte yet.
pub fn bodies(path: &Path) -> Vec<String> {
    if size(path) == 0 {
        return Vec::new();
    }
    let body = |record: &Vec<u8>| {
        let mut input = Input::new(record);
        assert_eq!(input.long(), Ok(0), "no headers");
        format!("{}\n", String::from_utf8(input.bytes().unwrap().to_vec()).unwrap())
    };
    records(path).1.iter().map(body).collect()
}

fn datum_rig(schema_url: Option<&str>) -> Rig {
    let blocks = Blocks { codec: Codec::Deflate, interval: 100 };
    let serializer = Serializer::AvroDatum { blocks, schema_url: schema_url.map(Into::into) };
    Rig { serializer, ..Rig::new() }
}

const STRING: &str = r#""string""#;
const LONG: &str = r#""long""#;

/// Events from this number on, each with the schema of its body.
fn datums(rig: &Rig, from: u64, schemas: &[&str]) -> Batch {
    let mut builder = Builder::default();
    for (n, schema) in (from..).zip(schemas) {
        let mut body = Vec::new();
        match *schema {
            LONG => put_long(n as i64, &mut body),
            _ => put_bytes(n.to_string().as_bytes(), &mut body),
        }
        builder.push(&body, n..n + 1).header("flume.avro.schema.literal", schema);
    }
    builder.finish(Some(Span::new(rig.stream.clone(), from, from + schemas.len() as u64)))
}

fn shape(rig: &Rig) -> Vec<(String, usize)> {
    let files = rig.files();
    files.values().map(|path| records(path)).map(|(schema, records)| (schema, records.len())).collect()
}

#[test]
fn another_schema_begins_another_file() {
    let rig = datum_rig(None);
    let (mut sink, _) = rig.start();
    deliver(&mut sink, datums(&rig, 0, &[STRING, STRING])).unwrap();
    deliver(&mut sink, datums(&rig, 2, &[STRING, LONG, LONG])).unwrap();
    deliver(&mut sink, datums(&rig, 5, &[STRING])).unwrap();
    drop(sink);
    let (_sink, marks) = rig.start();
    assert_eq!(rig.low(&marks), 6);
    assert_eq!(shape(&rig), [(STRING.into(), 3), (LONG.into(), 2), (STRING.into(), 1)]);
}

#[test]
fn d2_where_the_second_schema_fails_the_record_tells_what_is_there() {
    let rig = datum_rig(None);
    let (mut sink, _) = rig.start();
    deliver(&mut sink, datums(&rig, 0, &[STRING])).unwrap();
    // No new file can be made: of a name that is longer than names may be.
    sink.names = Names::new(Manager::Default, &"x".repeat(300), "");
    let told = deliver(&mut sink, datums(&rig, 1, &[STRING, LONG])).unwrap_err();
    assert!(matches!(told, DeliverError::InDoubt(..)), "{told}");
    assert_eq!(rig.low(&sink.delivered(&key()).unwrap()), 2);
    sink.names = Names::new(Manager::Default, "", "");
    deliver(&mut sink, datums(&rig, 2, &[LONG])).unwrap();
    assert_eq!(shape(&rig), [(STRING.into(), 2), (LONG.into(), 1)]);
}

#[test]
fn a_body_that_would_spoil_its_file_is_refused_before_anything_is_written() {
    let rig = datum_rig(None);
    let (mut sink, _) = rig.start();
    let told = deliver(&mut sink, rig.lines(0, 3)).unwrap_err();
    assert!(matches!(&told, DeliverError::Refused(what) if what.contains("Avro schema")), "{told}");
    assert_eq!(rig.files().len(), 0);
    deliver(&mut sink, Batch::empty(Span::new(rig.stream.clone(), 0, 3))).unwrap();
    drop(sink);
    assert_eq!(rig.low(&rig.start().1), 3);
}

#[test]
fn a_schema_in_a_file_is_read_and_one_that_is_not_there_is_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("s.avsc");
    let rig = datum_rig(Some(&format!("file://{}", path.display())));
    let (mut sink, _) = rig.start();
    let batch = || {
        let span = Span::new(rig.stream.clone(), 0, 1);
        Builder::default().push(b"\x06", 0..1).finish(Some(span))
    };
    assert!(matches!(deliver(&mut sink, batch()), Err(DeliverError::NotThere(..))));
    fs::write(&path, " \"long\" ").unwrap();
    deliver(&mut sink, batch()).unwrap();
    assert_eq!(shape(&rig), [(LONG.into(), 1)]);
}
