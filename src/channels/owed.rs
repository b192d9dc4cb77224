//! What sources are owed by a channel that only passes events on: an answer once the far side has them.
//!
//! Events without a position get the next one of a stream of this channel (P8), so that a commit in doubt can be told by
//! the marks and nothing comes twice. That stream's id is minted at each opening; those of earlier openings are done
//! with once the destinations have told what they have, since nobody can bring their events again.
use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::{Batch, Checks, Entry, Stream, StreamId};
use crate::flow::{Book, Latch, Receipt};

/// See the module.
pub struct Owed {
    stream: Arc<Stream>,
    next: u64,
    /// Opened once all below a position is delivered, in order.
    waiting: VecDeque<(u64, Arc<Latch>)>,
}

impl Owed {
    pub fn new(channel: &str) -> Owed {
        Owed { stream: Stream::of_log(channel), next: 0, waiting: VecDeque::new() }
    }

    /// The batch with a position, what its source may wait for, and what is new in the book. Who can read again has
    /// positions of its own and waits for nothing.
    pub fn take_over(&mut self, book: &mut Book, batch: Batch) -> (Batch, Receipt, Vec<Entry>) {
        if batch.span().is_some() || batch.is_empty() {
            return (batch, Receipt::held(), Vec::new());
        }
        let entries = match self.next {
            0 => book.join(&self.stream, 0, &Checks::default()),
            _ => Vec::new(),
        };
        let batch = batch.positioned(self.stream.clone(), self.next);
        self.next += batch.len() as u64;
        let latch = Arc::new(Latch::default());
        self.waiting.push_back((self.next, latch.clone()));
        (batch, Receipt::pending(latch), entries)
    }

    /// Something was delivered.
    pub fn settled(&mut self, book: &Book) {
        if self.waiting.is_empty() {
            return;
        }
        let low = book.settled(self.stream.id).low();
        while self.waiting.front().is_some_and(|(to, _)| *to <= low) {
            self.waiting.pop_front().into_iter().for_each(|(_, latch)| latch.resolve(true));
        }
    }

    /// All destinations have told: streams of earlier openings, and answers that are due.
    pub fn left(&mut self, book: &Book) -> Vec<StreamId> {
        self.settled(book);
        let streams = book.record().streams.iter();
        let earlier = |id: StreamId| id.is_of_log() && id != self.stream.id;
        streams
            .filter(|(id, known)| earlier(**id) && known.source == self.stream.source)
            .map(|(id, _)| *id)
            .collect()
    }
}
