//! The kernel: files, locks, programs, datagrams, boots, clocks. The only place that may need `unsafe`;
//! `child` does, and `librdkafka`, which is no kernel and C all the same.
mod boot;
pub mod child;
mod clock;
pub mod datagrams;
pub mod disk;
mod files;
mod host;
#[cfg(feature = "kafka")]
pub mod librdkafka;
mod lock;
mod poll;
pub mod random;
mod runtime;
mod watch;

pub use boot::{boot_id, machine_id};
pub use clock::{wall_ms, wall_ns};
pub use files::{raise_descriptor_limit, replace_with, sync_dir};
pub use host::{full_host_name, host_address, host_name};
pub use lock::{LockError, lock_file, lock_owner};
pub use poll::{Until, wait_for};
pub use runtime::runtime;
pub use watch::{Change, Watcher, is_remote};
