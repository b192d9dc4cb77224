//! What a sink is.
use std::fmt;
use std::io;
use std::time::Duration;

use super::{ChannelKey, Limit, Omitted, Stop};
use crate::event::{Batch, Marks, StreamId};

/// Where a sink delivers to, told apart from other places: `file_roll:/var/log/out`. Marks in the local journal are
/// kept by it, so that they go with the place and not with the sink's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(pub String);

/// Brings batches to the far side. One thread per sink group or lone sink.
pub trait Sink: Send {
    /// The place whose record of marks this sink keeps; `None`: it keeps no record there.
    fn destination(&self) -> Option<Destination> {
        None
    }

    /// Nobody tells this sink what has arrived, so that nothing is promised: why, and what would be better.
    fn unheard(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// The most that one commit may carry. A sink whose commits cost little per event and much per commit asks for
    /// several of its batches at once.
    fn limit(&self) -> Limit {
        Limit { events: 100, bytes: 1 << 20 }
    }

    /// How long it is worth waiting at most before a commit, while events keep coming: for a sink whose commits cost much
    /// however little they carry. Nobody waits once nothing comes, or once the channel or a commit is full.
    fn gathers(&self) -> Duration {
        Duration::ZERO
    }

    /// What the destination already has of this channel's streams; `Ok(None)`: it has no record.
    ///
    /// Asked at start, after every reconnect and after every doubtful outcome. Delivered marks count under the boot
    /// they were written in, durable ones after a reboot (S6).
    fn delivered(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        let _ = channel;
        Ok(None)
    }

    /// One commit of all these batches. `Ok`: the far side has every event, safe from kill -9. Batches without events
    /// are recorded too where there is a record. Retry, back-off, counters and timing belong to the runner.
    fn deliver(&mut self, batches: &[Batch], stop: &Stop) -> Result<(), DeliverError>;

    /// Of each batch of the last delivery: events that did not go along and are done with all the same. Told once.
    fn omitted(&mut self) -> Vec<Omitted> {
        Vec::new()
    }

    /// Makes durable what was delivered: safe from a power cut. Called by time, by bytes and at stop.
    fn sync(&mut self) -> Result<(), DeliverError> {
        Ok(())
    }

    /// Drops the marks of streams that are gone (D6).
    fn retire(&mut self, streams: &[StreamId]) -> Result<(), DeliverError> {
        let _ = streams;
        Ok(())
    }
}

/// How a delivery failed; the runner branches on it.
#[derive(Debug)]
pub enum DeliverError {
    /// The far side has none of it: try again later.
    NotThere(String, Option<io::Error>),
    /// It may have arrived: ask `delivered` before anything else.
    InDoubt(String, Option<io::Error>),
    /// The far side will never take any of it: dead letters, all. A sink that knows which events are refused keeps these
    /// in its [`DeadLetters`](super::DeadLetters) itself, delivers the others, and tells by [`Sink::omitted`].
    Refused(String),
    /// Another process owns this destination: final until restarted, one sentence, no retry (K2).
    Fenced(String),
}

impl DeliverError {
    pub fn not_there(doing: impl Into<String>, cause: io::Error) -> Self {
        DeliverError::NotThere(doing.into(), Some(cause))
    }

    pub fn in_doubt(doing: impl Into<String>, cause: io::Error) -> Self {
        DeliverError::InDoubt(doing.into(), Some(cause))
    }
}

impl fmt::Display for DeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeliverError::NotThere(doing, Some(cause)) | DeliverError::InDoubt(doing, Some(cause)) => {
                write!(f, "{doing}: {cause}")
            }
            DeliverError::NotThere(text, None)
            | DeliverError::InDoubt(text, None)
            | DeliverError::Refused(text)
            | DeliverError::Fenced(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for DeliverError {}
