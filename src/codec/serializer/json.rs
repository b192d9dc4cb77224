//! An event as one line of JSON: `{"headers":{…},"body":"…"}`; a body that is no UTF-8 as `body_base64`.
use std::io;

use crate::codec::base64;
use crate::event::EventRef;

/// Appends the line.
pub fn line(event: EventRef<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(b"{\"headers\":{");
    for (index, (name, value)) in event.headers().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        serde_json::to_writer(&mut *out, value)?;
    }
    match std::str::from_utf8(event.body()) {
        Ok(text) => {
            out.extend_from_slice(b"},\"body\":");
            serde_json::to_writer(&mut *out, text)?;
        }
        Err(_) => {
            out.extend_from_slice(b"},\"body_base64\":\"");
            out.extend_from_slice(base64::encode(event.body()).as_bytes());
            out.push(b'"');
        }
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}
