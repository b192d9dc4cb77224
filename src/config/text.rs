//! A piece of text that still knows where each of its characters was written.
//!
//! Why: after continuations and escapes the text of a value is not a slice of the file, yet a diagnostic should point
//! at one word inside it. Shape: the decoded text, and the points where decoded and written offsets part ways.
use std::ops::Range;

use crate::diag::{FileId, Span};

/// Decoded text with its place.
#[derive(Clone, Debug)]
pub struct Text {
    pub text: String,
    /// All of it, as written.
    pub span: Span,
    /// Rising pairs (offset in `text`, offset in the file): from here on both run in step.
    jumps: Vec<(usize, usize)>,
    /// The text was computed from what stands there; only the whole has a place.
    coarse: bool,
}

impl Text {
    /// An empty text at a place, to be filled with [`Text::push`].
    pub fn empty(file: FileId, at: usize) -> Text {
        Text { text: String::new(), span: Span::new(file, at..at), jumps: Vec::new(), coarse: false }
    }

    /// A text that stands in the file as it is, beginning at `start`.
    pub fn plain(text: impl Into<String>, file: FileId, start: usize) -> Text {
        let text = text.into();
        let span = Span::new(file, start..start + text.len());
        Text { text, span, jumps: vec![(0, start)], coarse: false }
    }

    /// A text that was computed from what stands at a place.
    pub fn computed(text: impl Into<String>, span: Span) -> Text {
        Text { text: text.into(), span, jumps: vec![(0, span.start)], coarse: true }
    }

    /// Adds a character that was written at `from`.
    pub fn push(&mut self, c: char, from: Range<usize>) {
        let at = self.text.len();
        let in_step = self.jumps.last().is_some_and(|(text, file)| file + (at - text) == from.start);
        if !in_step {
            self.jumps.push((at, from.start));
        }
        self.text.push(c);
        if from.len() != c.len_utf8() {
            self.jumps.push((self.text.len(), from.end));
        }
        self.span.end = from.end;
    }

    /// Where a part of the text was written.
    pub fn at(&self, part: Range<usize>) -> Span {
        if self.coarse {
            return self.span;
        }
        let end = if part.end >= self.text.len() { self.span.end } else { self.written(part.end) };
        Span::new(self.span.file, self.written(part.start)..end)
    }

    /// A part of the text, with its place.
    pub fn slice(&self, part: Range<usize>) -> Text {
        let span = self.at(part.clone());
        let mut jumps = vec![(0, span.start)];
        let inside = self.jumps.iter().filter(|(text, _)| part.start < *text && *text < part.end);
        jumps.extend(inside.map(|(text, file)| (text - part.start, *file)));
        Text { text: self.text[part].to_string(), span, jumps, coarse: self.coarse }
    }

    /// Without the characters up to U+0020 at both ends, as Java's `trim` does.
    pub fn trimmed(&self) -> Text {
        let blank = |c: char| c <= ' ';
        let start = self.text.len() - self.text.trim_start_matches(blank).len();
        let end = start + self.text[start..].trim_end_matches(blank).len();
        self.slice(start..end)
    }

    /// Words separated by white space, with their places.
    pub fn words(&self) -> Vec<Text> {
        let mut words = Vec::new();
        let mut start = None;
        for (at, c) in self.text.char_indices().chain([(self.text.len(), ' ')]) {
            match (c.is_ascii_whitespace() || c == '\u{b}', start) {
                (true, Some(from)) => {
                    words.push(self.slice(from..at));
                    start = None;
                }
                (false, None) => start = Some(at),
                _ => {}
            }
        }
        words
    }

    fn written(&self, at: usize) -> usize {
        let index = self.jumps.partition_point(|(text, _)| *text <= at);
        match index.checked_sub(1).map(|last| self.jumps[last]) {
            Some((text, file)) => file + (at - text),
            None => self.span.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Files;

    #[test]
    fn parts_know_where_they_were_written_in_spite_of_escapes() {
        let file = Files::default().add("x", "");
        let mut text = Text::empty(file, 10); // written: a\tb \u0041 c
        for (c, from) in
            [('a', 10..11), ('\t', 11..13), ('b', 13..14), (' ', 14..15), ('A', 15..21), ('c', 21..22)]
        {
            text.push(c, from);
        }
        assert_eq!(text.at(0..1), Span::new(file, 10..11));
        assert_eq!(text.at(1..2), Span::new(file, 11..13));
        assert_eq!(text.at(2..3), Span::new(file, 13..14));
        assert_eq!(text.at(4..5), Span::new(file, 15..21));
        assert_eq!(text.at(5..6), Span::new(file, 21..22));
        let words: Vec<_> = text.words().into_iter().map(|word| (word.text, word.span.start)).collect();
        assert_eq!(words, [("a".into(), 10), ("b".into(), 13), ("Ac".into(), 15)]);
        assert_eq!(text.slice(4..6).at(1..2), Span::new(file, 21..22));
    }
}
