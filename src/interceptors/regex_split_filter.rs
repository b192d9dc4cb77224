//! Keeps or drops events by a pattern in one field of the body, or in several put together.
//!
//! `split` cuts the body, `split_format` says what is looked at: `${19}` is the twentieth field, one that is not there is
//! empty. Without `split_format` it is the whole body. `split` is a pattern; where it is a lone sign that means something
//! in patterns (`|`), the sign itself is meant, and `check` says so.
//! An event on which a pattern takes too long stays.
//! Truth: the DataFlowKit platform's README of June 2016.
use super::left::LeftAsIs;
use crate::codec::java_regex::{self, GaveUp, Pattern};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::diag::Diagnostic;
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const REGEX: Field =
    Field::regex("regex").lint(java_regex::lint).default(".*").doc("looked for in what `split_format` gives");
const EXCLUDE: Field =
    Field::flag("excludeEvents").default("false").doc("false: events that match stay; true: they go");
const SPLIT: Field =
    Field::regex("split").lint(separator_lint).doc("a pattern of what stands between fields");
const FORMAT: Field = Field::text("split_format")
    .also(&["splitFormat"])
    .doc("what to look at: `${0}` is the first field; without it the whole body");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "regex_split_filter",
    class: "com.cmos.bomc.dataflowkit.cmcconline.flume.interceptor.RegexSplitFilteringInterceptor$Builder",
    aliases: &["com.cmos.bomc.dataflowkit.cmcconline.flume.interceptor.RegexSplitFilteringInterceptor"],
    summary: "keeps or drops events by one of their fields",
    fields: &[&[REGEX, EXCLUDE, SPLIT, FORMAT]],
    build: Build::Interceptor(build),
};

/// A lone sign that is an operator and nothing else.
fn is_lone_operator(split: &str) -> bool {
    matches!(split, "|" | "." | "*" | "+" | "?" | "^" | "$" | "(" | ")" | "[" | "{" | "\\")
}

fn separator_lint(key: &str, split: &str) -> Option<Diagnostic> {
    if !is_lone_operator(split) {
        return java_regex::lint(key, split);
    }
    let what =
        format!("`{key}` is `{split}`, which as a pattern would split nothing: the sign itself is meant");
    Some(Diagnostic::repair("lone-operator", what).hint(format!("write `\\\\{split}`")))
}

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let pattern = java_regex::find(at.text(&REGEX)).map_err(|what| Refusal::at(&REGEX, what))?;
    let literal =
        |split: &str| if is_lone_operator(split) { format!("\\{split}") } else { split.to_string() };
    let split = at.opt(&SPLIT).map(|split| java_regex::find(&literal(split))).transpose();
    let split = split.map_err(|what| Refusal::at(&SPLIT, what))?;
    let format = at.opt(&FORMAT).map(format);
    Ok(Box::new(RegexSplitFilter {
        pattern,
        split,
        format,
        exclude: at.flag(&EXCLUDE),
        left: LeftAsIs::new(at),
    }))
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(usize),
}

/// Fields and the text between them; `${` without a number is text.
fn format(mut text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    while let Some(at) = text.find("${") {
        let inner = &text[at + 2..];
        let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        match inner[..digits].parse().ok().filter(|_| inner[digits..].starts_with('}')) {
            Some(number) => {
                plain.push_str(&text[..at]);
                parts.extend((!plain.is_empty()).then(|| Part::Text(std::mem::take(&mut plain))));
                parts.push(Part::Field(number));
                text = &inner[digits + 1..];
            }
            None => {
                plain.push_str(&text[..at + 2]);
                text = inner;
            }
        }
    }
    plain.push_str(text);
    parts.extend((!plain.is_empty()).then_some(Part::Text(plain)));
    parts
}

struct RegexSplitFilter {
    pattern: Pattern,
    split: Option<Pattern>,
    format: Option<Vec<Part>>,
    exclude: bool,
    left: LeftAsIs,
}

impl RegexSplitFilter {
    fn matches(&self, body: &[u8]) -> Result<bool, GaveUp> {
        let Some(format) = &self.format else { return self.pattern.matches(body) };
        let text = java_regex::text(body);
        let fields = match &self.split {
            Some(split) => split.split(&text)?,
            None => vec![&*text],
        };
        let part = |part: &Part| match part {
            Part::Text(plain) => plain.clone(),
            Part::Field(number) => fields.get(*number).copied().unwrap_or_default().to_string(),
        };
        let looked_at: String = format.iter().map(part).collect();
        self.pattern.matches(looked_at.as_bytes())
    }
}

impl Interceptor for RegexSplitFilter {
    fn apply(&mut self, batch: &mut Batch) {
        batch.retain(|event| {
            let stays = self.matches(event.body()).map(|matches| matches != self.exclude);
            self.left.or(stays, true)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::left::tests::working;
    use super::*;
    use crate::event::Builder;

    fn left(keys: &[(&str, &str)], bodies: &[&str]) -> Vec<String> {
        let mut batch = Builder::default();
        for body in bodies {
            batch.push(body.as_bytes(), 0..0);
        }
        let mut batch = batch.finish(None);
        working(&SPEC, keys).0.apply(&mut batch);
        batch.events().map(|e| String::from_utf8_lossy(e.body()).into_owned()).collect()
    }

    #[test]
    fn events_stay_or_go_by_one_field() {
        let keys = [("regex", "[0|2]"), ("split", r"\|"), ("split_format", "${2}")];
        assert_eq!(left(&keys, &["0|0|x", "a|b|20", "a|b", "a|b|1|0"]), ["a|b|20"]);
        let lone = [("regex", "^$"), ("split", "|"), ("split_format", "${2}"), ("excludeEvents", "true")];
        assert_eq!(left(&lone, &["a|b|c", "a|b", "a|b||d"]), ["a|b|c"]);
    }

    #[test]
    fn several_fields_are_put_together_and_no_format_is_the_whole_body() {
        let keys = [("regex", "^a-c$"), ("split", ","), ("split_format", "${0}-${2}")];
        assert_eq!(left(&keys, &["a,b,c", "a,b", "c,b,a"]), ["a,b,c"]);
        assert_eq!(left(&[("regex", "b"), ("split", ",")], &["a,b", "a"]), ["a,b"]);
        assert_eq!(left(&[("regex", "a,b"), ("split_format", "${0}")], &["a,b", "a"]), ["a,b"]);
    }

    #[test]
    fn a_template_is_fields_and_text() {
        use Part::{Field, Text};
        assert_eq!(format("${1}x${20}"), [Field(1), Text("x".into()), Field(20)]);
        assert_eq!(format("${a}${}$ ${3"), [Text("${a}${}$ ${3".into())]);
        assert!(separator_lint("split", "|").is_some() && separator_lint("split", r"\|").is_none());
    }
}
