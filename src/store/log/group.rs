//! Frames that are written by one call: heads and metas in one buffer, bodies where they lie already.
use std::io::IoSlice;
use std::ops::Range;

use super::frame::{Head, Kind};
use super::seal::{self, Sealing};

/// Frames under construction.
#[derive(Debug)]
pub struct Group<'a> {
    log: u64,
    durable: u64,
    numbers: Range<u64>,
    own: Vec<u8>,
    pieces: Vec<Piece<'a>>,
    bytes: usize,
}

#[derive(Debug)]
enum Piece<'a> {
    Own(Range<usize>),
    Body(&'a [u8]),
}

impl<'a> Group<'a> {
    /// An empty group; its frames are numbered from `first`, and written when all below `durable` are synced.
    pub fn new(log: u64, first: u64, durable: u64) -> Group<'a> {
        Group { log, durable, numbers: first..first, own: Vec::new(), pieces: Vec::new(), bytes: 0 }
    }

    /// Adds a frame.
    pub fn push(&mut self, sealing: &Sealing, kind: Kind, events: usize, meta: &[u8], bodies: &[&'a [u8]]) {
        let number = self.numbers.end;
        self.numbers.end += 1;
        let sealed = sealing.seal(number, meta, bodies);
        let size = bodies.iter().map(|body| body.len()).sum::<usize>();
        let (sums, size) = match &sealed.bytes {
            None => (seal::sums(meta, bodies), size),
            Some(bytes) => {
                let (meta, body) = bytes.split_at(meta.len());
                (seal::sums(meta, &[body]), body.len())
            }
        };
        let head = Head {
            kind,
            packing: sealed.packing,
            number,
            log: self.log,
            durable: self.durable,
            events: events as u32,
            meta: meta.len() as u32,
            body: size as u32,
            meta_sum: sums.0,
            body_sum: sums.1,
        };
        self.own(&head.encode());
        match &sealed.bytes {
            Some(bytes) => self.own(bytes),
            None => {
                self.own(meta);
                self.pieces.extend(bodies.iter().map(|body| Piece::Body(body)));
                self.bytes += size;
            }
        }
    }

    fn own(&mut self, bytes: &[u8]) {
        let from = self.own.len();
        self.own.extend_from_slice(bytes);
        self.bytes += bytes.len();
        match self.pieces.last_mut() {
            Some(Piece::Own(range)) if range.end == from => range.end = self.own.len(),
            _ => self.pieces.push(Piece::Own(from..self.own.len())),
        }
    }

    /// What to write, in order.
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        let slice = |piece: &Piece<'a>| match piece {
            Piece::Own(range) => &self.own[range.clone()],
            Piece::Body(body) => body,
        };
        self.pieces.iter().map(|piece| IoSlice::new(slice(piece))).collect()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn numbers(&self) -> Range<u64> {
        self.numbers.clone()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}
