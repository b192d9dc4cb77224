//! Deliberate bugs, switched on by the simulation: a suite that passes with one of them tests nothing.
//!
//! Outside tests `on` is a constant, and costs nothing.

/// Rules that can be broken, by what goes wrong then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// L3: a new segment does not say where the failed one ends.
    EndsNotTold,
    /// L3: a sync may succeed beside one that has failed, of which nobody has heard yet.
    SyncsTogether,
    /// L2: entries that a snapshot has are written behind it once more.
    OldEntriesAgain,
    /// A frame counts as often as it is there.
    CopiesCount,
    /// L3: what is written again is in reverse order.
    AgainInReverse,
    /// P5: what is written again lacks the last batch.
    AgainWithoutLast,
    /// P4: batches of several writes share a receipt's latch, and the first of them opens it.
    LatchShared,
    /// S3: what is being written when a destination reports is not counted as held.
    WritingForgotten,
    /// S2: what destinations have comes out of the log again.
    SettledComesAgain,
    /// The log is read on from one frame further.
    CursorOffByOne,
    /// D5: a segment goes before the entries that allow it are synced.
    RemovesUnsynced,
    /// P8: the stream of events without a position keeps its id over an opening.
    OwnStreamKept,
    /// D4: settled events keep their room.
    RoomKept,
}

#[cfg(not(test))]
pub const fn on(_: Bug) -> bool {
    false
}

#[cfg(test)]
pub use switch::{on, set};

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static ON: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub fn on(bug: Bug) -> bool {
        ON.get() == Some(bug)
    }

    /// Switches a bug on for this thread.
    pub fn set(bug: Option<Bug>) {
        ON.set(bug);
    }
}
