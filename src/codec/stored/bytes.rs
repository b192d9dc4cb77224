//! Varints and texts, there and back.

/// LEB128: seven bits per byte, lowest first, the top bit says that more follow.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Length and UTF-8.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// What is left to decode. Every step gives `None` where the bytes do not suffice.
pub struct Get<'a>(pub &'a [u8]);

impl<'a> Get<'a> {
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// At most ten bytes, and no bit beyond the 64th.
    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let len = self.varint()?;
        self.text_of(len)
    }

    /// A text of `len` bytes.
    pub fn text_of(&mut self, len: u64) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(usize::try_from(len).ok()?)?).ok()
    }
}
