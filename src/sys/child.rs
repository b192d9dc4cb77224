//! Programs that the agent runs. Each leads its own life in a process group, and none outlives the agent, however that
//! ends.
//!
//! Why a guard: kill -9 of the agent leaves nobody to stop what it has started, and the parent-death signal reaches the
//! program alone, not what that has started in turn. So a shell leads the group; it waits for the end of a pipe that
//! only the agent holds open, and then kills the group, itself included.
//! Why the signal all the same: the agent may end while the program is being started and is in no group yet. It is sent
//! when the *thread* ends that has started the program; so one thread runs it from its start to its end.
//! Limit: a program that leaves its process group (a daemon, a session of its own) is its own master.
//! Truth: setpgid(2), prctl(2) `PR_SET_PDEATHSIG`, pipe(7).
mod guard;

use std::convert::Infallible;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpid, getppid};

use self::guard::Guard;

/// Gets the lines that a program writes to its stderr; without one they go nowhere.
pub type Errors = Box<dyn FnMut(&str) + Send>;

/// A line of stderr that is longer than this comes in pieces.
const LONGEST: u64 = 16 << 10;
/// What a killed program may take to be gone: the kernel may hold it in a call that cannot be interrupted.
const GONE: Duration = Duration::from_secs(1);

/// A program, and all that it has started in its process group. Dropping it kills them.
pub struct Child {
    guard: Guard,
    /// `None` once it was closed.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// Tells how it ended, once.
    end: Receiver<io::Result<ExitStatus>>,
    /// How it ended.
    status: Option<ExitStatus>,
    /// Closed when stderr has been read to its end.
    said: Option<Receiver<Infallible>>,
}

impl Child {
    /// Starts a program. It dies with the calling thread at the latest.
    pub fn start(argv: &[String], errors: Option<Errors>) -> io::Result<Child> {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let guard = Guard::start()?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(guard.group().as_raw());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(if errors.is_some() { Stdio::piped() } else { Stdio::null() });
        die_with_this_thread(&mut command);
        let mut main = command.spawn()?;
        let stdin = main.stdin.take().expect("asked for above");
        let stdout = main.stdout.take().expect("asked for above");
        // Only our ends: the program's own descriptors keep waiting as ever.
        fcntl(&stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        fcntl(&stdout, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let said =
            main.stderr.take().zip(errors).map(|(stderr, errors)| listen(stderr, errors)).transpose()?;
        let (tell, end) = mpsc::channel();
        let wait = move || {
            // Nobody listens any more once the child was dropped.
            let _ = tell.send(main.wait());
        };
        thread::Builder::new().name("child-wait".into()).spawn(wait)?;
        Ok(Child { guard, stdin: Some(stdin), stdout, end, status: None, said })
    }

    /// Readable when there is output, or no more of it will come.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.stdout.as_fd()
    }

    /// What it has written to stdout; 0 at the end, an error `WouldBlock` where there is nothing now.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stdout.read(buffer)
    }

    /// Writable when its stdin takes more; `None` once that was closed.
    pub fn input(&self) -> Option<BorrowedFd<'_>> {
        self.stdin.as_ref().map(AsFd::as_fd)
    }

    /// Writes as much to its stdin as that takes now.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stdin {
            Some(stdin) => stdin.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Ends its stdin.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Its far end is gone when nobody would end the group any more if the agent were killed.
    pub fn guard(&self) -> BorrowedFd<'_> {
        self.guard.life()
    }

    /// Ends the whole group at once: SIGKILL. What it has printed can still be read.
    pub fn kill(&self) {
        self.guard.signal(Signal::SIGKILL);
    }

    /// Asks the whole group to end: SIGTERM.
    pub fn terminate(&self) {
        self.guard.signal(Signal::SIGTERM);
    }

    /// How it ended; waits for that, at most `time`.
    pub fn ended(&mut self, time: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.end.recv_timeout(time).ok().and_then(Result::ok);
        }
        self.status
    }

    /// Lets it go in order: its stdin ends, then it is asked to end, then it is killed; `patience` for each step.
    pub fn dismiss(mut self, patience: Duration) -> Option<ExitStatus> {
        self.stdin = None;
        if self.ended(patience).is_none() {
            self.terminate();
            self.ended(patience);
        }
        self.status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        self.ended(GONE);
        if let Some(said) = &self.said {
            // Its last words are told before its end is. What left the group may hold stderr open for ever.
            let _ = said.recv_timeout(GONE);
        }
    }
}

/// A command line as a program and its arguments, by Flume's rule: there are no quotes; a shell, where one is given, gets
/// the whole of it as its last argument.
pub fn argv(command: &str, shell: Option<&str>) -> Vec<String> {
    let words = |text: &str| text.split_ascii_whitespace().map(str::to_string).collect();
    let Some(shell) = shell else { return words(command) };
    let mut argv: Vec<String> = words(shell);
    argv.push(command.to_string());
    argv
}

/// Hands over stderr line by line, until it ends.
fn listen(stderr: ChildStderr, mut errors: Errors) -> io::Result<Receiver<Infallible>> {
    let (alive, said) = mpsc::channel();
    let read = move || {
        let _alive = alive;
        let (mut stderr, mut line) = (BufReader::new(stderr), Vec::new());
        while let Ok(1..) = stderr.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            errors(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            line.clear();
        }
    };
    thread::Builder::new().name("child-stderr".into()).spawn(read)?;
    Ok(said)
}

/// What the program is born with: the signals that agent threads block, and a death with the calling thread.
#[allow(unsafe_code, reason = "there is no other way to do anything between fork and exec")]
fn die_with_this_thread(command: &mut Command) {
    let agent = getpid();
    let born = move || {
        SigSet::empty().thread_set_mask()?;
        set_pdeathsig(Signal::SIGKILL)?;
        // The agent may have ended before the line above.
        if getppid() == agent { Ok(()) } else { Err(io::Error::from(nix::errno::Errno::ESRCH)) }
    };
    // SAFETY: the closure makes four system calls and nothing else: it allocates nothing, takes no lock, cannot panic.
    unsafe { command.pre_exec(born) };
}

#[cfg(test)]
mod tests;
