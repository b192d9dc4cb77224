//! Java properties, with the place of every key, value and escape.
//!
//! Why our own: a map of strings cannot say where a value was written, and Flume users' files lean on every quirk.
//! Shape: physical lines → logical lines of (character, place) → key and value → escapes undone; [`parse`] trims
//! nothing and keeps duplicates, [`super::document`] does what Flume does next.
//! Errors: a malformed `\u` is the only one, as in Java; the place is the escape.
//! Truth: `java.util.Properties.load(Reader)`; `tests/compat/java-properties` holds this file to it.
use std::ops::Range;

use super::text::Text;
use crate::diag::{Diagnostic, FileId, Report, Span};

/// A key and a value as Java reads them, untrimmed.
#[derive(Clone, Debug)]
pub struct Pair {
    pub key: Text,
    pub value: Text,
    /// What the line says if a full-width `＝` or `：` is taken for its ASCII twin, and where that stands.
    pub full_width: Option<(Span, Box<Pair>)>,
}

/// A character and where it was written.
type Placed = (char, usize);

/// Reads a whole text; problems go to the report. `None`: the text cannot be read at all.
pub fn parse(text: &str, file: FileId, report: &mut Report) -> Option<Vec<Pair>> {
    // all lines are looked at before the first bad one counts, so that each is reported
    let pairs: Vec<Option<Pair>> = logical_lines(text).iter().map(|line| pair(line, file, report)).collect();
    pairs.into_iter().collect()
}

/// Joins continued lines and leaves out blank ones and comments: the automaton of Java's `LineReader`, step by step.
fn logical_lines(text: &str) -> Vec<Vec<Placed>> {
    let mut lines = Vec::new();
    let mut line: Vec<Placed> = Vec::new();
    let (mut skip_blanks, mut continued, mut odd_backslash, mut comment) = (true, false, false, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let line_end = matches!(c, '\n' | '\r');
        if comment {
            comment = !line_end;
            continue;
        }
        if skip_blanks {
            if matches!(c, ' ' | '\t' | '\x0c') || (line_end && !continued) {
                continue;
            }
            (skip_blanks, continued) = (false, false);
        }
        if line.is_empty() && matches!(c, '#' | '!') {
            (comment, skip_blanks) = (true, true);
        } else if !line_end {
            line.push((c, at));
            odd_backslash = c == '\\' && !odd_backslash;
        } else if line.is_empty() {
            skip_blanks = true;
        } else if odd_backslash {
            line.pop();
            if line.is_empty() && chars.peek().is_none() {
                lines.push(Vec::new()); // Java's own oddity: a lone backslash line at the very end is a pair of nothing
            }
            (skip_blanks, continued, odd_backslash) = (true, true, false);
            if c == '\r' {
                chars.next_if(|(_, next)| *next == '\n');
            }
        } else {
            lines.push(std::mem::take(&mut line));
            skip_blanks = true;
        }
    }
    end_of_text(lines, line, odd_backslash)
}

/// The last line needs no end; a lone backslash at its end disappears.
fn end_of_text(mut lines: Vec<Vec<Placed>>, mut line: Vec<Placed>, odd_backslash: bool) -> Vec<Vec<Placed>> {
    if !line.is_empty() {
        if odd_backslash {
            line.pop();
        }
        lines.push(line);
    }
    lines
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn is_full_width(c: char) -> bool {
    matches!(c, '＝' | '：')
}

/// Splits one logical line and undoes the escapes of both halves.
fn pair(line: &[Placed], file: FileId, report: &mut Report) -> Option<Pair> {
    let (key, value) = split(line, |c| matches!(c, '=' | ':'));
    let full_width = full_width(line, key.end, value.start, file);
    let end = line.last().map_or(0, |(c, at)| at + c.len_utf8());
    let convert = |part: Range<usize>, report: &mut Report| {
        let at = line.get(part.start).map_or(end, |(_, at)| *at);
        unescape(&line[part], Text::empty(file, at), report)
    };
    let (key, value) = (convert(key, report), convert(value, report));
    Some(Pair { key: key?, value: value?, full_width })
}

/// Where key and value are: the key ends at the first unescaped separator or blank; then blanks, at most one
/// separator and blanks again are skipped.
fn split(line: &[Placed], separates: impl Fn(char) -> bool) -> (Range<usize>, Range<usize>) {
    let mut escaped = false;
    let mut key = 0;
    while let Some((c, _)) = line.get(key) {
        if !escaped && (separates(*c) || is_blank(*c)) {
            break;
        }
        escaped = *c == '\\' && !escaped;
        key += 1;
    }
    let mut value = key;
    let mut separated = false;
    while let Some((c, _)) = line.get(value) {
        if !is_blank(*c) && (separated || !separates(*c)) {
            break;
        }
        separated |= separates(*c);
        value += 1;
    }
    (0..key, value..line.len())
}

/// The second reading of a line whose first one has a full-width separator where an ASCII one belongs.
fn full_width(line: &[Placed], key: usize, value: usize, file: FileId) -> Option<(Span, Box<Pair>)> {
    let in_key = line[..key].iter().find(|(c, _)| is_full_width(*c));
    let only_blanks = line[key..value].iter().all(|(c, _)| is_blank(*c));
    let at_value = line.get(value).filter(|(c, _)| only_blanks && is_full_width(*c));
    let (c, at) = in_key.or(at_value)?;
    let (key, value) = split(line, |c| matches!(c, '=' | ':') || is_full_width(c));
    let mut quiet = Report::default();
    let start = |part: &Range<usize>| line.get(part.start).map_or(*at, |(_, at)| *at);
    let (key_at, value_at) = (start(&key), start(&value));
    let key = unescape(&line[key], Text::empty(file, key_at), &mut quiet)?;
    let value = unescape(&line[value], Text::empty(file, value_at), &mut quiet)?;
    Some((Span::new(file, *at..at + c.len_utf8()), Box::new(Pair { key, value, full_width: None })))
}

/// `\t \n \r \f \uXXXX`; of any other escape the backslash silently goes.
fn unescape(chars: &[Placed], mut out: Text, report: &mut Report) -> Option<Text> {
    let file = out.span.file;
    let mut at = 0;
    while at < chars.len() {
        let (c, from) = chars[at];
        let Some(&(escape, escape_at)) = chars.get(at + 1).filter(|_| c == '\\') else {
            out.push(c, from..from + c.len_utf8());
            at += 1;
            continue;
        };
        let end = escape_at + escape.len_utf8();
        at += 2;
        match escape {
            't' => out.push('\t', from..end),
            'n' => out.push('\n', from..end),
            'r' => out.push('\r', from..end),
            'f' => out.push('\x0c', from..end),
            'u' => {
                let Some(unit) = hex(&chars[at..]) else {
                    malformed(&chars[at..], Span::new(file, from..end), report);
                    return None;
                };
                at += 4;
                at += unicode(unit, from, &chars[at - 1..], &mut out, report);
            }
            other => out.push(other, from..end),
        }
    }
    Some(out)
}

/// Exactly four hexadecimal digits.
fn hex(chars: &[Placed]) -> Option<u32> {
    let digits = chars.get(..4)?;
    digits.iter().try_fold(0, |unit, (c, _)| Some(unit * 16 + c.to_digit(16)?))
}

/// Adds what a `\uXXXX` stands for. `rest` begins at its last digit; returns how many characters of a second escape
/// were used up: two escapes may form one character.
fn unicode(unit: u32, from: usize, rest: &[Placed], out: &mut Text, report: &mut Report) -> usize {
    let end = |last: &Placed| last.1 + last.0.len_utf8();
    if let Some(c) = char::from_u32(unit) {
        out.push(c, from..end(&rest[0]));
        return 0;
    }
    let low = match rest.get(1..3) {
        Some([('\\', _), ('u', _)]) if unit < 0xdc00 => {
            hex(&rest[3..]).filter(|low| (0xdc00..0xe000).contains(low))
        }
        _ => None,
    };
    if let Some(c) = low.and_then(|low| char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))) {
        out.push(c, from..end(&rest[6]));
        return 6;
    }
    let span = Span::new(out.span.file, from..end(&rest[0]));
    let what = format!("`\\u{unit:04x}` is half of a surrogate pair and stands for no character");
    report.push(Diagnostic::warning("lone-surrogate", what).at(span).hint("U+FFFD is used in its place"));
    out.push('\u{fffd}', from..end(&rest[0]));
    0
}

fn malformed(rest: &[Placed], escape: Span, report: &mut Report) {
    let digits: usize =
        rest.iter().take(4).take_while(|(c, _)| c.is_ascii_hexdigit()).map(|(c, _)| c.len_utf8()).sum();
    let span = Span::new(escape.file, escape.start..escape.end + digits);
    report.push(
        Diagnostic::error("malformed-escape", "`\\u` needs exactly four hexadecimal digits")
            .at(span)
            .hint("for a backslash followed by `u` write `\\\\u`")
            .hint("Flume refuses the whole file for this"),
    );
}

#[cfg(test)]
mod tests;
