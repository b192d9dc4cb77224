//! Batches as they lie in a log: foreign bytes never panic, and what decodes comes back the same when it is encoded.
#![no_main]
use std::sync::Arc;

use dataflowkit::codec::stored;
use dataflowkit::event::{Attributes, Batch, Buf, Stream};
use libfuzzer_sys::fuzz_target;

fn decode(meta: &[u8], body: &[u8]) -> Option<(Box<str>, Batch)> {
    let buf = Arc::new(Buf::from(body.to_vec()));
    let mut stream = |id| Stream::known(id, "", Attributes::default());
    stored::decode(meta, &buf, 0, body.len(), &mut stream)
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, rest)) = data.split_first_chunk::<2>() else { return };
    let cut = (u16::from_le_bytes(*cut) as usize).min(rest.len());
    let (meta, body) = rest.split_at(cut);
    let span = stored::span(meta);
    let Some((source, batch)) = decode(meta, body) else { return };
    assert_eq!(span.map(|span| span.events as usize), Some(batch.len()));
    let (mut again, mut bodies) = (Vec::new(), Vec::new());
    stored::encode(&source, &batch, &mut again, &mut bodies);
    let (_, other) = decode(&again, &bodies.concat()).expect("what was encoded decodes");
    assert_eq!(batch.len(), other.len());
    for (one, two) in batch.events().zip(other.events()) {
        assert_eq!((one.body(), one.range()), (two.body(), two.range()));
        assert!(one.headers().iter().eq(two.headers().iter()));
    }
});
