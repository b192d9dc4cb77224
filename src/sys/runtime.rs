//! The one runtime of all sockets: two threads, started with the first use.
//!
//! Why: sockets come by the thousand and mostly wait; files run on plain threads, which are several times faster there.
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::runtime::{Builder, Runtime};

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

/// The runtime; fails only where the system gives no threads.
pub fn runtime() -> io::Result<&'static Runtime> {
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if RUNTIME.get().is_none() {
        let made =
            Builder::new_multi_thread().worker_threads(2).thread_name("sockets").enable_all().build()?;
        let _ = RUNTIME.set(made);
    }
    Ok(RUNTIME.get().expect("set above, under the lock"))
}
