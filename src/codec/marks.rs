//! Entries of mark records as bytes: the payload of one journal frame is one commit, some entries back to back.
//!
//! Shape, little-endian: a tag byte, then the fields in the order of [`Entry`]. Text is u32 length + UTF-8; a stream id
//! u128; lists are u32 count + items; an optional check is a byte 0 or 1, then at u64, hash u64.
//! Errors: anything that does not decode to the last byte gives `None` for the whole frame; nothing panics.
//! Truth: this page; the golden bytes in `tests` hold it to its word.
use crate::event::{Attributes, Check, Entry, FileLength, Had, Marks, StreamId};

/// Bytes after which a frame of a snapshot ends: far below the longest frame.
const FRAME: usize = 32 << 10;

/// Appends the entries to `out`.
pub fn encode(entries: &[Entry], out: &mut Vec<u8>) {
    for entry in entries {
        let mut put = Put(out);
        match entry {
            Entry::Key { key } => put.tag(1).text(key),
            Entry::Boot { id } => put.tag(2).text(id),
            Entry::Place { place, destination } => put.tag(3).u32(*place).text(destination),
            Entry::Source { name, fingerprint } => put.tag(4).text(name).u64(*fingerprint),
            Entry::Describe { stream, source, attributes } => {
                put.tag(5).stream(*stream).text(source).u32(attributes.iter().count() as u32);
                attributes.iter().fold(&mut put, |put, (name, value)| put.text(name).text(value))
            }
            Entry::Delivered { place, had, files } => {
                put.tag(6).u32(*place).u32(had.len() as u32);
                had.iter().fold(&mut put, |put, had| put.had(had));
                put.u32(files.len() as u32);
                files.iter().fold(&mut put, |put, file| put.text(&file.name).u64(file.length))
            }
            Entry::Durable { place } => put.tag(7).u32(*place),
            Entry::Void { place } => put.tag(8).u32(*place),
            Entry::Lost { stream, from, to } => put.tag(9).stream(*stream).u64(*from).u64(*to),
            Entry::Retire { stream } => put.tag(10).stream(*stream),
            Entry::Opened { file } => put.tag(11).text(file),
            Entry::Closed { file } => put.tag(12).text(file),
            Entry::Gone { stream } => put.tag(13).stream(*stream),
        };
    }
}

/// Entries that say all of these marks.
pub fn all_of(marks: &Marks) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut had = Vec::new();
    for (stream, known) in marks {
        let (source, attributes) = (known.source.clone(), known.attributes.clone());
        entries.push(Entry::Describe { stream: *stream, source, attributes });
        let range = |from, to, check| Had { stream: *stream, from, to, check };
        had.extend(known.checks.iter().map(|check| range(0, 0, Some(*check))));
        had.push(range(0, known.mark.low(), None));
        had.extend(known.mark.ranges().iter().map(|r| range(r.start, r.end, None)));
    }
    entries.push(Entry::Delivered { place: 0, had, files: Vec::new() });
    entries
}

/// Adds what another record of the same channel has.
pub fn union(marks: &mut Marks, more: Marks) {
    for (stream, known) in more {
        match marks.get_mut(&stream) {
            Some(mine) => {
                let newer = known.mark.high() > mine.mark.high();
                mine.mark.union(&known.mark);
                if newer {
                    mine.checks = known.checks;
                }
            }
            None => {
                marks.insert(stream, known);
            }
        }
    }
}

/// A long list of entries as frames, made one by one.
pub fn frames(entries: impl Iterator<Item = Entry>) -> impl Iterator<Item = Vec<u8>> {
    let mut entries = entries.peekable();
    std::iter::from_fn(move || {
        entries.peek()?;
        let mut bytes = Vec::new();
        while bytes.len() < FRAME
            && let Some(entry) = entries.next()
        {
            encode(std::slice::from_ref(&entry), &mut bytes);
        }
        Some(bytes)
    })
}

/// The entries of one frame, if all of it decodes.
pub fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut get = Get(bytes);
    let mut entries = Vec::new();
    while !get.0.is_empty() {
        entries.push(match get.u8()? {
            1 => Entry::Key { key: get.text()? },
            2 => Entry::Boot { id: get.text()? },
            3 => Entry::Place { place: get.u32()?, destination: get.text()? },
            4 => Entry::Source { name: get.text()?, fingerprint: get.u64()? },
            5 => {
                let (stream, source) = (get.stream()?, get.text()?.into());
                let mut attributes = Attributes::default();
                for _ in 0..get.u32()? {
                    let name = get.text()?;
                    attributes.set(&name, get.text()?);
                }
                Entry::Describe { stream, source, attributes }
            }
            6 => {
                let place = get.u32()?;
                let had = (0..get.u32()?).map(|_| get.had()).collect::<Option<_>>()?;
                let file = |get: &mut Get| Some(FileLength { name: get.text()?, length: get.u64()? });
                let files = (0..get.u32()?).map(|_| file(&mut get)).collect::<Option<_>>()?;
                Entry::Delivered { place, had, files }
            }
            7 => Entry::Durable { place: get.u32()? },
            8 => Entry::Void { place: get.u32()? },
            9 => Entry::Lost { stream: get.stream()?, from: get.u64()?, to: get.u64()? },
            10 => Entry::Retire { stream: get.stream()? },
            11 => Entry::Opened { file: get.text()? },
            12 => Entry::Closed { file: get.text()? },
            13 => Entry::Gone { stream: get.stream()? },
            _ => return None,
        });
    }
    Some(entries)
}

struct Put<'a>(&'a mut Vec<u8>);

impl Put<'_> {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.raw(&[tag])
    }
    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    fn stream(&mut self, stream: StreamId) -> &mut Self {
        self.raw(&stream.0.to_le_bytes())
    }
    fn text(&mut self, text: &str) -> &mut Self {
        self.u32(text.len() as u32).raw(text.as_bytes())
    }
    fn had(&mut self, had: &Had) -> &mut Self {
        self.stream(had.stream).u64(had.from).u64(had.to);
        match had.check {
            Some(check) => self.tag(1).u64(check.at).u64(check.hash),
            None => self.tag(0),
        }
    }
}

struct Get<'a>(&'a [u8]);

impl Get<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
    fn stream(&mut self) -> Option<StreamId> {
        self.take().map(|bytes| StreamId(u128::from_le_bytes(bytes)))
    }
    fn text(&mut self) -> Option<String> {
        let len = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).ok()
    }
    fn had(&mut self) -> Option<Had> {
        let (stream, from, to) = (self.stream()?, self.u64()?, self.u64()?);
        let check = match self.u8()? {
            0 => None,
            1 => Some(Check { at: self.u64()?, hash: self.u64()? }),
            _ => return None,
        };
        Some(Had { stream, from, to, check })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_of_each() -> Vec<Entry> {
        let stream = StreamId(7);
        let attributes = Attributes::default().with("path", "/var/log/x").with("inode", 12);
        let check = Some(Check { at: 9, hash: 1 });
        let had = vec![Had { stream, from: 0, to: 9, check }, Had { stream, from: 9, to: 12, check: None }];
        vec![
            Entry::Key { key: "i/a/c".into() },
            Entry::Boot { id: "b".into() },
            Entry::Place { place: 1, destination: "file_roll:/out".into() },
            Entry::Source { name: "r1".into(), fingerprint: 5 },
            Entry::Describe { stream, source: "r1".into(), attributes },
            Entry::Delivered { place: 1, had, files: vec![FileLength { name: "1-1".into(), length: 12 }] },
            Entry::Durable { place: 1 },
            Entry::Void { place: 1 },
            Entry::Lost { stream, from: 3, to: 4 },
            Entry::Retire { stream },
            Entry::Opened { file: "1-2".into() },
            Entry::Closed { file: "1-1".into() },
            Entry::Gone { stream },
        ]
    }

    #[test]
    fn golden_bytes_of_a_commit() {
        let had = vec![Had { stream: StreamId(7), from: 1, to: 9, check: Some(Check { at: 9, hash: 2 }) }];
        let mut bytes = Vec::new();
        encode(&[Entry::Delivered { place: 1, had, files: Vec::new() }], &mut bytes);
        let mut golden = vec![6, 1, 0, 0, 0, 1, 0, 0, 0, 7];
        golden.extend([0; 15]);
        for number in [1u64, 9] {
            golden.extend(number.to_le_bytes());
        }
        golden.push(1);
        for number in [9u64, 2] {
            golden.extend(number.to_le_bytes());
        }
        golden.extend([0; 4]);
        assert_eq!(bytes, golden);
    }

    #[test]
    fn every_entry_comes_back() {
        let mut bytes = Vec::new();
        encode(&one_of_each(), &mut bytes);
        assert_eq!(decode(&bytes), Some(one_of_each()));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), at in 0usize..300) {
            let mut good = Vec::new();
            encode(&one_of_each(), &mut good);
            good.splice(at.min(good.len()).., bytes.iter().copied());
            let _ = decode(&good);
        }
    }
}
