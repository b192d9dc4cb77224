//! What a connection speaks: the charset of its lines and of the answers, by Java's names.
//!
//! Why not `Encoding::for_label` alone: web pages mean windows-1252 by ISO-8859-1 and ASCII, and UTF-16LE by UTF-16, and
//! are never written in UTF-16. Java means what the names say.
//! Named limit: a stream in `UTF-16` that begins with the mark of UTF-8 is read as UTF-8.
//! Truth: `java.nio.charset`; a writer in `UTF-16` begins with the mark of its order, big-endian.
use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};

/// A charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Latin1,
    Ascii,
    /// The reader is told the order of bytes by a mark, or takes the bigger end first.
    Utf16,
    Other(&'static Encoding),
}

impl Wire {
    /// The charset of this name.
    pub fn named(name: &str) -> Option<Wire> {
        Some(match name.trim().to_ascii_uppercase().as_str() {
            "ISO-8859-1" | "ISO8859-1" | "ISO8859_1" | "LATIN1" | "L1" => Wire::Latin1,
            "US-ASCII" | "ASCII" | "ISO646-US" => Wire::Ascii,
            "UTF-16" => Wire::Utf16,
            other => Wire::Other(Encoding::for_label(other.as_bytes())?),
        })
    }

    /// Reads one connection.
    pub fn reader(self) -> Reader {
        match self {
            Wire::Latin1 => Reader::Latin1,
            Wire::Ascii => Reader::Ascii,
            Wire::Utf16 => Reader::Other(UTF_16BE.new_decoder()),
            Wire::Other(encoding) => Reader::Other(encoding.new_decoder_without_bom_handling()),
        }
    }

    /// The bytes of an answer; `first` of its connection, which may begin with a mark.
    pub fn encode(self, text: &str, first: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        match self {
            Wire::Other(encoding) if encoding == UTF_16LE => units.flat_map(u16::to_le_bytes).collect(),
            Wire::Other(encoding) if encoding == UTF_16BE => units.flat_map(u16::to_be_bytes).collect(),
            Wire::Utf16 => {
                let mark = (first && !text.is_empty()).then_some(0xfeff);
                mark.into_iter().chain(units).flat_map(u16::to_be_bytes).collect()
            }
            Wire::Other(encoding) => encoding.encode(text).0.into_owned(),
            Wire::Latin1 | Wire::Ascii => {
                let most = if self == Wire::Ascii { 0x7f } else { 0xff };
                text.chars().map(|c| u8::try_from(c).ok().filter(|b| *b <= most).unwrap_or(b'?')).collect()
            }
        }
    }
}

/// Bytes of one connection to text; a character may be cut by a read.
pub enum Reader {
    Latin1,
    Ascii,
    Other(Decoder),
}

impl Reader {
    /// The text of the next bytes; U+FFFD for what is none.
    pub fn read(&mut self, bytes: &[u8]) -> String {
        match self {
            Reader::Latin1 => bytes.iter().copied().map(char::from).collect(),
            Reader::Ascii => {
                bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect()
            }
            Reader::Other(decoder) => {
                let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 4 + 16);
                let mut text = String::with_capacity(room);
                let (_, read, _) = decoder.decode_to_string(bytes, &mut text, false);
                debug_assert_eq!(read, bytes.len(), "the room was enough");
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> String {
        Wire::named(name).unwrap().reader().read(bytes)
    }

    #[test]
    fn names_mean_what_java_means_by_them() {
        assert_eq!(read("iso-8859-1", b"\x93\xe9"), "\u{93}é");
        assert_eq!(read("US-ASCII", b"a\xe9"), "a\u{fffd}");
        assert_eq!(read("UTF-16", b"\0a\xd8\x3d\xde\0"), "a\u{1f600}");
        assert_eq!(read("UTF-16", b"\xff\xfea\0"), "a");
        assert_eq!(read("GBK", b"\xd6\xd0"), "中");
        assert_eq!(Wire::named("no-such-charset"), None);
    }

    #[test]
    fn answers_are_written_in_the_charset_of_the_lines() {
        let write = |name: &str, first| Wire::named(name).unwrap().encode("OKé", first);
        assert_eq!(write("utf-8", true), "OKé".as_bytes());
        assert_eq!(write("UTF-16LE", true), b"O\0K\0\xe9\0");
        assert_eq!(write("UTF-16", true), b"\xfe\xff\0O\0K\0\xe9");
        assert_eq!(write("UTF-16", false), b"\0O\0K\0\xe9");
        assert_eq!(write("latin1", true), b"OK\xe9");
        assert_eq!(write("ASCII", true), b"OK?");
    }
}
