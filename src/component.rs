//! All that a component of somebody's own needs: a program of a page that registers its `Spec` and runs the rest of this
//! crate beside it. `examples/custom` has a source and a sink.
//!
//! What comes for free: the keys declared as `Field`s are checked and explained; the runner owns retry, back-off,
//! supervision, counters and shutdown; a source whose batches carry spans, read on from [`Outlet::only_stream`] or
//! [`Outlet::known`], loses and repeats nothing.
pub use crate::config::{At, Build, Field, Refusal, Spec, Unit};
pub use crate::event::{
    Attributes, Batch, Builder, EventRef, Headers, Mark, Marks, Span, Stream, StreamId, StreamRecord,
};
pub use crate::flow::{
    ChannelKey, DeadLetters, DeliverError, Destination, Fatal, Input, Interceptor, Kind, Limit, Omitted,
    Outlet, PutError, Receipt, Resume, Sink, Source, Stop, Wait,
};
