//! `dataflowkit`: arguments to exit status.
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dataflowkit::cli::{agent, arguments, service, status};

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
    Status(status::StatusArgs),
    /// Starts an instance by systemd
    Start(service::ServiceArgs),
    /// Stops an instance by systemd
    Stop(service::ServiceArgs),
    /// Restarts an instance by systemd
    Restart(service::ServiceArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(arguments::flume_style(std::env::args()));
    ExitCode::from(match arguments.command {
        Command::Agent(args) => agent::run(args),
        Command::Status(args) => status::run(&args),
        Command::Start(args) => service::run("start", &args),
        Command::Stop(args) => service::run("stop", &args),
        Command::Restart(args) => service::run("restart", &args),
    })
}
