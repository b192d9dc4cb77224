//! `dataflowkit status`: what a running agent says of itself.
use std::fmt::Write;

use super::place::Directories;
use crate::agent::{self, ComponentStatus, FileStatus, LedgerStatus, LogStatus, Status};

/// Asks a running agent over its control socket
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// The instance
    #[arg(default_value = "default")]
    name: String,
    /// Prints everything, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    directories: Directories,
}

/// Files listed in text; JSON has all of them.
const FILES_SHOWN: usize = 10;

/// Runs the command: 0 if the agent answered, 1 if not.
pub fn run(args: &StatusArgs) -> u8 {
    let mut cause = None;
    for dir in args.directories.listening(&args.name) {
        match agent::ask(&dir) {
            Ok(status) => return print(&status, args.json),
            Err(error) => _ = cause.get_or_insert((dir, error)),
        }
    }
    if let Some((dir, error)) = cause {
        eprintln!(
            "dataflowkit status: instance `{}` does not answer at `{}`: {error}",
            args.name,
            dir.display()
        );
    }
    1
}

fn print(status: &Status, json: bool) -> u8 {
    let text = if json {
        serde_json::to_string_pretty(status).expect("a status has only text, numbers and lists") + "\n"
    } else {
        text(status)
    };
    print!("{text}");
    0
}

fn text(status: &Status) -> String {
    let mut out = format!(
        "{} (agent `{}`, pid {}, up {} s, version {})\n",
        status.instance, status.agent, status.pid, status.up_seconds, status.version
    );
    for component in &status.components {
        describe(component, &mut out);
    }
    for ledger in &status.ledgers {
        let _ = writeln!(out, "  {}", sentence(ledger));
    }
    for dropped in &status.dropped {
        let _ = writeln!(out, "  NOT RUNNING: {dropped}");
    }
    out
}

fn describe(component: &ComponentStatus, out: &mut String) {
    let ComponentStatus { kind, name, type_name, state, .. } = component;
    let _ = write!(out, "  {kind} {name} ({type_name}): {state}");
    if let (Some(what), Some(on)) = (&component.waits_for, &component.on) {
        let _ = write!(out, " for {what} ({on})");
    }
    if let Some(depth) = &component.depth {
        let _ = write!(out, ", {} of {} events, {} bytes", depth.events, depth.capacity_events, depth.bytes);
    }
    if let Some(log) = &component.log {
        let LogStatus { segments, bytes_on_disk, events_on_disk, waits_for_disk_space } = log;
        let _ =
            write!(out, "; {events_on_disk} events on disk, {segments} segments of {bytes_on_disk} bytes");
        if *waits_for_disk_space {
            out.push_str(", waits for disk space");
        }
    }
    out.push('\n');
    if let Some(trouble) = &component.trouble {
        let since =
            component.trouble_since.as_ref().map_or(String::new(), |since| format!(", since {since}"));
        let _ = writeln!(out, "    failing: {trouble}{since}");
    }
    let counters: Vec<String> =
        component.counters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !counters.is_empty() {
        let _ = writeln!(out, "    {}", counters.join(", "));
    }
    let mut files: Vec<&FileStatus> = component.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.lag_bytes));
    for file in files.iter().take(FILES_SHOWN) {
        let FileStatus { path, position, size, lag_bytes, lag_seconds } = file;
        let _ = writeln!(
            out,
            "    {path}: {position} of {size} bytes, {lag_bytes} bytes and {lag_seconds:.1} s behind"
        );
    }
    if files.len() > FILES_SHOWN {
        let _ = writeln!(out, "    … and {} files more (--json has all)", files.len() - FILES_SHOWN);
    }
}

fn sentence(ledger: &LedgerStatus) -> String {
    let mut parts =
        vec![format!("{} delivered", ledger.delivered), format!("{} in flight", ledger.in_flight)];
    let rest = [
        (ledger.filtered, "filtered"),
        (ledger.routed_elsewhere, "routed elsewhere"),
        (ledger.without_route, "without route"),
        (ledger.skipped_by_optional, "skipped by optional"),
        (ledger.dead_lettered, "dead-lettered"),
        (ledger.repeats_dropped, "repeats dropped"),
        (ledger.lost, "lost"),
    ];
    parts.extend(rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let twice = match ledger.possibly_twice {
        0 => String::new(),
        count => format!("; {count} bytes may come twice"),
    };
    format!("{} → {}: {} read = {}{twice}", ledger.source, ledger.channel, ledger.read, parts.join(" + "))
}
