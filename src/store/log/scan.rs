//! Reads a segment from front to end and hands out every frame that verifies, whatever lies between.
//!
//! Invariants: every byte behind the header belongs to a frame that was handed out, to a span that is returned as bad,
//! or to the zeros at the end. Memory is bounded by the largest frame, not by the segment.
//! Errors: what the disk cannot read is a bad span like any other; what lies behind it is read all the same.
use std::io;
use std::ops::Range;

use super::frame::{self, Head};
use crate::sys::disk::{DiskFile, read_up_to};

const WINDOW: usize = 1 << 20;
/// Where a read fails, so much is given up at once: the disk's own unit.
const SECTOR: u64 = 4096;
/// Stands for what cannot be read: neither a frame nor a zero.
const UNREADABLE: u8 = 0xff;

/// What a scan comes across.
pub enum Seen<'a> {
    /// A frame that verifies, and where it begins.
    Frame { head: Head, at: u64, meta: &'a [u8], body: &'a [u8] },
    /// A frame whose body is damaged: its meta tells what was lost.
    Remains { head: Head, at: u64, meta: &'a [u8] },
}

/// Bytes `[from, to)` that are no part of a frame that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub from: u64,
    pub to: u64,
    /// No frame follows: what an unfinished write leaves, too.
    pub at_end: bool,
    /// The disk could not read it.
    pub unreadable: Option<String>,
}

/// A part of a file in memory.
struct Window<'a> {
    file: &'a dyn DiskFile,
    bytes: Vec<u8>,
    base: u64,
    len: u64,
    /// What could not be read, and why.
    unreadable: Vec<(Range<u64>, String)>,
}

impl Window<'_> {
    /// The bytes from `at` on: at least `want`, or up to the end of the file.
    fn from(&mut self, at: u64, want: usize) -> &[u8] {
        let want = want.min((self.len - at) as usize);
        let end = self.base + self.bytes.len() as u64;
        if at < self.base || at + want as u64 > end {
            self.bytes.resize(want.max(WINDOW).min((self.len - at) as usize), 0);
            self.base = at;
            let read = read_up_to(self.file, &mut self.bytes, at).unwrap_or_else(|_| self.read_around());
            if read < self.bytes.len() {
                // Somebody has cut the file meanwhile.
                self.len = at + read as u64;
            }
            self.bytes.truncate(read);
            self.bytes.shrink_to(4 * WINDOW);
        }
        &self.bytes[(at - self.base) as usize..]
    }

    /// Fills the window sector by sector, as far as they can be read.
    fn read_around(&mut self) -> usize {
        let (base, size) = (self.base, self.bytes.len() as u64);
        let mut done = 0;
        while done < size {
            let next = ((base + done) / SECTOR + 1) * SECTOR - base;
            let part = &mut self.bytes[done as usize..next.min(size) as usize];
            match read_up_to(self.file, part, base + done) {
                Ok(read) if read < part.len() => return done as usize + read,
                Ok(_) => {}
                Err(error) => {
                    part.fill(UNREADABLE);
                    self.unreadable.push((base + done..base + next.min(size), error.to_string()));
                }
            }
            done = next;
        }
        size as usize
    }

    fn why_unreadable(&self, from: u64, to: u64) -> Option<String> {
        let within = |range: &Range<u64>| range.start < to && from < range.end;
        self.unreadable.iter().find(|(range, _)| within(range)).map(|(_, why)| why.clone())
    }
}

/// Scans `[from, file's length)` for frames of the log `id`. `None`: of any log.
pub fn scan(
    file: &dyn DiskFile,
    from: u64,
    id: Option<u64>,
    see: &mut dyn FnMut(Seen<'_>),
) -> io::Result<Vec<Bad>> {
    let len = file.len()?;
    let mut window = Window { file, bytes: Vec::new(), base: 0, len, unreadable: Vec::new() };
    let (mut at, mut bad) = (from.min(len), Vec::new());
    while at < window.len {
        match step(&mut window, at, id, see) {
            Step::Frame(next) => at = next,
            Step::Zeros => break,
            Step::Bad(next) => {
                let at_end = next >= window.len;
                let to = if at_end { end_of_garbage(&mut window, at) } else { next };
                bad.push(Bad { from: at, to, at_end, unreadable: window.why_unreadable(at, to) });
                at = next;
            }
        }
    }
    Ok(bad)
}

/// The next frame at or behind `from` that verifies: where it begins, and its bytes.
pub fn next_frame(file: &dyn DiskFile, from: u64) -> io::Result<Option<(u64, Head, Vec<u8>)>> {
    let len = file.len()?;
    let mut window = Window { file, bytes: Vec::new(), base: 0, len, unreadable: Vec::new() };
    let at = find(&mut window, from, None, &mut |_| {});
    if at >= window.len {
        return Ok(None);
    }
    let head = Head::decode(window.from(at, frame::HEAD));
    Ok(head.map(|head| (at, head, window.from(at, head.size())[..head.size()].to_vec())))
}

enum Step {
    Frame(u64),
    Bad(u64),
    Zeros,
}

fn step(window: &mut Window, at: u64, id: Option<u64>, see: &mut dyn FnMut(Seen<'_>)) -> Step {
    if let Some(head) = Head::decode(window.from(at, frame::HEAD)).filter(|head| is_of(head, id)) {
        let bytes = window.from(at, head.size());
        if let Some((meta, body)) = head.verify(bytes) {
            see(Seen::Frame { head, at, meta, body });
            return Step::Frame(at + head.size() as u64);
        }
    }
    match skip_zeros(window, at) {
        next if next >= window.len => Step::Zeros,
        next => Step::Bad(find(window, next, id, see)),
    }
}

fn is_of(head: &Head, id: Option<u64>) -> bool {
    id.is_none_or(|id| id == head.log)
}

/// Where the next frame begins that verifies in full, or the file's end. Of frames that do not, their meta may.
fn find(window: &mut Window, mut at: u64, id: Option<u64>, see: &mut dyn FnMut(Seen<'_>)) -> u64 {
    while at < window.len {
        let bytes = window.from(at, WINDOW);
        let size = bytes.len() as u64;
        match frame::find_head(bytes, 0) {
            Some((off, head)) => {
                at += off as u64;
                let bytes = window.from(at, if is_of(&head, id) { head.size() } else { 0 });
                if is_of(&head, id) {
                    if head.verify(bytes).is_some() {
                        return at;
                    }
                    if let Some(meta) = head.verified_meta(bytes) {
                        see(Seen::Remains { head, at, meta });
                    }
                }
                at += 1;
            }
            None => at += size.saturating_sub(frame::HEAD as u64 - 1).max(1),
        }
    }
    window.len
}

/// The first byte from `at` on that is not zero, or the file's end.
fn skip_zeros(window: &mut Window, mut at: u64) -> u64 {
    while at < window.len {
        let bytes = window.from(at, WINDOW);
        match bytes.iter().position(|byte| *byte != 0) {
            Some(off) => return at + off as u64,
            None => at += bytes.len().max(1) as u64,
        }
    }
    window.len
}

/// Behind the last byte that is not zero: zeros at the end were never written.
fn end_of_garbage(window: &mut Window, from: u64) -> u64 {
    let (mut at, mut end) = (from, from);
    while at < window.len {
        let bytes = window.from(at, WINDOW);
        let size = bytes.len().max(1) as u64;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            end = at + last as u64 + 1;
        }
        at += size;
    }
    end
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::super::frame::Kind;
    use super::super::group::Group;
    use super::super::seal::Sealing;
    use super::*;

    /// A file with sectors that the disk cannot read.
    #[derive(Debug)]
    struct Worn(Vec<u8>, Vec<u64>);

    impl DiskFile for Worn {
        fn write_at(&self, _: &[IoSlice<'_>], _: u64) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
            let left = self.0.get(at as usize..).unwrap_or_default();
            let read = left.len().min(buf.len());
            let end = at + read as u64;
            if self.1.iter().any(|sector| sector * SECTOR < end && at < (sector + 1) * SECTOR) {
                return Err(io::Error::other("input/output error"));
            }
            buf[..read].copy_from_slice(&left[..read]);
            Ok(read)
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn allocate(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Frames of 1000 bytes, numbered from 0, then zeros.
    fn frames(count: usize) -> Vec<u8> {
        let body = vec![b'x'; 1000 - frame::HEAD - 1];
        let mut group = Group::new(7, 0, 0);
        (0..count).for_each(|_| group.push(&Sealing::plain(), Kind::Events, 1, b"m", &[&body]));
        let mut bytes: Vec<u8> = group.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        bytes.extend([0; 5000]);
        bytes
    }

    fn scanned(file: &Worn) -> (Vec<u64>, Vec<u64>, Vec<Bad>) {
        let (mut whole, mut remains) = (Vec::new(), Vec::new());
        let bad = scan(file, 0, Some(7), &mut |seen| match seen {
            Seen::Frame { head, .. } => whole.push(head.number),
            Seen::Remains { head, .. } => remains.push(head.number),
        });
        (whole, remains, bad.unwrap())
    }

    #[test]
    fn what_lies_behind_a_sector_that_cannot_be_read_is_kept() {
        let (whole, _, bad) = scanned(&Worn(frames(30), vec![2, 5]));
        // Sector 2 is bytes 8192 to 12288, sector 5 is 20480 to 24576.
        let expected: Vec<u64> = (0..8).chain(13..20).chain(25..30).collect();
        assert_eq!(whole, expected);
        let spans: Vec<_> = bad.iter().map(|bad| (bad.from, bad.to, bad.unreadable.is_some())).collect();
        assert_eq!(spans, [(8000, 13_000, true), (20_000, 25_000, true)]);
    }

    #[test]
    fn every_damaged_body_leaves_its_meta() {
        let mut bytes = frames(6);
        [1, 2, 4].into_iter().for_each(|number| bytes[number * 1000 + 500] ^= 1);
        let (whole, remains, bad) = scanned(&Worn(bytes, Vec::new()));
        assert_eq!((whole, remains), (vec![0, 3, 5], vec![1, 2, 4]));
        let spans: Vec<_> = bad.iter().map(|bad| (bad.from, bad.to)).collect();
        assert_eq!(spans, [(1000, 3000), (4000, 5000)]);
    }

    #[test]
    fn the_next_frame_is_found_however_far() {
        let mut bytes = vec![b'-'; 3 * WINDOW + 11];
        bytes.extend(frames(1));
        let (at, head, whole) = next_frame(&Worn(bytes, Vec::new()), 5).unwrap().unwrap();
        assert_eq!((at, head.number, whole.len()), (3 * WINDOW as u64 + 11, 0, 1000));
        assert!(next_frame(&Worn(vec![1; 100], Vec::new()), 0).unwrap().is_none());
    }
}
