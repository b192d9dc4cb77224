//! Reads frames back from the front of a run, many with one read.
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::frame::{self, Head};
use super::scan;
use super::seal::{KeyRing, Sealing, unpacked};
use super::survey::Run;
use super::writer::Segments;
use crate::event::{Buf, Pool};
use crate::sys::disk::{Disk, DiskFile, read_up_to};

const CHUNK: usize = 512 << 10;

/// A frame, and where its meta and body lie in a buffer that it may share.
#[derive(Debug)]
pub struct Piece {
    pub head: Head,
    pub buf: Arc<Buf>,
    pub meta: Range<usize>,
    pub body: Range<usize>,
}

impl Piece {
    pub fn meta(&self) -> &[u8] {
        &self.buf[self.meta.clone()]
    }
}

/// What a read gave.
#[derive(Debug, Default)]
pub struct Chunk {
    pub pieces: Vec<Piece>,
    /// Numbers of frames that no longer verify, and why.
    pub lost: Option<(Range<u64>, String)>,
}

/// Reads runs, one after the other.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    segments: Segments,
    keys: Arc<KeyRing>,
    pool: Arc<Pool>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    segment: u64,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    sealing: Sealing,
}

impl Reader {
    pub fn new(disk: Arc<dyn Disk>, segments: Segments, keys: Arc<KeyRing>) -> Reader {
        Reader { disk, segments, keys, pool: Pool::new(CHUNK, 4), open: None }
    }

    /// Reads frames from the front of `run` and takes them off it. What does not verify any more is passed over: it
    /// did when the log was opened, so the disk has changed it since.
    pub fn read(&mut self, run: &mut Run) -> Chunk {
        let failed = match self.try_read(run) {
            Ok(Some(chunk)) => return chunk,
            Ok(None) => "its bytes have changed".to_string(),
            Err(error) => error.to_string(),
        };
        self.next_whole(run, &failed).unwrap_or_else(|| {
            let lost = std::mem::replace(&mut run.numbers.start, run.numbers.end)..run.numbers.end;
            run.from = run.to;
            Chunk { pieces: Vec::new(), lost: Some((lost, failed)) }
        })
    }

    /// `None`: the run does not begin with a frame of its number.
    fn try_read(&mut self, run: &mut Run) -> io::Result<Option<Chunk>> {
        let open = self.open(run.segment)?;
        let file = open.file.clone();
        let left = (run.to - run.from) as usize;
        let mut buf = self.pool.take();
        let mut filled = read_up_to(&*file, &mut buf[..left.min(CHUNK)], run.from)?;
        if let Some(head) =
            Head::decode(&buf[..filled]).filter(|head| head.size() > filled && head.size() <= left)
        {
            buf = Buf::from(vec![0; head.size()]);
            filled = read_up_to(&*file, &mut buf, run.from)?;
        }
        let frames = whole_frames(&buf[..filled], run.numbers.clone());
        if frames.is_empty() {
            return Ok(None);
        }
        let end = frames.last().map_or(0, |(at, head)| at + head.size());
        let chunk = self.chunk(run, Arc::new(buf), frames);
        run.from += end as u64;
        Ok(Some(chunk))
    }

    fn chunk(&self, run: &mut Run, buf: Arc<Buf>, frames: Vec<(usize, Head)>) -> Chunk {
        let mut chunk = Chunk::default();
        let sealing = &self.open.as_ref().expect("the caller has opened it").sealing;
        for (at, head) in frames {
            run.numbers.start = head.number + 1;
            match piece(&buf, at, head, sealing) {
                Ok(piece) => chunk.pieces.push(piece),
                Err(why) => chunk.lost = Some((head.number..head.number + 1, why)),
            }
        }
        chunk
    }

    /// The next frame of the run that verifies, however far behind; what is before it is lost. `None`: all of it is.
    fn next_whole(&mut self, run: &mut Run, why: &str) -> Option<Chunk> {
        let file = self.open(run.segment).ok()?.file.clone();
        let mut from = run.from;
        let (at, head, bytes) = loop {
            let (at, head, bytes) = scan::next_frame(&*file, from).ok()??;
            if at >= run.to || run.numbers.contains(&head.number) {
                break (at, head, bytes);
            }
            from = at + head.size() as u64;
        };
        if at >= run.to {
            return None;
        }
        let lost = run.numbers.start..head.number;
        run.from = at + head.size() as u64;
        let mut chunk = self.chunk(run, Arc::new(Buf::from(bytes)), vec![(0, head)]);
        if !lost.is_empty() {
            let until = chunk.lost.map_or(lost.end, |(more, _)| more.end);
            chunk.lost = Some((lost.start..until, why.into()));
        }
        Some(chunk)
    }

    fn open(&mut self, segment: u64) -> io::Result<&Open> {
        if self.open.as_ref().is_none_or(|open| open.segment != segment) {
            let found = self.segments.lock().unwrap_or_else(PoisonError::into_inner).get(&segment).cloned();
            let found = found.ok_or(io::ErrorKind::NotFound)?;
            let file = self.disk.open(&found.path)?;
            let sealing = Sealing::of_segment(found.header.as_ref(), &self.keys);
            self.open = Some(Open { segment, path: found.path, file, sealing });
        }
        Ok(self.open.as_ref().expect("opened above"))
    }

    /// The file that was read last, for messages.
    pub fn path(&self) -> Option<&PathBuf> {
        self.open.as_ref().map(|open| &open.path)
    }
}

/// The frames from the front of `bytes` that verify and have these numbers, one after the other.
fn whole_frames(bytes: &[u8], numbers: Range<u64>) -> Vec<(usize, Head)> {
    let (mut at, mut frames) = (0, Vec::new());
    for number in numbers {
        let head = Head::decode(&bytes[at..]).filter(|head| head.number == number);
        let Some(head) = head.filter(|head| head.verify(&bytes[at..]).is_some()) else { break };
        frames.push((at, head));
        at += head.size();
    }
    frames
}

fn piece(buf: &Arc<Buf>, at: usize, head: Head, sealing: &Sealing) -> Result<Piece, String> {
    let meta = at + frame::HEAD..at + frame::HEAD + head.meta as usize;
    let body = meta.end..meta.end + head.body as usize;
    if head.packing == 0 && sealing.is_plain() {
        return Ok(Piece { head, buf: buf.clone(), meta, body });
    }
    let opened = sealing.open(&head, &buf[meta], &buf[body]).map_err(|fault| format!("{fault:?}"))?;
    let (meta, body) = opened;
    let unpacked = unpacked(&head, &body).map_err(|error| error.to_string())?;
    let mut own = meta.to_vec();
    let cut = own.len();
    own.extend_from_slice(unpacked.as_deref().unwrap_or(&body));
    let end = own.len();
    Ok(Piece { head, buf: Arc::new(Buf::from(own)), meta: 0..cut, body: cut..end })
}
