//! The reader against `java.util.Properties`, and places.
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::diag::text as rendered;

/// What Java reads from each input: `tests/compat/java-properties/Print.java` wrote it.
const EXPECTED: &str = include_str!("../../../tests/compat/java-properties/expected.jsonl");

fn read(input: &str) -> (Option<Vec<Pair>>, Report) {
    let mut report = Report::default();
    let file = report.files.add("x.properties", input);
    (parse(input, file, &mut report), report)
}

#[test]
fn keys_and_values_are_those_of_java() {
    let mut checked = 0;
    for line in EXPECTED.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (pairs, _) = read(case["input"].as_str().unwrap());
        let texts = |p: &Pair| vec![p.key.text.clone(), p.value.text.clone()];
        let pairs: Option<Vec<_>> = pairs.map(|pairs| pairs.iter().map(texts).collect());
        let expected: Option<Vec<Vec<String>>> =
            case.get("pairs").map(|pairs| serde_json::from_value(pairs.clone()).unwrap());
        assert_eq!(pairs, expected, "{line}");
        checked += 1;
    }
    assert!(checked >= 150, "{checked}");
}

/// The part of the input that a span covers.
fn written(input: &str, span: Span) -> &str {
    &input[span.start..span.end]
}

#[test]
fn keys_values_and_escapes_know_where_they_stand() {
    let input = "# a comment\n  a.key\\ b = one \\\n    two\\tthree\\u0041!\nnext:1\n";
    let (pairs, _) = read(input);
    let pairs = pairs.unwrap();
    assert_eq!(pairs[0].key.text, "a.key b");
    assert_eq!(written(input, pairs[0].key.span), "a.key\\ b");
    let value = &pairs[0].value;
    assert_eq!(value.text, "one two\tthreeA!");
    assert_eq!(written(input, value.span), "one \\\n    two\\tthree\\u0041!");
    let part = |word: &str| {
        let at = value.text.find(word).unwrap();
        written(input, value.at(at..at + word.len()))
    };
    assert_eq!(
        [part("one"), part("two"), part("\t"), part("three"), part("A"), part("!")],
        ["one", "two", "\\t", "three", "\\u0041", "!"]
    );
    assert_eq!(written(input, pairs[1].value.span), "1");
}

#[test]
fn a_malformed_escape_is_an_error_with_its_place() {
    let (pairs, report) = read("a = b\nb = C:\\users\n");
    assert!(pairs.is_none());
    assert_eq!(
        rendered(&report),
        "error[malformed-escape]: `\\u` needs exactly four hexadecimal digits\n  \
         --> x.properties:2:7\n\
         2 | b = C:\\users\n  \
           |       ^^\n\
         hint: for a backslash followed by `u` write `\\\\u`\n\
         hint: Flume refuses the whole file for this\n"
    );
}

#[test]
fn a_full_width_separator_is_read_as_it_was_meant() {
    for (input, key, value) in
        [("a＝b c", "a", "b c"), ("a ＝ b", "a", "b"), ("a：b", "a", "b"), ("a.b＝", "a.b", "")]
    {
        let (pairs, _) = read(input);
        let (span, meant) = pairs.unwrap()[0].full_width.clone().expect(input);
        assert_eq!((&meant.key.text[..], &meant.value.text[..]), (key, value), "{input}");
        assert!(["＝", "："].contains(&written(input, span)));
    }
    let (pairs, _) = read("a = b＝c");
    assert!(pairs.unwrap()[0].full_width.is_none(), "inside a value it is text");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_spans_stay_inside(input in "[a-b=: \\\\\n\r\t\x0c#!u0-4é＝😀.]{0,60}") {
        let (pairs, report) = read(&input);
        let _ = rendered(&report);
        for pair in pairs.into_iter().flatten() {
            for text in [&pair.key, &pair.value] {
                prop_assert!(input.get(text.span.start..text.span.end).is_some());
                let mut last = text.span.start;
                for (at, c) in text.text.char_indices() {
                    let span = text.at(at..at + c.len_utf8());
                    prop_assert!(last <= span.start && span.start < span.end && span.end <= text.span.end);
                    prop_assert!(input.get(span.start..span.end).is_some());
                    last = span.start;
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(input in any::<String>()) {
        let _ = read(&input);
    }
}
