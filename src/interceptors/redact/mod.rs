//! Takes out of the body what nobody behind here shall read: payment cards, e-mail addresses, IPv4 addresses, and what
//! patterns of one's own find.
//!
//! `replace` puts a fixed text in its place, `hash` the name and a keyed hash: equal values stay equal, and nobody without
//! the key can try values out. The key is never printed; it comes from `${credential:NAME}` or `${file:PATH}`.
//! Invariants: nothing is given up here as too hard: patterns that are not matched in linear time are refused. Finds
//! are taken from the body as it came, so one kind never hides another; where two overlap, both go.
//! Named limits: headers are not looked at; put this before the interceptors that make some of the body. A value that
//! begins in one event and ends in the next is not found.
//! Ours; Flume has no such interceptor.
use std::ops::Range;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::codec::java_regex::{self, Pattern, Spans};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Counter, Interceptor, Kind, Pulse};

mod card;

const PATTERNS: Field = Field::names("patterns").doc("what to take out: `card`, `email`, `ipv4`");
const OWN: Field = Field::prefix("pattern.").doc("`pattern.NAME` is a regular expression of one's own");
const ACTION: Field = Field::choice("action", &["replace", "hash"])
    .default("replace")
    .doc("`replace`: by a text; `hash`: by the name and a keyed hash, so that equal values stay equal");
const REPLACEMENT: Field = Field::text("replacement").default("[redacted]").doc("the text for `replace`");
const KEY: Field =
    Field::text("key").secret().doc("the key for `hash`: `${credential:NAME}` or `${file:PATH}`");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "redact",
    class: "",
    aliases: &[],
    summary: "takes card numbers, addresses and the like out of the body",
    fields: &[&[PATTERNS, OWN, ACTION, REPLACEMENT, KEY]],
    build: Build::Interceptor(build),
};

/// Octets in their range, not in the middle of a longer row of numbers and dots.
const OCTET: &str = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)";
const EMAIL: &str = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?)+";
/// Bytes of a hash that are shown.
const SHOWN: usize = 8;

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let mut kinds = at.names(&PATTERNS).iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?;
    for (name, pattern) in at.under(&OWN) {
        let refuse = |what: String| Refusal { key: Some(format!("{}{name}", OWN.key)), what, instead: None };
        let pattern = java_regex::find(pattern).map_err(refuse)?;
        if !pattern.is_linear() {
            let what =
                format!("the pattern of `{name}` might have to be given up on some event, which then passes");
            let instead = "leave out look-around, back-references, possessive quantifiers and `$`";
            return Err(refuse(what).instead(instead));
        }
        kinds.push(What { name: name.into(), how: How::Pattern(pattern, Spans::new(0)) });
    }
    if kinds.is_empty() {
        let what = "neither `patterns` nor `pattern.NAME` says what to take out".to_string();
        return Err(Refusal {
            key: None,
            what,
            instead: Some("name some: `patterns = card email ipv4`".into()),
        });
    }
    let replacement = match (at.choice(&ACTION), at.opt(&KEY)) {
        ("hash", None) => return Err(Refusal::at(&ACTION, "`hash` needs `key`").instead(KEY.doc)),
        ("hash", Some(key)) => {
            By::Hash(Hmac::new_from_slice(key.as_bytes()).expect("a key may have any length"))
        }
        _ => By::Text(at.text(&REPLACEMENT).into()),
    };
    Ok(Box::new(Redact { kinds, replacement, pulse: at.pulse.clone() }))
}

fn named(name: &str) -> Result<What, Refusal> {
    let pattern =
        |text: &str| How::Pattern(java_regex::find(text).expect("it is written right"), Spans::new(0));
    let how = match name.to_ascii_lowercase().as_str() {
        "card" => How::Card,
        "email" => pattern(EMAIL),
        "ipv4" => pattern(&format!(r"\b(?:{OCTET}\.){{3}}{OCTET}\b")),
        _ => {
            let refusal = Refusal::at(&PATTERNS, format!("there is no pattern `{name}`"));
            return Err(refusal.instead("use `card`, `email`, `ipv4`, or write `pattern.NAME = …`"));
        }
    };
    Ok(What { name: name.to_ascii_lowercase(), how })
}

/// One kind of what is looked for.
struct What {
    name: String,
    how: How,
}

enum How {
    Card,
    Pattern(Pattern, Spans),
}

enum By {
    Text(String),
    Hash(Hmac<Sha256>),
}

impl By {
    fn put(&self, name: &str, value: &str, out: &mut Vec<u8>) {
        match self {
            By::Text(text) => out.extend_from_slice(text.as_bytes()),
            By::Hash(mac) => {
                let hash = mac.clone().chain_update(value).finalize().into_bytes();
                let hex = hash[..SHOWN].iter().map(|byte| format!("{byte:02x}"));
                out.extend_from_slice(format!("[{name}:{}]", hex.collect::<String>()).as_bytes());
            }
        }
    }
}

struct Redact {
    kinds: Vec<What>,
    replacement: By,
    pulse: Arc<Pulse>,
}

impl Redact {
    /// Places and kinds, in order, without overlaps.
    fn finds(&mut self, text: &str) -> Vec<(Range<usize>, usize)> {
        let mut all: Vec<(Range<usize>, usize)> = Vec::new();
        for (kind, what) in self.kinds.iter_mut().enumerate() {
            match &mut what.how {
                How::Card => all.extend(card::find(text).into_iter().map(|range| (range, kind))),
                How::Pattern(pattern, spans) => {
                    let found = pattern.each(text, spans, &mut |spans| all.push((spans.whole(), kind)));
                    debug_assert!(found.is_ok(), "only linear patterns are taken");
                }
            }
        }
        all.retain(|(range, _)| !range.is_empty());
        all.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut apart: Vec<(Range<usize>, usize)> = Vec::with_capacity(all.len());
        for (range, kind) in all {
            match apart.last_mut().filter(|(last, _)| last.end > range.start) {
                Some((last, _)) => last.end = last.end.max(range.end),
                None => apart.push((range, kind)),
            }
        }
        apart
    }
}

impl Interceptor for Redact {
    fn apply(&mut self, batch: &mut Batch) {
        let mut any = false;
        let finds: Vec<_> = batch
            .events()
            .map(|event| {
                let finds = self.finds(&java_regex::text(event.body()));
                any |= !finds.is_empty();
                finds
            })
            .collect();
        if !any {
            return;
        }
        let mut of_event = finds.iter();
        batch.map_bodies(|event, out| {
            let finds = of_event.next().map_or(&[][..], Vec::as_slice);
            if finds.is_empty() {
                return out.extend_from_slice(event.body());
            }
            let (text, mut from) = (java_regex::text(event.body()), 0);
            for (range, kind) in finds {
                out.extend_from_slice(&text.as_bytes()[from..range.start]);
                self.replacement.put(&self.kinds[*kind].name, &text[range.clone()], out);
                from = range.end;
            }
            out.extend_from_slice(&text.as_bytes()[from..]);
        });
        self.pulse.add(Counter::Redacted, finds.iter().map(|finds| finds.len() as u64).sum());
    }
}

#[cfg(test)]
mod tests;
