//! Records of Avro containers: every one once, whatever happens in between, and what is broken is told.
use super::*;
use crate::codec::avro::wire::put_bytes;
use crate::codec::avro::{Codec, container};

const SYNC: container::Sync = *b"0123456789abcdef";
const SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}"#;

fn header(codec: Codec) -> Vec<u8> {
    let mut out = Vec::new();
    container::put_header(SCHEMA, codec, &SYNC, &mut out);
    out
}

fn block(codec: Codec, texts: &[String]) -> Vec<u8> {
    let (mut datums, mut out) = (Vec::new(), Vec::new());
    texts.iter().for_each(|text| put_bytes(text.as_bytes(), &mut datums));
    container::put_block(texts.len() as u64, &datums, codec, &SYNC, &mut out).unwrap();
    out
}

fn datum(text: &str) -> String {
    let mut out = Vec::new();
    put_bytes(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

fn datums(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| datum(text)).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("n{n:05}")).collect()
}

fn avro(more: &[(&str, &str)]) -> Rig {
    rig(&[&[("deserializer", "AVRO")], more].concat())
}

#[test]
fn every_record_is_an_event_and_a_header_tells_its_schema() {
    for (codec, kind) in [(Codec::Null, "HASH"), (Codec::Deflate, "LITERAL"), (Codec::Snappy, "HASH")] {
        let mut rig = avro(&[("deserializer.schemaType", kind), ("fileHeader", "true")]);
        let texts = numbered(5000);
        let mut file = header(codec);
        texts.chunks(700).for_each(|texts| file.extend(block(codec, texts)));
        rig.write("in/a.avro", file);
        rig.drain();
        assert_eq!(rig.bodies(), datums(&texts), "{codec:?}");
        let headers = &rig.events()[4999].headers;
        match kind {
            "HASH" => assert_eq!(headers.get("flume.avro.schema.hash").map(str::len), Some(16)),
            _ => {
                let text = r#"{"type":"record","name":"R","fields":[{"name":"text","type":"string"}]}"#;
                assert_eq!(headers.get("flume.avro.schema.literal"), Some(text));
            }
        }
        assert!(headers.get("file").is_some() && rig.exists("in/a.avro.COMPLETED"));
    }
}

#[test]
fn a_kill_inside_a_packed_block_repeats_and_loses_nothing() {
    // All alike: there are far more records than bytes in the file.
    for (codec, texts) in [(Codec::Deflate, vec!["same".to_string(); 3000]), (Codec::Null, numbered(3000))] {
        let mut rig = avro(&[("batchSize", "7")]);
        let mut file = header(codec);
        texts.chunks(1000).for_each(|texts| file.extend(block(codec, texts)));
        rig.write("in/a", file);
        for _ in 0..5 {
            rig.start();
            Stop::new().wait(Duration::from_millis(20));
            rig.deliver(23);
            rig.kill();
        }
        rig.drain();
        assert_eq!(rig.bodies(), datums(&texts), "{codec:?}");
        assert!(rig.exists("in/a.COMPLETED"));
    }
}

#[test]
fn a_hole_inside_a_block_is_filled_and_nothing_else_comes_again() {
    let mut rig = avro(&[("batchSize", "10")]);
    let texts = numbered(60);
    rig.write("in/a", [header(Codec::Deflate), block(Codec::Deflate, &texts)].concat());
    rig.start();
    rig.leave_a_hole(6);
    rig.kill();
    rig.drain();
    let mut bodies = rig.bodies();
    bodies.sort();
    assert_eq!(bodies, datums(&texts));
}

#[test]
fn a_file_that_is_still_written_is_waited_for() {
    let mut rig = avro(&[("quietTime", "200")]);
    let (head, one, two) =
        (header(Codec::Null), block(Codec::Null, &numbered(3)), block(Codec::Null, &numbered(2)));
    rig.write("in/a", &head[..20]);
    rig.start();
    rig.settle(30);
    rig.append("in/a", [&head[20..], &one, &two[..5]].concat());
    rig.until("the whole block", |rig| rig.bodies().len() == 3);
    rig.append("in/a", &two[5..]);
    rig.until("renamed", |rig| rig.exists("in/a.COMPLETED"));
    assert_eq!(rig.bodies().len(), 5);
    rig.stop();
}

#[test]
fn an_empty_file_and_one_without_records_give_none() {
    let mut rig = avro(&[]);
    rig.write("in/empty", "");
    rig.write("in/bare", header(Codec::Deflate));
    rig.write(
        "in/blocks",
        [header(Codec::Null), block(Codec::Null, &[]), block(Codec::Null, &numbered(1))].concat(),
    );
    rig.drain();
    assert_eq!(rig.bodies(), datums(&numbered(1)));
    assert!(["empty", "bare", "blocks"].iter().all(|name| rig.exists(&format!("in/{name}.COMPLETED"))));
}

#[test]
fn what_is_broken_is_set_aside_behind_its_good_records_and_others_go_on() {
    let (head, good) = (header(Codec::Null), block(Codec::Null, &numbered(3)));
    let mut torn = block(Codec::Null, &numbered(4));
    torn.truncate(torn.len() - 20);
    let mut foreign = block(Codec::Null, &numbered(2));
    // The second record says that it is longer than its block.
    foreign[2 + 7] = 0x7e;
    for bad in [torn, foreign, b"\x02\x04xx no marker of this file".to_vec()] {
        let mut rig = avro(&[]);
        rig.write("in/bad", [head.clone(), good.clone(), bad.clone()].concat());
        rig.write("in/text", "this is no Avro\n");
        Stop::new().wait(Duration::from_millis(15));
        rig.write("in/fine", [head.clone(), good.clone()].concat());
        rig.start();
        rig.until("all are dealt with", |rig| {
            ["bad.FAILED", "text.FAILED", "fine.COMPLETED"]
                .iter()
                .all(|name| rig.exists(&format!("in/{name}")))
        });
        let inside = usize::from(bad[2 + 7] == 0x7e);
        assert_eq!(rig.bodies().len(), 6 + inside);
        assert_eq!(rig.counter(Counter::DecodeErrors), 2);
        rig.stop();
    }
}

#[test]
fn another_deserializer_reads_a_file_from_its_start() {
    let mut rig = rig(&[("quietTime", "10000")]);
    let file = [header(Codec::Null), block(Codec::Null, &numbered(3))].concat();
    rig.write("in/a", [&file[..], b"\n"].concat());
    rig.start();
    rig.until("it is read as text", |rig| !rig.bodies().is_empty());
    rig.kill();
    let text = rig.bodies().len();
    rig.set("deserializer", "AVRO");
    rig.set("quietTime", "30");
    rig.start();
    rig.until("set aside for its last byte", |rig| rig.exists("in/a.FAILED"));
    assert_eq!(rig.bodies()[text..], datums(&numbered(3)));
    rig.stop();
}
