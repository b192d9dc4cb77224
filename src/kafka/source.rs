//! A source whose streams are the partitions of topics, read as a member of a consumer group.
//!
//! Shape: this file has the settings and connects; `session` is one client at work, `group` its rebalances, `partition`
//! one stream.
//! Invariants: an offset is committed when all channels keep what lies below it, never ahead of them.
//! Errors: what brokers refuse is waited for with its reason; nothing but a defect of a channel ends the source.
use std::sync::Arc;
use std::time::Duration;

use super::message::Form;
use super::reach::Reach;
use super::session::{End, Session};
use super::start::Start;
use crate::codec::java_regex::Pattern;
use crate::flow::{DeadLetters, Fatal, Input, Outlet, Pulse, Source, Stop, Wait};

/// How long before a client that failed is made again.
const AGAIN: Duration = Duration::from_secs(3);

/// What is read.
#[derive(Clone)]
pub enum Topics {
    List(Vec<String>),
    /// All whose whole name matches; and the pattern as it was written.
    Matching(Pattern, String),
}

/// How the source was set.
pub struct Settings {
    pub reach: Reach,
    pub topics: Topics,
    pub group: String,
    pub start: Start,
    /// Events and time that end a batch.
    pub batch: usize,
    pub duration: Duration,
    /// How often offsets are committed; `None`: whenever there is something to commit.
    pub commit: Option<Duration>,
    /// How often topics are looked for.
    pub refresh: Duration,
    pub form: Form,
    pub dead: DeadLetters,
}

/// See the module.
pub struct KafkaSource {
    settings: Settings,
    pulse: Arc<Pulse>,
}

impl KafkaSource {
    pub fn new(settings: Settings, pulse: Arc<Pulse>) -> KafkaSource {
        KafkaSource { settings, pulse }
    }

    /// One client, until it must be made anew; `Err`: why that is so.
    fn connect(&self, out: &Outlet, stop: &Stop) -> Result<Result<(), String>, Fatal> {
        let cluster = match self.settings.reach.reveal() {
            Ok(cluster) => cluster,
            Err(what) => return Ok(Err(what)),
        };
        let mut session = match Session::begin(&self.settings, &cluster, &self.pulse, out, stop) {
            Ok(session) => session,
            Err(what) => return Ok(Err(what)),
        };
        match session.run()? {
            End::Done => Ok(Ok(())),
            End::Again(what) => Ok(Err(what)),
        }
    }
}

impl Source for KafkaSource {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        loop {
            match self.connect(out, stop)? {
                Ok(()) => return Ok(()),
                Err(what) => {
                    let name = &*self.pulse.name;
                    if self.pulse.failing(&what) {
                        log::warn!(component = name; "source `{name}`: {what}");
                    }
                    let _waiting = self.pulse.wait(Wait::Retry, what);
                    if stop.wait(AGAIN) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn input(&self) -> Input {
        Input::Again
    }
}
