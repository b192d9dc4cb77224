//! Events as lines of JSON, one each, between the agent and programs that run beside it.
//!
//! Shape: `{"headers":{"name":"value"},"body":"text"}`; a body that is no UTF-8 is `"bodyBase64"` instead. On the way
//! out an event that has a position also has an `"id"`, the same whenever it is sent again; on the way in that is
//! passed over, so that what was written can be read.
//! Errors: any other key, and a value that is no text, make a line no event: a misspelt `headers` is not lost in silence.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::base64;
use crate::event::{Batch, EventRef, Headers};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Line {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
}

/// The event of a line; else why it is none.
pub fn parse(line: &[u8]) -> Result<(Headers, Vec<u8>), String> {
    let Line { headers, body, body_base64, .. } =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let body = match (body, body_base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(text)) => base64::decode(&text).ok_or("`bodyBase64` is no padded Base64")?,
        (None, None) => return Err("neither `body` nor `bodyBase64`".into()),
        (Some(_), Some(_)) => return Err("both `body` and `bodyBase64`".into()),
    };
    Ok((headers.into_iter().collect(), body))
}

/// Appends the lines of all events of a batch.
pub fn print(batch: &Batch, out: &mut Vec<u8>) {
    for event in batch.events() {
        print_one(batch, event, out);
    }
}

fn print_one(batch: &Batch, event: EventRef<'_>, out: &mut Vec<u8>) {
    let headers = event.headers();
    let headers: BTreeMap<&str, &str> = headers.iter().collect();
    let mut line = match std::str::from_utf8(event.body()) {
        Ok(text) => json!({ "headers": headers, "body": text }),
        Err(_) => json!({ "headers": headers, "bodyBase64": base64::encode(event.body()) }),
    };
    if let Some(span) = batch.span() {
        line["id"] = format!("{}-{}", span.stream.id, event.range().start).into();
    }
    out.extend_from_slice(line.to_string().as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Builder, Span, Stream};

    #[test]
    fn what_is_printed_is_parsed_again() {
        let mut builder = Builder::shared([("a", "1")].into_iter().collect());
        builder.push("two\nlines é".as_bytes(), 0..0).header("b", "\"").push(b"\xff\x00", 0..0);
        let batch = builder.finish(None);
        let mut text = Vec::new();
        print(&batch, &mut text);
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            "{\"body\":\"two\\nlines é\",\"headers\":{\"a\":\"1\",\"b\":\"\\\"\"}}\n\
             {\"bodyBase64\":\"/wA=\",\"headers\":{\"a\":\"1\"}}\n"
        );
        for (line, event) in text.split_inclusive(|byte| *byte == b'\n').zip(batch.events()) {
            assert_eq!(parse(line).unwrap(), (event.headers(), event.body().to_vec()));
        }
    }

    #[test]
    fn an_event_with_a_position_has_an_id_that_stays() {
        let stream = Stream::mint("s", Attributes::default());
        let batch = Builder::default().push(b"x", 7..9).finish(Some(Span::new(stream.clone(), 0, 9)));
        let mut text = Vec::new();
        print(&batch, &mut text);
        let expected = format!("{{\"body\":\"x\",\"headers\":{{}},\"id\":\"{}-7\"}}\n", stream.id);
        assert_eq!(String::from_utf8(text.clone()).unwrap(), expected);
        assert_eq!(parse(&text).unwrap(), (Headers::default(), b"x".to_vec()));
    }

    #[test]
    fn a_line_that_is_no_event_says_why() {
        for (line, why) in [
            ("no json", "expected ident at line 1 column 2"),
            ("{}", "neither `body` nor `bodyBase64`"),
            (r#"{"body":"a","bodyBase64":""}"#, "both `body` and `bodyBase64`"),
            (r#"{"bodyBase64":"a"}"#, "`bodyBase64` is no padded Base64"),
            (r#"{"body":1}"#, "invalid type: integer `1`, expected a string at line 1 column 9"),
            (r#"{"body":"","headers":{"n":1}}"#, "invalid type: integer `1`, expected a string"),
            (r#"{"body":"","header":{}}"#, "unknown field `header`"),
            (r#"{"body":""} x"#, "trailing characters"),
        ] {
            let told = parse(line.as_bytes()).unwrap_err();
            assert!(told.starts_with(why), "{line}: {told}");
        }
    }
}
