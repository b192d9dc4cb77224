use super::super::left::tests::{refused, working};
use super::*;
use crate::event::Builder;

fn redacted(keys: &[(&str, &str)], body: &str) -> String {
    let mut batch = Builder::default().push(b"clean", 0..1).push(body.as_bytes(), 1..2).finish(None);
    let (mut redact, pulse) = working(&SPEC, keys);
    redact.apply(&mut batch);
    let text = String::from_utf8_lossy(batch.event(1).body()).into_owned();
    assert_eq!(batch.event(0).body(), b"clean");
    assert_eq!(pulse.get(Counter::Redacted) > 0, text != body);
    text
}

const ALL: (&str, &str) = ("patterns", "card email ipv4");

#[test]
fn named_patterns_are_taken_out() {
    let body = "a.b+c@mail.example.org paid 4111 1111 1111 1111 from 10.0.0.17.";
    assert_eq!(redacted(&[ALL], body), "[redacted] paid [redacted] from [redacted].");
    assert_eq!(
        redacted(&[("patterns", "ipv4"), ("replacement", "x")], "1.2.3.4 256.1.1.1 1.2.3"),
        "x 256.1.1.1 1.2.3"
    );
    assert_eq!(redacted(&[ALL], "user@host 1.2.3 4111111111111112"), "user@host 1.2.3 4111111111111112");
}

#[test]
fn patterns_of_ones_own_are_taken_out_too() {
    let keys = [("pattern.pin", r"pin=\d+"), ("replacement", "-")];
    assert_eq!(redacted(&keys, "pin=1234 PIN=1"), "- PIN=1");
    let overlap = [("pattern.a", "abc"), ("pattern.b", "bcd"), ("replacement", "-")];
    assert_eq!(redacted(&overlap, "xabcdx"), "x-x");
    assert_eq!(redacted(&[("pattern.a", "x*")], "b"), "b", "nothing is no find");
}

#[test]
fn hashes_are_equal_for_equal_values_and_need_the_key() {
    let hashed = |key: &str, body: &str| redacted(&[ALL, ("action", "hash"), ("key", key)], body);
    let first = hashed("one", "1.2.3.4");
    assert!(first.starts_with("[ipv4:") && first.len() == "[ipv4:0123456789abcdef]".len(), "{first}");
    assert_eq!(hashed("one", "x 1.2.3.4"), format!("x {first}"));
    assert!(hashed("two", "1.2.3.4") != first && hashed("one", "1.2.3.5") != first);
}

#[test]
fn what_could_let_something_pass_is_refused() {
    assert_eq!(refused(&SPEC, &[]), "neither `patterns` nor `pattern.NAME` says what to take out");
    assert_eq!(refused(&SPEC, &[("patterns", "cards")]), "there is no pattern `cards`");
    assert_eq!(refused(&SPEC, &[ALL, ("action", "hash")]), "`hash` needs `key`");
    let what = refused(&SPEC, &[("pattern.pin", r"(?<=pin=)\d+")]);
    assert_eq!(what, "the pattern of `pin` might have to be given up on some event, which then passes");
}

proptest::proptest! {
    #[test]
    fn foreign_bodies_never_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
        let mut batch = Builder::default().push(&body, 0..0).finish(None);
        working(&SPEC, &[ALL, ("pattern.own", "(?i)é|\u{fffd}")]).0.apply(&mut batch);
    }
}
