//! Told once, seen everywhere: the end of a component.
//!
//! Why an eventfd beside the flag: a thread may wait on a condition (channels) or in `poll` (inotify, sockets); both
//! wake at once, so that nothing polls for the end.
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// A handle to one shutdown; clones are the same shutdown.
#[derive(Clone)]
pub struct Stop(Arc<Inner>);

struct Inner {
    told: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
    event: EventFd,
}

impl Default for Stop {
    fn default() -> Self {
        Stop::new()
    }
}

impl Stop {
    pub fn new() -> Stop {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event =
            EventFd::from_value_and_flags(0, flags).expect("an agent has descriptors to spare at start");
        Stop(Arc::new(Inner {
            told: AtomicBool::new(false),
            lock: Mutex::new(()),
            wake: Condvar::new(),
            event,
        }))
    }

    /// Tells everybody who holds this handle, for good.
    pub fn tell(&self) {
        let _guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.told.store(true, Ordering::SeqCst);
        self.0.wake.notify_all();
        // Cannot fail short of 2^64 tells; the counter is never read, so the descriptor stays readable.
        let _ = self.0.event.write(1);
    }

    pub fn is_told(&self) -> bool {
        self.0.told.load(Ordering::SeqCst)
    }

    /// Waits for `time` or the end; true if the end came.
    pub fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_told() {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) else {
                return false;
            };
            guard = self.0.wake.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Readable once the end has been told: for `poll`.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_wakes_when_told() {
        let stop = Stop::new();
        let other = stop.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(60)));
        stop.tell();
        assert!(waiter.join().unwrap());
        assert!(!Stop::new().wait(Duration::from_millis(1)));
    }
}
