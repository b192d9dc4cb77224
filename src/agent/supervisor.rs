//! The life of an agent: start, watch, stop.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::build::{self, Channels};
use super::health::Health;
use super::member::Member;
use super::messages;
use super::signals::Signals;
use super::sink_runner::SinkRunner;
use super::source_runner::SourceRunner;
use super::status::Watched;
use super::turn::Turns;
use super::{carry, control, relay};
use crate::config::{Graph, GroupNode, Place, SinkNode, SourceNode};
use crate::flow::{Activity, Counter, DeadLetters, Fatal, Kind, Processor, Pulse, Stop, Wait};
use crate::{groups, sinks, sys};

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
/// Reports of destinations that answer come within this; who waits longer, for a peer, is ready all the same (S5).
const REPORTS: Duration = Duration::from_secs(1);
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
    turns: Turns,
    outward: Outward,
    /// By name.
    sources: Vec<(String, JoinHandle<()>)>,
    sinks: Vec<JoinHandle<()>>,
    sinks_stop: Stop,
    fenced: Arc<AtomicBool>,
    control: Option<(JoinHandle<()>, Stop)>,
}

impl Agent {
    /// Opens, seats and starts everything, in the order that the protocol needs.
    fn start(graph: Graph, place: Place, options: Options) -> Result<Agent, Fatal> {
        let place = Arc::new(place);
        let (turns, sinks_stop, fenced) = (Turns::default(), Stop::new(), Arc::new(AtomicBool::new(false)));
        let relay::Expanded { graph, outward, between } = relay::expand(graph, &place)?;
        let outward = Outward { names: outward, end: Arc::default() };
        let mut pulses = Vec::new();
        // Channels first: everything else asks them.
        let channels = open_channels(&graph, &place, &mut pulses)?;
        carry::from_removed_channels(&graph, &place, &channels)?;
        // Sinks take their seats before anything is leased, and before sources ask where to begin.
        let common =
            Common { place: &place, channels: &channels, stop: &sinks_stop, turns: &turns, fenced: &fenced };
        let sink_runners = sink_runners(&graph, &common, &mut pulses)?;
        // C4: a destination that was left may have a last commit that our record lacks.
        channels.values().try_for_each(|channel| carry::ask_left_places(channel, sinks::PROBES))?;
        let wired = Wired { place: &place, channels: &channels, turns: &turns, outward: &outward, options };
        let source_runners = source_runners(&graph, &wired, &mut pulses);
        let watched = Arc::new(Watched {
            instance: place.instance.clone(),
            agent: graph.agent.clone(),
            started: Instant::now(),
            pulses,
            between,
            channels: graph.channels.iter().filter_map(|node| channels.get(&node.name).cloned()).collect(),
            dropped: graph
                .dropped
                .iter()
                .map(|d| format!("{} `{}`: {}", d.kind.word(), d.name, d.why))
                .collect(),
        });
        let (mut sources, mut sinks) = (Vec::new(), Vec::new());
        for runner in sink_runners {
            sinks.push(spawn("sink", &runner.pulse.name.clone(), move || runner.run())?);
        }
        for runner in source_runners {
            let name = runner.pulse.name.to_string();
            sources.push((name.clone(), spawn("src", &name, move || runner.run())?));
        }
        let control = serve_control(&place, &watched);
        Ok(Agent { options, watched, channels, turns, outward, sources, sinks, sinks_stop, fenced, control })
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
                self.end_outward();
                if self.is_finished() {
                    log::info!(message_id = messages::STOPPED; "every input has ended and all channels are settled");
                    return;
                }
            }
        }
    }

    /// READY once every component runs, or waits with a stated reason (S5).
    fn announce(&self) -> bool {
        let starting = |pulse: &Arc<Pulse>| match pulse.activity() {
            Activity::Starting => true,
            Activity::Waiting { what: Wait::Reports, since, .. } => since.elapsed() < REPORTS,
            _ => false,
        };
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
        self.sources.iter().all(|(_, thread)| thread.is_finished()) && (settled() || self.fenced.load(SeqCst))
    }

    /// What relays have brought away is all there once the other inputs have ended and is settled: what reads it from
    /// there begins anew, and ends at the end.
    fn end_outward(&self) {
        let Outward { names, end } = &self.outward;
        let theirs = |name: &String| names.contains(name);
        let mut others = self.sources.iter().filter(|(name, _)| !theirs(name));
        let mut brought = self.channels.iter().filter(|(name, _)| !theirs(name));
        if !end.load(SeqCst)
            && others.all(|(_, thread)| thread.is_finished())
            && (brought.all(|(_, channel)| channel.is_drained()) || self.fenced.load(SeqCst))
        {
            end.store(true, SeqCst);
            names.iter().for_each(|name| self.turns.again(name));
        }
    }

    fn stop(mut self, signals: &Signals) -> Ending {
        tell_systemd(&[NotifyState::Stopping]);
        self.turns.end();
        self.sources.drain(..).for_each(|(_, thread)| joined(thread));
        // Puts end here; positions that waited for company are leased at once.
        self.channels.values().for_each(|channel| channel.close());
        let deadline = Instant::now() + self.options.drain_limit;
        let drained = || self.channels.values().all(|channel| channel.outlives() || channel.is_drained());
        while !drained() && Instant::now() < deadline && !self.fenced.load(SeqCst) {
            // A second signal ends the drain.
            if signals.wait(Duration::from_millis(5)).is_some() {
                break;
            }
        }
        let volatile = self.channels.values().filter(|channel| !channel.outlives());
        let left: usize = volatile.map(|channel| channel.depth().events).sum();
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

fn open_channels(graph: &Graph, place: &Place, pulses: &mut Vec<Arc<Pulse>>) -> Result<Channels, Fatal> {
    let mut channels = Channels::new();
    for node in &graph.channels {
        let pulse = node.pulse();
        pulse.open();
        pulses.push(pulse.clone());
        let opened = build::channel(node, place, &pulse).map_err(|error| Fatal::new(error.to_string()))?;
        channels.insert(node.name.clone(), opened);
    }
    Ok(channels)
}

/// What the runners of sinks share.
struct Common<'a> {
    place: &'a Place,
    channels: &'a Channels,
    stop: &'a Stop,
    turns: &'a Turns,
    fenced: &'a Arc<AtomicBool>,
}

/// One runner for each group, and for each sink that stands in none.
fn sink_runners(
    graph: &Graph,
    common: &Common<'_>,
    pulses: &mut Vec<Arc<Pulse>>,
) -> Result<Vec<SinkRunner>, Fatal> {
    let mut runners = Vec::new();
    for group in &graph.groups {
        let nodes =
            group.sinks.iter().filter_map(|name| graph.sinks.iter().find(|sink| sink.node.name == *name));
        runners.extend(common.runner(Some(group), nodes.collect(), pulses)?);
    }
    let grouped = |sink: &SinkNode| graph.groups.iter().any(|group| group.sinks.contains(&sink.node.name));
    for sink in graph.sinks.iter().filter(|sink| !grouped(sink)) {
        runners.extend(common.runner(None, vec![sink], pulses)?);
    }
    Ok(runners)
}

impl Common<'_> {
    fn runner(
        &self,
        group: Option<&GroupNode>,
        nodes: Vec<&SinkNode>,
        pulses: &mut Vec<Arc<Pulse>>,
    ) -> Result<Option<SinkRunner>, Fatal> {
        // All members of a group are on the same channel.
        let Some(channel) = nodes.first().and_then(|node| self.channels.get(&node.channel)) else {
            return Ok(None);
        };
        let of_group = group.map(|group| group.node.pulse());
        pulses.extend(of_group.clone());
        let mut members = Vec::new();
        for node in nodes {
            let pulse = node.node.pulse();
            pulses.push(pulse.clone());
            let sink = build::sink(node, self.place, &pulse)?;
            let dead_letters = DeadLetters::of(&self.place.state_dir, &pulse);
            let member = Member::new(sink, &**channel, node, pulse, dead_letters);
            members.push(match group {
                Some(group) => member.of_group(&group.node.name),
                None => member,
            });
        }
        let pulse = of_group.unwrap_or_else(|| members[0].pulse.clone());
        let processor: Box<dyn Processor> = match group {
            Some(group) => build::processor(group, self.place, &pulse)?,
            None => Box::new(groups::Only::default()),
        };
        Ok(Some(SinkRunner {
            pulse,
            channel: channel.clone(),
            members,
            processor,
            exactly_once: group.is_some_and(|group| group.exactly_once),
            stop: self.stop.clone(),
            turns: self.turns.clone(),
            fenced: self.fenced.clone(),
            began: Instant::now(),
        }))
    }
}

/// Sources that read what relays have brought away; as they are called, so are their channels.
struct Outward {
    names: Vec<String>,
    /// Nothing more is brought: with `until_drained` they end at the end.
    end: Arc<AtomicBool>,
}

/// What the runners of sources share.
struct Wired<'a> {
    place: &'a Arc<Place>,
    channels: &'a Channels,
    turns: &'a Turns,
    outward: &'a Outward,
    options: Options,
}

fn source_runners(graph: &Graph, wired: &Wired<'_>, pulses: &mut Vec<Arc<Pulse>>) -> Vec<SourceRunner> {
    let Wired { place, channels, turns, outward, options } = *wired;
    let names: Vec<String> = graph.sources.iter().map(|source| source.node.name.clone()).collect();
    let until_drained = Arc::new(AtomicBool::new(options.until_drained));
    let runner = |node: &SourceNode| {
        let pulse = node.node.pulse();
        pulses.push(pulse.clone());
        SourceRunner {
            channels: node.channels.iter().filter_map(|name| channels.get(name).cloned()).collect(),
            node: node.clone(),
            place: place.clone(),
            pulse,
            sources: names.clone(),
            turn: turns.add(&node.node.name),
            until_drained: match outward.names.contains(&node.node.name) {
                true => outward.end.clone(),
                false => until_drained.clone(),
            },
        }
    };
    graph.sources.iter().map(runner).collect()
}

/// A thread named after its component, as `top -H` shows it: the kernel keeps 15 bytes.
fn spawn(kind: &str, name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Fatal> {
    let name: String = format!("{kind}-{name}").chars().filter(|c| *c != '\0').take(15).collect();
    thread::Builder::new().name(name).spawn(work).map_err(|error| Fatal::io("cannot start a thread", error))
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
        let delivered = watched.sum(Kind::Sink, Counter::Delivered);
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
