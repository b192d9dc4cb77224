//! What an interceptor and a selector are.
use crate::event::{Batch, EventRef};

/// Looks at, edits and drops events between source and channel. The span of the batch stays as it is, so marks move
/// over what was dropped.
pub trait Interceptor: Send {
    /// Edits the batch in place.
    fn apply(&mut self, batch: &mut Batch);
}

/// Sets of channels, as bits in the order of the source's channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Channels that must take the event before it counts as accepted.
    pub required: u64,
    /// Channels that get it where they have room.
    pub optional: u64,
}

/// Chooses channels for an event, by its position and content only: an event read again goes the same way (P6).
pub trait Selector: Send {
    /// The channels of one event.
    fn route(&self, event: EventRef<'_>) -> Routes;

    /// The same channels for every event, if that is so: then nothing is looked at.
    fn constant(&self) -> Option<Routes> {
        None
    }

    /// Channels that are required for at least one event: their marks decide where a source resumes (S7).
    fn required(&self) -> u64;
}
