//! One checksummed unit of the channel log: a head, meta bytes (what the frame is about), body bytes.
//!
//! Shape, little-endian, to scale (one line is 8 bytes):
//! ```text
//!  0  magic "DFKe"           | kind u8 | packing u8 | zero u16
//!  8  number u64             rises by one from frame to frame through the whole log
//! 16  log u64                the log's random id: a frame of another log does not count
//! 24  durable u64           frames below this number were synced when this one was written
//! 32  events u32             | meta length u32
//! 40  body length u32        | crc32c of meta
//! 48  crc32c of body         | crc32c of bytes 0..52
//! 56  meta, then body
//! ```
//! Kinds: 1 events, 2 marks, 3 snapshot, 4 ends. Packing: 0 none, 1 lz4, 2 zstd; | 0x10: meta and body are encrypted.
//! Why three sums: a damaged body leaves the meta readable, which tells what was lost.
//! Truth: this page; the golden bytes in `tests` hold it to its word.
pub const MAGIC: [u8; 4] = *b"DFKe";
pub const HEAD: usize = 56;
/// Neither meta nor body is longer: a length beyond it is damage, however well it checks.
pub const LONGEST: u32 = 1 << 30;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A batch of events.
    Events,
    /// Entries of the record of marks.
    Marks,
    /// A part of all entries that give the record as it stood here; the first meta bytes say which part of how many.
    Snapshot,
    /// Where earlier segments end, whatever lies behind.
    Ends,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Events => 1,
            Kind::Marks => 2,
            Kind::Snapshot => 3,
            Kind::Ends => 4,
        }
    }

    fn of(code: u8) -> Option<Kind> {
        [Kind::Events, Kind::Marks, Kind::Snapshot, Kind::Ends].into_iter().find(|kind| kind.code() == code)
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub kind: Kind,
    pub packing: u8,
    pub number: u64,
    pub log: u64,
    /// Frames below this number were synced when this one was written.
    pub durable: u64,
    pub events: u32,
    pub meta: u32,
    pub body: u32,
    pub meta_sum: u32,
    pub body_sum: u32,
}

impl Head {
    pub fn encode(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind.code();
        bytes[5] = self.packing;
        for (at, number) in [(8, self.number), (16, self.log), (24, self.durable)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let words = [self.events, self.meta, self.body, self.meta_sum, self.body_sum];
        for (word, bytes) in words.iter().zip(bytes[32..52].chunks_exact_mut(4)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let sum = crc32c::crc32c(&bytes[..52]);
        bytes[52..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The head at the start of `bytes`, if it verifies.
    pub fn decode(bytes: &[u8]) -> Option<Head> {
        let bytes = bytes.get(..HEAD)?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if bytes[..4] != MAGIC || bytes[6..8] != [0, 0] || word(52) != crc32c::crc32c(&bytes[..52]) {
            return None;
        }
        let head = Head {
            kind: Kind::of(bytes[4])?,
            packing: bytes[5],
            number: long(8),
            log: long(16),
            durable: long(24),
            events: word(32),
            meta: word(36),
            body: word(40),
            meta_sum: word(44),
            body_sum: word(48),
        };
        (head.meta <= LONGEST && head.body <= LONGEST).then_some(head)
    }

    /// Bytes of the whole frame.
    pub fn size(&self) -> usize {
        HEAD + self.meta as usize + self.body as usize
    }

    /// Meta and body of the frame that begins `bytes`, if both are there in full and verify.
    pub fn verify<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (meta, body) = bytes.get(HEAD..self.size())?.split_at(self.meta as usize);
        let verified = crc32c::crc32c(meta) == self.meta_sum && crc32c::crc32c(body) == self.body_sum;
        verified.then_some((meta, body))
    }

    /// The meta alone, where it verifies: it tells what a damaged frame was about.
    pub fn verified_meta<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let meta = bytes.get(HEAD..HEAD + self.meta as usize)?;
        (crc32c::crc32c(meta) == self.meta_sum).then_some(meta)
    }
}

/// The checksum of parts as if they lay back to back.
pub fn checksum(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part))
}

/// Where the next head that verifies begins, at or behind `from`.
pub fn find_head(bytes: &[u8], from: usize) -> Option<(usize, Head)> {
    memchr::memmem::find_iter(bytes.get(from..)?, &MAGIC)
        .map(|found| from + found)
        .find_map(|at| Head::decode(&bytes[at..]).map(|head| (at, head)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn frame(number: u64, meta: &[u8], body: &[u8]) -> Vec<u8> {
        let head = Head {
            kind: Kind::Events,
            packing: 0,
            number,
            log: 7,
            durable: number - 1,
            events: 3,
            meta: meta.len() as u32,
            body: body.len() as u32,
            meta_sum: crc32c::crc32c(meta),
            body_sum: crc32c::crc32c(body),
        };
        [&head.encode()[..], meta, body].concat()
    }

    #[test]
    fn golden_bytes_of_a_frame() {
        let mut golden = b"DFKe\x01\0\0\0".to_vec();
        for number in [2u64, 7, 1] {
            golden.extend(number.to_le_bytes());
        }
        for word in [3u32, 2, 4, 0x3c25_1ffa, 0x3c25_1ffa] {
            golden.extend(word.to_le_bytes());
        }
        let frame = frame(2, b"me", b"body");
        assert_eq!(frame[..44], golden[..44]);
        assert_eq!(&frame[HEAD..], b"mebody");
        let head = Head::decode(&frame).unwrap();
        assert_eq!(head.verify(&frame), Some((&b"me"[..], &b"body"[..])));
    }

    #[test]
    fn a_frame_with_any_bit_flipped_does_not_verify() {
        let good = frame(2, b"me", b"body");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let verified = Head::decode(&bad).and_then(|head| head.verify(&bad).map(|_| ()));
            assert_eq!(verified, None, "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_found_behind_any_bytes(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [&noise[..], &frame(9, b"x", b"y")].concat();
            prop_assert_eq!(find_head(&bytes, 0).map(|(at, head)| (at, head.number)), Some((noise.len(), 9)));
        }
    }
}
