//! Replaces in the body what a pattern finds.
//!
//! A body in which nothing is found keeps its bytes; Flume decodes and encodes every body, and so puts U+FFFD in the
//! place of bytes that are no text for good, found or not. An event on which the pattern takes too long stays as it is.
//! `replaceString` may be left out, as an empty value counts as none: then what is found goes (Flume 1.6 refuses it).
//! Truth: Flume 1.11 `SearchAndReplaceInterceptor`; `Matcher.replaceAll`.
use std::borrow::Cow;

use super::left::LeftAsIs;
use crate::codec::charset::{Charset, Policy};
use crate::codec::encode::Output;
use crate::codec::java_regex::{self, Pattern, Replacement, Spans};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const PATTERN: Field =
    Field::regex("searchPattern").required().lint(java_regex::lint).doc("looked for anywhere in the body");
const REPLACEMENT: Field = Field::text("replaceString").default("").doc(
    "stands in the place of each match; `$1` and `${name}` are groups, a backslash takes a sign as it is",
);
const CHARSET: Field = Field::charset("charset").default("UTF-8").doc("of the body");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "search_replace",
    class: "org.apache.flume.interceptor.SearchAndReplaceInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.SearchAndReplaceInterceptor"],
    summary: "replaces in the body what a pattern finds",
    fields: &[&[PATTERN, REPLACEMENT, CHARSET]],
    build: Build::Interceptor(build),
};

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let pattern = java_regex::find(at.text(&PATTERN)).map_err(|what| Refusal::at(&PATTERN, what))?;
    let replacement = Replacement::parse(at.text(&REPLACEMENT), &pattern)
        .map_err(|what| Refusal::at(&REPLACEMENT, what))?;
    let name = at.text(&CHARSET);
    let unknown = || Refusal::at(&CHARSET, format!("no charset that can be written is called `{name}`"));
    let charset = Charset::named(name, Some(Policy::Replace)).ok_or_else(unknown)?;
    let output = Output::of(name).ok_or_else(unknown)?;
    let spans = Spans::new(replacement.wanted());
    let charset = output.map(|output| (charset, output));
    Ok(Box::new(SearchReplace { pattern, replacement, charset, spans, left: LeftAsIs::new(at) }))
}

struct SearchReplace {
    pattern: Pattern,
    replacement: Replacement,
    /// Other than UTF-8.
    charset: Option<(Charset, Output)>,
    spans: Spans,
    left: LeftAsIs,
}

impl SearchReplace {
    /// Appends the new body.
    fn edit(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        let text = match &self.charset {
            None => java_regex::text(body),
            Some((charset, _)) => Cow::Owned(decoded(charset, body)),
        };
        let replaced = self.replacement.all(&self.pattern, &text, &mut self.spans, out);
        if !self.left.or(replaced, false) {
            return out.extend_from_slice(body);
        }
        if let Some((_, output)) = &self.charset {
            let text = String::from_utf8_lossy(&out[before..]).into_owned();
            out.truncate(before);
            output.encode(&text, out);
        }
    }
}

fn decoded(charset: &Charset, body: &[u8]) -> String {
    let charset = charset.for_file(body);
    let mut text = Vec::with_capacity(body.len());
    // Under this policy nothing is refused.
    let _ = charset.decode(&body[charset.mark_len(body)..], &mut text);
    String::from_utf8(text).unwrap_or_default()
}

impl Interceptor for SearchReplace {
    fn apply(&mut self, batch: &mut Batch) {
        batch.map_bodies(|event, out| self.edit(event.body(), out));
    }
}

#[cfg(test)]
mod tests {
    use super::super::left::tests::{refused, working};
    use super::*;
    use crate::event::Builder;

    fn replaced(keys: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut batch = Builder::default().push(b"before", 0..1).push(body, 1..2).finish(None);
        working(&SPEC, keys).0.apply(&mut batch);
        assert_eq!((batch.event(0).body(), batch.event(1).range()), (&b"before"[..], 1..2));
        batch.event(1).body().to_vec()
    }

    #[test]
    fn what_is_found_is_replaced() {
        let keys = [("searchPattern", r"(\d+) eur"), ("replaceString", r"\$$1")];
        assert_eq!(replaced(&keys, b"12 eur, 7 eur"), b"$12, $7");
        assert_eq!(replaced(&[("searchPattern", "^[A-Za-z0-9_]+ ")], b"user text"), b"text");
        let mask = [("searchPattern", r"(?<=pin=)\d+"), ("replaceString", "****")];
        assert_eq!(replaced(&mask, b"pin=1234"), b"pin=****");
    }

    #[test]
    fn bytes_that_are_no_text_stay_where_nothing_is_found() {
        let keys = [("searchPattern", "x"), ("replaceString", "y")];
        assert_eq!(replaced(&keys, b"a\xffb"), b"a\xffb");
        assert_eq!(replaced(&keys, b"a\xffx"), "a\u{fffd}y".as_bytes());
    }

    #[test]
    fn bodies_of_other_charsets_are_written_in_them_again() {
        let latin = [("searchPattern", "ä"), ("replaceString", "ö€"), ("charset", "ISO-8859-1")];
        assert_eq!(replaced(&latin, b"\xe4"), b"\xf6?");
        let gbk = [("searchPattern", "中"), ("replaceString", "文"), ("charset", "GBK")];
        assert_eq!(replaced(&gbk, b"\xd6\xd0!"), b"\xce\xc4!");
        let wide = [("searchPattern", "a"), ("replaceString", "b"), ("charset", "UTF-16LE")];
        assert_eq!(replaced(&wide, b"a\0"), b"b\0");
    }

    #[test]
    fn what_flume_stumbles_over_at_the_first_match_is_refused() {
        let what = refused(&SPEC, &[("searchPattern", "a"), ("replaceString", "$1")]);
        assert_eq!(what, "the pattern has no group 1");
        let what = refused(&SPEC, &[("searchPattern", "a"), ("charset", "no-such-charset")]);
        assert_eq!(what, "no charset that can be written is called `no-such-charset`");
    }
}
