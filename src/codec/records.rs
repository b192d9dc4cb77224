//! Records: from bytes in view to the next event: a line, several lines under one start pattern, or a whole file.
//!
//! Why stateless: a record is found anew from its first byte whenever more bytes are there. So a position is all there
//! is to remember, and a restart cuts the same records.
//! Shape: `frame` looks at `view.bytes[start..end]`; positions it returns are indexes into the view.
//! Invariants: a record that was found makes progress; the same bytes from the same start give the same record, however
//! much of what follows is in view (but for closing: by silence, by the end of a file, by a cut).
use std::ops::Range;

use super::charset::{Charset, Undecodable};
use super::encode::Output;
use super::java_regex::Pattern;
use super::lines::{Overlong, Terminator};

/// What may be closed when nothing more is in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Close {
    /// More may come: an unfinished record waits.
    No,
    /// A multi-line record may end after its last whole line.
    Record,
    /// Nothing more comes: the unterminated rest is a line too.
    All,
}

/// What the records of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Text: a line, or several.
    #[default]
    Lines,
    /// The whole file, or pieces of at most so many bytes of a longer one.
    Blob { most: usize },
    /// The datums of an Avro container; read block by block, and not by `frame`.
    Container { schema: SchemaHeader },
}

/// How an event tells the schema of its datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaHeader {
    /// Its fingerprint.
    Hash,
    /// Its text.
    Literal,
}

/// Bits of a position that count the records of a block. The other 40 are the block's offset in its file.
const RECORD_BITS: u32 = 24;

impl Shape {
    /// By how many bits a position has to be shifted to be an offset in the file.
    pub fn shift(self) -> u32 {
        if matches!(self, Shape::Container { .. }) { RECORD_BITS } else { 0 }
    }
}

/// How bytes become records.
#[derive(Clone, Debug)]
pub struct Framing {
    pub shape: Shape,
    pub terminator: Terminator,
    /// Take one carriage return off before the terminator.
    pub strip_cr: bool,
    /// Longest line, in UTF-16 units.
    pub max_line: usize,
    pub overlong: Overlong,
    /// First lines of multi-line records; `None`: every line is a record.
    pub start: Option<Pattern>,
    /// Longest multi-line record, in bytes of the file.
    pub max_record: usize,
    pub charset: Charset,
    /// What bodies are encoded in, if it is not UTF-8.
    pub output: Option<Output>,
}

/// A part of a file in memory.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub bytes: &'a [u8],
    /// Offset of `bytes[0]` in the file.
    pub base: u64,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A record. `edit`: its body must be rendered; else it is `body` as it stands. `excess` bytes of a line that was
    /// too long are not part of it.
    Record { body: Range<usize>, to: usize, edit: bool, excess: usize },
    /// Bytes that give no event.
    Nothing { to: usize, excess: usize },
    /// A line without an end in sight, longer than may be held; `body` is what is kept of it.
    Endless { body: Range<usize> },
    /// Not finished; lines before `known` belong to the open record.
    More { known: usize },
}

impl Framing {
    /// Plain lines of unlimited use: what tests and simple sources start from.
    pub fn lines(max_line: usize, overlong: Overlong) -> Framing {
        Framing {
            shape: Shape::Lines,
            terminator: Terminator::line_feed(),
            strip_cr: false,
            max_line,
            overlong,
            start: None,
            max_record: 1 << 20,
            charset: Charset::untouched(),
            output: None,
        }
    }

    /// Whole files.
    pub fn blob(most: usize) -> Framing {
        Framing { shape: Shape::Blob { most }, ..Framing::lines(usize::MAX, Overlong::Split) }
    }

    /// Avro containers.
    pub fn container(schema: SchemaHeader) -> Framing {
        Framing { shape: Shape::Container { schema }, ..Framing::lines(usize::MAX, Overlong::Split) }
    }

    /// The framing of one file, whose first bytes may tell its byte order.
    pub fn for_file(&self, head: &[u8]) -> Framing {
        let charset = self.charset.for_file(head);
        let mut own = Framing { charset, ..self.clone() };
        if self.terminator.is_line_feed() || self.charset.depends_on_head() {
            let (bytes, unit) = charset.encode_ascii(b"\n");
            own.terminator = Terminator::new(&bytes, unit);
        }
        own
    }

    /// Bytes that must be in view before a record can be given up as too long.
    pub fn window(&self) -> usize {
        let line = self.max_line.saturating_mul(4).saturating_add(16);
        if self.start.is_some() { line.min(self.max_record).saturating_add(self.max_record) } else { line }
    }

    /// Whether most lines are records as they stand, so that `plain_lines` is worth asking.
    pub fn is_plain(&self) -> bool {
        self.shape == Shape::Lines
            && self.start.is_none()
            && self.terminator.is_line_feed()
            && self.charset.is_untouched()
    }

    /// Whole lines from `start` on, at most `most`, in one search: tells where each begins, where its text ends, and
    /// where the next one begins. Stops before what only `frame` can judge; where, is the answer. Only of plain framing.
    #[inline]
    pub fn plain_lines(
        &self,
        bytes: &[u8],
        start: usize,
        most: usize,
        mut tell: impl FnMut(usize, usize, usize),
    ) -> usize {
        debug_assert!(self.is_plain());
        let mut at = start;
        if start > 0 && bytes[start - 1] != b'\n' {
            return at;
        }
        for found in memchr::memchr_iter(b'\n', &bytes[start..]).take(most) {
            let line_end = start + found;
            let text = &bytes[at..line_end];
            let text = if self.strip_cr { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
            if text.len() > self.max_line {
                return at;
            }
            tell(at, at + text.len(), line_end + 1);
            at = line_end + 1;
        }
        at
    }

    /// The next record from `start`, looking no further than `end`. Lines below `known` are known to belong to it.
    pub fn frame(&self, view: View<'_>, start: usize, known: usize, end: usize, close: Close) -> Frame {
        let view = View { bytes: &view.bytes[..end], ..view };
        if let Shape::Blob { most } = self.shape {
            return frame_blob(view, start, most, close);
        }
        if let Some(to) = self.end_of_cut_line(view, start) {
            return Frame::Nothing { to, excess: 0 };
        }
        match &self.start {
            None => self.frame_line(view, start, close),
            Some(pattern) => self.frame_record(view, start, known.max(start), close, pattern),
        }
    }

    /// A line that went out without its terminator (closed by a limit or the end of a file) is not followed by an
    /// empty one when the terminator comes at last.
    #[inline]
    fn end_of_cut_line(&self, view: View<'_>, start: usize) -> Option<usize> {
        let inside = start > 0 && !self.terminator.ends(&view.bytes[..start]);
        (inside && start < view.bytes.len() && self.terminator.starts(view.bytes, start))
            .then(|| start + self.terminator.len())
    }

    #[inline]
    fn frame_line(&self, view: View<'_>, start: usize, close: Close) -> Frame {
        let (line_end, to) = match self.terminator.find(view.bytes, view.base, start) {
            Some(at) => (at, at + self.terminator.len()),
            None if close == Close::All && start < view.bytes.len() => (view.bytes.len(), view.bytes.len()),
            None => return self.unfinished(view, start),
        };
        let text_start = self.text_start(view, start).min(line_end);
        let mut text_end = line_end;
        if self.strip_cr && to > line_end && view.bytes[text_start..line_end].ends_with(b"\r") {
            text_end -= 1;
        }
        let edit = !self.charset.is_untouched();
        let Some(cut) = self.charset.cut(&view.bytes[text_start..text_end], self.max_line) else {
            return Frame::Record { body: text_start..text_end, to, edit, excess: 0 };
        };
        let cut = text_start + cut;
        match self.overlong {
            Overlong::Truncate => Frame::Record { body: text_start..cut, to, edit, excess: text_end - cut },
            Overlong::Drop => Frame::Nothing { to, excess: text_end - text_start },
            Overlong::Split => Frame::Record { body: text_start..cut, to: cut, edit, excess: 0 },
        }
    }

    /// No terminator in view.
    fn unfinished(&self, view: View<'_>, start: usize) -> Frame {
        let text_start = self.text_start(view, start);
        let rest = &view.bytes[text_start.min(view.bytes.len())..];
        if rest.len() < self.max_line.saturating_add(2) {
            return Frame::More { known: start };
        }
        if self.overlong != Overlong::Split {
            return if rest.len() >= self.window() {
                let cut = self.charset.cut(rest, self.max_line).unwrap_or(rest.len());
                Frame::Endless { body: text_start..text_start + cut }
            } else {
                Frame::More { known: start }
            };
        }
        match self.charset.cut(rest, self.max_line) {
            // One more unit could still be the carriage return of the terminator.
            Some(cut) if cut + 8 < rest.len() => Frame::Record {
                body: text_start..text_start + cut,
                to: text_start + cut,
                edit: !self.charset.is_untouched(),
                excess: 0,
            },
            _ => Frame::More { known: start },
        }
    }

    /// Past the byte order mark, at the start of a file.
    #[inline]
    fn text_start(&self, view: View<'_>, start: usize) -> usize {
        if view.base == 0 && start == 0 { self.charset.mark_len(view.bytes) } else { start }
    }

    fn frame_record(
        &self,
        view: View<'_>,
        start: usize,
        known: usize,
        close: Close,
        pattern: &Pattern,
    ) -> Frame {
        let (mut at, mut edit) = (known, known > start);
        while let Some((line_end, to)) = self.line_from(view, at, close) {
            if at > start && (to - start > self.max_record || self.begins(&view.bytes[at..line_end], pattern))
            {
                return self.record(view, start, at, edit);
            }
            if to - start > self.max_record && self.overlong == Overlong::Split {
                return self.cut_record(view, start, line_end, to);
            }
            edit |= line_end - at > self.max_line || at > start && !self.terminator.is_line_feed();
            at = to;
        }
        if at > start && (close > Close::No || view.bytes.len() - start >= self.window()) {
            return self.record(view, start, at, edit);
        }
        if at == start && view.bytes.len() - start >= self.window() {
            let most = if self.overlong == Overlong::Split { self.max_record } else { self.max_line };
            let cut =
                start + self.charset.cut(&view.bytes[start..], most).unwrap_or(view.bytes.len() - start);
            return match self.overlong {
                Overlong::Split => Frame::Record { body: start..cut, to: cut, edit: true, excess: 0 },
                _ => Frame::Endless { body: start..cut },
            };
        }
        Frame::More { known: at }
    }

    fn line_from(&self, view: View<'_>, at: usize, close: Close) -> Option<(usize, usize)> {
        match self.terminator.find(view.bytes, view.base, at) {
            Some(end) => Some((end, end + self.terminator.len())),
            None if close == Close::All && at < view.bytes.len() => {
                Some((view.bytes.len(), view.bytes.len()))
            }
            None => None,
        }
    }

    fn begins(&self, line: &[u8], pattern: &Pattern) -> bool {
        if self.charset.is_untouched() {
            return pattern.is_match(line);
        }
        let mut text = Vec::with_capacity(line.len());
        // What cannot be decoded shows when the record is rendered.
        let _ = self.charset.forgiving().decode(line, &mut text);
        pattern.is_match(&text)
    }

    fn record(&self, view: View<'_>, start: usize, to: usize, edit: bool) -> Frame {
        let text_start = self.text_start(view, start);
        let terminated = self.terminator.ends(&view.bytes[start..to]);
        let text_end = if terminated { to - self.terminator.len() } else { to };
        let edit = edit || !self.charset.is_untouched();
        Frame::Record { body: text_start.min(text_end)..text_end, to, edit, excess: 0 }
    }

    fn cut_record(&self, view: View<'_>, start: usize, line_end: usize, to: usize) -> Frame {
        match self.charset.cut(&view.bytes[start..line_end], self.max_record) {
            Some(cut) => Frame::Record { body: start..start + cut, to: start + cut, edit: true, excess: 0 },
            None => self.record(view, start, to, true),
        }
    }

    /// Appends the body of a record that must be edited: charset, joined lines, cut lines. `None`: nothing is left of
    /// it, as all its lines were too long.
    pub fn render(
        &self,
        raw: &[u8],
        base: u64,
        out: &mut Vec<u8>,
        forgive: bool,
    ) -> Result<Rendered, Undecodable> {
        let charset = if forgive { self.charset.forgiving() } else { self.charset };
        let mut rendered = Rendered::default();
        let begin = out.len();
        if self.start.is_none() {
            rendered.wrong = charset.decode(raw, out)?;
            rendered.kept = true;
            self.encode(out, begin);
            return Ok(rendered);
        }
        let mut at = 0;
        loop {
            let end = self.terminator.find(raw, base, at).unwrap_or(raw.len());
            self.render_line(&charset, &raw[at..end], &mut rendered, out)?;
            at = end + self.terminator.len();
            if at > raw.len() {
                self.encode(out, begin);
                return Ok(rendered);
            }
        }
    }

    /// Text that was appended from `begin` on becomes what bodies are encoded in.
    pub fn encode(&self, out: &mut Vec<u8>, begin: usize) {
        if let Some(output) = self.output {
            let text = String::from_utf8_lossy(&out[begin..]).into_owned();
            out.truncate(begin);
            output.encode(&text, out);
        }
    }

    fn render_line(
        &self,
        charset: &Charset,
        line: &[u8],
        rendered: &mut Rendered,
        out: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        let cut = if self.overlong == Overlong::Split { None } else { charset.cut(line, self.max_line) };
        if let Some(cut) = cut {
            rendered.cut_lines += 1;
            rendered.excess +=
                if self.overlong == Overlong::Drop { line.len() } else { line.len() - cut } as u64;
        }
        if cut.is_some() && self.overlong == Overlong::Drop {
            return Ok(());
        }
        if rendered.kept {
            out.push(b'\n');
        }
        rendered.kept = true;
        rendered.wrong += charset.decode(&line[..cut.unwrap_or(line.len())], out)?;
        Ok(())
    }
}

/// A piece as long as may be, or the rest of a file that is final.
fn frame_blob(view: View<'_>, start: usize, most: usize, close: Close) -> Frame {
    let rest = view.bytes.len() - start;
    match rest {
        _ if rest >= most => {
            Frame::Record { body: start..start + most, to: start + most, edit: false, excess: 0 }
        }
        0 => Frame::More { known: start },
        _ if close == Close::All => {
            let end = view.bytes.len();
            Frame::Record { body: start..end, to: end, edit: false, excess: 0 }
        }
        _ => Frame::More { known: start },
    }
}

/// What rendering did to a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Places where bytes were no text.
    pub wrong: u64,
    pub cut_lines: u64,
    pub excess: u64,
    /// Whether there is an event at all.
    pub kept: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_lines_are_what_frame_finds(bytes in "[a-c\\r\\n]{0,60}", start in 0usize..60, most in 1usize..6, strip_cr: bool) {
            let framing = Framing { strip_cr, ..Framing::lines(4, Overlong::Split) };
            let (bytes, start) = (bytes.as_bytes(), start.min(bytes.len()));
            let (mut quick, mut long, mut at) = (Vec::new(), Vec::new(), start);
            let stopped = framing.plain_lines(bytes, start, most, |from, end, to| quick.push((from..end, to)));
            while at < stopped {
                match framing.frame(View { bytes, base: 0 }, at, at, bytes.len(), Close::No) {
                    Frame::Record { body, to, edit: false, excess: 0 } => long.push((body, to)),
                    other => panic!("{other:?} at {at}"),
                }
                at = long.last().unwrap().1;
            }
            prop_assert_eq!(&quick, &long);
            prop_assert!(quick.len() <= most);
        }
    }

    /// All records of a finished file.
    fn all(framing: &Framing, bytes: &[u8]) -> Vec<String> {
        let view = View { bytes, base: 0 };
        let (mut at, mut found) = (0, Vec::new());
        loop {
            match framing.frame(view, at, at, bytes.len(), Close::All) {
                Frame::Record { body, to, edit, .. } => {
                    assert!(to > at, "progress");
                    let mut text = Vec::new();
                    if edit {
                        framing.render(&bytes[body.clone()], body.start as u64, &mut text, true).unwrap();
                    } else {
                        text.extend_from_slice(&bytes[body]);
                    }
                    found.push(String::from_utf8_lossy(&text).into_owned());
                    at = to;
                }
                Frame::Nothing { to, .. } => at = to,
                Frame::Endless { .. } => panic!("the whole file is in view"),
                Frame::More { .. } => return found,
            }
        }
    }

    fn multi() -> Framing {
        let start = Some(crate::codec::java_regex::find(r"^\d{4}-").unwrap());
        Framing { start, ..Framing::lines(3000, Overlong::Truncate) }
    }

    #[test]
    fn t23_a_line_of_exactly_the_limit_is_followed_by_nothing() {
        let framing = Framing::lines(10, Overlong::Split);
        assert_eq!(all(&framing, b"1234567890\nx"), ["1234567890", "x"]);
        assert_eq!(all(&framing, b"12345678901\n"), ["1234567890", "1"]);
        assert_eq!(all(&framing, b"12345678901234567890\n\nz\r\n"), ["1234567890", "1234567890", "", "z\r"]);
    }

    #[test]
    fn lines_too_long_are_truncated_dropped_or_split() {
        let long = b"aaaaaabbbb\nshort\n";
        assert_eq!(all(&Framing::lines(6, Overlong::Truncate), long), ["aaaaaa", "short"]);
        assert_eq!(all(&Framing::lines(6, Overlong::Drop), long), ["short"]);
        assert_eq!(all(&Framing::lines(6, Overlong::Split), long), ["aaaaaa", "bbbb", "short"]);
    }

    #[test]
    fn one_carriage_return_goes_where_asked() {
        let framing = Framing { strip_cr: true, ..Framing::lines(100, Overlong::Split) };
        assert_eq!(all(&framing, b"a\r\nthree\r\r\n\nend\r"), ["a", "three\r", "", "end\r"]);
    }

    #[test]
    fn records_begin_at_the_pattern_and_keep_what_lies_before_the_first() {
        let text = b"lost head\n at x\n2016-a\n at y\n at z\n2017-b\n";
        assert_eq!(all(&multi(), text), ["lost head\n at x", "2016-a\n at y\n at z", "2017-b"]);
    }

    #[test]
    fn lines_within_a_record_are_cut_each() {
        let framing = Framing { max_line: 8, ..multi() };
        assert_eq!(all(&framing, b"2016-abcdef\n at long line\nend\n"), ["2016-abc\n at long\nend"]);
    }

    #[test]
    fn a_record_is_capped_at_a_line_end() {
        let framing = Framing { max_record: 20, ..multi() };
        assert_eq!(all(&framing, b"2016-a\n123456\n123456\n123\n"), ["2016-a\n123456", "123456\n123"]);
    }

    #[test]
    fn an_open_record_waits_and_closes_by_silence_without_its_torn_line() {
        let (framing, bytes) = (multi(), b"2016-a\n at y\n at torn");
        let view = View { bytes, base: 0 };
        assert_eq!(framing.frame(view, 0, 0, bytes.len(), Close::No), Frame::More { known: 13 });
        let closed = framing.frame(view, 0, 13, bytes.len(), Close::Record);
        assert_eq!(closed, Frame::Record { body: 0..12, to: 13, edit: true, excess: 0 });
    }

    #[test]
    fn any_terminator_joins_and_ends() {
        let terminator = Terminator::new(b"\\n", 1);
        let framing = Framing { terminator, ..Framing::lines(100, Overlong::Truncate) };
        assert_eq!(all(&framing, b"a\\nb\\nc"), ["a", "b", "c"]);
    }

    #[test]
    fn utf16_lines_come_out_as_utf8() {
        let charset = Charset::named("UTF-16", None).unwrap();
        let framing = Framing { charset, ..Framing::lines(100, Overlong::Truncate) };
        let raw: Vec<u8> = "\u{feff}ab\n中\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(all(&framing.for_file(&raw), &raw), ["ab", "中"]);
    }

    #[test]
    fn a_line_that_went_out_unterminated_gives_no_empty_one_later() {
        let framing = Framing::lines(100, Overlong::Split);
        let view = View { bytes: b"abc\ndef\n", base: 0 };
        assert_eq!(framing.frame(view, 3, 3, 8, Close::No), Frame::Nothing { to: 4, excess: 0 });
    }

    #[test]
    fn a_line_without_end_is_given_up_in_bounded_memory() {
        let framing = Framing::lines(10, Overlong::Truncate);
        let bytes = [b'x'; 200];
        let view = View { bytes: &bytes, base: 0 };
        assert_eq!(framing.frame(view, 0, 0, 30, Close::No), Frame::More { known: 0 });
        assert_eq!(framing.frame(view, 0, 0, 200, Close::No), Frame::Endless { body: 0..10 });
    }

    #[test]
    fn a_blob_is_a_whole_file_or_pieces_of_it() {
        let framing = Framing::blob(4);
        let frame = |bytes: &[u8], start, close| {
            framing.frame(View { bytes, base: 0 }, start, start, bytes.len(), close)
        };
        let piece = |body: Range<usize>| Frame::Record { to: body.end, body, edit: false, excess: 0 };
        assert_eq!(frame(b"a\nb", 0, Close::No), Frame::More { known: 0 });
        assert_eq!(frame(b"a\nb", 0, Close::All), piece(0..3));
        assert_eq!(frame(b"a\nb\nc", 0, Close::No), piece(0..4));
        assert_eq!(frame(b"a\nb\nc", 4, Close::All), piece(4..5));
        assert_eq!(frame(b"a\nb\n", 4, Close::All), Frame::More { known: 4 });
    }

    #[test]
    fn records_of_several_lines_are_encoded_as_a_whole() {
        let start = Some(crate::codec::java_regex::find("^x").unwrap());
        let charset = Charset::named("UTF-8", Some(crate::codec::charset::Policy::Fail)).unwrap();
        let output = Output::of("UTF-16LE").unwrap();
        let framing = Framing { start, charset, output, ..Framing::lines(100, Overlong::Split) };
        let mut out = b"before".to_vec();
        framing.render("xä\ny".as_bytes(), 0, &mut out, false).unwrap();
        assert_eq!(out, b"beforex\0\xe4\0\n\0y\0");
    }
}
