//! What the log still has and what does not count any more: sources read it again, and it comes later in the log.
use std::collections::HashMap;
use std::ops::Range;

use crate::event::{Mark, StreamId};

/// Ranges of streams that do not count where an older frame has them.
#[derive(Debug, Default)]
pub struct Voids {
    of: HashMap<StreamId, Vec<Void>>,
}

#[derive(Debug)]
struct Void {
    range: Range<u64>,
    /// Frames below this number are the older ones.
    below: u64,
}

impl Voids {
    /// From now on `range` does not count in frames below a number.
    pub fn add(&mut self, stream: StreamId, range: Range<u64>, below: u64) {
        self.of.entry(stream).or_default().push(Void { range, below });
    }

    /// Adds to `had` what does not count in the frame of this number.
    pub fn add_to(&self, had: &mut Mark, stream: StreamId, number: u64) {
        let voids = self.of.get(&stream).into_iter().flatten().filter(|void| number < void.below);
        voids.for_each(|void| had.insert(void.range.start, void.range.end));
    }

    /// The log begins with this frame now.
    pub fn begin_at(&mut self, number: u64) {
        self.of.retain(|_, voids| {
            voids.retain(|void| void.below > number);
            !voids.is_empty()
        });
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}
