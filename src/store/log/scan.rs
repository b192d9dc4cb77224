//! Reads a segment from front to end and hands out every frame that verifies, whatever lies between.
//!
//! Invariants: every byte behind the header belongs to a frame that was handed out, to a span that is returned as bad,
//! or to the zeros at the end. Memory is bounded by the largest frame, not by the segment.
use std::io;

use super::frame::{self, Head};
use crate::sys::disk::{DiskFile, read_up_to};

const WINDOW: usize = 1 << 20;

/// What a scan comes across.
pub enum Seen<'a> {
    /// A frame that verifies, and where it begins.
    Frame { head: Head, at: u64, meta: &'a [u8], body: &'a [u8] },
    /// A frame whose body is damaged: its meta tells what was lost.
    Remains { head: Head, meta: &'a [u8] },
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
}

impl Window<'_> {
    /// The bytes from `at` on: at least `want`, or up to the end of the file.
    fn from(&mut self, at: u64, want: usize) -> io::Result<&[u8]> {
        let want = want.min((self.len - at) as usize);
        let end = self.base + self.bytes.len() as u64;
        if at < self.base || at + want as u64 > end {
            self.bytes.resize(want.max(WINDOW).min((self.len - at) as usize), 0);
            let read = read_up_to(self.file, &mut self.bytes, at).inspect_err(|_| self.bytes.clear())?;
            self.bytes.truncate(read);
            self.bytes.shrink_to(4 * WINDOW);
            self.base = at;
        }
        Ok(&self.bytes[(at - self.base) as usize..])
    }
}

/// Scans `[from, file's length)` for frames of the log `id`. `None`: of any log.
pub fn scan(
    file: &dyn DiskFile,
    from: u64,
    id: Option<u64>,
    see: &mut dyn FnMut(Seen<'_>),
) -> io::Result<Vec<Bad>> {
    let mut window = Window { file, bytes: Vec::new(), base: 0, len: file.len()? };
    let (mut at, mut bad) = (from.min(window.len), Vec::new());
    while at < window.len {
        match step(&mut window, at, id, see) {
            Ok(Step::Frame(next)) => at = next,
            Ok(Step::Zeros) => break,
            Ok(Step::Bad(next)) => {
                let at_end = next == window.len;
                let to = if at_end { end_of_garbage(&mut window, at).unwrap_or(next) } else { next };
                bad.push(Bad { from: at, to, at_end, unreadable: None });
                at = next;
            }
            Err(error) => {
                let unreadable = Some(error.to_string());
                bad.push(Bad { from: at, to: window.len, at_end: true, unreadable });
                break;
            }
        }
    }
    Ok(bad)
}

enum Step {
    Frame(u64),
    Bad(u64),
    Zeros,
}

fn step(window: &mut Window, at: u64, id: Option<u64>, see: &mut dyn FnMut(Seen<'_>)) -> io::Result<Step> {
    if let Some(head) = head_at(window, at, id)? {
        let bytes = window.from(at, head.size())?;
        if let Some((meta, body)) = head.verify(bytes) {
            see(Seen::Frame { head, at, meta, body });
            return Ok(Step::Frame(at + head.size() as u64));
        }
        if let Some(meta) = head.verified_meta(bytes) {
            see(Seen::Remains { head, meta });
        }
    }
    let mut next = at;
    if only_zeros(window, &mut next)? {
        return Ok(Step::Zeros);
    }
    find(window, next.max(at + 1), id).map(Step::Bad)
}

fn head_at(window: &mut Window, at: u64, id: Option<u64>) -> io::Result<Option<Head>> {
    let len = window.len;
    let head = Head::decode(window.from(at, frame::HEAD)?);
    Ok(head.filter(|head| {
        id.is_none_or(|id| id == head.log) && at + head.size() as u64 <= len + u64::from(head.body)
    }))
}

/// Where the next frame begins that verifies in full, or the file's end.
fn find(window: &mut Window, mut at: u64, id: Option<u64>) -> io::Result<u64> {
    while at < window.len {
        let bytes = window.from(at, WINDOW)?;
        let size = bytes.len() as u64;
        match frame::find_head(bytes, 0) {
            Some((off, head)) => {
                at += off as u64;
                let whole = id.is_none_or(|id| id == head.log) && at + head.size() as u64 <= window.len;
                if whole && head.verify(window.from(at, head.size())?).is_some() {
                    return Ok(at);
                }
                at += 1;
            }
            None => at += size.saturating_sub(frame::HEAD as u64 - 1).max(1),
        }
    }
    Ok(window.len)
}

/// Whether nothing but zeros follows; `at` moves to the first byte that is none.
fn only_zeros(window: &mut Window, at: &mut u64) -> io::Result<bool> {
    while *at < window.len {
        let bytes = window.from(*at, WINDOW)?;
        match bytes.iter().position(|byte| *byte != 0) {
            Some(off) => {
                *at += off as u64;
                return Ok(false);
            }
            None => *at += bytes.len() as u64,
        }
    }
    Ok(true)
}

/// Behind the last byte that is not zero: zeros at the end were never written.
fn end_of_garbage(window: &mut Window, from: u64) -> io::Result<u64> {
    let (mut at, mut end) = (from, from);
    while at < window.len {
        let bytes = window.from(at, WINDOW)?;
        let size = bytes.len() as u64;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            end = at + last as u64 + 1;
        }
        at += size;
    }
    Ok(end)
}
