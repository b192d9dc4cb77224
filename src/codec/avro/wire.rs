//! Avro's binary primitives: zig-zag varints, and bytes behind their length.
use super::Fault;

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let taken = self.bytes[self.at..].get(..count).ok_or(Fault::Ends)?;
        self.at += count;
        Ok(taken)
    }

    pub fn long(&mut self) -> Result<i64, Fault> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(Fault::bad("a number has more than ten bytes"))
    }

    /// A length, which is not negative.
    pub fn length(&mut self) -> Result<usize, Fault> {
        let length = self.long()?;
        usize::try_from(length).map_err(|_| Fault::Bad(format!("a length is {length}")))
    }

    /// Bytes or a string.
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.length()?;
        self.take(length)
    }
}

pub fn put_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes or a string, behind their length.
pub fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_specification() {
        for (value, hex) in
            [(0, "00"), (-1, "01"), (1, "02"), (-2, "03"), (2, "04"), (-64, "7f"), (64, "8001")]
        {
            let mut out = Vec::new();
            put_long(value, &mut out);
            let written: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(written, hex, "{value}");
        }
        let mut out = Vec::new();
        put_bytes(b"foo", &mut out);
        assert_eq!(out, b"\x06foo");
    }

    #[test]
    fn what_is_no_number_is_said() {
        assert_eq!(Input::new(&[0x80]).long(), Err(Fault::Ends));
        assert_eq!(Input::new(&[0xFF; 11]).long(), Err(Fault::bad("a number has more than ten bytes")));
        assert_eq!(Input::new(&[0x01]).bytes(), Err(Fault::bad("a length is -1")));
        assert_eq!(Input::new(&[0x04, b'x']).bytes(), Err(Fault::Ends));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(value: i64) {
            let mut out = Vec::new();
            put_long(value, &mut out);
            let mut input = Input::new(&out);
            prop_assert_eq!(input.long(), Ok(value));
            prop_assert!(input.is_at_end() && input.at() <= 10);
        }
    }
}
