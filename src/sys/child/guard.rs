//! The process that leads the group of a program, and ends it when the agent has ended.
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Nothing is ever written to the pipe: `read` ends when its writers are gone. An orderly stop asks the whole group to
/// end, and the guard stays.
const WAIT: &str = "trap '' HUP INT QUIT TERM; read -r end; kill -KILL 0";

/// Leads a process group while it lives.
pub struct Guard(Child);

impl Guard {
    pub fn start() -> io::Result<Guard> {
        let mut command = Command::new("/bin/sh");
        // The name is for `ps`.
        command.args(["-c", WAIT, &format!("dataflowkit-guard-{}", std::process::id())]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().map(Guard)
    }

    /// The group that it leads.
    pub fn group(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }

    /// As the end of the agent does: closes the pipe.
    #[cfg(test)]
    pub fn let_go(&mut self) {
        self.0.stdin = None;
    }

    /// Whose far end is gone when the guard is: somebody has killed it.
    pub fn life(&self) -> BorrowedFd<'_> {
        self.0.stdin.as_ref().expect("open as long as the agent wants the group to live").as_fd()
    }

    /// Sends a signal to everybody in the group.
    pub fn signal(&self, signal: Signal) {
        // The guard has not been waited for, so the group is there and is ours.
        let _ = killpg(self.group(), signal);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        // A shell that is killed ends at once.
        let _ = self.0.wait();
    }
}
