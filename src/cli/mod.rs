//! The commands, one file each: the only place that prints.
pub mod agent;
pub mod arguments;
pub mod check;
pub mod explain;
pub mod place;
pub mod samples;
pub mod service;
pub mod status;
pub mod version;

/// The exit status of a command that prints: a reader that went away is no failure.
fn finish(outcome: std::io::Result<u8>) -> u8 {
    match outcome {
        Ok(status) => status,
        Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(cause) => {
            eprintln!("dataflowkit: cannot write: {cause}");
            1
        }
    }
}
