//! Notes after values (`port = 44444  # the port`), which a properties file does not allow.
//!
//! Flume takes the note as a part of the value. Where that reading cannot work the note is cut off and one lint says
//! so (an error under `strict`); free text is never cut.
use std::ops::Range;

use super::agent::Prop;
use super::text::Text;
use crate::diag::{Diagnostic, Report};

/// Where a note begins: at a `#` after white space, with something before it. The range is that of the rest.
pub fn find(text: &str) -> Option<(&str, Range<usize>)> {
    let bytes = text.as_bytes();
    let at = (1..bytes.len()).find(|&at| bytes[at] == b'#' && bytes[at - 1].is_ascii_whitespace())?;
    let value = text[..at].trim_end();
    (!value.is_empty()).then_some((value, at..text.len()))
}

/// The value without its note, if there is one and the value fits without it; says so.
pub fn cut_if(prop: &Prop, fits: impl Fn(&str) -> bool, report: &mut Report) -> Option<String> {
    let (value, note) = find(&prop.value.text)?;
    fits(value).then(|| {
        report.push(repair(&prop.key.text, &prop.value, note));
        value.to_string()
    })
}

/// The lint for a note that was cut off.
pub fn repair(key: &str, value: &Text, note: Range<usize>) -> Diagnostic {
    Diagnostic::repair("inline-note", format!("the note after the value of `{key}` is taken for a comment"))
        .at(value.at(note))
        .hint("in Flume it is a part of the value; put notes on lines of their own")
}

/// Says that what looks like a note is part of a free text.
pub fn mention(prop: &Prop, report: &mut Report) {
    if let Some((_, note)) = find(&prop.value.text) {
        let what = format!("`#` and what follows is a part of the value of `{}`, no comment", prop.key.text);
        report.push(Diagnostic::note("inline-note", what).at(prop.value.at(note)));
    }
}
