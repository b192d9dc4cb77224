//! What moves: events in columnar batches, and the positions they stand for.
//!
//! A [`Batch`] is the unit of transaction, retry, metrics and tests. One that comes from a source that can be read
//! again carries a [`Span`]: the half-open range of one stream that it stands for, filtered events included. What
//! somebody has of a stream is a [`Mark`].
mod batch;
mod buf;
mod builder;
mod entry;
mod headers;
mod mark;
mod stream;

pub use batch::{Batch, EventRef, Row};
pub use buf::{Buf, Pool};
pub use builder::Builder;
pub use entry::{Entry, FileLength, Had, Lengths, Place, Record, RecordedStream};
pub use headers::{Headers, Overlay};
pub use mark::{MAX_RANGES, Mark};
pub use stream::{Attributes, Check, Checks, Marks, Span, Stream, StreamId, StreamRecord};
