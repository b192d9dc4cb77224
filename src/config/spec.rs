//! A component's declaration as data, and typed access to its values through it.
//!
//! Invariants: a key that a component reads is a `Field`; every field is honoured, ignored with a reason, or refused.
//! Value rules are Flume's (`Context`): booleans are true for `true` in any case and false for all else; numbers are
//! decimal with an optional sign; an empty value counts as absent.
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::catalog::Catalogs;
use crate::diag::Diagnostic;
use crate::flow::{
    Channel, ChannelError, ChannelKey, DeadLetters, Interceptor, Kind, Processor, Pulse, Selector, Sink,
    Source,
};

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Decimal, within bounds.
    Int {
        least: i64,
        most: i64,
    },
    /// `true` in any case is true, all else is false.
    Flag,
    Text,
    /// Text without white space: a host, a name. What follows a blank and `#` cannot belong to it.
    Word,
    /// Relative ones start at the directory of the agent file.
    Path,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A Java regular expression.
    Regex,
    /// The name of a charset.
    Charset,
    /// Words separated by white space.
    Names,
    /// The key is a prefix (`headers.`): all keys that begin with it belong to this field.
    Prefix,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    Events,
    Bytes,
    Chars,
    Millis,
    Seconds,
}

impl Unit {
    /// The word users see; empty for a plain number.
    pub fn word(self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Events => "events",
            Unit::Bytes => "bytes",
            Unit::Chars => "characters",
            Unit::Millis => "milliseconds",
            Unit::Seconds => "seconds",
        }
    }
}

/// Looks at a key as it is written below its component, and at its value, for what is right and may surprise. The place
/// is added by who asks.
pub type Lint = fn(key: &str, value: &str) -> Option<Diagnostic>;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Honoured,
    /// Accepted and without effect, for this reason.
    Ignored(&'static str),
    /// An error, with what to use instead.
    Refused(&'static str),
}

/// One key of a component, declared once and read through the same constant.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub key: &'static str,
    /// Other spellings, accepted with one lint line each.
    pub aliases: &'static [&'static str],
    pub ty: Type,
    pub unit: Unit,
    pub default: Option<&'static str>,
    pub required: bool,
    /// A bad value gives the default and a warning, where Flume does so.
    pub lenient: bool,
    /// No message may show the value.
    pub secret: bool,
    pub lint: Option<Lint>,
    pub state: State,
    pub doc: &'static str,
}

impl Field {
    const fn new(key: &'static str, ty: Type) -> Field {
        Field {
            key,
            aliases: &[],
            ty,
            unit: Unit::None,
            default: None,
            required: false,
            lenient: false,
            secret: false,
            lint: None,
            state: State::Honoured,
            doc: "",
        }
    }

    pub const fn int(key: &'static str, least: i64, most: i64) -> Field {
        Field::new(key, Type::Int { least, most })
    }
    pub const fn flag(key: &'static str) -> Field {
        Field::new(key, Type::Flag)
    }
    pub const fn text(key: &'static str) -> Field {
        Field::new(key, Type::Text)
    }
    pub const fn word(key: &'static str) -> Field {
        Field::new(key, Type::Word)
    }
    pub const fn path(key: &'static str) -> Field {
        Field::new(key, Type::Path)
    }
    pub const fn choice(key: &'static str, words: &'static [&'static str]) -> Field {
        Field::new(key, Type::Choice(words))
    }
    pub const fn regex(key: &'static str) -> Field {
        Field::new(key, Type::Regex)
    }
    pub const fn charset(key: &'static str) -> Field {
        Field::new(key, Type::Charset)
    }
    pub const fn names(key: &'static str) -> Field {
        Field::new(key, Type::Names)
    }
    pub const fn prefix(key: &'static str) -> Field {
        Field::new(key, Type::Prefix)
    }
    pub const fn also(mut self, aliases: &'static [&'static str]) -> Field {
        self.aliases = aliases;
        self
    }
    pub const fn unit(mut self, unit: Unit) -> Field {
        self.unit = unit;
        self
    }
    pub const fn default(mut self, text: &'static str) -> Field {
        self.default = Some(text);
        self
    }
    pub const fn required(mut self) -> Field {
        self.required = true;
        self
    }
    pub const fn lenient(mut self) -> Field {
        self.lenient = true;
        self
    }
    pub const fn secret(mut self) -> Field {
        self.secret = true;
        self
    }
    pub const fn lint(mut self, lint: Lint) -> Field {
        self.lint = Some(lint);
        self
    }
    pub const fn ignored(mut self, reason: &'static str) -> Field {
        self.state = State::Ignored(reason);
        self
    }
    pub const fn refused(mut self, instead: &'static str) -> Field {
        self.state = State::Refused(instead);
        self
    }
    pub const fn doc(mut self, doc: &'static str) -> Field {
        self.doc = doc;
        self
    }
}

/// A component type: one constant per file, one line in its folder's `ALL`.
pub struct Spec {
    pub kind: Kind,
    /// Flume's alias, matched in any case; or our own short name.
    pub name: &'static str,
    /// The Java class, which configs may name instead.
    pub class: &'static str,
    /// Other names to accept, in full.
    pub aliases: &'static [&'static str],
    pub summary: &'static str,
    /// Groups of fields, so that components that share keys share their declarations.
    pub fields: &'static [&'static [Field]],
    pub build: Build,
}

impl Spec {
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().flat_map(|group| group.iter())
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// Opens a channel once the whole configuration has been checked.
pub type ChannelOpener =
    Box<dyn FnOnce(ChannelKey, Arc<Pulse>) -> Result<Arc<dyn Channel>, ChannelError> + Send>;

/// How a group hands out what its channel has.
pub struct GroupPlan {
    pub processor: Box<dyn Processor>,
    /// Whether events reach the far side in the order of the channel.
    pub keeps_order: bool,
    /// What was not written as it was meant: warnings.
    pub remarks: Vec<Refusal>,
}

impl GroupPlan {
    pub fn new(processor: impl Processor + 'static) -> GroupPlan {
        GroupPlan { processor: Box::new(processor), keeps_order: true, remarks: Vec::new() }
    }
}

/// The parts of a channel that lies elsewhere: a sink brings there what sources put, and a source brings from there what
/// sinks take. All of them read the channel's values.
pub struct Relay {
    /// The channel that sources put into; a put is held once the sink has delivered it.
    pub front: Spec,
    pub sink: Spec,
    pub source: Spec,
    /// The channel that sinks take from; what is in it comes again after a stop.
    pub back: Spec,
}

impl Relay {
    /// All of them.
    pub fn parts(&self) -> [&Spec; 4] {
        [&self.front, &self.sink, &self.source, &self.back]
    }
}

/// Makes the component from its checked values; touches nothing outside the process.
#[derive(Clone, Copy)]
pub enum Build {
    Source(fn(&At) -> Result<Box<dyn Source>, Refusal>),
    Channel(fn(&At) -> Result<ChannelOpener, Refusal>),
    Sink(fn(&At) -> Result<Box<dyn Sink>, Refusal>),
    /// A channel that lies elsewhere.
    Relay(&'static Relay),
    Interceptor(fn(&At) -> Result<Box<dyn Interceptor>, Refusal>),
    Selector(fn(&At) -> Result<Box<dyn Selector>, Refusal>),
    /// With the names of the group's sinks, in order.
    Group(fn(&At, &[String]) -> Result<GroupPlan, Refusal>),
    /// Known by name, not built in this version; the text says what to use instead.
    NotYet(&'static str),
}

/// Keys that are right one by one and wrong together, or a value that only its component can judge.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The key to point at; the component's `type` if none.
    pub key: Option<String>,
    /// What is wrong; lowercase, no full stop.
    pub what: String,
    /// What to write instead.
    pub instead: Option<String>,
}

impl Refusal {
    pub fn at(field: &Field, what: impl Into<String>) -> Refusal {
        Refusal { key: Some(field.key.to_string()), what: what.into(), instead: None }
    }

    pub fn instead(mut self, instead: impl Into<String>) -> Refusal {
        self.instead = Some(instead.into());
        self
    }
}

/// Values of one component as checked: canonical key to text.
pub type Values = BTreeMap<String, String>;

/// Where an agent lives.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The name of the instance.
    pub instance: String,
    /// Relative paths in values start here: the directory of the agent file.
    pub config_dir: PathBuf,
    pub state_dir: PathBuf,
    pub runtime_dir: PathBuf,
    /// Where catalogs of clusters and brokers are looked for first.
    pub env_root: Option<PathBuf>,
    /// Clusters and brokers by name; loading an agent file sets it.
    pub catalogs: Catalogs,
    /// What K1 keys begin with.
    pub installation: String,
}

/// Typed access to the checked values of one component.
pub struct At<'a> {
    /// The component's name in its agent.
    pub name: &'a str,
    pub values: &'a Values,
    pub place: &'a Place,
    pub pulse: &'a Arc<Pulse>,
    /// For a selector: the channels of its source, in order.
    pub channels: &'a [String],
}

impl At<'_> {
    /// Where a sink keeps events that its far side refuses for good, and a source messages that are no events.
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters::of(&self.place.state_dir, self.pulse)
    }

    /// The text of a field: as written, else its default.
    pub fn opt(&self, field: &Field) -> Option<&str> {
        self.values.get(field.key).map(String::as_str).or(field.default)
    }

    /// Whether the user wrote it.
    pub fn is_set(&self, field: &Field) -> bool {
        self.values.contains_key(field.key)
    }

    pub fn text(&self, field: &Field) -> &str {
        self.opt(field).expect("checked: the field is required or has a default")
    }

    pub fn flag(&self, field: &Field) -> bool {
        self.opt(field).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }

    pub fn int(&self, field: &Field) -> i64 {
        self.opt_int(field).expect("checked: the field is required or has a default")
    }

    pub fn opt_int(&self, field: &Field) -> Option<i64> {
        self.opt(field).map(|text| text.trim().parse().expect("checked: the value is a number"))
    }

    /// A count that is not negative, by the field's bounds.
    pub fn count(&self, field: &Field) -> usize {
        usize::try_from(self.int(field)).expect("checked: the field's least is not below 0")
    }

    /// A duration in the field's unit.
    pub fn time(&self, field: &Field) -> Duration {
        let count = u64::try_from(self.int(field)).unwrap_or(0);
        match field.unit {
            Unit::Seconds => Duration::from_secs(count),
            _ => Duration::from_millis(count),
        }
    }

    /// A path; relative ones start at the directory of the agent file.
    pub fn path(&self, field: &Field) -> PathBuf {
        self.place.config_dir.join(Path::new(self.text(field)))
    }

    pub fn opt_path(&self, field: &Field) -> Option<PathBuf> {
        self.opt(field).map(|text| self.place.config_dir.join(text))
    }

    /// Which of the field's words it is, in the field's spelling.
    pub fn choice(&self, field: &Field) -> &'static str {
        let Type::Choice(words) = field.ty else { panic!("`{}` is not a choice", field.key) };
        let text = self.text(field);
        words.iter().find(|word| word.eq_ignore_ascii_case(text)).expect("checked: one of the words")
    }

    pub fn names(&self, field: &Field) -> Vec<String> {
        self.opt(field).map(|text| text.split_whitespace().map(str::to_string).collect()).unwrap_or_default()
    }

    /// All keys under a prefix field, the prefix stripped, in key order.
    pub fn under(&self, field: &Field) -> Vec<(&str, &str)> {
        let keys = self.values.range(field.key.to_string()..);
        keys.take_while(|(key, _)| key.starts_with(field.key))
            .map(|(key, value)| (&key[field.key.len()..], value.as_str()))
            .collect()
    }
}
