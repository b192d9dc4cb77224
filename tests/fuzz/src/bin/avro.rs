//! Avro containers, on any bytes: reading never panics, never runs on, and a record never reaches beyond its block.
#![no_main]
use dataflowkit::codec::avro::wire::Input;
use dataflowkit::codec::avro::{Block, Header, Schema};
use libfuzzer_sys::fuzz_target;

/// Records of one input that are looked at: a count alone may promise any number of empty ones.
const MOST: u64 = 100_000;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(schema) = Schema::parse(text)
    {
        let _ = schema.fingerprint();
        let _ = schema.skip(&mut Input::new(data));
    }
    let Ok(header) = Header::read(data) else { return };
    let mut at = header.length;
    while let Ok(block) = Block::read(&data[at..], &header.sync) {
        at += block.length;
        let Ok(datums) = header.codec.unpack(block.packed) else { continue };
        let mut input = Input::new(&datums);
        for _ in 0..block.count.min(MOST) {
            if header.schema.skip(&mut input).is_err() {
                break;
            }
            assert!(input.at() <= datums.len());
        }
    }
});
