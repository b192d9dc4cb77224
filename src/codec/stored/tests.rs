use proptest::prelude::*;

use super::*;
use crate::event::{Attributes, Builder, Row};

const ID: StreamId = StreamId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

fn stream() -> Arc<Stream> {
    Stream::known(ID, "r1", Attributes::default())
}

/// Meta and body of a batch.
fn stored(batch: &Batch) -> (Vec<u8>, Vec<u8>) {
    let (mut meta, mut bodies) = (Vec::new(), Vec::new());
    encode("r1", batch, &mut meta, &mut bodies);
    let body = bodies.iter().flat_map(|slice| slice.to_vec()).collect();
    (meta, body)
}

/// Decodes the body from the middle of a larger buffer.
fn restored(meta: &[u8], body: &[u8]) -> Option<Batch> {
    let bytes: Vec<u8> = b"before\n".iter().chain(body).chain(b"\nbehind").copied().collect();
    let (source, batch) = decode(meta, &Arc::new(bytes.into()), 7, body.len(), &mut |id| {
        assert_eq!(id, ID);
        stream()
    })?;
    assert_eq!(&*source, "r1");
    Some(batch)
}

fn text(batch: &Batch) -> Vec<u8> {
    let mut slices = Vec::new();
    batch.lines(&mut slices);
    slices.iter().flat_map(|slice| slice.to_vec()).collect()
}

fn same(one: &Batch, other: &Batch) {
    let (a, b) = (one.span().unwrap(), other.span().unwrap());
    assert_eq!((a.stream.id, a.from, a.to, a.check), (b.stream.id, b.from, b.to, b.check));
    assert_eq!(one.len(), other.len());
    for (a, b) in one.events().zip(other.events()) {
        assert_eq!((a.body(), a.range(), a.headers()), (b.body(), b.range(), b.headers()));
    }
    assert_eq!(text(one), text(other));
}

fn lines() -> Batch {
    let rows = vec![
        Row { start: 2, end: 5, from: 200, to: 204 },
        Row { start: 6, end: 6, from: 204, to: 205 },
        Row { start: 7, end: 12, from: 205, to: 211 },
    ];
    let span = Span { check: Some(Check { at: 300, hash: 7 }), ..Span::new(stream(), 200, 300) };
    let mut shared = Headers::default();
    shared.set("k", "v");
    Batch::new(Arc::new(b"0\none\n\nthree\nx".to_vec().into()), rows, Arc::new(shared), Some(span))
}

#[test]
fn golden_bytes_of_lines_as_they_were_read() {
    let mut batch = lines();
    batch.set_header(1, "k", None);
    batch.set_header(2, "n", Some("3"));
    let (meta, body) = stored(&batch);
    let mut golden = b"\x02r1".to_vec();
    golden.extend((1..=16).rev());
    golden.extend(b"\xc8\x01\x64\x01\xac\x02\x07\0\0\0\0\0\0\0\x03");
    golden.extend(b"\x01\x01k\x01v");
    golden.extend(b"\x02\x01\x01k\x00\x01\x01n\x023");
    golden.extend(b"\x10\x01\x00\x01\x03\x00\x05");
    assert_eq!((meta, body), (golden, b"one\n\nthree\n".to_vec()));
}

fn rows_of(meta: &[u8], headless: &Batch) -> Vec<u8> {
    let empty = stored(&Batch::empty(headless.span().unwrap().clone())).0;
    meta[empty.len()..].to_vec()
}

#[test]
fn golden_bytes_of_ordinals_and_of_the_rest() {
    let mut builder = Builder::default();
    builder.push(b"a", 5..6).push(&[b'b'; 300], 6..7);
    let ordinals = builder.finish(Some(Span::new(stream(), 3, 9)));
    assert_eq!(rows_of(&stored(&ordinals).0, &ordinals), b"\x21\x01\x02\x01\x00\x2c\x01");
    builder.push(b"a", 5..8).push(b"bb", 300..302);
    let general = builder.finish(Some(Span::new(stream(), 3, 400)));
    assert_eq!(rows_of(&stored(&general).0, &general), b"\x02\x00\x01\x02\x03\x01\x02\xa4\x02\x02");
}

#[test]
fn a_batch_without_events_is_its_span() {
    let batch = Batch::empty(Span::new(stream(), 5, 90));
    let (meta, body) = stored(&batch);
    assert!(body.is_empty());
    let told = StoredSpan { source: "r1", stream: ID, from: 5, to: 90, check: None, events: 0 };
    assert_eq!(span(&meta), Some(told));
    same(&restored(&meta, &body).unwrap(), &batch);
}

#[test]
fn bodies_that_were_filtered_out_are_not_stored() {
    let mut builder = Builder::default();
    for number in 0..100u64 {
        builder.push(format!("line {number}").as_bytes(), 10 * number..10 * number + 10);
    }
    let mut batch = builder.finish(Some(Span::new(stream(), 0, 1000)));
    batch.retain(|event| event.body().ends_with(b"7"));
    let (meta, body) = stored(&batch);
    assert_eq!(body, text(&batch));
    same(&restored(&meta, &body).unwrap(), &batch);
}

#[test]
fn lines_read_from_a_file_take_a_byte_each_and_no_copy() {
    let mut builder = Builder::default();
    for number in 0..1000u64 {
        builder.push(&[b'x'; 99], 100 * number..100 * number + 100);
    }
    let batch = builder.finish(Some(Span::new(stream(), 0, 100_000)));
    let (mut meta, mut bodies) = (Vec::new(), Vec::new());
    encode("r1", &batch, &mut meta, &mut bodies);
    assert_eq!((bodies.len(), bodies[0].as_ptr()), (1, batch.buffer().as_ptr()));
    assert!(meta.len() < 1040, "{}", meta.len());
}

/// A body, what lies behind it, the gap before its range and the range beyond its length, and a header of its own.
type Event = (Vec<u8>, &'static str, u64, u64, Option<Option<String>>);

fn events() -> impl Strategy<Value = Vec<Event>> {
    let separator = prop_oneof![Just("\n"), Just("\n"), Just("\r\n"), Just(""), Just(", ")];
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        (0usize..70_000).prop_map(|length| vec![b'x'; length]),
    ];
    let own = prop::option::of(prop::option::of("[a-z]{0,3}"));
    let one = (prop_oneof![9 => prop::collection::vec(any::<u8>(), 0..20), 1 => body], separator);
    let one = (one, 0u64..3, 0u64..3, own)
        .prop_map(|((body, behind), gap, more, own)| (body, behind, gap, more, own));
    prop::collection::vec(one, 0..20)
}

/// How ranges are made: as lines are, as ordinals, or freely.
#[derive(Clone, Copy, Debug)]
enum Form {
    Lines,
    Ordinals,
    Free,
}

fn batch(events: &[Event], form: Form, base: u64) -> Batch {
    let (mut bytes, mut rows, mut at) = (Vec::new(), Vec::new(), base);
    for (body, behind, gap, more, _) in events {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(body);
        let end = bytes.len() as u32;
        bytes.extend_from_slice(behind.as_bytes());
        let (from, to) = match form {
            Form::Lines => (at, at + (body.len() + behind.len()).max(1) as u64),
            Form::Ordinals => (at, at + 1),
            Form::Free => (at + gap, at + gap + more + 1),
        };
        rows.push(Row { start, end, from, to });
        at = to;
    }
    let span = Span { check: Some(Check { at, hash: 1 }), ..Span::new(stream(), base, at + 1) };
    let shared: Headers = [("shared", "1"), ("", "")].into_iter().collect();
    let mut batch = Batch::new(Arc::new(bytes.into()), rows, Arc::new(shared), Some(span));
    for (index, event) in events.iter().enumerate() {
        if let Some(own) = &event.4 {
            batch.set_header(index, "shared", own.as_deref());
            batch.set_header(index, "own", Some("x"));
        }
    }
    batch
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Lines), Just(Form::Ordinals), Just(Form::Free)]
}

fn invariants(batch: &Batch, body: std::ops::Range<u32>) {
    let span = batch.span().unwrap();
    let (mut at, mut from) = (body.start, span.from);
    for row in batch.rows() {
        assert!(at <= row.start && row.start <= row.end && row.end <= body.end, "{row:?}");
        assert!(from <= row.from && row.from < row.to && row.to <= span.to, "{row:?}");
        (at, from) = (row.end, row.to);
    }
}

proptest! {
    #[test]
    fn every_batch_comes_back(
        events in events(),
        form in form(),
        base in prop_oneof![0u64..100, Just(u64::MAX - 2_000_000)],
        kept in any::<u32>(),
        cut in 0usize..20,
    ) {
        let mut whole = batch(&events, form, base);
        let check = |batch: &Batch| {
            let (meta, body) = stored(batch);
            let told = span(&meta).unwrap();
            assert_eq!(told.events as usize, batch.len());
            assert_eq!((told.from, told.to), batch.span().map(|s| (s.from, s.to)).unwrap());
            let again = restored(&meta, &body).expect("what was encoded decodes");
            same(&again, batch);
        };
        check(&whole);
        let front = whole.split_off_front(cut);
        check(&front);
        check(&whole);
        let mut index = 0;
        whole.retain(|_| { index += 1; kept >> (index - 1) & 1 == 1 });
        check(&whole);
    }

    #[test]
    fn foreign_bytes_never_panic_and_never_break_a_batch(
        events in events(),
        form in form(),
        base in prop_oneof![0u64..100, Just(u64::MAX - 2_000_000)],
        foreign in prop::collection::vec(any::<u8>(), 0..12),
        at in any::<prop::sample::Index>(),
        replaced in 0usize..12,
        missing in 0usize..40,
    ) {
        let (mut meta, mut body) = stored(&batch(&events, form, base));
        // Behind the id, which the decoder does not judge.
        let at = 19 + at.index(meta.len() - 19);
        meta.splice(at..(at + replaced).min(meta.len()), foreign);
        body.truncate(body.len().saturating_sub(missing));
        let _ = span(&meta);
        if let Some(batch) = restored(&meta, &body) {
            invariants(&batch, 7..7 + body.len() as u32);
            batch.events().for_each(|event| drop((event.headers(), event.body().len())));
        }
    }

    #[test]
    fn bytes_of_no_batch_never_panic(meta in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = (span(&meta), decode(&meta, &Arc::default(), 0, 0, &mut |_| stream()));
    }
}
