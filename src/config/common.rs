//! Keys that every component of a kind has.
//!
//! The runners read them through these constants; checking, `explain` and the samples chain them to each component's
//! own ([`of`]).
use super::spec::{Field, Unit};
use crate::flow::Kind;

pub const TYPE: Field =
    Field::text("type").required().doc("what it is: a name, or a Java class name as in Flume");
/// Where Flume loads a validation class by name; nobody uses it.
const CONFIG: Field =
    Field::text("config").ignored("names a Java class that checks the rest").doc("a Java class");

pub const CHANNELS: Field = Field::names("channels").required().doc("the channels it puts into");
pub const SELECTOR: Field =
    Field::prefix("selector.").doc("which channels an event goes to; `selector.type`");
pub const INTERCEPTORS: Field = Field::names("interceptors").doc("what looks at each event, in this order");
const INTERCEPTOR: Field = Field::prefix("interceptors.").doc("`interceptors.NAME.type` and its keys");
pub const FROM_START: Field = Field::flag("fromStart")
    .default("false")
    .doc("a channel that is new to this source gets all there is, not only what comes from now on");

/// Keys of sources that poll; Flume's names and figures.
pub const BACKOFF_INCREMENT: Field = Field::int("backoffSleepIncrement", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("1000")
    .lenient()
    .doc("by how much each further wait for new input is longer");
pub const MAX_BACKOFF: Field = Field::int("maxBackoffSleep", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("5000")
    .lenient()
    .doc("the longest wait for new input");
pub const POLLABLE: &[Field] = &[BACKOFF_INCREMENT, MAX_BACKOFF];

pub const CHANNEL: Field = Field::word("channel").required().doc("the channel it takes from");
pub const RETRY_DELAY: Field = Field::int("retryDelay", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("5000")
    .doc("how long to wait after a delivery that failed");
pub const SYNC_INTERVAL: Field = Field::int("syncInterval", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("1000")
    .doc("at latest then what was delivered is made safe from a power cut");
pub const SYNC_BYTES: Field = Field::int("syncBytes", 1, i64::MAX)
    .unit(Unit::Bytes)
    .default("67108864")
    .doc("after so many bytes what was delivered is made safe from a power cut");
pub const REPORT_TIMEOUT: Field = Field::int("reportTimeout", 0, 86_400_000)
    .unit(Unit::Millis)
    .default("30000")
    .doc("how long a member of a group may take to say what its destination has");

pub const GROUP_SINKS: Field = Field::names("sinks").required().doc("its sinks, in order");
const PROCESSOR: Field = Field::prefix("processor.").doc("how it hands out batches; `processor.type`");
pub const DELIVERY: Field = Field::choice("delivery", &["at-least-once", EXACTLY_ONCE])
    .default("at-least-once")
    .doc("what becomes of a batch that may have arrived: at-least-once gives it to the next sink, exactly-once waits for the first one to tell");
pub const EXACTLY_ONCE: &str = "exactly-once";

static SOURCE: &[Field] = &[TYPE, CHANNELS, SELECTOR, INTERCEPTORS, INTERCEPTOR, FROM_START, CONFIG];
static SINK: &[Field] = &[
    TYPE,
    CHANNEL,
    RETRY_DELAY,
    SYNC_INTERVAL,
    SYNC_BYTES,
    REPORT_TIMEOUT,
    INTERCEPTORS,
    INTERCEPTOR,
    CONFIG,
];
static CHANNEL_KEYS: &[Field] = &[TYPE, CONFIG];
/// The keys of a group itself; those of its processor follow `processor.`.
pub static GROUP: &[Field] = &[GROUP_SINKS, PROCESSOR, DELIVERY, CONFIG];
static PART: &[Field] = &[TYPE];

/// Keys that say how components hang together: they are judged where that is checked, and are no values of a component.
pub fn is_structure(field: &Field) -> bool {
    let keys = [TYPE, CHANNELS, SELECTOR, INTERCEPTORS, INTERCEPTOR, CHANNEL, GROUP_SINKS, PROCESSOR];
    keys.iter().any(|key| key.key == field.key && key.doc == field.doc)
}

/// The keys that all components of a kind have.
pub fn of(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Source => SOURCE,
        Kind::Sink => SINK,
        Kind::Channel => CHANNEL_KEYS,
        Kind::Interceptor | Kind::Selector | Kind::SinkGroup => PART,
    }
}
