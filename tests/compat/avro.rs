//! An Avro object container file as text: schema, codec, and how many objects each block holds.
//!
//! Truth: Avro 1.8 specification, "Object Container Files". Objects are told in full where the codec is `null` and the
//! schema is Flume's event.

/// The lines of a container file; `None` if it is none.
pub fn lines(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = Reader(bytes.strip_prefix(b"Obj\x01")?);
    let meta = reader.map()?;
    let about =
        |name: &str| meta.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice());
    let schema = about("avro.schema")?;
    let is_flumes = String::from_utf8_lossy(schema).contains("\"headers\"");
    let codec = about("avro.codec").unwrap_or(b"null");
    let sync = reader.take(16)?.to_vec();
    let mut lines = vec![[&b"avro, codec "[..], codec].concat(), [&b"schema "[..], schema].concat()];
    while !reader.0.is_empty() {
        let count = reader.long()?;
        let length = reader.long()?;
        let mut block = Reader(reader.take(usize::try_from(length).ok()?)?);
        if reader.take(16)? != sync {
            lines.push(b"(a block without its sync marker)".to_vec());
        }
        if codec != b"null" || !is_flumes {
            lines.push(format!("{count} objects").into_bytes());
            continue;
        }
        for _ in 0..count {
            lines.push(block.event()?);
        }
    }
    Some(lines)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A zig-zag varint.
    fn long(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// Pairs, in order of their keys.
    fn map(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = Vec::new();
        loop {
            let count = self.long()?;
            if count == 0 {
                pairs.sort();
                return Some(pairs);
            }
            if count < 0 {
                self.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                pairs.push((self.bytes()?.to_vec(), self.bytes()?.to_vec()));
            }
        }
    }

    /// Flume's `Event`, as `header_and_text` prints one.
    fn event(&mut self) -> Option<Vec<u8>> {
        let headers: Vec<Vec<u8>> =
            self.map()?.into_iter().map(|(k, v)| [k, b"=".to_vec(), v].concat()).collect();
        Some([&b"{"[..], &headers.join(&b", "[..])[..], b"} ", self.bytes()?].concat())
    }
}
