//! Makes headers of what a pattern's groups find in the body: the n-th serializer takes the n-th group.
//!
//! Only the first match counts; an event without one passes unchanged. A group that took no part sets no header (Flume
//! sets one to null, which its file channel cannot keep). A time that cannot be read sets no header either and is
//! counted; in Flume the exception goes up to the source, which then tries the same events for ever. `type` is taken in
//! any case; Flume knows `DEFAULT` in capitals only, its guide says `default`.
//! Invariants: headers are set in one go per batch.
//! Truth: Flume 1.11 `RegexExtractorInterceptor` and its two serializers.
use super::left::LeftAsIs;
use crate::codec::java_regex::{self, Pattern, Spans};
use crate::codec::joda::{self, TimePattern};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::diag::Diagnostic;
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const REGEX: Field = Field::regex("regex")
    .required()
    .lint(java_regex::lint)
    .doc("looked for in the body; its groups become headers");
const SERIALIZERS: Field =
    Field::names("serializers").required().doc("names, one per group, in the order of the groups");
const SERIALIZER: Field = Field::prefix("serializers.").lint(unknown_key).doc(
    "`NAME.name` is the header; `NAME.type` is DEFAULT (the text) or MILLIS (a time, with `NAME.pattern` of Joda-Time)",
);

const PASS_THROUGH: &str = "org.apache.flume.interceptor.RegexExtractorInterceptorPassThroughSerializer";
const MILLIS: &str = "org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer";

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "regex_extractor",
    class: "org.apache.flume.interceptor.RegexExtractorInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.RegexExtractorInterceptor"],
    summary: "makes headers of what is found in the body",
    fields: &[&[REGEX, SERIALIZERS, SERIALIZER]],
    build: Build::Interceptor(build),
};

/// A serializer has three keys.
fn unknown_key(key: &str, _value: &str) -> Option<Diagnostic> {
    let last = key.rsplit('.').next().unwrap_or_default();
    let known = ["name", "type", "pattern"];
    (!known.contains(&last)).then(|| {
        let what = format!("`{key}` has no effect: a serializer has `name`, `type` and `pattern`");
        Diagnostic::warning("unknown-key", what)
    })
}

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let pattern = java_regex::find(at.text(&REGEX)).map_err(|what| Refusal::at(&REGEX, what))?;
    let names = at.names(&SERIALIZERS);
    let headers = names.iter().map(|name| header(at, name)).collect::<Result<Vec<_>, _>>()?;
    if pattern.groups() == 0 {
        let what = "the pattern has no group, so there is nothing to make a header of";
        return Err(Refusal::at(&REGEX, what).instead("put `(` and `)` around what is wanted"));
    }
    let spans = Spans::new(headers.len().min(pattern.groups()));
    Ok(Box::new(RegexExtractor { pattern, headers, spans, left: LeftAsIs::new(at) }))
}

fn header(at: &At, serializer: &str) -> Result<Header, Refusal> {
    let key = |last: &str| format!("{}{serializer}.{last}", SERIALIZER.key);
    let value = |last: &str| at.values.get(&key(last)).map(String::as_str);
    let refuse = |last: &str, what: String| Refusal { key: Some(key(last)), what, instead: None };
    let Some(name) = value("name") else {
        let what = format!("serializer `{serializer}` needs `{}`: the header", key("name"));
        return Err(Refusal::at(&SERIALIZERS, what));
    };
    let is = |word: &str| value("type").is_some_and(|text| text.eq_ignore_ascii_case(word));
    let time = if value("type").is_none() || is("DEFAULT") || is(PASS_THROUGH) {
        None
    } else if is("MILLIS") || is(MILLIS) {
        let Some(pattern) = value("pattern") else {
            let what =
                format!("serializer `{serializer}` needs `{}`: how the time is written", key("pattern"));
            return Err(refuse("type", what));
        };
        let zone = jiff::tz::TimeZone::system();
        Some(TimePattern::new(pattern, zone, joda::this_year()).map_err(|what| refuse("pattern", what))?)
    } else {
        let text = value("type").unwrap_or_default();
        let what = format!("there is no serializer `{text}`, and Java classes cannot be loaded");
        return Err(Refusal { instead: Some("use DEFAULT or MILLIS".into()), ..refuse("type", what) });
    };
    Ok(Header { name: name.into(), time })
}

/// What becomes of one group.
struct Header {
    name: Box<str>,
    /// It is a time; else the text is taken as it is.
    time: Option<TimePattern>,
}

struct RegexExtractor {
    pattern: Pattern,
    headers: Vec<Header>,
    spans: Spans,
    left: LeftAsIs,
}

impl RegexExtractor {
    fn event(&mut self, index: u32, body: &[u8], cells: &mut Vec<(u32, Box<str>, Box<str>)>) {
        let text = java_regex::text(body);
        let found = self.pattern.find_at(&text, 0, &mut self.spans);
        if !self.left.or(found, false) {
            return;
        }
        for (number, header) in self.headers.iter().enumerate() {
            let Some(group) = self.spans.group(number + 1) else { continue };
            let group = &text[group];
            match header.time.as_ref().map(|time| time.millis(group)) {
                None => cells.push((index, header.name.clone(), group.into())),
                Some(Some(millis)) => {
                    cells.push((index, header.name.clone(), millis.to_string().into()));
                }
                Some(None) => {
                    self.left.one(format_args!("`{group}` is no time for header `{}`", header.name));
                }
            }
        }
    }
}

impl Interceptor for RegexExtractor {
    fn apply(&mut self, batch: &mut Batch) {
        let mut cells = Vec::new();
        for (index, event) in batch.events().enumerate() {
            self.event(index as u32, event.body(), &mut cells);
        }
        batch.set_headers(cells);
    }
}

#[cfg(test)]
mod tests {
    use super::super::left::tests::{refused, working};
    use super::*;
    use crate::event::Builder;
    use crate::flow::Counter;

    const TWO: [(&str, &str); 3] =
        [("serializers", "s1 s2"), ("serializers.s1.name", "one"), ("serializers.s2.name", "two")];

    fn headers(keys: &[(&str, &str)], body: &str) -> String {
        let mut batch = Builder::default().push(body.as_bytes(), 0..0).finish(None);
        working(&SPEC, keys).0.apply(&mut batch);
        let headers = batch.event(0).headers();
        headers.iter().map(|(name, value)| format!("{name}={value} ")).collect()
    }

    fn with<'a>(regex: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("regex", regex)], &TWO[..], more].concat()
    }

    #[test]
    fn groups_become_headers_in_order() {
        assert_eq!(headers(&with(r"(\d):(\d):(\d)", &[]), "1:2:3.4foobar5"), "one=1 two=2 ");
        assert_eq!(headers(&with(r"(\d)", &[]), "ab7"), "one=7 ", "a serializer without a group");
        assert_eq!(headers(&with(r"(\d)", &[]), "none"), "");
    }

    #[test]
    fn t26_a_group_that_took_no_part_sets_no_header() {
        assert_eq!(headers(&with("(a)?(b)", &[]), "b"), "two=b ");
    }

    #[test]
    fn types_are_taken_in_any_case_and_by_class() {
        let by_class = [("serializers.s1.type", "default"), ("serializers.s2.type", PASS_THROUGH)];
        assert_eq!(headers(&with("(a)(b)", &by_class), "ab"), "one=a two=b ");
        let what = refused(&SPEC, &with("(a)", &[("serializers.s1.type", "com.example.Own")]));
        assert_eq!(what, "there is no serializer `com.example.Own`, and Java classes cannot be loaded");
    }

    #[test]
    fn times_become_milliseconds_and_what_is_none_is_counted() {
        let keys = with(
            r"^(\S+) (.*)$",
            &[("serializers.s1.type", MILLIS), ("serializers.s1.pattern", "yyyy-MM-dd'T'HH:mm:ssZ")],
        );
        assert_eq!(headers(&keys, "2016-05-19T14:03:07+08:00 x"), "one=1463637787000 two=x ");
        let (mut extractor, pulse) = working(&SPEC, &keys);
        let mut batch = Builder::default().push(b"2016-13-19T14:03:07Z x", 0..0).finish(None);
        extractor.apply(&mut batch);
        assert_eq!(batch.event(0).headers(), [("two", "x")].into_iter().collect());
        assert_eq!(pulse.get(Counter::LeftAsIs), 1);
    }

    #[test]
    fn wrong_keys_are_refused_with_the_key() {
        let what = refused(&SPEC, &[("regex", "(a)"), ("serializers", "s1")]);
        assert_eq!(what, "serializer `s1` needs `serializers.s1.name`: the header");
        let what = refused(&SPEC, &with("(a)", &[("serializers.s1.type", "millis")]));
        assert_eq!(what, "serializer `s1` needs `serializers.s1.pattern`: how the time is written");
        assert_eq!(
            refused(&SPEC, &with("a", &[])),
            "the pattern has no group, so there is nothing to make a header of"
        );
        assert!(
            unknown_key("serializers.s1.pattren", "x").is_some()
                && unknown_key("serializers.s1.name", "").is_none()
        );
    }

    #[test]
    fn later_headers_of_the_same_name_win_and_own_ones_are_replaced() {
        let keys = [
            ("regex", "(a)(b)"),
            ("serializers", "x y"),
            ("serializers.x.name", "h"),
            ("serializers.y.name", "h"),
        ];
        let mut batch = Builder::default().push(b"ab", 0..0).header("h", "own").finish(None);
        working(&SPEC, &keys).0.apply(&mut batch);
        assert_eq!(batch.event(0).header("h"), Some("b"));
    }
}
