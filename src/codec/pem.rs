//! PEM: DER in Base64 between lines that name it.
//!
//! Shape: `-----BEGIN label-----`, lines of 64 digits, `-----END label-----`. Text around these is passed over, as
//! OpenSSL and Kafka do.
//! Errors: a block that does not end, or is no Base64, is none.
//! Truth: RFC 7468, sections 2 and 3.
use super::base64;

/// What a certificate is named.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// What a private key in PKCS#8 is named.
pub const PRIVATE_KEY: &str = "PRIVATE KEY";
/// What such a key under a password is named.
pub const ENCRYPTED_PRIVATE_KEY: &str = "ENCRYPTED PRIVATE KEY";

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// A block of a text.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    pub label: &'a str,
    /// With its lines of dashes.
    pub text: &'a str,
    /// Between these.
    body: &'a str,
}

impl Block<'_> {
    /// The bytes; `None` where there is more than Base64, as in keys that OpenSSL encrypted before 2000.
    pub fn der(&self) -> Option<Vec<u8>> {
        let digits: String = self.body.split_ascii_whitespace().collect();
        base64::decode(&digits)
    }
}

/// One block, with a line end behind it.
pub fn encode(label: &str, der: &[u8]) -> String {
    let digits = base64::encode(der);
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    for line in digits.as_bytes().chunks(64) {
        text.extend(line.iter().map(|digit| char::from(*digit)));
        text.push('\n');
    }
    text + &format!("-----END {label}{DASHES}\n")
}

/// Whether a line begins as a block does.
pub fn is_pem(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(BEGIN.as_bytes()))
}

/// All blocks, in their order.
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((block, behind)) = next(rest) {
        found.extend(block);
        rest = behind;
    }
    found
}

/// The next block, if what begins like one is one, and what is behind it.
fn next(text: &str) -> Option<(Option<Block<'_>>, &str)> {
    let text = &text[text.find(BEGIN)?..];
    let inside = &text[BEGIN.len()..];
    Some(match whole(text, inside) {
        Some(block) => (Some(block), &text[block.text.len()..]),
        None => (None, inside),
    })
}

fn whole<'a>(text: &'a str, inside: &'a str) -> Option<Block<'a>> {
    let (label, behind) = inside.split_once(DASHES)?;
    let end = format!("-----END {label}{DASHES}");
    let body = &behind[..behind.find(&end)?];
    let length = BEGIN.len() + label.len() + DASHES.len() + body.len() + end.len();
    Some(Block { label, text: &text[..length], body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_amid_other_text() {
        let bytes: Vec<u8> = (0..100).collect();
        let one = encode(CERTIFICATE, &bytes);
        assert!(one.lines().all(|line| line.len() <= 64), "{one}");
        let text = format!("subject=CN = ca\r\n{one}\nnoise\n{}", encode(PRIVATE_KEY, b"key"));
        let found = blocks(&text);
        assert_eq!(found.iter().map(|block| block.label).collect::<Vec<_>>(), [CERTIFICATE, PRIVATE_KEY]);
        assert_eq!((found[0].text, found[0].der()), (one.trim_end(), Some(bytes)));
        assert_eq!(found[1].der().unwrap(), b"key");
    }

    #[test]
    fn a_block_that_does_not_end_is_none_but_the_next_one_is() {
        let text = format!("-----BEGIN CERTIFICATE-----\nAAAA\n{}", encode(PRIVATE_KEY, b"key"));
        assert_eq!(blocks(&text).iter().map(|block| block.label).collect::<Vec<_>>(), [PRIVATE_KEY]);
        assert!(blocks("-----BEGIN -----BEGIN").is_empty());
    }

    #[test]
    fn pem_is_known_by_the_start_of_a_line() {
        assert!(is_pem(b"Bag Attributes\r\n-----BEGIN CERTIFICATE-----\r\n"));
        assert!(!is_pem(b"no -----BEGIN CERTIFICATE-----"));
    }
}
