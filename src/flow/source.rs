//! What a source is.
use std::fmt;

use super::{ChannelError, Outlet, Stop};

/// Takes events in. One thread per source.
pub trait Source: Send {
    /// Reads until `stop`, or until the input has ended and `out.until_drained()` asks for that end.
    ///
    /// A source whose batches carry spans need not wait for receipts; one that owes a peer an answer waits before it
    /// gives it. Returning an error is for what the source cannot mend itself: the runner starts it again after 3 s.
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal>;

    /// What becomes of input that was read and is not held yet when the process dies: what `check` says of the path
    /// rests on it.
    fn input(&self) -> Input {
        Input::Once
    }
}

/// What becomes of input when the process dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// It is gone once it was read.
    #[default]
    Once,
    /// The peer is answered when the channels hold what it sent, and sends again what was not answered.
    Answered,
    /// It is still there: batches carry spans, and what is not held is read again.
    Again,
    /// Nobody can ask for it or sends it again, also what comes while the agent is down: whatever is behind the source,
    /// nothing is promised.
    Fleeting {
        /// Why that is so.
        why: &'static str,
        /// What would be better.
        better: &'static str,
    },
}

/// Why a component cannot go on; the runner logs it, shows it in the status and starts the component again.
#[derive(Debug)]
pub struct Fatal {
    /// What was being done, with the path or peer; lowercase, no full stop.
    pub doing: String,
    pub cause: Option<std::io::Error>,
}

impl Fatal {
    pub fn new(doing: impl Into<String>) -> Fatal {
        Fatal { doing: doing.into(), cause: None }
    }

    pub fn io(doing: impl Into<String>, cause: std::io::Error) -> Fatal {
        Fatal { doing: doing.into(), cause: Some(cause) }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {}", self.doing, cause),
            None => f.write_str(&self.doing),
        }
    }
}

impl std::error::Error for Fatal {}

impl From<ChannelError> for Fatal {
    fn from(error: ChannelError) -> Fatal {
        Fatal { doing: error.doing, cause: error.cause }
    }
}
