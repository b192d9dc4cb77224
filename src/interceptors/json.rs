//! Makes headers of fields of a JSON body.
//!
//! `user.id` is the member `user.id`, or else `id` of the member `user`, and so on inwards. Text becomes the header as it
//! is meant, all else as it is written: numbers are not rounded, objects and lists stay JSON. A member that is null or
//! missing sets no header. A body that is no JSON object passes unchanged and is counted. Bodies are never edited.
//! Ours; Flume has no such interceptor.
use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::left::LeftAsIs;
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const FIELDS: Field = Field::names("fields").doc("fields that become headers of the same name");
const PREFIX: Field = Field::text("prefix").default("").doc("stands before those names");
const RENAMED: Field = Field::prefix("headers.").doc("`headers.FIELD` is the header that FIELD becomes");
const PRESERVE: Field =
    Field::flag("preserveExisting").default("false").doc("whether a header that is there stays");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "json",
    class: "",
    aliases: &[],
    summary: "makes headers of fields of a JSON body",
    fields: &[&[FIELDS, PREFIX, RENAMED, PRESERVE]],
    build: Build::Interceptor(build),
};

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let prefix = at.text(&PREFIX);
    let same = at.names(&FIELDS).into_iter().map(|field| (format!("{prefix}{field}").into(), field));
    let renamed = at.under(&RENAMED).into_iter().map(|(field, header)| (header.into(), field.to_string()));
    let headers: Vec<(Box<str>, String)> = same.chain(renamed).collect();
    if headers.is_empty() {
        let what = "neither `fields` nor `headers.FIELD` says which fields become headers".to_string();
        return Err(Refusal { key: None, what, instead: Some("name some: `fields = level user.id`".into()) });
    }
    Ok(Box::new(Json { headers, preserve: at.flag(&PRESERVE), left: LeftAsIs::new(at) }))
}

struct Json {
    /// Header and field.
    headers: Vec<(Box<str>, String)>,
    preserve: bool,
    left: LeftAsIs,
}

/// Members of an object, values as they are written.
#[derive(Deserialize)]
struct Object<'t>(#[serde(borrow)] HashMap<Cow<'t, str>, &'t RawValue>);

impl<'t> Object<'t> {
    fn find(&self, field: &str) -> Option<&'t RawValue> {
        if let Some(value) = self.0.get(field) {
            return Some(value);
        }
        field.match_indices('.').find_map(|(dot, _)| {
            let inner = self.0.get(&field[..dot])?;
            serde_json::from_str::<Object<'t>>(inner.get()).ok()?.find(&field[dot + 1..])
        })
    }
}

/// What a header can hold of a value.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        written => Some(Cow::Borrowed(written)),
    }
}

impl Interceptor for Json {
    fn apply(&mut self, batch: &mut Batch) {
        let mut cells = Vec::new();
        for (index, event) in batch.events().enumerate() {
            let object = match serde_json::from_slice::<Object<'_>>(event.body()) {
                Ok(object) => object,
                Err(error) => {
                    self.left.one(format_args!("its body is no JSON object: {error}"));
                    continue;
                }
            };
            for (header, field) in &self.headers {
                if self.preserve && event.header(header).is_some() {
                    continue;
                }
                if let Some(value) = object.find(field).and_then(text) {
                    cells.push((index as u32, header.clone(), value.into()));
                }
            }
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

    fn headers(keys: &[(&str, &str)], body: &str) -> String {
        let mut batch = Builder::default().push(body.as_bytes(), 0..0).header("own", "o").finish(None);
        working(&SPEC, keys).0.apply(&mut batch);
        assert_eq!(batch.event(0).body(), body.as_bytes());
        let headers = batch.event(0).headers();
        headers.iter().map(|(name, value)| format!("{name}={value};")).collect()
    }

    #[test]
    fn fields_become_headers_as_they_are_written() {
        let keys = [("fields", "level n none gone list"), ("prefix", "json."), ("headers.user.id", "uid")];
        let body = r#"{"level": "W\u00e4rn\n", "n": 1.10, "none": null, "list": [1, 2], "user": {"id": 12345678901234567890123}}"#;
        let expected = "own=o;json.level=Wärn\n;json.n=1.10;json.list=[1, 2];uid=12345678901234567890123;";
        assert_eq!(headers(&keys, body), expected);
    }

    #[test]
    fn dots_lead_inwards_unless_a_name_has_them() {
        let body = r#"{"a": {"b.c": 1, "b": {"d": true}}, "x.y": 2, "x": {"y": 3}}"#;
        assert_eq!(headers(&[("fields", "a.b.c a.b.d x.y a.q")], body), "own=o;a.b.c=1;a.b.d=true;x.y=2;");
    }

    #[test]
    fn headers_that_are_there_are_replaced_unless_kept() {
        assert_eq!(headers(&[("fields", "own")], r#"{"own": 1}"#), "own=1;");
        assert_eq!(headers(&[("fields", "own"), ("preserveExisting", "true")], r#"{"own": 1}"#), "own=o;");
    }

    #[test]
    fn a_body_that_is_no_object_passes_unchanged_and_is_counted() {
        let (mut json, pulse) = working(&SPEC, &[("fields", "a")]);
        let mut batch = Builder::default();
        for body in [&b"{\"a\": 1"[..], b"[1]", b"\"a\"", b"", b"\xff", b"{\"a\": 1}"] {
            batch.push(body, 0..0);
        }
        let mut batch = batch.finish(None);
        json.apply(&mut batch);
        assert_eq!(batch.event(5).header("a"), Some("1"));
        assert_eq!((batch.len(), pulse.get(Counter::LeftAsIs)), (6, 5));
        assert!(refused(&SPEC, &[]).contains("which fields become headers"));
    }

    proptest::proptest! {
        #[test]
        fn foreign_bodies_never_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            let mut batch = Builder::default().push(&body, 0..0).finish(None);
            working(&SPEC, &[("fields", "a a.b . a.")]).0.apply(&mut batch);
        }
    }
}
