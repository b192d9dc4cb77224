//! `dataflowkit samples DIR`, for the build: commented sample configs from the field declarations.
//!
//! One file per source, channel, sink and group type that can run, each a whole agent, and one per kind of catalog; every
//! key with its meaning and default. The
//! committed copies under `etc/` are held to fresh output by a test.
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::explain::{facts, fields};
use crate::config::catalog;
use crate::config::{Build, Field, Spec, State, Type, common};
use crate::flow::Kind;

/// Writes commented sample configs
#[derive(Args, Clone, Debug)]
pub struct SamplesArgs {
    pub dir: PathBuf,
}

pub fn run(args: &SamplesArgs, specs: &[&'static Spec], out: &mut dyn Write) -> io::Result<u8> {
    fs::create_dir_all(&args.dir)?;
    for (name, text) in samples(specs).into_iter().chain(entries()) {
        let path = args.dir.join(&name);
        fs::write(&path, text)?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(0)
}

/// File names and contents.
pub fn samples(specs: &[&'static Spec]) -> Vec<(String, String)> {
    let built = |kind: Kind| {
        let same = move |spec: &&&'static Spec| spec.kind == kind && !matches!(spec.build, Build::NotYet(_));
        specs.iter().filter(same).copied().collect::<Vec<_>>()
    };
    let (sources, sinks, channels) = (built(Kind::Source), built(Kind::Sink), built(Kind::Channel));
    let first = |list: &[&'static Spec], names: &[&str]| {
        names
            .iter()
            .find_map(|name| list.iter().copied().find(|spec| spec.name == *name))
            .or(list.first().copied())
    };
    let Some(channel) = first(&channels, &["memory"]) else { return Vec::new() };
    let Some(source) = first(&sources, &["taildir", "netcat"]) else { return Vec::new() };
    let Some(sink) = first(&sinks, &["logger"]) else { return Vec::new() };
    let mut files = Vec::new();
    for spec in &sources {
        files.push((format!("source-{}.properties", spec.name), sample(spec, [spec, channel, sink])));
    }
    for spec in &channels {
        files.push((format!("channel-{}.properties", spec.name), sample(spec, [source, spec, sink])));
    }
    for spec in &sinks {
        files.push((format!("sink-{}.properties", spec.name), sample(spec, [source, channel, spec])));
    }
    // A group of one is said by leaving the group out.
    for spec in built(Kind::SinkGroup).into_iter().filter(|spec| spec.name != "default") {
        files.push((format!("group-{}.properties", spec.name), group(spec, [source, channel, sink])));
    }
    files
}

/// Entries of the env catalogs: file names and contents.
pub fn entries() -> Vec<(String, String)> {
    catalog::ALL
        .into_iter()
        .map(|kind| (format!("catalog-{}.toml", kind.name), catalog_entry(kind)))
        .collect()
}

fn catalog_entry(kind: &catalog::Kind) -> String {
    let name = kind.name;
    let mut text = format!(
        "# an entry of the env catalogs, kind `{name}`: {}\n\
         # Copy this to /etc/dataflowkit/env/{name}/NAME.toml, or let a package bring it as\n\
         # /usr/lib/dataflowkit/env/{name}/NAME.toml; agent files then say `topics = NAME.TOPIC`.\n\
         # `dataflowkit env show {name} NAME` shows what is read, `dataflowkit explain catalog {name}` tells more.\n",
        kind.summary
    );
    for field in kind.fields.iter().filter(|field| field.state == State::Honoured) {
        let example =
            kind.examples.iter().find(|(key, _)| *key == field.key).map_or("\"\"", |(_, text)| *text);
        let (below, start) = match (field.ty, field.required) {
            (Type::Prefix, _) => (format!("[{}]\n", field.key.trim_end_matches('.')), "#"),
            (_, true) => (String::new(), ""),
            (_, false) => (String::new(), "#"),
        };
        text.push_str(&format!("\n# {} ({})\n{below}", field.doc, facts(field)));
        for line in example.lines() {
            match field.ty {
                Type::Prefix => text.push_str(&format!("{start}{line}\n")),
                _ => text.push_str(&format!("{start}{} = {line}\n", field.key)),
            }
        }
    }
    text
}

/// A whole agent with two sinks in a group.
fn group(about: &'static Spec, parts: [&'static Spec; 3]) -> String {
    let mut text = sample(about, parts).replace("a1.sinks = k1\n", "a1.sinks = k1 k2\na1.sinkgroups = g1\n");
    let first = text.find("\na1.sinks.k1.type").map(|at| text[at..].to_string()).unwrap_or_default();
    text.push_str(&first.replace("a1.sinks.k1", "a1.sinks.k2"));
    text.push_str(&format!(
        "\na1.sinkgroups.g1.sinks = k1 k2\na1.sinkgroups.g1.processor.type = {}\n",
        about.name
    ));
    about.fields().for_each(|field| text.push_str(&entry("a1.sinkgroups.g1.processor", field)));
    common::GROUP.iter().for_each(|field| text.push_str(&entry("a1.sinkgroups.g1", field)));
    text
}

/// A whole agent around the component that the file is about.
fn sample(about: &'static Spec, parts: [&'static Spec; 3]) -> String {
    let mut text = format!("# {} `{}`: {}\n", about.kind.word(), about.name, about.summary);
    text.push_str(
        "# Copy this to /etc/dataflowkit/NAME.properties and run `systemctl start dataflowkit@NAME`.\n",
    );
    let kind = if about.kind == Kind::SinkGroup { "group" } else { about.kind.word() };
    text.push_str(&format!("# `dataflowkit explain {kind} {}` tells more.\n\n", about.name));
    text.push_str("a1.sources = r1\na1.channels = c1\na1.sinks = k1\n");
    for spec in parts {
        let (prefix, ends) = match spec.kind {
            Kind::Source => ("a1.sources.r1", "channels = c1"),
            Kind::Channel => ("a1.channels.c1", ""),
            _ => ("a1.sinks.k1", "channel = c1"),
        };
        text.push_str(&format!("\n{prefix}.type = {}\n", spec.name));
        if !ends.is_empty() {
            text.push_str(&format!("{prefix}.{ends}\n"));
        }
        let full = spec.kind == about.kind;
        for field in fields(spec).into_iter().filter(|field| full || field.required || is_shown(field)) {
            text.push_str(&entry(prefix, field));
        }
        if spec.kind == Kind::Channel && !full {
            text.push_str(&room(prefix, about, spec));
        }
    }
    text
}

/// Lines that make room for a batch of the component, where the channel's default is smaller.
fn room(prefix: &str, about: &Spec, channel: &Spec) -> String {
    let default = |spec: &Spec, key: &str| -> Option<u64> {
        spec.fields().find(|field| field.key == key)?.default?.parse().ok()
    };
    let Some(batch) = default(about, "batchSize") else { return String::new() };
    let keys = ["capacity", "transactionCapacity"].into_iter();
    keys.filter(|key| default(channel, key).is_some_and(|room| room < batch))
        .map(|key| format!("{prefix}.{key} = {batch}\n"))
        .collect()
}

/// One key: its meaning, and a line that sets it where it must be set.
fn entry(prefix: &str, field: &Field) -> String {
    if common::is_structure(field) || field.state != State::Honoured {
        return String::new();
    }
    let star = if matches!(field.ty, Type::Prefix) { "NAME" } else { "" };
    let about = format!("\n# {} ({})\n", field.doc, facts(field));
    let shown = EXAMPLES.iter().find(|(key, _)| *key == field.key).map(|(_, text)| *text);
    if let (Some(text), Type::Prefix) = (shown, field.ty) {
        return format!("{about}{prefix}.{}{text}\n", field.key);
    }
    match (field.required, field.default) {
        (true, _) => format!("{about}{prefix}.{} = {}\n", field.key, example(field)),
        (false, None) if ONE_OF_SEVERAL.contains(&field.key) => {
            format!("{about}{prefix}.{} = {}\n", field.key, example(field))
        }
        (false, default) => {
            format!("{about}#{prefix}.{}{star} = {}\n", field.key, escaped(default.unwrap_or("…")))
        }
    }
}

/// A family of keys without which the component has nothing to do.
fn is_shown(field: &Field) -> bool {
    matches!(field.ty, Type::Prefix) && EXAMPLES.iter().any(|(key, _)| *key == field.key)
}

/// What stands after keys whose values nothing else tells.
const EXAMPLES: &[(&str, &str)] = &[
    ("filegroups", "f1"),
    ("priority.", "k1 = 10"),
    ("filegroups.", "f1 = /var/log/app/.*\\\\.log"),
    ("sink.directory", "/var/spool/dataflowkit"),
    ("bind", "127.0.0.1"),
    ("port", "44444"),
    ("regex", ".*"),
    ("command", "/usr/local/bin/program"),
    ("kafka.bootstrap.servers", "127.0.0.1:9092"),
    ("kafka.topics", "orders, payments"),
];

/// Keys that say what others could say too, and without any of which the component cannot run.
const ONE_OF_SEVERAL: [&str; 2] = ["kafka.bootstrap.servers", "kafka.topics"];

/// A value for a key that must be set.
fn example(field: &Field) -> String {
    if let Some((_, text)) = EXAMPLES.iter().find(|(key, _)| *key == field.key) {
        return (*text).to_string();
    }
    match field.ty {
        Type::Path => "/var/log/app".to_string(),
        Type::Int { least, .. } => least.max(1).to_string(),
        Type::Flag => "true".to_string(),
        Type::Choice(words) => words.first().copied().unwrap_or_default().to_string(),
        _ => field.default.unwrap_or("VALUE").to_string(),
    }
}

/// As a properties file needs it: a backslash is written twice.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}

/// The directory of the committed samples, from the top of the tree.
pub fn committed() -> &'static Path {
    Path::new("etc/dataflowkit/samples")
}
