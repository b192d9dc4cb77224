use super::*;
use crate::codec::avro::{Codec, Header};
use crate::event::{Builder, Headers};

fn options() -> Options {
    let blocks = Blocks { codec: Codec::Null, interval: 2_048_000 };
    Options { newline: true, blocks, schema_url: None, columns: Vec::new(), names: false }
}

fn named(name: &str) -> Serializer {
    Serializer::named(name, options()).unwrap()
}

fn bytes(serializer: &Serializer, first: bool, batches: &[Batch]) -> Vec<u8> {
    let (mut scratch, mut slices) = (Vec::new(), Vec::new());
    let file = Opening { sync: *b"0123456789abcdef", schema: r#""string""#.into() };
    serializer.slices(&file, first, batches, &mut scratch, &mut slices).unwrap();
    slices.iter().flat_map(|slice| slice.to_vec()).collect()
}

fn two_batches() -> [Batch; 2] {
    let mut one = Builder::shared(Headers::from_iter([("b", "x y"), ("a", "1")]));
    one.push(b"one", 0..0).push(b"", 0..0);
    [one.finish(None), Builder::default().push(b" three", 0..0).finish(None)]
}

fn written(serializer: &Serializer) -> String {
    String::from_utf8(bytes(serializer, true, &two_batches())).unwrap()
}

#[test]
fn text_is_the_body_and_a_newline_unless_it_is_off() {
    assert_eq!(written(&named("text")), "one\n\n three\n");
    assert_eq!(written(&Serializer::Text { newline: false }), "one three");
}

#[test]
fn header_and_text_puts_the_headers_before_the_body() {
    let class = "org.apache.flume.serialization.HeaderAndBodyTextEventSerializer$Builder";
    assert_eq!(written(&named(class)), "{a=1, b=x y} one\n{a=1, b=x y} \n{}  three\n");
    let bare = Serializer::HeaderAndText { newline: false };
    assert_eq!(written(&bare), "{a=1, b=x y} one{a=1, b=x y} {}  three");
}

#[test]
fn json_is_a_line_per_event_and_bodies_that_are_no_text_are_base64() {
    let expected = concat!(
        "{\"headers\":{\"b\":\"x y\",\"a\":\"1\"},\"body\":\"one\"}\n",
        "{\"headers\":{\"b\":\"x y\",\"a\":\"1\"},\"body\":\"\"}\n",
        "{\"headers\":{},\"body\":\" three\"}\n"
    );
    assert_eq!(written(&named("json")), expected);
    let odd = Builder::default().push(b"\xff\x00", 0..0).push(b"a\"\n", 0..0).finish(None);
    let text = String::from_utf8(bytes(&Serializer::Json, true, &[odd])).unwrap();
    assert_eq!(text, "{\"headers\":{},\"body_base64\":\"/wA=\"}\n{\"headers\":{},\"body\":\"a\\\"\\n\"}\n");
}

#[test]
fn csv_is_chosen_headers_and_the_body_quoted_where_it_must_be() {
    let serializer = Serializer::named(
        "CSV",
        Options { columns: vec!["b".into(), "no,pe".into()], names: true, ..options() },
    );
    let serializer = serializer.unwrap();
    assert_eq!(written(&serializer), "b,\"no,pe\",body\r\nx y,,one\r\nx y,,\r\n,, three\r\n");
    let odd = Builder::default().push(b"a\"b\nc", 0..0).finish(None);
    assert_eq!(bytes(&serializer, false, &[odd]), b",,\"a\"\"b\nc\"\r\n");
}

#[test]
fn an_avro_event_is_a_map_of_headers_and_the_body() {
    let all = bytes(&named("avro_event"), true, &two_batches());
    let header = Header::read(&all).unwrap();
    assert_eq!((header.text.as_str(), header.codec), (avro::EVENT, Codec::Null));
    // Three records in 30 bytes; each: entries, their texts, the end of the map, the body.
    let datums = b"\x04\x02b\x06x y\x02a\x021\x00\x06one\x04\x02b\x06x y\x02a\x021\x00\x00\x00\x0c three";
    let block = [&b"\x06"[..], &[datums.len() as u8 * 2], datums, b"0123456789abcdef"].concat();
    assert_eq!(&all[header.length..], block);
    assert_eq!(bytes(&named("avro_event"), false, &two_batches()), block, "the header is the first call's");
}

#[test]
fn a_block_ends_after_its_interval_and_at_the_end_of_every_call() {
    let blocks = Blocks { codec: Codec::Null, interval: 10 };
    let serializer = Serializer::named("AVRO_EVENT", Options { blocks, ..options() }).unwrap();
    let events: Vec<_> = ["123456", "123456", "123456789"].iter().map(|body| body.as_bytes()).collect();
    let mut builder = Builder::default();
    events.iter().for_each(|body| _ = builder.push(body, 0..0));
    let all = bytes(&serializer, false, &[builder.finish(None)]);
    let counts: Vec<u8> =
        all.split(|byte| *byte == b'f').filter_map(|block| block.first().copied()).collect();
    assert_eq!(counts, [4, 2], "two records, then one");
}

#[test]
fn datums_are_appended_as_they_are_under_the_files_schema() {
    let class = "org.apache.flume.sink.hdfs.AvroEventSerializer$Builder";
    let batch = Builder::default().push(b"\x02a", 0..0).push(b"\x04bc", 0..0).finish(None);
    let all = bytes(&named(class), true, &[batch]);
    let header = Header::read(&all).unwrap();
    assert_eq!(header.text, r#""string""#);
    assert_eq!(&all[header.length..], b"\x04\x0a\x02a\x04bc0123456789abcdef");
}

#[test]
fn without_events_there_are_no_bytes_and_unknown_names_are_refused() {
    for name in ["TEXT", "AVRO_EVENT", "JSON", "CSV", "HEADER_AND_TEXT"] {
        assert!(bytes(&named(name), true, &[Batch::default()]).is_empty(), "{name}");
    }
    let told = Serializer::named("xml", options()).unwrap_err();
    assert_eq!(told, "there is no serializer `xml`; those of your own in Java cannot be loaded");
}

#[test]
fn avro_files_are_those_of_flume() {
    let files: [(Codec, &[u8]); 3] = [
        (Codec::Null, include_bytes!("../../../tests/avro/event-null.avro")),
        (Codec::Deflate, include_bytes!("../../../tests/avro/event-deflate.avro")),
        (Codec::Snappy, include_bytes!("../../../tests/avro/event-snappy.avro")),
    ];
    for (codec, flume) in files {
        let header = Header::read(flume).unwrap();
        let file = Opening { sync: header.sync, ..Opening::default() };
        let blocks = Blocks { codec, interval: 2_048_000 };
        let serializer = Serializer::named("AVRO_EVENT", Options { blocks, ..options() }).unwrap();
        let (mut one, mut two) = (Builder::default(), Builder::default());
        one.push(b"one", 0..0).header("host", "web1").header("k", "ä").push(b"\xff\x00", 0..0);
        two.push(b"three", 0..0).header("host", "web1").header("k", "ä");
        let mut ours = Vec::new();
        for (first, mut builder) in [(true, one), (false, two)] {
            let (mut scratch, mut slices) = (Vec::new(), Vec::new());
            let batches = [builder.finish(None)];
            serializer.slices(&file, first, &batches, &mut scratch, &mut slices).unwrap();
            slices.iter().for_each(|slice| ours.extend_from_slice(slice));
        }
        assert_eq!(header.text, avro::EVENT);
        assert_eq!(unpacked(&ours), unpacked(flume), "{codec:?}");
        if codec == Codec::Null {
            assert_eq!(ours, flume);
        }
    }
}

/// The counts and the datums of all blocks: packed bytes differ from library to library.
fn unpacked(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let header = Header::read(bytes).unwrap();
    let (mut at, mut blocks) = (header.length, Vec::new());
    while at < bytes.len() {
        let block = crate::codec::avro::Block::read(&bytes[at..], &header.sync).unwrap();
        blocks.push((block.count, header.codec.unpack(block.packed).unwrap().into_owned()));
        at += block.length;
    }
    blocks
}
