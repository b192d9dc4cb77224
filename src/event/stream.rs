//! Streams: what can be read again, how it is recognised, and the spans and marks that speak of it.
//!
//! Truth: the positions protocol, summarised in `ARCHITECTURE.md`.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Mark;
use crate::sys::random::random;

/// The identity of a stream: minted at random when its source first sees it.
///
/// Shape: 96 random bits, the family, and a generation of 32 bits that rises where the stream must begin anew for
/// everybody (P6). Of a family only the highest generation counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u128);

const GENERATION_BITS: u32 = 32;

impl StreamId {
    /// A new id from the kernel's randomness.
    pub fn mint() -> StreamId {
        StreamId(u128::from_le_bytes(random()) >> GENERATION_BITS << GENERATION_BITS)
    }

    /// Whether it is the stream of a log: of events that came without a position, which nobody can read again.
    pub fn is_of_log(self) -> bool {
        self.0 & LOG_GENERATION == LOG_GENERATION
    }

    /// What all generations of a stream share.
    pub fn family(self) -> u128 {
        self.0 >> GENERATION_BITS
    }

    /// The next generation: nobody has anything of it.
    pub fn renewed(self) -> StreamId {
        StreamId(self.0 + 1)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", self.0 >> 96)
    }
}

/// How a stream is recognised again: for files path, inode, birth time, device and hashes. Names sorted.
///
/// Shape: names and values in turn, each behind its length, back to back. Copies share it, because the source, the
/// channel and the sink all keep one per stream: as a map of strings 10,000 files took 5 kB each, now they take 0.2.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Arc<[u8]>);

const BEGUN: &str = "begun";
/// No component has a name with a colon.
const OF_LOG: &str = "channel:";
/// The generation of streams of a log, which are never renewed.
const LOG_GENERATION: u128 = (1 << GENERATION_BITS) - 1;

impl Attributes {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The value as a number, if it is one.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    pub fn set(&mut self, name: &str, value: impl ToString) {
        let value = value.to_string();
        let mut all: BTreeMap<&str, &str> = self.iter().collect();
        all.insert(name, &value);
        let mut bytes = Vec::with_capacity(self.0.len() + name.len() + value.len() + 4);
        all.into_iter().flat_map(|(name, value)| [name, value]).for_each(|word| put_word(word, &mut bytes));
        *self = Attributes(bytes.into());
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.set(name, value);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || Some((take_word(&mut rest)?, take_word(&mut rest)?)))
    }

    /// A copy of `other`, if they are equal: one text less in memory.
    pub fn or_copy_of(self, other: &Attributes) -> Attributes {
        if self == *other { other.clone() } else { self }
    }

    /// Whether both are copies of one: certainly equal, at no cost.
    pub fn is_copy_of(&self, other: &Attributes) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Nanoseconds since 1970 at which the stream was first seen; 0: nobody said. Of several generations of one file it
    /// tells the last.
    pub fn begun(&self) -> u64 {
        self.number(BEGUN).unwrap_or(0)
    }

    pub fn begun_at(self, nanoseconds: u64) -> Attributes {
        self.with(BEGUN, nanoseconds)
    }

    /// Of the same age as `other`.
    pub fn begun_as(self, other: &Attributes) -> Attributes {
        if other.begun() == 0 || self.begun() == other.begun() { self } else { self.begun_at(other.begun()) }
    }
}

/// The length in groups of seven bits, the lowest first, then the text.
fn put_word(word: &str, out: &mut Vec<u8>) {
    let mut length = word.len();
    while length > 0x7F {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(word.as_bytes());
}

fn take_word<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (mut length, mut shift) = (0, 0);
    loop {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (word, behind) = rest.split_at(length);
    *rest = behind;
    Some(std::str::from_utf8(word).expect("made of texts by `set`"))
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// One stream, shared by all batches that come from it.
pub struct Stream {
    pub id: StreamId,
    /// The source that reads it.
    pub source: Arc<str>,
    /// Every durable record writes them anew after a change.
    attributes: RwLock<Attributes>,
}

impl Stream {
    /// A stream seen for the first time.
    pub fn mint(source: &str, attributes: Attributes) -> Arc<Stream> {
        Stream::known(StreamId::mint(), source, attributes)
    }

    /// The stream of events that came without a position: a durable channel gives them one in its log (P8). Nobody can
    /// read it again.
    pub fn of_log(channel: &str) -> Arc<Stream> {
        let id = StreamId(StreamId::mint().0 | LOG_GENERATION);
        Stream::known(id, &format!("{OF_LOG}{channel}"), Attributes::default())
    }

    /// A stream seen before.
    pub fn known(id: StreamId, source: &str, attributes: Attributes) -> Arc<Stream> {
        Stream::of(id, source.into(), attributes)
    }

    /// The same, for a source with many streams, which share its name.
    pub fn of(id: StreamId, source: Arc<str>, attributes: Attributes) -> Arc<Stream> {
        Arc::new(Stream { id, source, attributes: RwLock::new(attributes) })
    }

    /// The attributes as they are now.
    pub fn attributes(&self) -> Attributes {
        self.attributes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the attributes: the file was renamed, or its head has grown. When the stream was begun stays.
    pub fn describe(&self, attributes: Attributes) {
        let mut held = self.attributes.write().unwrap_or_else(PoisonError::into_inner);
        let attributes = attributes.begun_as(&held);
        if *held != attributes {
            *held = attributes;
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.id, self.source)
    }
}

/// Evidence that a file still is what was read: a hash of the at most 256 bytes before `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub at: u64,
    pub hash: u64,
}

/// The last few checks of a stream, oldest first: at most 8, the newest four and ever sparser ones before (F3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks(Vec<Check>);

impl Checks {
    const MOST: usize = 8;

    /// Adds evidence at a higher offset than all before; what lies at or above it is replaced.
    pub fn push(&mut self, check: Check) {
        self.0.retain(|c| c.at < check.at);
        if self.0.len() == self.0.capacity() {
            // Most files of 10,000 have one or two.
            self.0.reserve_exact(1);
        }
        self.0.push(check);
        if self.0.len() > Self::MOST {
            // Among the older half, drop the one whose neighbours lie closest together.
            let older = 1..self.0.len() - 4;
            let crowded =
                older.min_by_key(|i| self.0[i + 1].at - self.0[i - 1].at).expect("more than eight checks");
            self.0.remove(crowded);
        }
    }

    /// The highest evidence at or below `mark`.
    pub fn below(&self, mark: u64) -> Option<Check> {
        self.0.iter().rev().find(|c| c.at <= mark).copied()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Check> {
        self.0.iter()
    }
}

/// The half-open range `[from, to)` of one stream that a batch stands for, filtered events included.
#[derive(Clone, Debug)]
pub struct Span {
    pub stream: Arc<Stream>,
    pub from: u64,
    pub to: u64,
    /// Evidence somewhere in the range, normally at its end.
    pub check: Option<Check>,
}

impl Span {
    pub fn new(stream: Arc<Stream>, from: u64, to: u64) -> Span {
        debug_assert!(from <= to);
        Span { stream, from, to, check: None }
    }

    /// Cuts off and returns `[from, at)`.
    pub fn cut_front(&mut self, at: u64) -> Span {
        debug_assert!(self.from <= at && at <= self.to);
        let check = self.check.filter(|c| c.at <= at);
        let front = Span { stream: self.stream.clone(), from: self.from, to: at, check };
        self.from = at;
        self.check = self.check.filter(|c| c.at > at);
        front
    }
}

/// What a durable record says of one stream.
#[derive(Clone, Debug)]
pub struct StreamRecord {
    pub source: Arc<str>,
    pub attributes: Attributes,
    pub mark: Mark,
    pub checks: Checks,
}

/// A record of marks, by stream.
pub type Marks = BTreeMap<StreamId, StreamRecord>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_sorted_replaced_and_compared_by_content() {
        let one = Attributes::default().with("path", "/var/log/x").with("inode", 12).with("empty", "");
        let other = Attributes::default()
            .with("empty", "")
            .with("inode", 7)
            .with("path", "/var/log/x")
            .with("inode", 12);
        assert_eq!(one, other);
        assert_eq!(one.iter().collect::<Vec<_>>(), [("empty", ""), ("inode", "12"), ("path", "/var/log/x")]);
        assert_eq!((one.number("inode"), one.get("empty"), one.get("boot")), (Some(12), Some(""), None));
    }

    #[test]
    fn f3_a_few_checks_are_kept_dense_at_the_end_and_sparse_before() {
        let mut checks = Checks::default();
        for at in (100..=10_000).step_by(100) {
            checks.push(Check { at, hash: at });
        }
        let kept: Vec<u64> = checks.iter().map(|c| c.at).collect();
        assert_eq!(kept.len(), 8);
        assert_eq!(&kept[4..], &[9_700, 9_800, 9_900, 10_000]);
        assert_eq!(kept[0], 100, "the first stays as the anchor");
        assert_eq!(checks.below(9_850).unwrap().at, 9_800);
        checks.push(Check { at: 50, hash: 1 });
        assert_eq!(checks.iter().count(), 1, "a stream that went back forgets what lay above");
    }
}
