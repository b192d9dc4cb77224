//! `AvroFlumeEvent`: headers and body as one datum, which Flume's own components exchange.
//!
//! Shape: a map of strings in blocks, then bytes. A block may be counted below zero; its size in bytes follows then.
//! Errors: bytes behind the body belong to no event of Flume's, so they are a fault, unlike in Flume, which drops them.
use super::Fault;
use super::wire::Input;

/// Headers in the order in which they were written; of equal names the last counts.
pub type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Reads an event that is all of `bytes`.
pub fn read(bytes: &[u8]) -> Result<(Pairs<'_>, &[u8]), Fault> {
    let mut input = Input::new(bytes);
    let mut headers = Pairs::new();
    loop {
        let count = input.long()?;
        if count == 0 {
            break;
        }
        if count < 0 {
            input.length()?;
        }
        for _ in 0..count.unsigned_abs() {
            headers.push((text(&mut input)?, text(&mut input)?));
        }
    }
    let body = input.bytes()?;
    if !input.is_at_end() {
        return Err(Fault::bad(format!("{} bytes lie behind its body", bytes.len() - input.at())));
    }
    Ok((headers, body))
}

fn text<'a>(input: &mut Input<'a>) -> Result<&'a str, Fault> {
    std::str::from_utf8(input.bytes()?).map_err(|_| Fault::bad("a header is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::serializer::avro::put_event;
    use crate::event::Builder;
    use proptest::prelude::*;

    #[test]
    fn blocks_of_any_sort_make_one_map() {
        let bytes = b"\x02\x02a\x021\x01\x08\x02b\x042\x33\x00\x06xyz";
        assert_eq!(read(bytes), Ok((vec![("a", "1"), ("b", "23")], &b"xyz"[..])));
        assert_eq!(read(b"\x00\x00"), Ok((vec![], &b""[..])));
    }

    #[test]
    fn what_is_no_event_is_said() {
        assert_eq!(read(b""), Err(Fault::Ends));
        assert_eq!(read(b"\x00\x06xy"), Err(Fault::Ends));
        assert_eq!(read(b"\x00\x02xy"), Err(Fault::bad("1 bytes lie behind its body")));
        assert_eq!(read(b"\x02\x02\xff\x021\x00\x00"), Err(Fault::bad("a header is no UTF-8")));
    }

    proptest! {
        #[test]
        fn what_was_written_comes_back(headers in prop::collection::btree_map("[a-z]{1,8}", ".{0,8}", 0..5), body: Vec<u8>) {
            let mut builder = Builder::default();
            builder.push(&body, 0..0);
            headers.iter().for_each(|(name, value)| _ = builder.header(name, value));
            let mut bytes = Vec::new();
            put_event(builder.finish(None).event(0), &mut bytes);
            let (mut pairs, read) = read(&bytes).unwrap();
            pairs.sort();
            let expected: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
            prop_assert_eq!((pairs, read), (expected, &body[..]));
        }

        #[test]
        fn no_bytes_are_trouble(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
