//! Where log lines go: to journald as fields where it listens, to stderr as text elsewhere.
//!
//! Truth: systemd.journal-fields(7); sd-daemon(3) for the `<N>` prefix.
use std::io::Write;
use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Sends the log on its way; once per process.
pub fn start(level: LevelFilter, instance: &str) {
    let journal = systemd_journal_logger::connected_to_journal().then(|| journal(instance).ok()).flatten();
    let started = match journal {
        Some(journal) => journal.install(),
        None => {
            log::set_boxed_logger(Box::new(Stderr { prefix: std::env::var_os("JOURNAL_STREAM").is_some() }))
        }
    };
    // Set already: a program that uses the library logs its own way.
    if started.is_ok() {
        log::set_max_level(level);
    }
}

fn journal(instance: &str) -> std::io::Result<systemd_journal_logger::JournalLog> {
    let journal = systemd_journal_logger::JournalLog::new()?;
    Ok(journal.add_extra_field("INSTANCE", instance).with_syslog_identifier("dataflowkit".into()))
}

struct Stderr {
    /// Another process passes our lines on to the journal.
    prefix: bool,
}

impl Log for Stderr {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let (number, word) = match record.level() {
            Level::Error => (3, "error"),
            Level::Warn => (4, "warning"),
            Level::Info => (5, "info"),
            Level::Debug => (6, "debug"),
            Level::Trace => (7, "trace"),
        };
        let line = if self.prefix {
            format!("<{number}>{}\n", record.args())
        } else {
            let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
            format!("{now:.3} {word}: {}\n", record.args())
        };
        // A closed stderr must not end the agent.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}
