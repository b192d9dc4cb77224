//! Wall time.
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, the unit of our files and Flume's; 0 for a clock set before that.
pub fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Nanoseconds since 1970; 0 for a clock set before that.
pub fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
