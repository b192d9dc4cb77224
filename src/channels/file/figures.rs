//! What `status` shows of a channel's log.
use std::sync::{PoisonError, Weak};

use super::queue::Queue;
use super::steps::FileChannel;
use crate::channels::window::Queued;
use crate::event::Batch;
use crate::flow::LogFigures;
use crate::store::log::Segments;

/// Looks at a channel; `None`: it is gone.
pub fn figures(channel: &Weak<FileChannel>, segments: &Segments) -> Option<LogFigures> {
    let channel = channel.upgrade()?;
    let (events, waits_for_space) = {
        let queue = channel.lock();
        (stored(&queue), queue.full)
    };
    let found: Vec<_> = segments.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let length = |found: &crate::store::log::Found| {
        channel.disk.open(&found.path).and_then(|file| file.len()).unwrap_or(found.bytes)
    };
    let bytes = found.iter().map(length).sum();
    Some(LogFigures { segments: found.len() as u64, bytes, events, waits_for_space })
}

/// Events that are not settled and lie in the log; not those on their way there, nor what fits in memory alone.
fn stored(queue: &Queue) -> u64 {
    let waiting = queue.used.events.saturating_sub(queue.reserved.events);
    let on_the_way: usize = queue.pending.iter().chain(&queue.unheld).map(|item| item.batch.len()).sum();
    let unlogged =
        queue.window.all().filter(|Queued { logged, .. }| !logged).map(|queued| Batch::len(&queued.batch));
    waiting.saturating_sub(on_the_way + unlogged.sum::<usize>()) as u64
}
