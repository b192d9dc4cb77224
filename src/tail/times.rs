//! When what happens to the files of a source: the times that all of them have.
use std::time::Duration;

/// Every one an option of the source.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A finished file, or one that lost its name, is watched for late lines.
    pub late: Duration,
    /// The directory is looked through.
    pub rescan: Duration,
    /// With `until_drained`: all quiet for so long is the end.
    pub drain: Duration,
    /// An unterminated last line of a live file goes out.
    pub partial: Option<Duration>,
    /// An open multi-line record of a live file is closed.
    pub record: Option<Duration>,
}
