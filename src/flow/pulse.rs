//! The pulse of a component: what it does now, what it has counted, what it follows.
//!
//! The watchdog, `status` and the unit's status line read it; the component writes it. Waiting is declared before it
//! begins, with its object: a declared wait counts as alive, work without progress as a stall.
use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// What sort of component it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Source,
    Interceptor,
    Selector,
    Channel,
    Sink,
    SinkGroup,
}

impl Kind {
    /// The word users know: `source`, `sink group`, …
    pub fn word(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Interceptor => "interceptor",
            Kind::Selector => "selector",
            Kind::Channel => "channel",
            Kind::Sink => "sink",
            Kind::SinkGroup => "sink group",
        }
    }
}

/// Why a component waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For new input: nothing to do.
    Input,
    /// For events in its channel: nothing to do.
    Events,
    /// For room in a channel.
    Room,
    /// For a disk or file system call that may block.
    Disk,
    /// For a peer.
    Peer,
    /// For the next try after a failure.
    Retry,
    /// For the reports of destinations (S3, S4).
    Reports,
}

impl Wait {
    /// One word for `status`.
    pub fn word(self) -> &'static str {
        match self {
            Wait::Input => "input",
            Wait::Events => "events",
            Wait::Room => "room",
            Wait::Disk => "disk",
            Wait::Peer => "peer",
            Wait::Retry => "retry",
            Wait::Reports => "reports",
        }
    }

    /// Whether this is the quiet state of a healthy component.
    pub fn is_idle(self) -> bool {
        matches!(self, Wait::Input | Wait::Events)
    }
}

/// What a component does at this moment.
#[derive(Clone, Debug)]
pub enum Activity {
    Starting,
    Working,
    Waiting {
        what: Wait,
        on: Cow<'static, str>,
        since: Instant,
    },
    /// A channel: sources and sinks work through it.
    Open,
    Stopped,
}

/// What components count. Totals since start, but for the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Events read from the input.
    Read,
    /// Bytes of these events.
    ReadBytes,
    /// Events brought to the far side.
    Delivered,
    DeliveredBytes,
    /// Batches put or delivered.
    Batches,
    /// Events dropped by interceptors.
    Filtered,
    /// Events that went nowhere by the selector's word.
    WithoutRoute,
    /// Events that an optional channel did not take.
    SkippedOptional,
    /// Events that the destination refuses for good.
    DeadLettered,
    /// Events read again and dropped, since the channel had them.
    RepeatsDropped,
    /// Events that may arrive twice, for a stated reason.
    PossiblyTwice,
    /// Over-long lines that were cut.
    Truncated,
    /// Bytes of the excess of cut lines.
    TruncatedBytes,
    /// Bytes that disappeared before they could be read.
    LostBytes,
    /// Events damaged where they were kept, which nobody can read again.
    LostEvents,
    /// Undecodable input replaced, ignored or set aside.
    DecodeErrors,
    /// Events that an interceptor could make nothing of and left as they were.
    LeftAsIs,
    /// Places in bodies that were taken out.
    Redacted,
    /// Files finished and retired.
    FilesDone,
    /// Failures: of reads, writes, deliveries.
    Errors,
    /// Deliveries tried again.
    Retries,
    /// Times the component was started again after a failure.
    Restarts,
    /// Now: files followed.
    FilesOpen,
    /// Now: connections open.
    Connections,
}

impl Counter {
    pub const ALL: [(Counter, &'static str); 24] = [
        (Counter::Read, "read_total"),
        (Counter::ReadBytes, "read_bytes_total"),
        (Counter::Delivered, "delivered_total"),
        (Counter::DeliveredBytes, "delivered_bytes_total"),
        (Counter::Batches, "batches_total"),
        (Counter::Filtered, "filtered_total"),
        (Counter::WithoutRoute, "without_route_total"),
        (Counter::SkippedOptional, "skipped_optional_total"),
        (Counter::DeadLettered, "dead_lettered_total"),
        (Counter::RepeatsDropped, "repeats_dropped_total"),
        (Counter::PossiblyTwice, "possibly_twice_total"),
        (Counter::Truncated, "truncated_total"),
        (Counter::TruncatedBytes, "truncated_bytes_total"),
        (Counter::LostBytes, "lost_bytes_total"),
        (Counter::LostEvents, "lost_events_total"),
        (Counter::DecodeErrors, "decode_errors_total"),
        (Counter::LeftAsIs, "left_as_is_total"),
        (Counter::Redacted, "redacted_total"),
        (Counter::FilesDone, "files_done_total"),
        (Counter::Errors, "errors_total"),
        (Counter::Retries, "retries_total"),
        (Counter::Restarts, "restarts_total"),
        (Counter::FilesOpen, "files_open"),
        (Counter::Connections, "connections"),
    ];
}

/// One followed file, for `status`: updated by its source with every batch, at the cost of a store.
#[derive(Debug)]
pub struct FileGauge {
    pub path: Mutex<Arc<Path>>,
    /// Bytes in the file when last looked at.
    pub size: AtomicU64,
    /// Where reading goes on.
    pub position: AtomicU64,
    /// Wall clock, ms: since when there has been something unread; 0: nothing is.
    pub behind_since_ms: AtomicU64,
}

/// What a channel has on disk, for `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFigures {
    pub segments: u64,
    /// On disk, space that was taken ahead included.
    pub bytes: u64,
    /// Events that lie there and wait.
    pub events: u64,
    /// Nothing is taken before the disk has room.
    pub waits_for_space: bool,
}

/// Looks at a log when somebody asks.
pub struct LogGauge(Box<dyn Fn() -> Option<LogFigures> + Send + Sync>);

impl std::fmt::Debug for LogGauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogGauge")
    }
}

/// The pulse of one component.
#[derive(Debug)]
pub struct Pulse {
    pub kind: Kind,
    pub name: Box<str>,
    /// Its `type`, as `explain` knows it.
    pub type_name: &'static str,
    activity: Mutex<Activity>,
    progress: AtomicU64,
    counters: [AtomicU64; Counter::ALL.len()],
    trouble: Mutex<Option<(String, Instant)>>,
    files: Mutex<Vec<Weak<FileGauge>>>,
    log: Mutex<Option<LogGauge>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulse {
    pub fn new(kind: Kind, name: &str, type_name: &'static str) -> Arc<Pulse> {
        Arc::new(Pulse {
            kind,
            name: name.into(),
            type_name,
            activity: Mutex::new(Activity::Starting),
            progress: AtomicU64::new(0),
            counters: Default::default(),
            trouble: Mutex::new(None),
            files: Mutex::default(),
            log: Mutex::default(),
        })
    }

    /// Something was done: a batch, a file, a look.
    pub fn beat(&self) {
        self.progress.fetch_add(1, Relaxed);
    }

    /// How often something was done.
    pub fn beats(&self) -> u64 {
        self.progress.load(Relaxed)
    }

    /// Declares work.
    pub fn working(&self) {
        *lock(&self.activity) = Activity::Working;
        self.beat();
    }

    /// Declares a wait until the guard is dropped; `on` names its object.
    pub fn wait(&self, what: Wait, on: impl Into<Cow<'static, str>>) -> Waiting<'_> {
        let mut activity = lock(&self.activity);
        let starts = what == Wait::Reports && matches!(*activity, Activity::Starting);
        *activity = Activity::Waiting { what, on: on.into(), since: Instant::now() };
        Waiting { pulse: self, starts }
    }

    /// Declares a wait that lasts until something else is declared: for who is called when it is needed.
    pub fn rest(&self, what: Wait, on: impl Into<Cow<'static, str>>) {
        *lock(&self.activity) = Activity::Waiting { what, on: on.into(), since: Instant::now() };
    }

    /// Declares that others do the work, from now on.
    pub fn open(&self) {
        *lock(&self.activity) = Activity::Open;
    }

    pub fn stopped(&self) {
        *lock(&self.activity) = Activity::Stopped;
    }

    pub fn activity(&self) -> Activity {
        lock(&self.activity).clone()
    }

    pub fn add(&self, counter: Counter, count: u64) {
        self.counters[counter as usize].fetch_add(count, Relaxed);
    }

    pub fn set(&self, counter: Counter, value: u64) {
        self.counters[counter as usize].store(value, Relaxed);
    }

    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Relaxed)
    }

    /// Tells of a failure that goes on. True if this is a change of state, which is worth a log line.
    pub fn failing(&self, what: &str) -> bool {
        self.add(Counter::Errors, 1);
        self.is_troubled_by(what)
    }

    /// The same, where the failure has been counted.
    pub fn is_troubled_by(&self, what: &str) -> bool {
        let mut trouble = lock(&self.trouble);
        match &mut *trouble {
            Some((text, _)) if text == what => false,
            Some((text, _)) => {
                *text = what.to_string();
                true
            }
            none => {
                *none = Some((what.to_string(), Instant::now()));
                true
            }
        }
    }

    /// The failure is over; how long it lasted, if there was one.
    pub fn recovered(&self) -> Option<Duration> {
        lock(&self.trouble).take().map(|(_, since)| since.elapsed())
    }

    /// The failure that goes on, and since when.
    pub fn trouble(&self) -> Option<(String, Instant)> {
        lock(&self.trouble).clone()
    }

    /// Adds a file to what `status` shows; it leaves when its owner drops the gauge.
    pub fn file(&self, path: Arc<Path>) -> Arc<FileGauge> {
        let gauge = Arc::new(FileGauge {
            path: Mutex::new(path),
            size: AtomicU64::new(0),
            position: AtomicU64::new(0),
            behind_since_ms: AtomicU64::new(0),
        });
        let mut files = lock(&self.files);
        if files.len() == files.capacity() {
            files.retain(|f| f.strong_count() > 0);
        }
        files.push(Arc::downgrade(&gauge));
        gauge
    }

    /// A channel says how its log is looked at.
    pub fn keeps_log(&self, look: impl Fn() -> Option<LogFigures> + Send + Sync + 'static) {
        *lock(&self.log) = Some(LogGauge(Box::new(look)));
    }

    /// What a channel has on disk now, if it keeps a log.
    pub fn log(&self) -> Option<LogFigures> {
        lock(&self.log).as_ref().and_then(|gauge| (gauge.0)())
    }

    /// The files followed now.
    pub fn files(&self) -> Vec<Arc<FileGauge>> {
        lock(&self.files).iter().filter_map(Weak::upgrade).collect()
    }
}

/// A declared wait; the component works again when it is dropped, or goes on starting.
pub struct Waiting<'a> {
    pulse: &'a Pulse,
    /// It waited for reports on its way to its input.
    starts: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.starts {
            *lock(&self.pulse.activity) = Activity::Starting;
        } else {
            self.pulse.working();
        }
    }
}
