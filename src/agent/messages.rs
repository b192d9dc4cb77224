//! Ids of the messages that operators filter by (`journalctl MESSAGE_ID=…`); they never change.
//!
//! Truth: systemd.journal-fields(7), MESSAGE_ID.

pub const STARTED: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b01";
pub const STOPPED: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b02";
pub const FAILING: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b03";
pub const RECOVERED: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b04";
pub const FENCED: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b05";
pub const STALLED: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b06";
pub const POSSIBLY_TWICE: &str = "4d5f0d6f0e1b4c0c9d8a5a0a6e1f0b08";
