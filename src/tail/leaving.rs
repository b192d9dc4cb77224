//! Streams whose file is finished: their marks go once all of it is durable at its destination (D5, D6).
use std::time::Duration;

use super::desk::Desk;
use super::follow::shift_of;
use crate::event::StreamId;
use crate::flow::{ChannelError, Known, Outlet};

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

    /// A known file is nowhere to be found.
    pub fn tell_gone(&mut self, desk: &Desk<'_>, known: &Known) {
        let (path, at) = (known.attributes.get("path").unwrap_or("?"), known.from >> shift_of(known));
        log::warn!(
            component = desk.out.source();
            "`{path}`, read up to byte {at}, is gone; what was written to it after that, if anything, is lost"
        );
        self.add(known.id, known.high);
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
