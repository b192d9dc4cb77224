//! Runs one source: builds it, lets it read, and starts it again after a failure, until the agent stops.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use super::build;
use super::messages;
use super::turn::Turn;
use crate::config::{Place, SourceNode};
use crate::flow::{Activity, Channel, Counter, Fatal, Outlet, Pulse, Stop, Wait, Wiring};

/// Flume's supervisor starts a failed component again after 3 s.
const RESTART_DELAY: Duration = Duration::from_secs(3);

/// One source of the running graph.
pub struct SourceRunner {
    pub node: SourceNode,
    pub place: Arc<Place>,
    pub pulse: Arc<Pulse>,
    pub channels: Vec<Arc<dyn Channel>>,
    /// Names of all sources of the agent (C3).
    pub sources: Vec<String>,
    pub turn: Arc<Turn>,
    /// Whether a turn that begins ends with its input.
    pub until_drained: Arc<AtomicBool>,
}

impl SourceRunner {
    /// Runs turn after turn; returns when the agent stops, or the input has ended for good.
    pub fn run(self) {
        while let Some(stop) = self.turn.begin() {
            let ended = catch_unwind(AssertUnwindSafe(|| self.one_turn(&stop)));
            let failed = match ended {
                Ok(Ok(())) if stop.is_told() => continue,
                Ok(Ok(())) => break,
                Ok(Err(fatal)) => fatal.to_string(),
                Err(panic) => format!("a defect ended it: {}", panic_text(&*panic)),
            };
            self.pulse.add(Counter::Restarts, 1);
            if self.pulse.failing(&failed) {
                log::error!(component = &*self.pulse.name, message_id = messages::FAILING; "source `{}`: {failed}; trying again every {} s", self.pulse.name, RESTART_DELAY.as_secs());
            }
            let _waiting = self.pulse.wait(Wait::Retry, failed);
            stop.wait(RESTART_DELAY);
        }
        self.pulse.stopped();
    }

    fn one_turn(&self, stop: &Stop) -> Result<(), Fatal> {
        // A source is starting until it waits for input or puts: READY must not come before its port is open.
        if !matches!(self.pulse.activity(), Activity::Starting) {
            self.pulse.working();
        }
        let broken = |error: crate::flow::ChannelError| Fatal::new(error.to_string());
        let Some(outlet) = Outlet::open(self.wiring()?, stop).map_err(broken)? else { return Ok(()) };
        let mut source = build::source(&self.node, &self.place, &self.pulse)?;
        source.run(&outlet, stop)
    }

    fn wiring(&self) -> Result<Wiring, Fatal> {
        Ok(Wiring {
            source: self.node.node.name.clone(),
            pulse: self.pulse.clone(),
            channels: self.channels.clone(),
            selector: build::selector(&self.node, &self.place, &self.pulse)?,
            interceptors: build::interceptors(&self.node.interceptors, &self.place, &self.pulse)?,
            fingerprint: self.node.fingerprint,
            sources: self.sources.clone(),
            from_start: self.node.from_start,
            input: self.node.input,
            until_drained: self.until_drained.load(SeqCst),
        })
    }
}

/// The text of a panic, where it has one.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".into())
}
