//! Text as bytes of another charset than UTF-8: what `outputCharset` of files and `charset` of others ask for.
//!
//! As Java's `String.getBytes`: a character that the charset has not becomes `?`; `UTF-16` is big-endian behind a mark.
//! Truth: `java.nio.charset`, by whose names charsets are called.
use encoding_rs::{EncoderResult, Encoding};

/// A charset that bodies are encoded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Latin1,
    Ascii,
    Utf16 { big: bool, mark: bool },
    Other(&'static Encoding),
}

impl Output {
    /// The charset of that Java name: `Some(None)` is UTF-8, which text is already; `None`: no such charset here.
    pub fn of(name: &str) -> Option<Option<Output>> {
        let upper = name.trim().to_ascii_uppercase();
        let output = match upper.as_str() {
            "UTF-8" | "UTF8" => return Some(None),
            "ISO-8859-1" | "ISO8859-1" | "ISO8859_1" | "LATIN1" | "L1" => Output::Latin1,
            "US-ASCII" | "ASCII" | "ISO646-US" => Output::Ascii,
            "UTF-16" => Output::Utf16 { big: true, mark: true },
            "UTF-16BE" => Output::Utf16 { big: true, mark: false },
            "UTF-16LE" => Output::Utf16 { big: false, mark: false },
            _ => {
                let encoding = Encoding::for_label(upper.as_bytes())?;
                // Charsets that can only be read are written as UTF-8 by the library.
                Output::Other(Some(encoding).filter(|encoding| encoding.output_encoding() == *encoding)?)
            }
        };
        Some(Some(output))
    }

    /// Appends the bytes of `text`.
    pub fn encode(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Output::Latin1 => out.extend(text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))),
            Output::Ascii => out.extend(text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' })),
            Output::Utf16 { big, mark } => {
                let units =
                    (mark && !text.is_empty()).then_some(0xFEFF).into_iter().chain(text.encode_utf16());
                out.extend(
                    units.flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }),
                );
            }
            Output::Other(encoding) => encode_other(encoding, text, out),
        }
    }
}

fn encode_other(encoding: &'static Encoding, text: &str, out: &mut Vec<u8>) {
    let mut encoder = encoding.new_encoder();
    let mut rest = text;
    loop {
        out.reserve(rest.len() * 2 + 16);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Output::of(name).unwrap().unwrap().encode(text, &mut out);
        out
    }

    #[test]
    fn text_becomes_bytes_as_in_java() {
        assert_eq!(encoded("GBK", "中文 ok"), b"\xd6\xd0\xce\xc4 ok");
        assert_eq!(encoded("ISO-8859-1", "ä中"), b"\xe4?");
        assert_eq!(encoded("US-ASCII", "aä"), b"a?");
        assert_eq!(encoded("Shift_JIS", "ア😀b"), b"\x83\x41?b");
        assert_eq!(encoded("UTF-16", "a"), b"\xfe\xff\0a");
        assert_eq!(encoded("UTF-16LE", "a😀"), b"a\0\x3d\xd8\x00\xde");
    }

    #[test]
    fn utf_8_is_what_text_is_and_unknown_names_are_none() {
        assert_eq!(Output::of("utf-8"), Some(None));
        assert_eq!(Output::of("no-such-charset"), None);
        assert_eq!(Output::of("ISO-2022-KR"), None, "can be read only");
    }
}
