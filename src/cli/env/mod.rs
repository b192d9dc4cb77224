//! `dataflowkit env list|show|import`: the catalogs of clusters and brokers that agent files name.
//!
//! Reads files only, asks no broker. Secrets are never printed.
//! Exit status: 0 fine; 1 something is wrong with an entry (list, show), or was not written (import); 2 there is no
//! such kind or entry, or nothing to import.
mod import;
mod list;
mod show;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::catalog::{self, Catalogs, Kind, Places};
use crate::diag::{self, Report, Severity, nearest};

const NOTHING_THERE: u8 = 2;

/// Lists, shows and imports the catalogs of clusters and brokers that agent files name
#[derive(Args, Clone, Debug)]
pub struct EnvArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Lists the entries there are, each with the file that counts
    List {
        /// kafka or jms; without it all
        #[arg(value_name = "KIND")]
        kind: Option<String>,
        #[command(flatten)]
        places: PlaceArgs,
    },
    /// Shows one entry as an agent sees it, with the line of each value; secrets are not shown
    Show {
        /// kafka or jms
        kind: String,
        /// The entry: a file's name without .toml or .xml
        name: String,
        #[command(flatten)]
        places: PlaceArgs,
    },
    /// Turns entries of the older platform (XML) into TOML; overwrites nothing
    Import {
        /// The older env_root, the directory that it lies in, or one folder of XML files named like a kind
        dir: PathBuf,
        /// Where to write KIND/NAME.toml: /etc/dataflowkit/env, say [default: print them, without secrets]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

/// Where entries are looked for.
#[derive(Args, Clone, Debug)]
pub struct PlaceArgs {
    /// The directory of agent files
    #[arg(short = 'c', long = "conf", value_name = "DIR", default_value = "/etc/dataflowkit")]
    conf: PathBuf,
    /// As this instance sees them: those in INSTANCE.d/env come first
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Looked into before all others [default: DATAFLOWKIT_ENV_ROOT]
    #[arg(long, value_name = "DIR")]
    env_root: Option<PathBuf>,
}

impl PlaceArgs {
    fn catalogs(&self) -> Catalogs {
        let root =
            std::env::var_os("DATAFLOWKIT_ENV_ROOT").filter(|root| !root.is_empty()).map(PathBuf::from);
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let env = std::env::vars_os().filter_map(|(key, value)| Some((text(key)?, text(value)?))).collect();
        let config_dir = std::path::absolute(&self.conf).unwrap_or_else(|_| self.conf.clone());
        let instance = self.instance.clone().unwrap_or_default();
        Catalogs::new(Places { env_root: self.env_root.clone().or(root), config_dir, instance }, env)
    }
}

/// Runs the command; its exit status.
pub fn run(args: &EnvArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    match &args.command {
        Command::List { kind, places } => list::run(kind.as_deref(), &places.catalogs(), out, err),
        Command::Show { kind, name, places } => show::run(kind, name, &places.catalogs(), out, err),
        Command::Import { dir, to } => import::run(dir, to.as_deref(), out, err),
    }
}

/// The kind of a word of the command line; else says which there are.
fn kind(word: &str, err: &mut dyn Write) -> io::Result<Option<&'static Kind>> {
    let found = catalog::kind(&word.to_ascii_lowercase());
    if found.is_none() {
        let all: Vec<&str> = catalog::ALL.iter().map(|kind| kind.name).collect();
        let near = nearest(word, all.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
        let there = format!(": there are {}", all.join(" and "));
        writeln!(err, "dataflowkit env: there is no kind `{word}`{}", near.unwrap_or(there))?;
    }
    Ok(found)
}

/// Prints what was said of the files; whether any of it is worth mending.
fn tell(report: &Report, err: &mut dyn Write) -> io::Result<bool> {
    let text = diag::text(report);
    if !text.is_empty() {
        writeln!(err, "{}", text.trim_end())?;
    }
    Ok(report.has_errors() || report.count(Severity::Warning) > 0)
}
