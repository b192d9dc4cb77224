//! The bytes of a file at one moment.
//!
//! Invariant: `bytes` ends at the length or before it; what is between reads as zeros and takes no memory, so a segment
//! allocated ahead costs nothing here.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    bytes: Vec<u8>,
    len: u64,
}

impl Image {
    pub fn of(bytes: Vec<u8>) -> Image {
        Image { len: bytes.len() as u64, bytes }
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Writes, lengthening if need be; a hole reads as zeros.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        let at = at as usize;
        if at > self.bytes.len() {
            self.bytes.extend_from_slice(&vec![0; at - self.bytes.len()]);
        }
        let (over, beyond) = bytes.split_at(bytes.len().min(self.bytes.len() - at));
        self.bytes[at..at + over.len()].copy_from_slice(over);
        self.bytes.extend_from_slice(beyond);
        self.len = self.len.max((at + bytes.len()) as u64);
    }

    /// Cuts, or lengthens with zeros.
    pub fn set_len(&mut self, len: u64) {
        self.bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        self.len = len;
    }

    /// Copies what is there from `at` on; how many bytes.
    pub fn read(&self, at: u64, buf: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(at).min(buf.len() as u64) as usize;
        let stored = self.bytes.get(at as usize..).unwrap_or_default();
        let copied = stored.len().min(there);
        buf[..copied].copy_from_slice(&stored[..copied]);
        buf[copied..there].fill(0);
        there
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = vec![0; self.len as usize];
        all[..self.bytes.len()].copy_from_slice(&self.bytes);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_reads_as_zeros() {
        let mut image = Image::of(b"abc".to_vec());
        image.set_len(2);
        image.set_len(4);
        image.write(6, b"x");
        assert_eq!(image.to_vec(), b"ab\0\0\0\0x");
        let mut buf = [9; 4];
        assert_eq!(image.read(5, &mut buf), 2);
        assert_eq!(buf, [0, b'x', 9, 9]);
        assert_eq!(image.read(7, &mut buf), 0);
        assert_eq!(image.read(u64::MAX, &mut buf), 0);
    }
}
