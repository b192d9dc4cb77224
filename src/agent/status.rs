//! What a running agent says of itself: the snapshot behind `status`, the control socket and the unit's status line.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::flow::{Activity, Channel, Counter, Kind, Ledger, Pulse};
use crate::sys;

/// The whole agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub instance: String,
    pub agent: String,
    pub pid: u32,
    /// Seconds since start.
    pub up_seconds: u64,
    pub components: Vec<ComponentStatus>,
    pub ledgers: Vec<LedgerStatus>,
    /// Components that the configuration names and that do not run, with the reason.
    pub dropped: Vec<String>,
}

/// One component.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ComponentStatus {
    pub kind: String,
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    /// `starting`, `working`, `waiting`, `open` (a channel) or `stopped`.
    pub state: String,
    /// For what it waits, and the object: `events`, `c1`.
    pub waits_for: Option<String>,
    pub on: Option<String>,
    pub for_ms: Option<u64>,
    /// The failure that goes on.
    pub trouble: Option<String>,
    /// The local time of its beginning.
    #[serde(default)]
    pub trouble_since: Option<String>,
    pub counters: std::collections::BTreeMap<String, u64>,
    pub depth: Option<DepthStatus>,
    /// A channel's log.
    #[serde(default)]
    pub log: Option<LogStatus>,
    pub files: Vec<FileStatus>,
}

/// How full a channel is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DepthStatus {
    pub events: u64,
    pub bytes: u64,
    pub capacity_events: u64,
    pub capacity_bytes: u64,
}

/// What a channel has on disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LogStatus {
    pub segments: u64,
    pub bytes_on_disk: u64,
    pub events_on_disk: u64,
    /// Nothing is taken before the disk has room again.
    pub waits_for_disk_space: bool,
}

/// One followed file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FileStatus {
    pub path: String,
    pub size: u64,
    pub position: u64,
    pub lag_bytes: u64,
    pub lag_seconds: f64,
}

/// Where the events of one source went, as one channel sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LedgerStatus {
    pub source: String,
    pub channel: String,
    pub read: u64,
    pub delivered: u64,
    pub filtered: u64,
    pub routed_elsewhere: u64,
    pub without_route: u64,
    pub skipped_by_optional: u64,
    pub dead_lettered: u64,
    pub repeats_dropped: u64,
    pub in_flight: u64,
    /// Damaged where they were kept; nobody can read them again.
    #[serde(default)]
    pub lost: u64,
    pub possibly_twice: u64,
}

/// What a snapshot is taken of.
pub struct Watched {
    pub instance: String,
    pub agent: String,
    pub started: Instant,
    pub pulses: Vec<Arc<Pulse>>,
    /// Sinks and sources within the agent, which pass on what others have read and will deliver.
    pub between: Vec<(Kind, String)>,
    pub channels: Vec<Arc<dyn Channel>>,
    pub dropped: Vec<String>,
}

impl Watched {
    /// Looks at everything once.
    pub fn snapshot(&self) -> Status {
        let mut components: Vec<ComponentStatus> = self.pulses.iter().map(|pulse| component(pulse)).collect();
        for (status, channel) in
            components.iter_mut().filter(|c| c.kind == Kind::Channel.word()).zip(&self.channels)
        {
            let depth = channel.depth();
            status.depth = Some(DepthStatus {
                events: depth.events as u64,
                bytes: depth.bytes as u64,
                capacity_events: depth.capacity.events as u64,
                capacity_bytes: depth.capacity.bytes as u64,
            });
        }
        let of = |channel: &Arc<dyn Channel>| {
            let name = channel.key().channel.clone();
            channel
                .ledgers()
                .into_iter()
                .map(move |(source, l)| ledger(&source, &name, l))
                .collect::<Vec<_>>()
        };
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            instance: self.instance.clone(),
            agent: self.agent.clone(),
            pid: std::process::id(),
            up_seconds: self.started.elapsed().as_secs(),
            components,
            ledgers: self.channels.iter().flat_map(of).collect(),
            dropped: self.dropped.clone(),
        }
    }

    /// What all components of a kind have counted where the agent begins and ends.
    pub fn sum(&self, kind: Kind, counter: Counter) -> u64 {
        let between =
            |pulse: &Pulse| self.between.iter().any(|(of, name)| *of == pulse.kind && **name == *pulse.name);
        let ends = self.pulses.iter().filter(|pulse| pulse.kind == kind && !between(pulse));
        ends.map(|pulse| pulse.get(counter)).sum()
    }

    /// One line for `systemctl status`: figures, then trouble, then what does not run.
    pub fn line(&self, delivered_per_second: u64) -> String {
        let in_flight: usize = self.channels.iter().map(|c| c.depth().events).sum();
        let mut line = format!(
            "{} read, {} delivered ({delivered_per_second}/s), {in_flight} in flight",
            self.sum(Kind::Source, Counter::Read),
            self.sum(Kind::Sink, Counter::Delivered),
        );
        for pulse in &self.pulses {
            if let Some((what, since)) = pulse.trouble() {
                line += &format!("; {} `{}` since {}: {what}", pulse.kind.word(), pulse.name, local(since));
            }
        }
        if !self.dropped.is_empty() {
            line += &format!("; NOT RUNNING: {}", self.dropped.join(", "));
        }
        line
    }
}

/// A moment as an operator's watch has it.
fn local(moment: Instant) -> String {
    let ago = moment.elapsed().as_millis() as u64;
    let at = jiff::Timestamp::from_millisecond(sys::wall_ms().saturating_sub(ago) as i64).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn component(pulse: &Pulse) -> ComponentStatus {
    let mut status = ComponentStatus {
        kind: pulse.kind.word().into(),
        name: pulse.name.to_string(),
        type_name: pulse.type_name.into(),
        trouble: pulse.trouble().map(|(what, _)| what),
        trouble_since: pulse.trouble().map(|(_, since)| local(since)),
        ..ComponentStatus::default()
    };
    status.state = match pulse.activity() {
        Activity::Starting => "starting",
        Activity::Working => "working",
        Activity::Open => "open",
        Activity::Stopped => "stopped",
        Activity::Waiting { what, on, since } => {
            status.waits_for = Some(what.word().into());
            status.on = Some(on.into_owned());
            status.for_ms = Some(since.elapsed().as_millis() as u64);
            "waiting"
        }
    }
    .into();
    let counted = Counter::ALL.iter().map(|(counter, name)| (name.to_string(), pulse.get(*counter)));
    status.counters = counted.filter(|(_, value)| *value > 0).collect();
    status.log = pulse.log().map(|log| LogStatus {
        segments: log.segments,
        bytes_on_disk: log.bytes,
        events_on_disk: log.events,
        waits_for_disk_space: log.waits_for_space,
    });
    let now = sys::wall_ms();
    status.files = pulse.files().iter().map(|gauge| file(gauge, now)).collect();
    status
}

fn file(gauge: &crate::flow::FileGauge, now: u64) -> FileStatus {
    let (size, position) = (gauge.size.load(Relaxed), gauge.position.load(Relaxed));
    let since = gauge.behind_since_ms.load(Relaxed);
    let lag_bytes = size.saturating_sub(position);
    let behind = if lag_bytes == 0 || since == 0 { 0 } else { now.saturating_sub(since) };
    let path = gauge.path.lock().unwrap_or_else(std::sync::PoisonError::into_inner).display().to_string();
    FileStatus { path, size, position, lag_bytes, lag_seconds: behind as f64 / 1000.0 }
}

fn ledger(source: &str, channel: &str, ledger: Ledger) -> LedgerStatus {
    LedgerStatus {
        source: source.into(),
        channel: channel.into(),
        read: ledger.tally.read,
        delivered: ledger.delivered,
        filtered: ledger.tally.filtered,
        routed_elsewhere: ledger.tally.elsewhere,
        without_route: ledger.tally.without_route,
        skipped_by_optional: ledger.tally.skipped,
        dead_lettered: ledger.dead_lettered,
        repeats_dropped: ledger.repeats,
        in_flight: ledger.in_flight,
        lost: ledger.lost,
        possibly_twice: ledger.possibly_twice,
    }
}
