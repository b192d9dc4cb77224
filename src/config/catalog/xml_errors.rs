//! What is wrong with a text that is no XML, in words that say what to write.
//!
//! The usual harm: an attribute cut off where a page ended, quotes that a word processor has rounded, `&` in an address,
//! a blank line before `<?xml`.
use roxmltree::Error;

use super::secret::{is_secret, secret_parts};
use crate::diag::{Diagnostic, FileId, Report, Span};

/// The one diagnostic of a text that cannot be read.
pub(super) fn told(text: &str, file: FileId, error: &Error) -> Diagnostic {
    let at = offset(text, error);
    if let Some((name, range)) = unclosed(text) {
        let what = format!("the value of `{name}` is not closed: a quote is missing at its end");
        let problem = Diagnostic::error("bad-xml", what).at(Span::new(file, range));
        return problem.hint(format!("write `{name}=\"…\"`, and close the element by `>`"));
    }
    let (what, hint) = sentence(error);
    let code = if matches!(error, Error::DtdDetected) { "dtd" } else { "bad-xml" };
    let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
    let problem = Diagnostic::error(code, what).at(Span::new(file, at..end));
    problem.maybe_hint(rounded(text, at).or(hint.map(str::to_string)))
}

const SHAPE: &str = "an attribute is `name=\"value\"`, an element `<xsd:Key>text</xsd:Key>`";
const ENTRY: &str = "an entry is a `BeanMap` with a `Property` for each key";

fn sentence(error: &Error) -> (String, Option<&'static str>) {
    let text = match error {
        Error::DtdDetected => {
            let hint = "take it out, and write what its entities stand for";
            return (
                "an entry has no document type: it is not read, and neither is what it points to".into(),
                Some(hint),
            );
        }
        Error::UnknownNamespace(prefix, _) => {
            let hint = "add `xmlns:xsd=\"http://www.xsd.webservice.env.iplatform.org\"` to `BeanMap`, with that prefix";
            return (format!("the prefix `{prefix}` is declared nowhere"), Some(hint));
        }
        Error::UnexpectedCloseTag(open, close, _) => {
            return (
                format!("`{close}` is closed here, but `{open}` is open"),
                Some("close what was opened last first"),
            );
        }
        Error::UnknownEntityReference(name, _) => {
            return (
                format!("`&{name};` stands for nothing"),
                Some("XML has `&amp;`, `&lt;`, `&gt;`, `&quot;` and `&apos;`"),
            );
        }
        Error::MalformedEntityReference(_) => {
            return ("a lone `&` cannot stand in XML".into(), Some("write `&amp;`"));
        }
        Error::NoRootNode => {
            return ("there is nothing in it".into(), Some(ENTRY));
        }
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => {
            return (
                "it ends before its elements are closed".into(),
                Some("the last line is `</xsd:BeanMap>`"),
            );
        }
        Error::UnexpectedDeclaration(_) => {
            return (
                "`<?xml …?>` stands behind something else".into(),
                Some("make it the very first characters of the file"),
            );
        }
        Error::DuplicatedAttribute(name, _) => format!("the attribute `{name}` stands twice"),
        Error::DuplicatedNamespace(name, _) => format!("the prefix `{name}` is declared twice"),
        Error::InvalidAttributeValue(_) => "`<` cannot stand in the value of an attribute".into(),
        Error::NonXmlChar(c, _) => format!("U+{:04X} cannot stand in XML", u32::from(*c)),
        Error::InvalidName(_) => return ("no name stands here".into(), Some(SHAPE)),
        Error::InvalidChar(expected, actual, _) => {
            return (format!("`{}` belongs here, not {}", char::from(*expected), byte(*actual)), Some(SHAPE));
        }
        Error::InvalidChar2(expected, actual, _) => {
            return (format!("{expected} belongs here, not {}", byte(*actual)), Some(SHAPE));
        }
        Error::InvalidString(expected, _) => return (format!("`{expected}` belongs here"), Some(SHAPE)),
        Error::NodesLimitReached | Error::AttributesLimitReached | Error::NamespacesLimitReached => {
            "it has more elements than an entry can have".into()
        }
        _ => return ("this is no XML".into(), Some(ENTRY)),
    };
    (text, None)
}

fn byte(byte: u8) -> String {
    match byte {
        0x20..0x7f => format!("`{}`", char::from(byte)),
        _ => "this character".to_string(),
    }
}

/// Where the error is, in bytes.
fn offset(text: &str, error: &Error) -> usize {
    if matches!(error, Error::DtdDetected) {
        return text.find("<!DOCTYPE").unwrap_or(0);
    }
    if matches!(error, Error::UnclosedRootNode | Error::UnexpectedEndOfStream) {
        return text.trim_end().len();
    }
    let pos = error.pos();
    let line = text.split_inclusive('\n').nth(pos.row.saturating_sub(1) as usize);
    let start: usize =
        text.split_inclusive('\n').take(pos.row.saturating_sub(1) as usize).map(str::len).sum();
    let line = line.unwrap_or_default();
    let column = line.char_indices().nth(pos.col.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at);
    start + column
}

/// Quotes of a word processor on the line of the error.
fn rounded(text: &str, at: usize) -> Option<String> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next()?;
    let found = line.chars().find(|c| matches!(c, '“' | '”' | '‘' | '’' | '＂' | '＝' | '＜' | '＞'))?;
    let meant = match found {
        '＝' => '=',
        '＜' => '<',
        '＞' => '>',
        _ => '"',
    };
    Some(format!("`{found}` stands on this line: write `{meant}`"))
}

/// The first attribute whose value runs into the next element: its name, and where that is.
fn unclosed(text: &str) -> Option<(&str, std::ops::Range<usize>)> {
    let starts = text.match_indices('<').map(|(at, _)| at + 1);
    let mut elements = starts.filter(|at| text[*at..].starts_with(|c: char| c.is_alphabetic()));
    elements.find_map(|start| {
        let mut at = start + text[start..].find(|c: char| c.is_whitespace() || c == '>' || c == '<')?;
        loop {
            at += text[at..].find(|c: char| !c.is_whitespace())?;
            let name = at..at + text[at..].find(|c: char| "=<>/".contains(c) || c.is_whitespace())?;
            let rest = text[name.end..].trim_start().strip_prefix('=')?.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            match rest[1..].find([quote, '<']) {
                Some(end) if rest[1 + end..].starts_with(quote) => at = text.len() - rest.len() + end + 2,
                _ => return Some((&text[name.clone()], name)),
            }
        }
    })
}

/// Values of keys that promise a secret are not shown, though the text could not be read.
pub(super) fn hide_secrets(text: &str, file: FileId, report: &mut Report) {
    secret_parts(text).into_iter().for_each(|part| report.files.mask(Span::new(file, part)));
    let (mut at, mut secret) = (0, false);
    while let Some(open) = text[at..].find('<').map(|open| at + open + 1) {
        let Some(close) = text[open..].find(['<', '>']).map(|close| open + close) else { break };
        let tag = text[open..close].split_whitespace().next().unwrap_or_default();
        at = close;
        let inner = close + usize::from(text[close..].starts_with('>'));
        match tag.rsplit(':').next().unwrap_or_default() {
            "Key" => secret = is_secret(text[inner..].split('<').next().unwrap_or_default().trim()),
            "Value" if secret => {
                at = text[inner..].find("</").map_or(text.len(), |end| inner + end);
                report.files.mask(Span::new(file, inner..at));
                report.keep_secret(text[inner..at].trim());
            }
            _ => {}
        }
    }
}
