//! Which boot of which machine this is.
//!
//! Truth: `/proc/sys/kernel/random/boot_id` (random(4)), `machine-id(5)`.
use std::fs;

use super::clock::wall_ms;

/// The id of the running kernel's boot: what was written to the page cache under it is still there, as long as it
/// lasts. Where the kernel does not tell, every start counts as a new boot, which is the safe side.
pub fn boot_id() -> String {
    match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().to_string(),
        Err(_) => format!("unknown-{}-{}", std::process::id(), wall_ms()),
    }
}

/// The machine's id, if it has one.
pub fn machine_id() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id")
        .or_else(|_| fs::read_to_string("/var/lib/dbus/machine-id"))
        .ok()?;
    let id = id.trim();
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_string())
}
