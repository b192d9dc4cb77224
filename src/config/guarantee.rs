//! What a path through the graph promises, what that rests on, and what would raise it.
//!
//! Whether a sink keeps a record is asked of the sink; whether a source can be read again and whether a channel is on
//! disk is told by name below, a component of somebody's own counts as neither.
//! Truth: section 10 of the protocol in `ARCHITECTURE.md`.
use super::graph::{Graph, Node, SinkNode, SourceNode};
use super::tail_command::followed;

/// Sources whose input is still there after a crash.
const READABLE_AGAIN: &[&str] = &[
    "taildir",
    "spooldir",
    "dfk_file",
    "dfk_rollfile",
    "spooltail",
    "kafka",
    "dfk_kafka",
    "journald",
    "sql",
];
/// Channels whose events are still there after a crash. What `spillablememory` has spilled is, too; a path promises only
/// what holds for all of its events.
const ON_DISK: &[&str] = &["file", "kafka", "jdbc"];
const SPILLS: &str = "spillablememory";
/// Sources that answer their peer once the channels hold what it has sent.
const ANSWERING: &[&str] = &["netcat", "avro", "thrift", "http", "jms"];
/// Sources whose input nobody can ask for again and nobody sends again: what comes on the way to a channel, or while the
/// agent is down, is gone. Why, and what would be better.
const FLEETING: &[(&str, &str, &str)] = &[
    (
        "exec",
        "what a command prints cannot be asked for again",
        "let the command write a file, and read that by `TAILDIR` or `dfk_rollfile`",
    ),
    ("netcatudp", "nobody sends a datagram again", "`netcat`, which answers each line"),
];

/// How much a path promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    BestEffort,
    KillRereadable,
    KillSockets,
    PowerCut,
    ExactlyOnce,
}

impl Class {
    pub fn word(self) -> &'static str {
        match self {
            Class::BestEffort => "G0",
            Class::KillRereadable => "G1",
            Class::KillSockets => "G2",
            Class::PowerCut => "G3",
            Class::ExactlyOnce => "G4",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Class::BestEffort => "best effort: a crash loses what is under way",
            Class::KillRereadable => "nothing lost by kill -9; repeats are possible",
            Class::KillSockets => "nothing lost by kill -9, sockets included; repeats are possible",
            Class::PowerCut => "nothing lost by a power cut; repeats are possible",
            Class::ExactlyOnce => "exactly once, by kill -9 too",
        }
    }
}

/// One way from a source to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    pub source: String,
    pub channel: String,
    pub sink: String,
    pub class: Class,
    pub rests_on: String,
    /// What would make it a higher class.
    pub raise: Option<String>,
}

/// What every path of a graph promises.
pub fn promises(graph: &Graph) -> Vec<Promise> {
    let mut all = Vec::new();
    for source in &graph.sources {
        for name in &source.channels {
            let Some(channel) = graph.channels.iter().find(|channel| channel.name == *name) else { continue };
            let sinks = graph.sinks.iter().filter(|sink| sink.channel == *name);
            all.extend(sinks.map(|sink| promise(source, channel, sink)));
        }
    }
    all
}

/// Whether the peer is told what is held; it sends the rest again.
fn answers(source: &SourceNode) -> bool {
    let asked =
        source.node.values.get("ack-every-event").is_none_or(|text| text.eq_ignore_ascii_case("true"));
    ANSWERING.contains(&source.node.spec.name) && asked
}

/// Whether a channel on disk is asked to sync before it holds.
fn syncs(channel: &Node) -> bool {
    channel.values.get("fsyncPerTransaction").is_none_or(|text| text.eq_ignore_ascii_case("true"))
}

/// Whatever the channel and the sink are.
fn fleeting(source: &SourceNode) -> Option<(Class, String, Option<String>)> {
    let (_, why, better) = FLEETING.iter().find(|(name, ..)| *name == source.node.spec.name)?;
    let command = source.node.values.get("command").map(String::as_str).unwrap_or_default();
    let raise = match followed(command).first() {
        Some(file) => format!("`TAILDIR` on `{file}`, or `dfk_rollfile`: sources that can be read again"),
        None => (*better).to_string(),
    };
    Some((Class::BestEffort, format!("nothing: {why}"), Some(raise)))
}

fn promise(source: &SourceNode, channel: &Node, sink: &SinkNode) -> Promise {
    let (from, via, to) = (&source.node.name, &channel.name, &sink.node.name);
    let (class, rests_on, raise) = fleeting(source).unwrap_or_else(|| of_path(source, channel, sink));
    Promise { source: from.clone(), channel: via.clone(), sink: to.clone(), class, rests_on, raise }
}

fn of_path(source: &SourceNode, channel: &Node, sink: &SinkNode) -> (Class, String, Option<String>) {
    let again = READABLE_AGAIN.contains(&source.node.spec.name);
    let on_disk = ON_DISK.contains(&channel.spec.name);
    let (from, via, to) = (&source.node.name, &channel.name, &sink.node.name);
    match (again, on_disk, sink.keeps_record) {
        (true, _, true) => {
            let why = format!("`{from}` can be read again, `{to}` keeps a record of what it has");
            (Class::ExactlyOnce, why, None)
        }
        (true, true, false) => {
            let why = format!("`{from}` can be read again, `{via}` is on disk");
            (Class::PowerCut, why, Some("a sink that keeps a record of what it has".to_string()))
        }
        (true, false, false) => {
            let raise = "a channel on disk, or a sink that keeps a record of what it has".to_string();
            (Class::KillRereadable, format!("`{from}` can be read again"), Some(raise))
        }
        (false, true, _) if answers(source) && syncs(channel) => {
            let why = format!(
                "`{via}` is on disk before `{from}` answers; what was never answered may be sent again"
            );
            (Class::PowerCut, why, Some("a source that can be read again".to_string()))
        }
        (false, true, _) => {
            let why = format!("`{via}` is on disk; `{from}` cannot be read again");
            (Class::KillSockets, why, Some("a source that can be read again".to_string()))
        }
        (false, false, _) => {
            let but = if channel.spec.name == SPILLS { ", but for what it spills" } else { "" };
            let why = format!("`{from}` cannot be read again and `{via}` is in memory{but}");
            (
                Class::BestEffort,
                why,
                Some("a channel on disk, or a source that can be read again".to_string()),
            )
        }
    }
}
