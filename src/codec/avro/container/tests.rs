use super::*;
use proptest::prelude::*;

const SYNC: Sync = *b"0123456789abcdef";
const SCHEMA: &str = r#"{ "type": "string" }"#;

/// A container of strings, so many to a block.
fn container(codec: Codec, texts: &[&str], to_a_block: usize) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(SCHEMA, codec, &SYNC, &mut out);
    for block in texts.chunks(to_a_block) {
        let mut datums = Vec::new();
        block.iter().for_each(|text| put_bytes(text.as_bytes(), &mut datums));
        put_block(block.len() as u64, &datums, codec, &SYNC, &mut out).unwrap();
    }
    out
}

/// All whole datums, and why it ends.
fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<Fault>) {
    let mut found = Vec::new();
    let header = match Header::read(bytes) {
        Ok(header) => header,
        Err(fault) => return (found, Some(fault)),
    };
    let mut at = header.length;
    while at < bytes.len() {
        let block = match Block::read(&bytes[at..], &header.sync) {
            Ok(block) => block,
            Err(fault) => return (found, Some(fault)),
        };
        let datums = match header.codec.unpack(block.packed) {
            Ok(datums) => datums,
            Err(fault) => return (found, Some(fault)),
        };
        let mut input = Input::new(&datums);
        for _ in 0..block.count {
            let from = input.at();
            if let Err(fault) = header.schema.skip(&mut input) {
                return (found, Some(fault));
            }
            found.push(datums[from..input.at()].to_vec());
        }
        at += block.length;
    }
    (found, None)
}

const TEXTS: [&str; 5] = ["one", "", "three", "four four four four four four four", "five"];

#[test]
fn containers_of_every_codec_are_read_back() {
    for codec in [Codec::Null, Codec::Deflate, Codec::Snappy, Codec::Zstandard] {
        let bytes = container(codec, &TEXTS, 2);
        let (datums, fault) = read(&bytes);
        let texts: Vec<_> = datums.iter().map(|datum| String::from_utf8_lossy(&datum[1..])).collect();
        assert_eq!((texts, fault), (TEXTS.map(Into::into).to_vec(), None), "{codec:?}");
        assert_eq!(Header::read(&bytes).unwrap().text, r#"{"type":"string"}"#);
    }
}

#[test]
fn a_container_cut_anywhere_ends_too_early_and_keeps_its_whole_blocks() {
    let bytes = container(Codec::Deflate, &TEXTS, 2);
    let mut most = 0;
    for cut in 0..bytes.len() {
        let (datums, fault) = read(&bytes[..cut]);
        assert!(datums.len() >= most && matches!(fault, None | Some(Fault::Ends)), "{cut}: {fault:?}");
        most = datums.len();
    }
    assert_eq!(most, 4);
}

#[test]
fn what_is_wrong_is_said() {
    let told = |bytes: &[u8]| read(bytes).1.unwrap().to_string();
    assert_eq!(told(b"text\n"), "it does not begin as an Avro container");
    let mut bytes = container(Codec::Null, &["one"], 1);
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(told(&bytes), "a block does not end with the marker of its file");
    let mut out = MAGIC.to_vec();
    put_long(0, &mut out);
    out.extend(SYNC);
    assert_eq!(told(&out), "its header has no schema");
    let mut out = MAGIC.to_vec();
    put_long(1, &mut out);
    put_bytes(b"avro.codec", &mut out);
    put_bytes(b"bzip2", &mut out);
    assert_eq!(
        told(&out),
        "its codec `bzip2` is not known here, which are null, deflate, snappy and zstandard"
    );
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes: Vec<u8>, at: usize, with: u8) {
        let _ = read(&bytes);
        let _ = Block::needs(&bytes);
        let mut bytes = container(Codec::Snappy, &TEXTS, 3);
        let at = at % bytes.len();
        bytes[at] = with;
        let _ = read(&bytes);
    }
}

const ORDERS: [(Codec, &[u8]); 3] = [
    (Codec::Null, include_bytes!("../../../../tests/avro/orders-null.avro")),
    (Codec::Deflate, include_bytes!("../../../../tests/avro/orders-deflate.avro")),
    (Codec::Snappy, include_bytes!("../../../../tests/avro/orders-snappy.avro")),
];

#[test]
fn files_that_avro_wrote_are_what_flume_makes_of_them() {
    let flume = include_str!("../../../../tests/avro/orders.txt");
    for (codec, bytes) in ORDERS {
        let header = Header::read(bytes).unwrap();
        assert_eq!(header.codec, codec);
        assert!(
            header.text.starts_with(r#"{"type":"record","name":"Order","namespace":"shop","doc":"an order""#)
        );
        let (datums, fault) = read(bytes);
        let hex = |datum: &Vec<u8>| datum.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let print = header.schema.fingerprint();
        let ours: String = datums
            .iter()
            .map(|datum| format!("{{flume.avro.schema.hash={print}}} {}\n", hex(datum)))
            .collect();
        assert_eq!((ours.as_str(), fault), (flume, None), "{codec:?}");
    }
}
