//! `dataflowkit agent`: runs one agent of a file until it is told to stop.
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use super::place::Directories;
use crate::agent::{self, Ending, Options, logging};
use crate::config::{self, Loaded, Request, Spec};
use crate::diag::{self, Severity};

/// EX_CONFIG of sysexits(3): the unit is not restarted on it.
pub const BAD_CONFIG: u8 = 78;
const FAILED: u8 = 1;

/// Runs an agent: `dataflowkit agent -n a1 -f orders.properties`
#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub struct AgentArgs {
    /// The agent of the file to run [default: the one named like the instance, else AGENT_NAME, else the only one]
    #[arg(short, long)]
    name: Option<String>,
    /// The agent file: Flume properties or TOML
    #[arg(short = 'f', long = "conf-file", visible_alias = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// The directory of agent files
    #[arg(short = 'c', long = "conf", value_name = "DIR", default_value = "/etc/dataflowkit")]
    conf: PathBuf,
    /// The instance: which state is ours [default: the file's name without its extension]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Sets a property over the file, or a Flume system property
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = super::define)]
    define: Vec<(String, String)>,
    #[command(flatten)]
    directories: Directories,
    /// Refuses to start where Flume would drop a part and run the rest
    #[arg(long)]
    strict: bool,
    /// Ends when every input has ended and all is delivered
    #[arg(long)]
    until_drained: bool,
    /// How long a stop may take to deliver what is in the channels, in ms
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    drain_limit: u64,
    /// Accepted as Flume's: the file is read once
    #[arg(long, hide = true)]
    no_reload_conf: bool,
    /// Accepted as Flume's: there is no class path
    #[arg(short = 'C', long, hide = true)]
    classpath: Option<String>,
}

/// Runs the command; its exit status.
pub fn run(args: AgentArgs, specs: &[&'static Spec]) -> u8 {
    let Some(file) = args.file.clone().or_else(|| instance_file(&args)) else {
        eprintln!(
            "dataflowkit agent: no agent file: give one by `-f FILE`, or `--instance NAME` for `{}/NAME.properties`",
            args.conf.display()
        );
        return 2;
    };
    let instance = args.instance.clone().unwrap_or_else(|| stem(&file));
    let mut request = Request::new(&file, specs.to_vec());
    request.name.clone_from(&args.name);
    request.strict = args.strict;
    request.defines.clone_from(&args.define);
    request.place = args.directories.place(&instance);
    let loaded = config::load(&request);
    logging::start(loaded.logging.level.unwrap_or(LevelFilter::Info), &instance);
    tell(&loaded);
    if loaded.fatal() {
        log::error!(
            "the configuration `{}` cannot run; `dataflowkit check {}` shows it again",
            file.display(),
            file.display()
        );
        return BAD_CONFIG;
    }
    let Some(graph) = loaded.graph else { return BAD_CONFIG };
    let place = graph.place.clone();
    let options =
        Options { until_drained: args.until_drained, drain_limit: Duration::from_millis(args.drain_limit) };
    match agent::run(graph, place, options) {
        Ok(Ending::Orderly) => 0,
        Ok(Ending::Undrained) => FAILED,
        Err(fatal) => {
            log::error!("{fatal}");
            FAILED
        }
    }
}

/// All problems of the configuration, to the log: each as one entry, worst level as its own; then what they left out.
fn tell(loaded: &Loaded) {
    for diagnostic in loaded.report.in_order() {
        let level = match diagnostic.severity {
            Severity::Error => log::Level::Error,
            Severity::Warning => log::Level::Warn,
            Severity::Note => log::Level::Info,
        };
        log::log!(level, "{}", diag::one(&loaded.report, diagnostic).trim_end());
    }
    for dropped in loaded.graph.iter().flat_map(|graph| &graph.dropped) {
        let why = loaded.report.shown(&dropped.why);
        log::error!("NOT RUNNING: {} `{}`: {why}", dropped.kind.word(), dropped.name);
    }
}

/// `NAME.properties`, `NAME.toml` or `NAME.conf` of an instance; `FLUME_CONF` of its `NAME.env` beats them.
fn instance_file(args: &AgentArgs) -> Option<PathBuf> {
    let instance = args.instance.as_deref()?;
    if let Some(file) = std::env::var_os("FLUME_CONF") {
        return Some(args.conf.join(file));
    }
    let named = |extension: &str| args.conf.join(format!("{instance}.{extension}"));
    let found = ["properties", "toml", "conf"].into_iter().map(named).find(|path| path.exists());
    Some(found.unwrap_or_else(|| named("properties")))
}

fn stem(file: &Path) -> String {
    file.file_stem().map_or_else(|| "default".into(), |stem| stem.to_string_lossy().into_owned())
}
