//! `inputCharset` and `decodeErrorPolicy`: from a file's bytes to bodies in UTF-8.
//!
//! Why per record: lines are found on raw bytes (`lines`), so what is decoded is always a whole record. No character
//! is ever split by a read, and positions are raw offsets whatever the charset.
//! Truth: `java.nio.charset` names; Flume's `DecodeErrorPolicy`.
use encoding_rs::{DecoderResult, Encoding};

use super::lines::cut_utf8;

/// What becomes of bytes that are no character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Fail,
    Replace,
    Ignore,
}

#[derive(Clone, Copy, Debug)]
enum Coding {
    /// As they are: UTF-8 to UTF-8 without a wish for validation.
    Untouched,
    Latin1,
    Ascii,
    Other(&'static Encoding),
}

/// How bodies are made from raw bytes.
#[derive(Clone, Copy, Debug)]
pub struct Charset {
    coding: Coding,
    policy: Policy,
    /// UTF-16 whose order the first two bytes of the file tell.
    by_mark: bool,
}

/// Bytes that are no text, at an offset from the start of what was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable {
    pub at: usize,
}

impl Charset {
    /// Bytes pass untouched.
    pub fn untouched() -> Charset {
        Charset { coding: Coding::Untouched, policy: Policy::Replace, by_mark: false }
    }

    /// The charset of that Java name; `policy` as the user wrote it, if so. `None`: no such charset here.
    pub fn named(name: &str, policy: Option<Policy>) -> Option<Charset> {
        let upper = name.trim().to_ascii_uppercase();
        let coding = match upper.as_str() {
            "UTF-8" | "UTF8" => match policy {
                None => Coding::Untouched,
                Some(_) => Coding::Other(encoding_rs::UTF_8),
            },
            "ISO-8859-1" | "ISO8859-1" | "ISO8859_1" | "LATIN1" | "L1" => Coding::Latin1,
            "US-ASCII" | "ASCII" | "ISO646-US" => Coding::Ascii,
            "UTF-16" => Coding::Other(encoding_rs::UTF_16BE),
            _ => Coding::Other(Encoding::for_label(upper.as_bytes())?),
        };
        Some(Charset { coding, policy: policy.unwrap_or(Policy::Fail), by_mark: upper == "UTF-16" })
    }

    /// The same charset for one file, whose first bytes may tell the byte order.
    pub fn for_file(self, head: &[u8]) -> Charset {
        if self.by_mark && head.starts_with(b"\xff\xfe") {
            Charset { coding: Coding::Other(encoding_rs::UTF_16LE), ..self }
        } else {
            self
        }
    }

    /// Whether the head of a file must be looked at.
    pub fn depends_on_head(&self) -> bool {
        self.by_mark
    }

    /// Bytes at the start of the file that are no text.
    pub fn mark_len(&self, head: &[u8]) -> usize {
        if self.by_mark && (head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff")) { 2 } else { 0 }
    }

    pub fn is_untouched(&self) -> bool {
        matches!(self.coding, Coding::Untouched)
    }

    /// The same, but nothing is ever refused.
    pub fn forgiving(self) -> Charset {
        let policy = if self.policy == Policy::Fail { Policy::Replace } else { self.policy };
        Charset { policy, ..self }
    }

    /// Text that is all ASCII, in this charset, and the bytes of one code unit.
    pub fn encode_ascii(&self, text: &[u8]) -> (Vec<u8>, u64) {
        match self.coding {
            Coding::Other(e) if e == encoding_rs::UTF_16LE => {
                (text.iter().flat_map(|b| [*b, 0]).collect(), 2)
            }
            Coding::Other(e) if e == encoding_rs::UTF_16BE => {
                (text.iter().flat_map(|b| [0, *b]).collect(), 2)
            }
            _ => (text.to_vec(), 1),
        }
    }

    /// Appends the text of `raw`; returns how many places were replaced or left out.
    pub fn decode(&self, raw: &[u8], out: &mut Vec<u8>) -> Result<u64, Undecodable> {
        match self.coding {
            Coding::Untouched => {
                out.extend_from_slice(raw);
                Ok(0)
            }
            Coding::Latin1 => {
                out.extend_from_slice(encoding_rs::mem::decode_latin1(raw).as_bytes());
                Ok(0)
            }
            Coding::Ascii => self.decode_ascii(raw, out),
            Coding::Other(encoding) => self.decode_other(encoding, raw, out),
        }
    }

    fn decode_ascii(&self, raw: &[u8], out: &mut Vec<u8>) -> Result<u64, Undecodable> {
        let mut wrong = 0;
        for (at, byte) in raw.iter().enumerate() {
            if byte.is_ascii() {
                out.push(*byte);
            } else {
                wrong += 1;
                self.bad(at, out)?;
            }
        }
        Ok(wrong)
    }

    fn decode_other(
        &self,
        encoding: &'static Encoding,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<u64, Undecodable> {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let room =
            decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(raw.len() * 4) + 16;
        let (mut at, mut wrong) = (0, 0);
        loop {
            let filled = out.len();
            out.resize(filled + room, 0);
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(&raw[at..], &mut out[filled..], true);
            out.truncate(filled + written);
            at += read;
            match result {
                DecoderResult::InputEmpty => return Ok(wrong),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(_, _) => {
                    wrong += 1;
                    self.bad(at, out)?;
                }
            }
        }
    }

    fn bad(&self, at: usize, out: &mut Vec<u8>) -> Result<(), Undecodable> {
        match self.policy {
            Policy::Fail => return Err(Undecodable { at }),
            Policy::Replace => out.extend_from_slice("\u{fffd}".as_bytes()),
            Policy::Ignore => {}
        }
        Ok(())
    }

    /// Where the text of `raw` goes over `most` UTF-16 units, as an offset into `raw`; `None` if it does not.
    pub fn cut(&self, raw: &[u8], most: usize) -> Option<usize> {
        match self.coding {
            Coding::Untouched => cut_utf8(raw, most),
            Coding::Other(encoding) if encoding == encoding_rs::UTF_8 => cut_utf8(raw, most),
            Coding::Latin1 | Coding::Ascii => (raw.len() > most).then_some(most),
            Coding::Other(encoding) => {
                (raw.len() > most).then(|| cut_decoding(encoding, raw, most)).flatten()
            }
        }
    }
}

/// Byte by byte, as only the decoder knows where characters end; for lines that may be too long only.
fn cut_decoding(encoding: &'static Encoding, raw: &[u8], most: usize) -> Option<usize> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let (mut units, mut boundary) = (0, 0);
    for at in 0..raw.len() {
        let mut text = [0u16; 8];
        let (_, _, written, _) = decoder.decode_to_utf16(&raw[at..=at], &mut text, false);
        if boundary > 0 && (units + written > most || at >= most.saturating_mul(4)) {
            return Some(boundary);
        }
        if written > 0 {
            units += written;
            boundary = at + 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(charset: &Charset, raw: &[u8]) -> String {
        let mut out = Vec::new();
        charset.decode(raw, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn gbk_becomes_utf8() {
        let gbk = Charset::named("GBK", None).unwrap();
        assert_eq!(text(&gbk, b"\xd6\xd0\xce\xc4 ok"), "中文 ok");
        assert_eq!(gbk.cut(b"\xd6\xd0\xce\xc4\xd6\xd0", 2), Some(4), "raw offset of the third character");
        assert_eq!(gbk.cut(b"\xd6\xd0\xce\xc4", 2), None);
    }

    #[test]
    fn policies_fail_replace_and_ignore() {
        let raw = b"a\xffb";
        let with = |policy| Charset::named("UTF-8", Some(policy)).unwrap();
        assert_eq!(text(&with(Policy::Replace), raw), "a\u{fffd}b");
        assert_eq!(text(&with(Policy::Ignore), raw), "ab");
        assert!(with(Policy::Fail).decode(raw, &mut Vec::new()).is_err());
        assert_eq!(text(&with(Policy::Fail).forgiving(), raw), "a\u{fffd}b");
        assert!(Charset::named("UTF-8", None).unwrap().is_untouched());
    }

    #[test]
    fn latin1_and_ascii_are_javas_not_the_webs() {
        assert_eq!(text(&Charset::named("ISO-8859-1", None).unwrap(), b"\x80\xe4"), "\u{80}ä");
        assert!(Charset::named("US-ASCII", None).unwrap().decode(b"\xe4", &mut Vec::new()).is_err());
        assert!(Charset::named("no-such-charset", None).is_none());
    }

    #[test]
    fn utf16_takes_its_order_from_the_file() {
        let charset = Charset::named("UTF-16", None).unwrap();
        assert_eq!(text(&charset.for_file(b"\xff\xfe"), b"h\0i\0"), "hi");
        assert_eq!(text(&charset.for_file(b"\xfe\xff"), b"\0h\0i"), "hi");
        assert_eq!(charset.for_file(b"\xff\xfe").encode_ascii(b"\n"), (b"\n\0".to_vec(), 2));
    }
}
