//! An event as one record of comma-separated values: chosen headers, then the body; one that is missing is empty.
//!
//! Truth: RFC 4180: records end with CR LF; a value with a comma, a quote or a line end is quoted, quotes in it doubled.
use crate::event::EventRef;

/// Appends the names of the columns.
pub fn names(columns: &[String], out: &mut Vec<u8>) {
    for column in columns {
        value(column.as_bytes(), out);
        out.push(b',');
    }
    out.extend_from_slice(b"body\r\n");
}

/// Appends the record of an event.
pub fn row(columns: &[String], event: EventRef<'_>, out: &mut Vec<u8>) {
    for column in columns {
        value(event.header(column).unwrap_or_default().as_bytes(), out);
        out.push(b',');
    }
    value(event.body(), out);
    out.extend_from_slice(b"\r\n");
}

fn value(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.iter().any(|byte| b",\"\r\n".contains(byte)) {
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    for byte in bytes {
        out.extend((*byte == b'"').then_some(b'"'));
        out.push(*byte);
    }
    out.push(b'"');
}
