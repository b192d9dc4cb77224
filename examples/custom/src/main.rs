//! DataFlowKit with a source and a sink of one's own: every command of `dataflowkit` knows them as it knows its own.
mod my_sink;
mod my_source;

use std::process::ExitCode;

fn main() -> ExitCode {
    dataflowkit::run(&[&my_source::SPEC, &my_sink::SPEC])
}
