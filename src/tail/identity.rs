//! What a file is recognised by: inode, birth, and hashes of its first bytes and of those before the mark (F1).
//!
//! Why so much: a file deleted and created again mostly gets the same inode, and logs begin alike. The device number
//! is kept for people and ignored, since it changes at a reboot.
//! Shape: attributes `path`, `inode`, `birth` (ns, where the file system has one), `device`, `head` (`length:hash`,
//! the length is hashed too) and `boot`; `shift` where positions are no byte offsets (see [`Face::shift`]).
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::listing::Key;
use crate::event::{Attributes, Check};
use crate::flow::Known;
use crate::sys;

/// Bytes at the start of a file that are hashed, at most.
pub const HEAD: usize = 1024;
/// Bytes before a position that are hashed, at most.
pub const TAIL: usize = 256;

/// The running boot's id, read once.
fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(sys::boot_id)
}

/// What is known of a file without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    pub device: u64,
    pub number: u64,
    /// Nanoseconds since 1970; 0: the file system does not tell.
    pub birth: u64,
}

impl Inode {
    pub fn of(meta: &Metadata) -> Inode {
        let birth = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let birth = birth.map_or(0, |since| since.as_nanos() as u64);
        Inode { device: meta.dev(), number: meta.ino(), birth }
    }

    /// What it is known by while it is there.
    pub fn key(&self) -> Key {
        (self.device, self.number)
    }

    /// F1: births count where both have one; devices do not.
    pub fn is_like(&self, other: &Inode) -> bool {
        self.number == other.number && (self.birth == other.birth || self.birth == 0 || other.birth == 0)
    }
}

/// An inode and a hash of its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    pub inode: Inode,
    pub head_len: usize,
    pub head: u64,
    /// A position of the stream, shifted right by so many bits, is an offset in the file. 0, but where several records
    /// lie in one packed block: there the bits below count them.
    pub shift: u32,
}

/// Reads until `buffer` is full or the file ends.
pub fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The hash of the bytes before a position, given them or more.
#[inline]
pub fn hash_tail(before: &[u8]) -> u64 {
    let tail = &before[before.len().saturating_sub(TAIL)..];
    xxh3_64_with_seed(tail, tail.len() as u64)
}

/// The hash of the at most `TAIL` bytes before `at`; `None`: the file is shorter.
pub fn hash_before(file: &File, at: u64) -> io::Result<Option<u64>> {
    let mut tail = [0; TAIL];
    let want = at.min(TAIL as u64) as usize;
    let got = read_at(file, &mut tail[..want], at - want as u64)?;
    Ok((got == want).then(|| hash_tail(&tail[..want])))
}

/// The hash of the first bytes of a file, at most `HEAD`; the length is hashed too.
pub fn hash_of_head(head: &[u8]) -> u64 {
    xxh3_64_with_seed(head, head.len() as u64)
}

fn hash_head(file: &File, length: usize) -> io::Result<(usize, u64)> {
    let mut head = [0; HEAD];
    let got = read_at(file, &mut head[..length.min(HEAD)], 0)?;
    Ok((got, hash_of_head(&head[..got])))
}

/// The attribute `head`.
pub fn head_text(length: usize, hash: u64) -> String {
    format!("{length}:{hash:016x}")
}

impl Face {
    /// The face of an open file, as it is now.
    pub fn of(file: &File) -> io::Result<Face> {
        let inode = Inode::of(&file.metadata()?);
        let (head_len, head) = hash_head(file, HEAD)?;
        Ok(Face { inode, head_len, head, shift: 0 })
    }

    /// Takes a longer head over, seen while the same generation was read.
    pub fn seen(&mut self, head_len: usize, head: u64) {
        if head_len > self.head_len {
            (self.head_len, self.head) = (head_len, head);
        }
    }

    /// Looks again while the head was short; true once it has doubled or is complete, which is worth a record. What
    /// does not begin as before is another generation, and changes nothing.
    pub fn grow(&mut self, file: &File) -> io::Result<bool> {
        if self.head_len == HEAD || self.head_len == 0 {
            return Ok(false);
        }
        let mut head = [0; HEAD];
        let length = read_at(file, &mut head, 0)?;
        let worth = length == HEAD || length >= 2 * self.head_len;
        if !worth || hash_of_head(&head[..self.head_len]) != self.head {
            return Ok(false);
        }
        (self.head_len, self.head) = (length, hash_of_head(&head[..length]));
        Ok(true)
    }

    pub fn attributes(&self, path: &Path) -> Attributes {
        let mut attributes = Attributes::default()
            .with("path", path.to_string_lossy())
            .with("inode", self.inode.number)
            .with("device", self.inode.device)
            .with("head", head_text(self.head_len, self.head))
            .with("boot", boot());
        if self.inode.birth != 0 {
            attributes.set("birth", self.inode.birth);
        }
        if self.shift != 0 {
            attributes.set("shift", self.shift);
        }
        attributes
    }

    /// The face that attributes tell of; `None`: they are no file's.
    pub fn told(attributes: &Attributes) -> Option<Face> {
        let (length, hash) = attributes.get("head")?.split_once(':')?;
        let inode = Inode {
            number: attributes.number("inode")?,
            device: attributes.number("device").unwrap_or(0),
            birth: attributes.number("birth").unwrap_or(0),
        };
        let head_len = length.parse().ok().filter(|length| *length <= HEAD)?;
        let shift = attributes.number("shift").filter(|shift| *shift < 64).unwrap_or(0) as u32;
        Some(Face { inode, head_len, head: u64::from_str_radix(hash, 16).ok()?, shift })
    }

    /// Whether the file begins with the same bytes.
    pub fn begins(&self, file: &File) -> io::Result<bool> {
        Ok(hash_head(file, self.head_len)? == (self.head_len, self.head))
    }
}

/// What a file is to a known stream of the same inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same generation: go on.
    Same,
    /// F3: another boot, and the end was lost in the power cut; the evidence at this offset still holds.
    Shortened { at: u64 },
    /// Another generation, or another file.
    Other,
}

/// Holds a file against a known stream: inode and birth, head, and the evidence below its mark.
pub fn likeness(file: &File, known: &Known) -> io::Result<Likeness> {
    let Some(face) = Face::told(&known.attributes) else { return Ok(Likeness::Other) };
    if !face.inode.is_like(&Inode::of(&file.metadata()?)) || !face.begins(file)? {
        return Ok(Likeness::Other);
    }
    let size = file.metadata()?.len();
    if size >= known.from >> face.shift && holds(file, known.checks.below(known.from), face.shift)? {
        return Ok(Likeness::Same);
    }
    if known.attributes.get("boot") == Some(boot()) {
        return Ok(Likeness::Other);
    }
    for check in known.checks.iter().rev().filter(|check| check.at <= known.from) {
        if holds(file, Some(*check), face.shift)? {
            return Ok(Likeness::Shortened { at: check.at });
        }
    }
    // The head alone still holds.
    Ok(Likeness::Shortened { at: 0 })
}

/// Whether a file, whatever its inode, has everything a stream was read up to: a copy of it (F2).
pub fn is_copy(file: &File, face: &Face, check: Option<Check>) -> io::Result<bool> {
    Ok((face.head_len > 0 || check.is_some()) && face.begins(file)? && holds(file, check, face.shift)?)
}

/// Whether all of `part`, which is not empty, stands at the start of `whole`, by its head and its end.
pub fn is_prefix(part: &File, whole: &File) -> io::Result<bool> {
    let size = part.metadata()?.len();
    let face = Face::of(part)?;
    let end = hash_before(part, size)?;
    Ok(face.head_len > 0 && face.begins(whole)? && end.is_some() && hash_before(whole, size)? == end)
}

fn holds(file: &File, check: Option<Check>, shift: u32) -> io::Result<bool> {
    match check {
        None => Ok(true),
        Some(check) => Ok(hash_before(file, check.at >> shift)? == Some(check.hash)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Checks, StreamId};
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn known(file: &File, from: u64) -> Known {
        let mut checks = Checks::default();
        for at in [from / 2, from] {
            checks.push(Check { at, hash: hash_before(file, at).unwrap().unwrap() });
        }
        let attributes = Face::of(file).unwrap().attributes(Path::new("/x"));
        Known { id: StreamId::mint(), attributes, checks, from, high: from, cuts: Vec::new(), orphan: false }
    }

    #[test]
    fn f1_the_same_file_is_recognised_and_a_refilled_one_is_not() {
        let mut log = file(&[b'a'; 3000]);
        let known = known(log.as_file(), 2000);
        assert_eq!(likeness(log.as_file(), &known).unwrap(), Likeness::Same);
        log.write_all(b"more").unwrap();
        assert_eq!(likeness(log.as_file(), &known).unwrap(), Likeness::Same);
        log.as_file().write_all_at(b"x", 1990).unwrap();
        assert_eq!(likeness(log.as_file(), &known).unwrap(), Likeness::Other);
        log.as_file().set_len(1500).unwrap();
        assert_eq!(likeness(log.as_file(), &known).unwrap(), Likeness::Other);
    }

    #[test]
    fn f3_under_another_boot_a_shortened_file_goes_on_from_evidence_that_holds() {
        let log = file(&[b'a'; 3000]);
        let mut known = known(log.as_file(), 2000);
        known.attributes.set("boot", "another");
        log.as_file().set_len(1500).unwrap();
        assert_eq!(likeness(log.as_file(), &known).unwrap(), Likeness::Shortened { at: 1000 });
        log.as_file().set_len(1).unwrap();
        assert_eq!(likeness(log.as_file(), &known).unwrap(), Likeness::Other, "the head is gone too");
    }

    #[test]
    fn a_face_survives_its_attributes_and_grows_by_doubling() {
        let mut log = file(b"abc");
        let mut face = Face::of(log.as_file()).unwrap();
        assert_eq!(Face::told(&face.attributes(Path::new("/x"))), Some(face));
        log.write_all(b"d").unwrap();
        assert!(!face.grow(log.as_file()).unwrap());
        log.write_all(b"ef").unwrap();
        assert!(face.grow(log.as_file()).unwrap());
        assert_eq!(face.head_len, 6);
    }
}
