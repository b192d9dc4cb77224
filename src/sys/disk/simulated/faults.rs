//! Which calls fail, and how: scripted ("the third write fails with EIO") or by chance from the seed.
use std::io;

use nix::errno::Errno;

use super::random::Random;

/// The calls of `Disk` and `DiskFile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Create,
    Open,
    List,
    CreateDirectories,
    Rename,
    Remove,
    SyncDirectory,
    Free,
    Lock,
    Write,
    Read,
    Length,
    SetLength,
    Allocate,
    Sync,
}

impl Call {
    /// How many kinds there are.
    pub(super) const COUNT: usize = Call::Sync as usize + 1;
}

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// EIO. Of a write, a part may have been done; a sync drops what it should have synced, as Linux does.
    Io,
    /// ENOSPC; otherwise as `Io`.
    Full,
    /// EINTR, with nothing done.
    Interrupted,
    /// A read or write of at least one byte and fewer than asked; other calls do not notice.
    Short,
}

impl Fault {
    /// The error that the caller sees, if it is one.
    pub(super) fn error(self) -> Option<io::Error> {
        let errno = match self {
            Fault::Io => Errno::EIO,
            Fault::Full => Errno::ENOSPC,
            Fault::Interrupted => Errno::EINTR,
            Fault::Short => return None,
        };
        Some(errno.into())
    }
}

/// The faults to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    script: Vec<(Call, u64, Fault)>,
    chances: Vec<(Call, Fault, f64)>,
}

impl Plan {
    pub fn at(&mut self, call: Call, nth: u64, fault: Fault) {
        self.script.push((call, nth, fault));
    }

    pub fn often(&mut self, call: Call, fault: Fault, of_one: f64) {
        self.chances.push((call, fault, of_one));
    }

    /// What the n-th call of a kind meets; the script goes first, then the chances in the order they were given.
    pub fn fault(&self, call: Call, nth: u64, random: &mut Random) -> Option<Fault> {
        let scripted = self.script.iter().find(|(of, at, _)| *of == call && *at == nth);
        if let Some((.., fault)) = scripted {
            return Some(*fault);
        }
        let mut chances = self.chances.iter().filter(|(of, ..)| *of == call);
        chances.find(|(.., of_one)| random.chance(*of_one)).map(|(_, fault, _)| *fault)
    }
}
