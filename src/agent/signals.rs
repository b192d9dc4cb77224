//! Signals as a descriptor: blocked before any thread begins, read by the main thread alone.
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals an agent obeys.
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks the signals for this thread and all that it starts.
    pub fn block() -> nix::Result<Signals> {
        let mut set = SigSet::empty();
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().for_each(|signal| set.add(signal));
        set.thread_block()?;
        Ok(Signals(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Waits for one, at most `time`.
    pub fn wait(&self, time: Duration) -> Option<Signal> {
        let millis = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait ends early, which every caller allows for.
        let _ = poll(&mut fds, millis);
        let read = self.0.read_signal().ok().flatten()?;
        Signal::try_from(read.ssi_signo as i32).ok()
    }
}
