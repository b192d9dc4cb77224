//! The bytes that a command prints to lines of text.
//!
//! Shape: a line ends at `\n`, `\r` or `\r\n`, as Java reads lines; text is decoded line by line and becomes UTF-8, with
//! U+FFFD in place of what is none.
//! Differs from Flume's: a line above the limit becomes several, where Java grows until it is out of memory.
//! Invariants: no more than one read and one longest line is held.
use crate::codec::charset::Charset;

/// Splits the output of one run.
pub struct Lines {
    charset: Charset,
    /// Whether the first bytes have been looked at, where they tell the byte order.
    begun: bool,
    /// In UTF-16 units.
    most: usize,
    newline: Vec<u8>,
    carriage_return: Vec<u8>,
    /// What belongs to no whole line yet.
    held: Vec<u8>,
    /// No end of a line lies below it.
    looked: usize,
    /// The last line ended at a carriage return: a newline that follows belongs to it.
    after_return: bool,
    text: Vec<u8>,
    /// Places that were no text.
    pub replaced: u64,
}

impl Lines {
    pub fn new(charset: Charset, most: usize) -> Lines {
        let mut lines = Lines {
            charset,
            begun: !charset.depends_on_head(),
            most,
            newline: Vec::new(),
            carriage_return: Vec::new(),
            held: Vec::new(),
            looked: 0,
            after_return: false,
            text: Vec::new(),
            replaced: 0,
        };
        lines.learn(charset);
        lines
    }

    /// Takes the bytes of one read; hands over each line that has ended.
    pub fn push<E>(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.held.extend_from_slice(bytes);
        if !self.has_begun() {
            return Ok(());
        }
        let mut start = 0;
        while let Some(at) = self.find() {
            let is_newline = self.held[at..].starts_with(&self.newline);
            self.looked = at + self.newline.len();
            if !(is_newline && self.after_return && at == start) {
                self.emit(start..at, &mut each)?;
            }
            self.after_return = !is_newline;
            start = self.looked;
        }
        self.held.drain(..start);
        self.looked -= start;
        while let Some(cut) = self.charset.cut(&self.held, self.most) {
            self.emit(0..cut, &mut each)?;
            self.held.drain(..cut);
            self.looked = self.looked.saturating_sub(cut);
        }
        Ok(())
    }

    /// The output has ended: what has no end of a line is a line too.
    pub fn finish<E>(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let rest = 0..self.held.len();
        let outcome = if rest.is_empty() { Ok(()) } else { self.emit(rest, &mut each) };
        self.held.clear();
        outcome
    }

    /// Whether enough is there to know the byte order.
    fn has_begun(&mut self) -> bool {
        if !self.begun && self.held.len() >= 2 {
            self.begun = true;
            self.learn(self.charset.for_file(&self.held));
            let mark = self.charset.mark_len(&self.held);
            self.held.drain(..mark);
        }
        self.begun
    }

    fn learn(&mut self, charset: Charset) {
        self.charset = charset;
        (self.newline, _) = charset.encode_ascii(b"\n");
        (self.carriage_return, _) = charset.encode_ascii(b"\r");
    }

    /// The next end of a line; moves `looked` where there is none.
    fn find(&mut self) -> Option<usize> {
        let (from, unit) = (self.looked, self.newline.len());
        let found = if unit == 1 {
            memchr::memchr2(b'\n', b'\r', &self.held[from..]).map(|at| from + at)
        } else {
            let is_end = |part: &[u8]| part == self.newline || part == self.carriage_return;
            self.held[from..].chunks_exact(unit).position(is_end).map(|at| from + at * unit)
        };
        if found.is_none() {
            self.looked += (self.held.len() - from) / unit * unit;
        }
        found
    }

    /// Hands over a line, in pieces where it is too long.
    fn emit<E>(
        &mut self,
        line: std::ops::Range<usize>,
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = &self.held[line];
        loop {
            let (piece, more) = rest.split_at(self.charset.cut(rest, self.most).unwrap_or(rest.len()));
            self.text.clear();
            self.replaced += self.charset.decode(piece, &mut self.text).expect("what is no text is replaced");
            each(&self.text)?;
            if more.is_empty() {
                return Ok(());
            }
            rest = more;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::codec::charset::Policy;

    fn lines(charset: &str, most: usize, reads: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut each = |line: &[u8]| -> Result<(), Infallible> {
            found.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        };
        let mut lines = Lines::new(Charset::named(charset, Some(Policy::Replace)).unwrap(), most);
        for bytes in reads {
            lines.push(bytes, &mut each).unwrap();
        }
        lines.finish(&mut each).unwrap();
        found
    }

    #[test]
    fn lines_end_as_java_reads_them_and_bad_bytes_are_replaced() {
        // As a real Flume 1.11 was seen to do.
        let bytes = b"a\r\nb\rc\n\n\r\nd\xffe\nlast";
        assert_eq!(lines("UTF-8", 100, &[bytes]), ["a", "b", "c", "", "", "d\u{fffd}e", "last"]);
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(lines("UTF-8", 100, &singly), lines("UTF-8", 100, &[bytes]));
        assert_eq!(lines("UTF-8", 100, &[b"a\r", b"x\n", b"\n"]), ["a", "x", ""]);
        assert_eq!(lines("UTF-8", 100, &[b"\r", b"\n", b"\n", b"\r\r"]), ["", "", "", ""]);
    }

    #[test]
    fn a_line_above_the_limit_becomes_several_and_nothing_is_dropped() {
        let expected = ["0123", "4567", "89", "", "éééé", "é"];
        let bytes = "0123456789\n\nééééé\n".as_bytes();
        assert_eq!(lines("UTF-8", 4, &[bytes]), expected);
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(lines("UTF-8", 4, &singly), expected);
    }

    #[test]
    fn other_charsets_become_utf8() {
        assert_eq!(lines("GBK", 100, &[b"\xd6\xd0\n\xce", b"\xc4\r\n"]), ["中", "文"]);
        assert_eq!(lines("ISO-8859-1", 100, &[b"\xe4\r"]), ["ä"]);
        assert_eq!(lines("UTF-16", 100, &[b"\xff", b"\xfea\0\r\0\n", b"\0\x0a\x0a\n\0b\0"]), ["a", "ਊ", "b"]);
        assert_eq!(lines("UTF-16", 100, &[b"\0a\0\n"]), ["a"], "big-endian where nothing tells");
    }
}
