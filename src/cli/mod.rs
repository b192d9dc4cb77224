//! Commands: one file each, with its arguments and a function from them to an exit status. The only place that prints.
pub mod agent;
pub mod arguments;
pub mod channel;
pub mod check;
pub mod env;
pub mod explain;
pub mod place;
pub mod samples;
pub mod service;
pub mod status;
pub mod version;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Spec;
use crate::registry;

/// Ships logs off this host: runs Apache Flume agent files unchanged, nothing lost, nothing twice, nothing hidden
#[derive(Parser)]
#[command(name = "dataflowkit", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Agent(agent::AgentArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Status(status::StatusArgs),
    Channel(channel::ChannelArgs),
    Env(env::EnvArgs),
    /// Starts an instance by systemd
    Start(service::ServiceArgs),
    /// Stops an instance by systemd
    Stop(service::ServiceArgs),
    /// Restarts an instance by systemd
    Restart(service::ServiceArgs),
    /// Prints the version
    Version,
    /// Writes the commented sample configurations
    #[command(hide = true)]
    Samples(samples::SamplesArgs),
}

/// The program: arguments to exit status. `own` are components beside the built-in ones; a name that both have is theirs.
pub fn run(own: &[&'static Spec]) -> ExitCode {
    let arguments = Arguments::parse_from(arguments::flume_style(std::env::args()));
    let specs: Vec<_> = own.iter().copied().chain(registry::all()).collect();
    let (out, err) = (&mut io::stdout(), &mut io::stderr());
    let printed = match arguments.command {
        Command::Agent(args) => Ok(agent::run(args, &specs)),
        Command::Status(args) => Ok(status::run(&args)),
        Command::Start(args) => Ok(service::run("start", &args)),
        Command::Stop(args) => Ok(service::run("stop", &args)),
        Command::Restart(args) => Ok(service::run("restart", &args)),
        Command::Channel(args) => channel::run(&args, &specs, out, err),
        Command::Env(args) => env::run(&args, out, err),
        Command::Check(args) => check::run(&args, &specs, out),
        Command::Explain(args) => explain::run(&args, &specs, out, err),
        Command::Samples(args) => samples::run(&args, &specs, out),
        Command::Version => version::run(out),
    };
    match printed {
        Ok(status) => ExitCode::from(status),
        // The reader went away, `| head` say: nothing is left to tell it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dataflowkit: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `KEY=VALUE` of a `-D`; without `=` the value is empty, as Java has it. Seed files also write `KEY==VALUE`.
pub fn define(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err("a name is missing before `=`".to_string());
    }
    Ok((key.to_string(), value.trim_start_matches('=').to_string()))
}
