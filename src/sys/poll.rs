//! Waiting for several descriptors at once, in one call. Truth: poll(2).
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a descriptor is waited for. Its far end going away counts as each of them: the next call tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    Readable,
    Writable,
    /// The far end has gone away, and nothing else.
    Gone,
}

/// Waits for any of them, at most `time`; says which are ready. None need be: time is up, or a signal came.
pub fn wait_for<const N: usize>(
    what: [(BorrowedFd<'_>, Until); N],
    time: Option<Duration>,
) -> io::Result<[bool; N]> {
    let flags = |until| match until {
        Until::Readable => PollFlags::POLLIN,
        Until::Writable => PollFlags::POLLOUT,
        Until::Gone => PollFlags::empty(),
    };
    let mut fds = what.map(|(fd, until)| PollFd::new(fd, flags(until)));
    match poll(&mut fds, timeout(time)) {
        Ok(_) => Ok(fds.map(|fd| fd.any().unwrap_or(false))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(errno) => Err(errno.into()),
    }
}

/// Rounded up, so that a wait of less than a millisecond does not spin.
pub fn timeout(time: Option<Duration>) -> PollTimeout {
    time.map_or(PollTimeout::NONE, |time| {
        let millis = time.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
        PollTimeout::try_from(millis).expect("not negative")
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_is_ready_is_told_and_nothing_else() {
        let (read, mut write) = io::pipe().unwrap();
        let look = || wait_for([(read.as_fd(), Until::Readable)], Some(Duration::from_micros(10))).unwrap();
        assert_eq!(look(), [false]);
        write.write_all(b"x").unwrap();
        assert_eq!(look(), [true]);
        let both = [(read.as_fd(), Until::Readable), (write.as_fd(), Until::Writable)];
        assert_eq!(wait_for(both, None).unwrap(), [true, true]);
    }

    #[test]
    fn a_far_end_that_is_gone_is_no_wait() {
        let (read, write) = io::pipe().unwrap();
        let gone = || wait_for([(write.as_fd(), Until::Gone)], Some(Duration::ZERO)).unwrap();
        assert_eq!(gone(), [false], "it could be written to");
        drop(read);
        assert_eq!(gone(), [true]);
        let (read, write) = io::pipe().unwrap();
        drop(write);
        assert_eq!(wait_for([(read.as_fd(), Until::Readable)], None).unwrap(), [true]);
    }
}
