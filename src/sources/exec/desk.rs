//! From lines to batches in the channels: when one goes out, and what becomes of what cannot.
use std::time::{Duration, Instant};

use super::{Format, Settings};
use crate::codec::json_event;
use crate::event::Builder;
use crate::flow::{Counter, Fatal, Outlet, PutError, Stop};

/// What one put carries at most, however large its batch may be.
const AT_ONCE: usize = 4 << 20;
/// How much of a line that is no event is told.
const TOLD: usize = 4096;

/// Why no more can be put.
pub enum Halt {
    /// The agent ends, and there is no room for what is left.
    Closed,
    Failed(Fatal),
}

/// Collects events and puts them.
pub struct Desk<'a> {
    settings: &'a Settings,
    out: &'a Outlet,
    stop: &'a Stop,
    /// Never told: last words may wait as long as the channel is patient.
    calm: Stop,
    builder: Builder,
    bytes: usize,
    put_last: Instant,
}

impl<'a> Desk<'a> {
    pub fn new(settings: &'a Settings, out: &'a Outlet, stop: &'a Stop) -> Desk<'a> {
        let (builder, put_last) = (Builder::default(), Instant::now());
        Desk { settings, out, stop, calm: Stop::new(), builder, bytes: 0, put_last }
    }

    /// In how long a batch that is not full goes out; `None`: nothing waits.
    pub fn due(&self) -> Option<Duration> {
        let left = self.settings.batch_timeout.saturating_sub(self.put_last.elapsed());
        (!self.builder.is_empty()).then_some(left)
    }

    /// Takes a line; puts when the batch is full.
    pub fn line(&mut self, text: &[u8]) -> Result<(), Halt> {
        match self.settings.format {
            Format::Lines => self.encoded(text),
            Format::Json => match json_event::parse(text) {
                Ok((headers, body)) => {
                    self.event(&body);
                    headers.iter().for_each(|(name, value)| _ = self.builder.header(name, value));
                }
                Err(why) => self.skip(text, &why),
            },
        }
        let full = self.builder.len() >= self.settings.batch_size || self.bytes >= AT_ONCE;
        if full { self.put() } else { Ok(()) }
    }

    /// In the charset of the command, as Flume has it.
    fn encoded(&mut self, text: &[u8]) {
        let Some(output) = self.settings.output else { return self.event(text) };
        let mut body = Vec::with_capacity(text.len());
        output.encode(&String::from_utf8_lossy(text), &mut body);
        self.event(&body);
    }

    fn event(&mut self, body: &[u8]) {
        self.builder.push(body, 0..0);
        self.bytes += body.len();
    }

    /// The log is the only place where it is left.
    fn skip(&self, text: &[u8], why: &str) {
        self.out.pulse().add(Counter::DecodeErrors, 1);
        let source = self.out.source();
        let (shown, more) = (String::from_utf8_lossy(&text[..text.len().min(TOLD)]), text.len() > TOLD);
        let more = if more { " … (cut)" } else { "" };
        log::warn!(component = source; "source `{source}` skips a line that is no event: {why}: `{shown}`{more}");
    }

    /// Counts places that were no text.
    pub fn replaced(&self, count: u64) {
        self.out.pulse().add(Counter::DecodeErrors, count);
    }

    /// Puts what there is. Waits for room without limit, at the agent's end as long as the channel is patient.
    pub fn put(&mut self) -> Result<(), Halt> {
        let batch = self.builder.finish(None);
        (self.bytes, self.put_last) = (0, Instant::now());
        if batch.is_empty() {
            return Ok(());
        }
        let events = batch.len();
        let mut prepared = self.out.prepare(batch);
        loop {
            let ends = self.stop.is_told();
            match self.out.put_prepared(prepared, if ends { &self.calm } else { self.stop }) {
                Ok(receipt) => {
                    receipt.forget();
                    self.put_last = Instant::now();
                    self.recovered();
                    return Ok(());
                }
                Err(PutError::Full(rest)) if !ends => prepared = *rest,
                Err(PutError::Full(rest)) => return Err(self.lost(rest.batch().len(), "no channel has room")),
                Err(PutError::Closed) => return Err(self.lost(events, "the channels are closed")),
                Err(PutError::Broken(error)) => {
                    self.lost(events, "a channel is broken");
                    return Err(Halt::Failed(Fatal::new(error.to_string())));
                }
                Err(PutError::Gap { .. }) => unreachable!("lines of a command carry no span"),
            }
        }
    }

    fn recovered(&self) {
        if let Some(time) = self.out.pulse().recovered() {
            let source = self.out.source();
            log::info!(component = source; "source `{source}` recovered after {} s", time.as_secs());
        }
    }

    /// Nobody can print them again.
    fn lost(&self, events: usize, why: &str) -> Halt {
        let source = self.out.source();
        self.out.pulse().add(Counter::LostEvents, events as u64);
        log::warn!(component = source, events = events; "source `{source}` loses {events} events that its command has printed, and what followed them: {why}");
        Halt::Closed
    }
}
