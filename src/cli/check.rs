//! `dataflowkit check FILE…`: all problems of agent files, and what each path through them promises.
//!
//! Exit status: 0 nothing to mend (notes do not count), 1 errors or warnings, 2 used wrongly (clap's own).
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::config::guarantee::{Promise, promises};
use crate::config::{Graph, Place, Request, Spec, load_all};
use crate::diag::{self, Report, Severity};

/// Checks agent files without running them
///
/// The programs of config filters of type `external` are run, for the keys that values refer to: what they print is
/// checked too.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Agent files, .properties, .conf or .toml
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only this agent; without it all agents of each file
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,
    /// Warnings and repaired slips are errors
    #[arg(long)]
    pub strict: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where catalogs of clusters and brokers are looked for first [default: DATAFLOWKIT_ENV_ROOT]
    #[arg(long, value_name = "DIR")]
    pub env_root: Option<PathBuf>,
    /// Sets or replaces a key, as the agent's -D does
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = super::define)]
    pub defines: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    /// One object per line
    Json,
}

/// Checks the files in turn.
pub fn run(args: &CheckArgs, specs: &[&'static Spec], out: &mut dyn Write) -> io::Result<u8> {
    let mut findings = false;
    for (at, file) in args.files.iter().enumerate() {
        let place = Place { env_root: args.env_root.clone(), ..Place::default() };
        let request = Request {
            place,
            name: args.name.clone(),
            strict: args.strict,
            defines: args.defines.clone(),
            ..Request::new(file, specs.to_vec())
        };
        let (graphs, report) = load_all(&request);
        findings |= report.has_errors() || report.count(Severity::Warning) > 0;
        match args.format {
            Format::Json => json_report(&report, &graphs, out)?,
            Format::Text => {
                if at > 0 {
                    writeln!(out)?;
                }
                text_report(&file.display().to_string(), &report, &graphs, out)?;
            }
        }
    }
    Ok(u8::from(findings))
}

fn text_report(file: &str, report: &Report, graphs: &[Graph], out: &mut dyn Write) -> io::Result<()> {
    let problems = diag::text(report);
    if !problems.is_empty() {
        writeln!(out, "{problems}")?;
    }
    writeln!(out, "{file}: {}", summary(report))?;
    for graph in graphs {
        for dropped in &graph.dropped {
            let why = report.shown(&dropped.why);
            writeln!(out, "{}: {} `{}` does not run: {why}", graph.agent, dropped.kind.word(), dropped.name)?;
        }
        for promise in promises(graph) {
            text_promise(&graph.agent, &promise, out)?;
        }
    }
    Ok(())
}

fn text_promise(agent: &str, promise: &Promise, out: &mut dyn Write) -> io::Result<()> {
    let Promise { source, channel, sink, class, rests_on, raise } = promise;
    writeln!(out, "{agent}: {source} -> {channel} -> {sink}: {}, {}", class.word(), class.sentence())?;
    writeln!(out, "    rests on: {rests_on}")?;
    match raise {
        Some(raise) => writeln!(out, "    would raise it: {raise}"),
        None => Ok(()),
    }
}

fn summary(report: &Report) -> String {
    let count = |severity, word: &str| match report.count(severity) {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    let words = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let parts: Vec<String> = words.into_iter().filter_map(|(severity, word)| count(severity, word)).collect();
    if parts.is_empty() { "fine".to_string() } else { parts.join(", ") }
}

fn json_report(report: &Report, graphs: &[Graph], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}", diag::json(report))?;
    for graph in graphs {
        for dropped in &graph.dropped {
            let (kind, why) = (dropped.kind.word(), report.shown(&dropped.why));
            let object = json!({"agent": graph.agent, "dropped": dropped.name, "kind": kind, "why": why});
            writeln!(out, "{object}")?;
        }
        for promise in promises(graph) {
            let Promise { source, channel, sink, class, rests_on, raise } = promise;
            let path = [source, channel, sink];
            let class = class.word();
            let object = json!({
                "agent": graph.agent, "path": path, "class": class, "rests_on": rests_on, "raise": raise
            });
            writeln!(out, "{object}")?;
        }
    }
    Ok(())
}
