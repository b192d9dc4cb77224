//! `dataflowkit version`.
use std::io::{self, Write};

/// Prints the version, as scripts around Flume expect it: name and number on the first line.
pub fn run(out: &mut dyn Write) -> io::Result<u8> {
    writeln!(out, "dataflowkit {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "runs agent files of Apache Flume 1.6 to 1.11 and of DataFlowKit")?;
    Ok(0)
}
