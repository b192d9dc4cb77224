//! Texts that diagnostics point into, and places in them.
//!
//! Shape: spans are byte ranges of the decoded text; lines and columns count from 1, columns in characters; a line ends
//! at LF, CR or CR LF. What must not be shown (a password) is masked here, so that no renderer can forget it.
use std::ops::Range;

/// One text of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A half-open byte range of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub file: FileId,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(file: FileId, range: Range<usize>) -> Span {
        Span { file, start: range.start, end: range.end.max(range.start) }
    }

    /// From the start of this one to the end of another in the same text.
    pub fn to(self, end: Span) -> Span {
        Span::new(self.file, self.start..end.end.max(self.start))
    }
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    text: String,
    /// Where lines begin.
    lines: Vec<usize>,
    /// Byte ranges that are never shown.
    masked: Vec<Range<usize>>,
}

/// The texts of a run, by id.
#[derive(Debug, Default)]
pub struct Files(Vec<File>);

impl Files {
    /// Adds a text; the name is what users see, mostly a path.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let id = FileId(u32::try_from(self.0.len()).expect("fewer than 2^32 files"));
        self.0.push(File { name: name.into(), lines: line_starts(&text), text, masked: Vec::new() });
        id
    }

    /// Adds all texts of another run; what its spans are here.
    pub fn absorb(&mut self, other: &Files) -> impl Fn(Span) -> Span + use<> {
        let shift = u32::try_from(self.0.len()).expect("fewer than 2^32 files");
        self.0.extend(other.0.iter().cloned());
        move |span| Span { file: FileId(span.file.0 + shift), ..span }
    }

    pub fn name(&self, id: FileId) -> &str {
        &self.file(id).name
    }

    pub fn text(&self, id: FileId) -> &str {
        &self.file(id).text
    }

    /// Never shows this range: it holds a secret.
    pub fn mask(&mut self, span: Span) {
        self.0[span.file.0 as usize].masked.push(span.start..span.end);
    }

    /// Where a byte of a text is.
    pub fn spot(&self, id: FileId, at: usize) -> Spot {
        let file = self.file(id);
        let line = file.lines.partition_point(|start| *start <= at).max(1);
        let before = file.text.get(file.lines[line - 1]..at).unwrap_or_default();
        Spot { line, column: before.chars().count() + 1 }
    }

    /// A line without its end, masked characters shown as `*`.
    pub fn line(&self, id: FileId, line: usize) -> String {
        let file = self.file(id);
        let start = file.lines[line - 1];
        let end = file.lines.get(line).copied().unwrap_or(file.text.len());
        let text = file.text[start..end].trim_end_matches(['\n', '\r']);
        let mut masked: Vec<&Range<usize>> =
            file.masked.iter().filter(|range| range.start < end && start < range.end).collect();
        masked.sort_by_key(|range| std::cmp::Reverse(range.start));
        let mut until = 0;
        let mut shown = |(at, c)| {
            while let Some(range) = masked.pop_if(|range| range.start <= start + at) {
                until = until.max(range.end);
            }
            if start + at < until { '*' } else { c }
        };
        text.char_indices().map(&mut shown).collect()
    }

    fn file(&self, id: FileId) -> &File {
        &self.0[id.0 as usize]
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = (0..bytes.len()).filter(|&at| match bytes[at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends.map(|at| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_lf_cr_and_crlf_and_columns_count_characters() {
        let mut files = Files::default();
        let id = files.add("x", "a\nb\rc\r\nd日本e");
        let spot = |at| files.spot(id, at);
        assert_eq!(spot(0), Spot { line: 1, column: 1 });
        assert_eq!(spot(2), Spot { line: 2, column: 1 });
        assert_eq!(spot(4), Spot { line: 3, column: 1 });
        assert_eq!(spot(7), Spot { line: 4, column: 1 });
        assert_eq!(spot(14), Spot { line: 4, column: 4 });
        assert_eq!(files.line(id, 3), "c");
        assert_eq!(files.line(id, 4), "d日本e");
    }

    #[test]
    fn a_masked_range_is_shown_as_stars() {
        let mut files = Files::default();
        let id = files.add("x", "password = hunter2");
        files.mask(Span::new(id, 11..18));
        files.mask(Span::new(id, 0..2));
        files.mask(Span::new(id, 13..14));
        assert_eq!(files.line(id, 1), "**ssword = *******");
    }
}
