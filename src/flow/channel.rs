//! What a channel is: it takes batches over from sources, remembers what it has taken of each stream, and leases them
//! to sinks until they are settled.
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Book, Destination, Ledger, Prepared, Pulse, Receipt, Stop};
use crate::event::{Batch, Checks, Mark, Marks, Stream, StreamId};

/// What every durable record is keyed by, stream ids apart (K1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey {
    /// From `/etc/machine-id`, or as configured.
    pub installation: String,
    /// The agent instance: `orders` of `dataflowkit@orders`.
    pub instance: String,
    pub channel: String,
}

impl fmt::Display for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.installation, self.instance, self.channel)
    }
}

/// Events and bytes; both count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub events: usize,
    pub bytes: usize,
}

/// Where the events of a read went before a channel got its share: kept in the channel's ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events as they were read.
    pub read: u64,
    pub filtered: u64,
    /// Events that other channels got, and this one did not.
    pub elsewhere: u64,
    /// Events that no channel got.
    pub without_route: u64,
    /// Events that this channel was to get as optional and had no room for.
    pub skipped: u64,
}

/// A sink's place at a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat(pub usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub u64);

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// Back to the front of the queue, in order.
    Back,
    /// The destination refuses these events for good; the dead-letter file has them.
    DeadLettered,
}

/// Events of one batch that did not go along with its delivery and are done with all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Omitted {
    /// Dropped by the sink's interceptors.
    pub filtered: usize,
    /// Refused for good; the dead letters have them.
    pub dead_lettered: usize,
}

impl Omitted {
    pub fn events(&self) -> usize {
        self.filtered + self.dead_lettered
    }
}

/// How full a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub events: usize,
    pub bytes: usize,
    pub capacity: Limit,
}

/// Why a put was not taken.
#[derive(Debug)]
pub enum PutError {
    /// No room within the channel's keep-alive; what was not taken comes back, interceptors applied. Said by the
    /// outlet only: a channel's own `put` stands on a reservation.
    Full(Box<Prepared>),
    /// The span starts above what is held, or a record lies across the end of a held range: go back to `expected`,
    /// and take the cuts anew (P3, R1).
    Gap { expected: u64 },
    /// The agent stops.
    Closed,
    /// The channel cannot do its work; the runner of the source tries again.
    Broken(ChannelError),
}

/// Why a channel cannot do its work.
#[derive(Debug)]
pub struct ChannelError {
    /// Lowercase, with the path.
    pub doing: String,
    pub cause: Option<io::Error>,
}

impl ChannelError {
    pub fn io(doing: impl Into<String>, cause: io::Error) -> ChannelError {
        ChannelError { doing: doing.into(), cause: Some(cause) }
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.doing),
            None => f.write_str(&self.doing),
        }
    }
}

impl std::error::Error for ChannelError {}

/// A channel. Shared by its sources and sinks.
pub trait Channel: Send + Sync {
    fn key(&self) -> &ChannelKey;
    fn pulse(&self) -> &Arc<Pulse>;
    fn depth(&self) -> Depth;

    /// The most that one put may carry; the outlet cuts larger batches (P2).
    fn transaction(&self) -> Limit;

    /// Looks at the book under the channel's lock: held and durable marks, known sources, ledgers.
    fn look(&self, look: &mut dyn FnMut(&Book));

    /// Whether the source must wait for the reports of destinations: as there is no local record at all (S4), or as its
    /// events are routed by other rules now and any destination may know more of the old ones than we do (P6).
    fn awaits_reports(&self, source: &str, fingerprint: u64) -> bool;

    /// Takes `[0, at)` of a stream for had: where to begin (P7, C2). A stream that is known here already keeps its
    /// mark.
    fn join(&self, stream: &Arc<Stream>, at: u64, checks: &Checks) -> Result<(), ChannelError>;

    /// Makes what has joined durable, before anything is put behind it: also a beginning at 0, else a channel whose
    /// record a power cut took would join at the mark of another one (P7, C2).
    fn barrier(&self) -> Result<(), ChannelError>;

    /// Records the source's present fingerprint of interceptors and selector, durably; `twice` bytes or ordinals of its
    /// streams may come twice because it has changed (P6).
    fn fingerprint(&self, source: &str, fingerprint: u64, twice: u64) -> Result<(), ChannelError>;

    /// Reserves room, waiting at most `wait`; false if there was none. A single event above the byte limit passes
    /// alone.
    fn reserve(&self, want: Limit, wait: Duration, stop: &Stop) -> bool;

    /// Gives a reservation back.
    fn release(&self, want: Limit);

    /// The channel's own patience with a full queue (`keep-alive`).
    fn patience(&self) -> Duration;

    /// Takes a batch over, within a reservation of `reserved`. Drops exactly what it already holds (P3).
    fn put(&self, source: &str, batch: Batch, tally: Tally, reserved: Limit) -> Result<Receipt, PutError>;

    /// Drops the marks of a stream that is gone (D6); sinks follow with their next sync.
    fn retire(&self, stream: StreamId) -> Result<(), ChannelError>;

    /// A sink takes its place, before anything is leased.
    fn attach(&self, sink: &str, destination: Option<Destination>) -> Seat;

    /// What the sink's destination has; `None`: it keeps or has no record (S2). When all seats have reported, leasing
    /// begins (S3), and the names of sources are returned that must go back, since a destination has less than was
    /// believed.
    fn report(&self, seat: Seat, marks: Option<Marks>) -> Result<Vec<Box<str>>, ChannelError>;

    /// What a destination was found to have that the channel's record names and no sink stands for any more (C4).
    fn recall(&self, place: u32, marks: Marks) -> Result<(), ChannelError>;

    /// Leases the next batches, waiting at most `wait`. Batches without events come along, or alone once the oldest
    /// has waited for a second (D3). `None`: nothing now.
    fn take(self: Arc<Self>, seat: Seat, up_to: Limit, wait: Duration, stop: &Stop) -> Option<Lease>;

    /// What of each batch of a lease did not go along: counted so, if the lease ends as delivered.
    fn omitted(&self, lease: LeaseId, events: &[Omitted]) {
        let _ = (lease, events);
    }

    /// Ends a lease.
    fn settle(&self, seat: Seat, lease: LeaseId, outcome: Outcome) -> Result<(), ChannelError>;

    /// All that this seat settled before is durable at its destination now (D5).
    fn synced(&self, seat: Seat) -> Result<(), ChannelError>;

    /// Streams that were retired and that this seat's destination should forget.
    fn retired(&self, seat: Seat) -> Vec<StreamId>;

    /// Names of sources that must go back, since the channel has lost what it had taken over (P5). Asked by sinks
    /// after each `take`.
    fn must_go_back(&self) -> Vec<Box<str>> {
        Vec::new()
    }

    /// Whether what is queued outlives the process: nobody waits for it to drain at stop.
    fn outlives(&self) -> bool {
        false
    }

    /// All of the stream below this survives the process, whatever becomes of where it was read. A channel that
    /// outlives it counts what is on its disk by now, and not what is on the way there.
    fn kept(&self, stream: StreamId) -> u64 {
        let mut kept = 0;
        self.look(&mut |book| kept = book.durable(stream));
        kept
    }

    /// No event is queued or leased.
    fn is_drained(&self) -> bool;

    /// Refuses puts from now on, leases positions without delay, and wakes all who wait in `take` or `reserve`, so
    /// that they look at their stop.
    fn close(&self);

    /// Marks of one stream as held, for tests and `status`.
    fn held(&self, stream: StreamId) -> Option<Mark> {
        let mut held = None;
        self.look(&mut |book| held = book.held(stream).cloned());
        held
    }

    /// The ledgers of all sources, one consistent snapshot.
    fn ledgers(&self) -> Vec<(Box<str>, Ledger)> {
        let mut ledgers = Vec::new();
        self.look(&mut |book| ledgers = book.ledgers());
        ledgers
    }
}

/// Batches taken and not yet settled. Dropped without a word, they go back.
pub struct Lease {
    channel: Arc<dyn Channel>,
    seat: Seat,
    id: LeaseId,
    pub batches: Vec<Batch>,
    open: bool,
}

impl Lease {
    pub fn new(channel: Arc<dyn Channel>, seat: Seat, id: LeaseId, batches: Vec<Batch>) -> Lease {
        Lease { channel, seat, id, batches, open: true }
    }

    /// Settles the lease: all of it was delivered, or set aside as dead letters.
    pub fn settle(self, outcome: Outcome) -> Result<(), ChannelError> {
        let seat = self.seat;
        self.settle_as(seat, outcome)
    }

    /// The same for another sink of the channel: the member of a group that took it.
    pub fn settle_as(mut self, seat: Seat, outcome: Outcome) -> Result<(), ChannelError> {
        self.open = false;
        self.channel.settle(seat, self.id, outcome)
    }

    /// Says what of each batch did not go along.
    pub fn omitted(&self, events: &[Omitted]) {
        self.channel.omitted(self.id, events);
    }

    pub fn events(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }

    pub fn bytes(&self) -> usize {
        self.batches.iter().map(Batch::bytes).sum()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.open {
            // Giving back touches memory only; a poisoned channel reports itself to its next caller.
            let _ = self.channel.settle(self.seat, self.id, Outcome::Back);
        }
    }
}
