//! Reads DER: as much of it as keys, certificates and their stores ask for.
//!
//! Shape: tag u8; length, one byte below 0x80, or 0x80 + n and n bytes, big-endian; content. No tag here is above 30.
//! Errors: foreign bytes give `None` and never panic; indefinite lengths, which only BER has, too.
//! Truth: ITU-T X.690, sections 8 and 10.
pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const OID: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
/// `[0]` around another element.
pub const EXPLICIT_0: u8 = 0xa0;
/// `[0]` in the place of another's tag.
pub const IMPLICIT_0: u8 = 0x80;

/// What is left of the elements that lie in some bytes, one behind the other.
#[derive(Clone, Copy)]
pub struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub fn new(bytes: &'a [u8]) -> Der<'a> {
        Der(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element's content, if it has this tag; else all stays as it was.
    pub fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, rest) = element(self.0)?;
        (found == tag).then(|| self.0 = rest)?;
        Some(content)
    }

    /// The elements within the next one.
    pub fn inside(&mut self, tag: u8) -> Option<Der<'a>> {
        self.take(tag).map(Der)
    }

    /// The next element with its tag and length.
    pub fn whole(&mut self) -> Option<&'a [u8]> {
        let (_, _, rest) = element(self.0)?;
        let (whole, _) = self.0.split_at(self.0.len() - rest.len());
        self.0 = rest;
        Some(whole)
    }

    /// An integer that fits; none is negative here.
    pub fn number(&mut self) -> Option<u32> {
        let bytes = self.take(INTEGER)?;
        let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        (bytes.len() <= 4).then(|| big_endian(bytes) as u32)
    }
}

/// Tag and content of the first element, and what is behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (usize::try_from(big_endian(length)).ok()?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Whether this is one sequence and nothing else, as a private key is.
pub fn is_sequence(bytes: &[u8]) -> bool {
    let mut der = Der(bytes);
    der.take(SEQUENCE).is_some() && der.is_empty()
}

/// The content of an object identifier as people write it: `1.2.840.113549`.
pub fn dotted(oid: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0u64;
    for byte in oid {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(std::mem::take(&mut number));
        }
    }
    let first = numbers.first().map_or(0, |both| both / 40).min(2);
    if let Some(both) = numbers.first_mut() {
        *both -= first * 40;
    }
    numbers.iter().fold(first.to_string(), |text, number| format!("{text}.{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_read_one_by_one() {
        let bytes = [[0x30, 0x81, 6, 2, 1, 9, 4, 1, 7].as_slice(), &[2, 2, 0, 0x80]].concat();
        let mut der = Der::new(&bytes);
        assert!(der.take(SET).is_none(), "a sequence is no set");
        let mut inside = der.inside(SEQUENCE).unwrap();
        assert_eq!((inside.number(), inside.whole()), (Some(9), Some([4, 1, 7].as_slice())));
        assert!(inside.is_empty() && inside.whole().is_none());
        assert_eq!(der.number(), Some(128));
    }

    #[test]
    fn lengths_that_reach_too_far_or_do_not_end_give_nothing() {
        for bytes in
            [&[0x30][..], &[0x30, 1], &[0x30, 0x80, 0, 0], &[0x30, 0x82, 0], &[0x30, 0x85, 0, 0, 0, 0, 0]]
        {
            assert!(Der::new(bytes).whole().is_none(), "{bytes:?}");
        }
        assert_eq!(Der::new(&[2, 5, 1, 0, 0, 0, 0]).number(), None);
        assert!(is_sequence(&[0x30, 0]) && !is_sequence(&[0x30, 0, 0]));
    }

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13]), "1.2.840.113549.1.5.13");
        assert_eq!(dotted(&[0x60, 0x86, 0x48]), "2.16.840");
        assert_eq!(dotted(&[]), "0");
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut der = Der::new(&bytes);
            while der.number().is_some() || der.whole().is_some() {}
            dotted(&bytes);
        }
    }
}
