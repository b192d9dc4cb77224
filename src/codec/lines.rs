//! Physical lines: where one ends, and where one that is too long is cut.
//!
//! Why on raw bytes: a position is an offset in the file, so lines are found before anything is decoded. In every
//! charset we take, the terminator cannot be part of another character (GBK's second bytes start at 0x40); in UTF-16
//! it is looked for at even offsets only.
//! Units: limits count UTF-16 units, as Java does, which for UTF-8 is one per byte that continues no character, and
//! one more for each 4-byte character.

/// What ends a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminator {
    bytes: Box<[u8]>,
    /// Bytes of one code unit: where a terminator may begin.
    unit: u64,
}

impl Terminator {
    /// A terminator of any bytes; `unit` is 2 for UTF-16, else 1.
    pub fn new(bytes: &[u8], unit: u64) -> Terminator {
        debug_assert!(!bytes.is_empty());
        Terminator { bytes: bytes.into(), unit }
    }

    /// A line feed.
    pub fn line_feed() -> Terminator {
        Terminator::new(b"\n", 1)
    }

    pub fn is_line_feed(&self) -> bool {
        *self.bytes == *b"\n"
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the first terminator at or after `from` begins; `base` is the offset of `bytes[0]` in the file.
    #[inline]
    pub fn find(&self, bytes: &[u8], base: u64, from: usize) -> Option<usize> {
        if let [single] = *self.bytes {
            return memchr::memchr(single, &bytes[from..]).map(|at| from + at);
        }
        let aligned = |at: &usize| (base + *at as u64).is_multiple_of(self.unit);
        memchr::memmem::find_iter(&bytes[from..], &self.bytes).map(|at| from + at).find(aligned).or_else(
            || {
                // Overlapping finds are skipped by the iterator; look at each place where the units allow it.
                (self.unit > 1).then(|| self.find_slowly(bytes, base, from)).flatten()
            },
        )
    }

    fn find_slowly(&self, bytes: &[u8], base: u64, from: usize) -> Option<usize> {
        let odd = (base + from as u64) % self.unit;
        let first = from + (self.unit - odd) as usize % self.unit as usize;
        (first..bytes.len()).step_by(self.unit as usize).find(|at| bytes[*at..].starts_with(&self.bytes))
    }

    /// Whether a terminator begins at `bytes[at]`.
    #[inline]
    pub fn starts(&self, bytes: &[u8], at: usize) -> bool {
        bytes[at..].starts_with(&self.bytes)
    }

    /// Whether `bytes` end with a terminator.
    #[inline]
    pub fn ends(&self, bytes: &[u8]) -> bool {
        bytes.ends_with(&self.bytes)
    }
}

/// What becomes of a line that is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlong {
    /// The first part is the event, the rest is dropped and counted.
    Truncate,
    /// No event; counted.
    Drop,
    /// Several events, nothing dropped.
    Split,
}

/// Where UTF-8 text goes over `most` UTF-16 units; `None` if it does not. Never 0, never inside a character of valid
/// text; foreign bytes are cut after `4 * most` at the latest.
#[inline]
pub fn cut_utf8(text: &[u8], most: usize) -> Option<usize> {
    if text.len() <= most {
        return None;
    }
    cut_counting(text, most)
}

fn cut_counting(text: &[u8], most: usize) -> Option<usize> {
    let mut units = 0;
    for (at, byte) in text.iter().enumerate() {
        let more = match byte {
            0x80..=0xBF => 0,
            0xF0..=0xFF => 2,
            _ => 1,
        };
        if at > 0 && (more > 0 && units + more > most || at >= most.saturating_mul(4)) {
            return Some(at);
        }
        units += more;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_utf16_units() {
        assert_eq!(cut_utf8(b"1234567890", 10), None);
        assert_eq!(cut_utf8(b"12345678901", 10), Some(10));
        assert_eq!(cut_utf8("ääääää".as_bytes(), 5), Some(10));
        assert_eq!(cut_utf8("中中中".as_bytes(), 3), None, "nine bytes, three units");
        assert_eq!(cut_utf8("😀😀".as_bytes(), 3), Some(4), "a character is not cut in half");
        assert_eq!(cut_utf8("😀".as_bytes(), 1), None, "one character always fits");
    }

    #[test]
    fn foreign_bytes_are_cut_all_the_same() {
        assert_eq!(cut_utf8(&[0x80; 100], 10), Some(40));
        assert_eq!(cut_utf8(&[0xFF; 100], 10), Some(5));
        assert_eq!(cut_utf8(&[0; 100], 10), Some(10));
    }

    #[test]
    fn a_terminator_of_utf16_lies_at_even_offsets() {
        let little = Terminator::new(b"\n\0", 2);
        // U+0A41 then line feed: 41 0A | 0A 00; the pair 0A 0A is none, and neither is one across units.
        assert_eq!(little.find(b"\x41\x0a\x0a\x00", 0, 0), Some(2));
        assert_eq!(little.find(b"\x41\x0a\x00\x0a\x0a\x00", 0, 0), Some(4));
        assert_eq!(little.find(b"\x0a\x00", 1, 0), None, "the file offset decides, not the buffer's");
    }

    #[test]
    fn a_terminator_may_be_any_bytes() {
        let two = Terminator::new(b"\\n", 1);
        assert_eq!(two.find(b"a\\nb\\n", 0, 0), Some(1));
        assert_eq!(two.find(b"a\\nb\\n", 0, 3), Some(4));
    }
}
