//! The life of an agent: start, watch, stop.
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::build::{self, Channels};
use super::health::Health;
use super::messages;
use super::signals::Signals;
use super::sink_runner::{SinkRunner, Unsynced};
use super::source_runner::SourceRunner;
use super::status::Watched;
use super::turn::Turn;
use super::{carry, control};
use crate::config::{Graph, Place};
use crate::flow::{Activity, ChannelError, Counter, Fatal, Kind, Pulse, Stop};
use crate::{sinks, sys};

/// How an agent runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Ends when every input has ended and all channels are settled.
    pub until_drained: bool,
    /// How long sinks may drain the channels at stop.
    pub drain_limit: Duration,
}

/// How an agent ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// Told to stop, or drained.
    Orderly,
    /// Asked to drain, and a sink was out of work.
    Undrained,
}

/// The pause between two looks at everything.
const LOOK: Duration = Duration::from_millis(500);
/// The status line is renewed this often while figures change.
const STATUS: Duration = Duration::from_secs(5);

/// Runs a graph until a signal, or until it has drained.
pub fn run(graph: Graph, place: Place, options: Options) -> Result<Ending, Fatal> {
    // Signals are blocked before any thread begins, so that only this one gets them.
    let signals = Signals::block().map_err(|errno| Fatal::io("cannot take signals", errno.into()))?;
    sys::raise_descriptor_limit();
    let mut agent = Agent::start(graph, place, options)?;
    agent.watch(&signals);
    Ok(agent.stop(&signals))
}

struct Agent {
    options: Options,
    watched: Arc<Watched>,
    channels: Channels,
    turns: Vec<Arc<Turn>>,
    sources: Vec<JoinHandle<()>>,
    sinks: Vec<JoinHandle<()>>,
    sinks_stop: Stop,
    fenced: Arc<AtomicBool>,
    control: Option<(JoinHandle<()>, Stop)>,
}

impl Agent {
    fn start(graph: Graph, place: Place, options: Options) -> Result<Agent, Fatal> {
        let place = Arc::new(place);
        let mut pulses = Vec::new();
        let mut pulse_of = |kind, name: &str, type_name| {
            let pulse = Pulse::new(kind, name, type_name);
            pulses.push(pulse.clone());
            pulse
        };
        // Channels first: everything else asks them.
        let mut channels = Channels::new();
        for node in &graph.channels {
            let pulse = pulse_of(Kind::Channel, &node.name, node.spec.name);
            pulse.open();
            let opened = build::channel(node, &place, &pulse);
            channels.insert(
                node.name.clone(),
                opened.map_err(|error: ChannelError| Fatal::new(error.to_string()))?,
            );
        }
        carry::from_removed_channels(&graph, &place, &channels)?;
        // Sinks take their seats before anything is leased, and before sources ask where to begin.
        let sinks_stop = Stop::new();
        let fenced = Arc::new(AtomicBool::new(false));
        let turns: Arc<Mutex<Vec<(String, Arc<Turn>)>>> = Arc::default();
        let back = turns.clone();
        let send_back: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |source: &str| {
            let turns = back.lock().unwrap_or_else(PoisonError::into_inner);
            turns.iter().filter(|(name, _)| name == source).for_each(|(_, turn)| turn.again());
        });
        let mut sink_runners = Vec::new();
        for node in &graph.sinks {
            let pulse = pulse_of(Kind::Sink, &node.node.name, node.node.spec.name);
            let Some(channel) = channels.get(&node.channel) else { continue };
            let sink = build::sink(&node.node, &place, &pulse)?;
            let seat = channel.attach(&node.node.name, sink.destination());
            sink_runners.push(SinkRunner {
                sink,
                pulse,
                channel: channel.clone(),
                seat,
                node: node.clone(),
                stop: sinks_stop.clone(),
                send_back: send_back.clone(),
                fenced: fenced.clone(),
                unsynced: Unsynced::default(),
            });
        }
        // C4: a destination that was left may have a last commit that our record lacks.
        channels.values().try_for_each(|channel| carry::ask_left_places(channel, sinks::PROBES))?;
        let names: Vec<String> = graph.sources.iter().map(|s| s.node.name.clone()).collect();
        let mut source_runners = Vec::new();
        for node in graph.sources {
            let pulse = pulse_of(Kind::Source, &node.node.name, node.node.spec.name);
            let turn = Arc::new(Turn::default());
            let mut held = turns.lock().unwrap_or_else(PoisonError::into_inner);
            held.push((node.node.name.clone(), turn.clone()));
            source_runners.push(SourceRunner {
                channels: node.channels.iter().filter_map(|name| channels.get(name).cloned()).collect(),
                node,
                place: place.clone(),
                pulse,
                sources: names.clone(),
                turn,
                until_drained: options.until_drained,
            });
        }
        let watched = Arc::new(Watched {
            instance: place.instance.clone(),
            agent: graph.agent.clone(),
            started: Instant::now(),
            pulses,
            channels: graph.channels.iter().filter_map(|node| channels.get(&node.name).cloned()).collect(),
            dropped: graph
                .dropped
                .iter()
                .map(|d| format!("{} `{}`: {}", d.kind.word(), d.name, d.why))
                .collect(),
        });
        let spawn = |name: String, work: Box<dyn FnOnce() + Send>| {
            let name: String = name.chars().take(15).collect();
            thread::Builder::new().name(name).spawn(work).map_err(|e| Fatal::io("cannot start a thread", e))
        };
        let mut sinks = Vec::new();
        for runner in sink_runners {
            sinks.push(spawn(format!("sink-{}", runner.pulse.name), Box::new(move || runner.run()))?);
        }
        let mut sources = Vec::new();
        for runner in source_runners {
            sources.push(spawn(format!("src-{}", runner.pulse.name), Box::new(move || runner.run()))?);
        }
        let turns =
            turns.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, t)| t.clone()).collect();
        let control = serve_control(&place, &watched);
        Ok(Agent { options, watched, channels, turns, sources, sinks, sinks_stop, fenced, control })
    }

    /// Tells systemd how things stand until it is time to stop.
    fn watch(&mut self, signals: &Signals) {
        let watchdog = sd_notify::watchdog_enabled();
        let mut look = watchdog.map_or(LOOK, |limit| (limit / 4).min(LOOK));
        let (mut health, mut ready, mut line) = (Health::default(), false, Line::default());
        let mut health_due = Instant::now();
        // Ready comes within a few ms on a healthy machine; look closely until then.
        let mut early = Duration::from_millis(2);
        loop {
            if let Some(signal) = signals.wait(if ready { look } else { early }) {
                log::info!(message_id = messages::STOPPED; "{signal}: stopping");
                return;
            }
            if !ready {
                ready = self.announce();
                early = (early * 2).min(LOOK);
            }
            if let Some(limit) = watchdog
                && Instant::now() >= health_due
            {
                health_due = Instant::now() + limit / 4;
                self.feed_watchdog(&mut health);
            }
            if ready && line.is_due() {
                line.renew(&self.watched);
            }
            if self.options.until_drained {
                look = Duration::from_millis(20);
                if self.is_finished() {
                    log::info!(message_id = messages::STOPPED; "every input has ended and all channels are settled");
                    return;
                }
            }
        }
    }

    /// READY once every component runs, or waits with a stated reason (S5).
    fn announce(&self) -> bool {
        let starting = |pulse: &Arc<Pulse>| matches!(pulse.activity(), Activity::Starting);
        if self.watched.pulses.iter().any(starting) {
            return false;
        }
        let line = self.watched.line(0);
        tell_systemd(&[NotifyState::Ready, NotifyState::Status(&line)]);
        log::info!(message_id = messages::STARTED; "agent `{}` is ready: {} components", self.watched.agent, self.watched.pulses.len());
        true
    }

    fn feed_watchdog(&self, health: &mut Health) {
        let stalled = health.stalled(&self.watched.pulses);
        if stalled.is_empty() {
            tell_systemd(&[NotifyState::Watchdog]);
            return;
        }
        let names = stalled.join("`, `");
        log::error!(message_id = messages::STALLED; "`{names}` makes no progress; the watchdog is not fed");
    }

    fn is_finished(&self) -> bool {
        let settled = || self.channels.values().all(|channel| channel.is_drained());
        self.sources.iter().all(JoinHandle::is_finished) && (settled() || self.fenced.load(SeqCst))
    }

    fn stop(mut self, signals: &Signals) -> Ending {
        tell_systemd(&[NotifyState::Stopping]);
        self.turns.iter().for_each(|turn| turn.end());
        self.sources.drain(..).for_each(joined);
        // Puts end here; positions that waited for company are leased at once.
        self.channels.values().for_each(|channel| channel.close());
        let deadline = Instant::now() + self.options.drain_limit;
        let drained = || self.channels.values().all(|channel| channel.is_drained());
        while !drained() && Instant::now() < deadline && !self.fenced.load(SeqCst) {
            // A second signal ends the drain.
            if signals.wait(Duration::from_millis(5)).is_some() {
                break;
            }
        }
        let left: usize = self.channels.values().map(|channel| channel.depth().events).sum();
        self.sinks_stop.tell();
        self.channels.values().for_each(|channel| channel.close());
        self.sinks.drain(..).for_each(joined);
        if let Some((thread, stop)) = self.control.take() {
            stop.tell();
            joined(thread);
        }
        if left > 0 {
            log::warn!(
                "{left} events were not delivered before the stop; what can be read again will be at the next start"
            );
        }
        let undrained = self.options.until_drained && (left > 0 || self.fenced.load(SeqCst));
        if undrained { Ending::Undrained } else { Ending::Orderly }
    }
}

fn serve_control(place: &Place, watched: &Arc<Watched>) -> Option<(JoinHandle<()>, Stop)> {
    let started = control::listen(&place.runtime_dir).and_then(|listener| {
        let (stop, watched, dir) = (Stop::new(), watched.clone(), place.runtime_dir.clone());
        let own = stop.clone();
        let serve = move || control::serve(listener, dir, watched, own);
        Ok((thread::Builder::new().name("control".into()).spawn(serve)?, stop))
    });
    started
        .inspect_err(|error: &io::Error| {
            let path = control::socket(&place.runtime_dir);
            log::warn!("`status` will not work: cannot listen on `{}`: {error}", path.display());
        })
        .ok()
}

fn joined(thread: JoinHandle<()>) {
    // A component's own panic was caught and told by its runner.
    let _ = thread.join();
}

fn tell_systemd(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("cannot notify systemd: {error}");
    }
}

/// The unit's status line, renewed while it changes.
#[derive(Default)]
struct Line {
    last: Option<(Instant, u64, String)>,
}

impl Line {
    fn is_due(&self) -> bool {
        self.last.as_ref().is_none_or(|(at, ..)| at.elapsed() >= STATUS)
    }

    fn renew(&mut self, watched: &Watched) {
        let sinks = watched.pulses.iter().filter(|p| p.kind == Kind::Sink);
        let delivered: u64 = sinks.map(|p| p.get(Counter::Delivered)).sum();
        let rate = self.last.as_ref().map_or(0, |(at, before, _)| {
            (delivered - before) * 1000 / (at.elapsed().as_millis() as u64).max(1)
        });
        let line = watched.line(rate);
        if self.last.as_ref().is_none_or(|(.., before)| *before != line) {
            tell_systemd(&[NotifyState::Status(&line)]);
        }
        self.last = Some((Instant::now(), delivered, line));
    }
}
