//! `dataflowkit`: the library with its own components only.
use std::process::ExitCode;

fn main() -> ExitCode {
    dataflowkit::run(&[])
}
