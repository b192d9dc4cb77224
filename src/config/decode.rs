//! Bytes of an agent file to text: UTF-8 with or without a mark, else Latin-1; GBK is refused.
//!
//! Why refuse: read as Latin-1, Chinese names and patterns would become others without a word. Java read such files in
//! the platform's charset, so they exist.

/// What the bytes turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    Utf8(String),
    /// Not UTF-8: every byte is one character, as Java's `Properties` does.
    Latin1(String),
    /// Looks like GBK.
    Gbk,
}

pub fn decode(bytes: Vec<u8>) -> Decoded {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) => Decoded::Utf8(text),
        Err(error) if looks_like_gbk(error.as_bytes()) => Decoded::Gbk,
        Err(error) => Decoded::Latin1(error.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// All bytes above 0x7f come in legal pairs, and at least half of these are everyday Chinese characters: accented
/// Latin-1 letters stand alone, or in pairs that begin above that range.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let (mut pairs, mut everyday) = (0, 0);
    let mut rest = bytes.iter();
    while let Some(lead) = rest.next() {
        if lead.is_ascii() {
            continue;
        }
        let Some(trail @ 0x40..=0xfe) = rest.next() else { return false };
        if !(0x81..=0xfe).contains(lead) || *trail == 0x7f {
            return false;
        }
        pairs += 1;
        everyday += usize::from((0xb0..=0xd7).contains(lead) && *trail >= 0xa1);
    }
    pairs > 0 && everyday * 2 >= pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_key() {
        assert_eq!(decode(b"\xef\xbb\xbfa1.sources = r1".to_vec()), Decoded::Utf8("a1.sources = r1".into()));
    }

    #[test]
    fn latin_1_is_taken_for_what_it_is() {
        for text in ["café", "créée", "20°C über", "naïve"] {
            let bytes = text.chars().map(|c| c as u8).collect();
            assert_eq!(decode(bytes), Decoded::Latin1(text.into()), "{text}");
        }
    }

    #[test]
    fn gbk_is_recognised() {
        for text in ["日志文件", "a1.sources = 来源 # 输入", "交易流水.log"] {
            let (bytes, _, _) = encoding_rs::GBK.encode(text);
            assert_eq!(decode(bytes.into_owned()), Decoded::Gbk, "{text}");
        }
    }
}
