//! Interceptors of a sink: what it is given passes through them first.
//!
//! Why a sink around a sink: its runner need not know. Marks and settlement speak of what the channel leased: spans stay
//! as they are, so what was dropped here is done with; the ledger counts it as filtered.
//! Named limit: where a destination refuses a whole delivery, the dead letters are what the channel had, before any
//! interceptor.
//! Flume has interceptors on sources only; the DataFlowKit platform's manual allows them on both.
use std::time::Duration;

use crate::event::{Batch, Marks, StreamId};
use crate::flow::{ChannelKey, DeliverError, Destination, Interceptor, Limit, Omitted, Sink, Stop};

/// See the module.
pub struct Intercepted {
    sink: Box<dyn Sink>,
    interceptors: Vec<Box<dyn Interceptor>>,
    /// Of each batch of the last delivery: events that were dropped.
    filtered: Vec<usize>,
}

impl Intercepted {
    /// The sink itself, where there are no interceptors.
    pub fn around(sink: Box<dyn Sink>, interceptors: Vec<Box<dyn Interceptor>>) -> Box<dyn Sink> {
        match interceptors.is_empty() {
            true => sink,
            false => Box::new(Intercepted { sink, interceptors, filtered: Vec::new() }),
        }
    }
}

impl Sink for Intercepted {
    fn destination(&self) -> Option<Destination> {
        self.sink.destination()
    }

    fn unheard(&self) -> Option<(&'static str, &'static str)> {
        self.sink.unheard()
    }

    fn limit(&self) -> Limit {
        self.sink.limit()
    }

    fn gathers(&self) -> Duration {
        self.sink.gathers()
    }

    fn delivered(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        self.sink.delivered(channel)
    }

    fn deliver(&mut self, batches: &[Batch], stop: &Stop) -> Result<(), DeliverError> {
        let mut given = batches.to_vec();
        for batch in &mut given {
            self.interceptors.iter_mut().for_each(|interceptor| interceptor.apply(batch));
        }
        self.filtered =
            batches.iter().zip(&given).map(|(before, after)| before.len() - after.len()).collect();
        self.sink.deliver(&given, stop)
    }

    fn omitted(&mut self) -> Vec<Omitted> {
        let mut omitted = self.sink.omitted();
        omitted.resize(self.filtered.len(), Omitted::default());
        let own = std::mem::take(&mut self.filtered).into_iter();
        omitted.iter_mut().zip(own).for_each(|(omitted, own)| omitted.filtered += own);
        omitted
    }

    fn sync(&mut self) -> Result<(), DeliverError> {
        self.sink.sync()
    }

    fn retire(&mut self, streams: &[StreamId]) -> Result<(), DeliverError> {
        self.sink.retire(streams)
    }
}
