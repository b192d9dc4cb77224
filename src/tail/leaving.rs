//! Streams whose file is finished: their marks go once all of it is durable at its destination (D5, D6).
use std::time::Duration;

use crate::event::StreamId;
use crate::flow::{ChannelError, Outlet};

/// Finished streams and where they end.
#[derive(Debug, Default)]
pub struct Leaving(Vec<(StreamId, u64)>);

/// How often durability is looked at while something waits for it. Destinations sync about once a second.
pub const LOOK: Duration = Duration::from_millis(200);

impl Leaving {
    /// The file of this stream can be read no more, or never again by this source.
    pub fn add(&mut self, stream: StreamId, end: u64) {
        self.0.push((stream, end));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Retires what is durable to its end.
    pub fn settle(&mut self, out: &Outlet) -> Result<(), ChannelError> {
        let mut failed = Ok(());
        self.0.retain(|(stream, end)| {
            if failed.is_err() || out.durable(*stream) < *end {
                return true;
            }
            failed = out.retire(*stream);
            failed.is_err()
        });
        failed
    }
}
