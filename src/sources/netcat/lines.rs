//! Bytes of one connection to lines of text.
//!
//! Differs from Flume's: a byte that is not valid in the charset becomes U+FFFD in its line, where Flume ends the
//! connection and loses every line of the same read.
//! Invariants: a line without end is held up to the limit and no further. Lengths count UTF-16 units, as Java's
//! buffers do.
use super::wire::{Reader, Wire};

/// Splits one connection's bytes.
pub struct Lines {
    reader: Reader,
    /// Decoded, and not yet ended by a newline.
    partial: String,
    partial_units: usize,
    /// The newline counts.
    most: usize,
}

/// What a read brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub lines: Vec<String>,
    /// The line behind them is longer than allowed; nothing after it is read.
    pub too_long: bool,
}

impl Lines {
    pub fn new(wire: Wire, most: usize) -> Lines {
        Lines { reader: wire.reader(), partial: String::new(), partial_units: 0, most }
    }

    /// Takes the bytes of one read.
    pub fn push(&mut self, bytes: &[u8]) -> Read {
        let text = self.reader.read(bytes);
        let mut found = Read::default();
        let mut pieces = text.split('\n').peekable();
        while let Some(piece) = pieces.next() {
            self.partial.push_str(piece);
            self.partial_units += units(piece);
            if self.partial_units >= self.most {
                found.too_long = true;
                break;
            }
            if pieces.peek().is_some() {
                found.lines.push(std::mem::take(&mut self.partial));
                self.partial_units = 0;
            }
        }
        found
    }
}

fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(most: usize, reads: &[&[u8]]) -> Vec<Read> {
        let mut lines = Lines::new(Wire::Other(encoding_rs::UTF_8), most);
        reads.iter().map(|bytes| lines.push(bytes)).collect()
    }

    fn lines(lines: &[&str], too_long: bool) -> Read {
        Read { lines: lines.iter().map(|l| l.to_string()).collect(), too_long }
    }

    #[test]
    fn lines_end_at_newlines_and_keep_their_carriage_return() {
        let found = read(512, &[b"one\r\n\ntw", b"o\nrest"]);
        assert_eq!(found, [lines(&["one\r", ""], false), lines(&["two"], false)]);
    }

    #[test]
    fn the_longest_line_has_one_less_than_the_limit_in_characters() {
        let nineteen = "x".repeat(19) + "\n";
        assert_eq!(read(20, &[nineteen.as_bytes()])[0], lines(&[&"x".repeat(19)], false));
        let wide = "é".repeat(19) + "\n";
        assert_eq!(read(20, &[wide.as_bytes()])[0], lines(&[&"é".repeat(19)], false));
        assert_eq!(read(20, &["x".repeat(20).as_bytes()])[0], lines(&[], true), "before any newline came");
        let behind = format!("a\n{}\nb\n", "x".repeat(25));
        assert_eq!(read(20, &[behind.as_bytes()])[0], lines(&["a"], true));
        let emoji = "\u{1f600}".repeat(10);
        assert_eq!(read(20, &[emoji.as_bytes()])[0], lines(&[], true), "two units each");
    }

    #[test]
    fn invalid_bytes_spoil_no_other_line_and_split_characters_join() {
        assert_eq!(read(512, &[b"a\nb\xffc\nd\n"])[0], lines(&["a", "b\u{fffd}c", "d"], false));
        assert_eq!(read(512, &[b"\xc3", b"\xa9\n"])[1], lines(&["é"], false));
    }
}
