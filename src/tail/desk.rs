//! What all readers of one source share: the way out, the buffers, the batch size.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::read_at;
use crate::event::{Buf, Pool};
use crate::flow::{ChannelError, Counter, Fatal, Outlet, Stop};

/// Bytes of one read. Measured: below 64 KiB calls begin to show, above 1 MiB the caches do.
pub const CHUNK: usize = 256 << 10;
/// Buffers that wait for their next use: the chunks of a source in flight at full speed.
const KEEP: usize = 8;

/// Why reading ended early.
#[derive(Debug)]
pub enum Halt {
    /// The agent stops.
    Stopped,
    /// A channel expects an earlier position.
    Back,
    /// A channel cannot do its work.
    Broken(ChannelError),
    /// The file cannot be read.
    Read(io::Error),
}

/// Shared by the readers of one source.
pub struct Desk<'a> {
    pub out: &'a Outlet,
    pub stop: &'a Stop,
    /// Events per put.
    pub batch: usize,
    /// Name of the header that gets each event's offset.
    pub offset_header: Option<String>,
    pool: Arc<Pool>,
    /// What cannot be done at present, in the words it was told: said once each, shown until it is mended.
    troubles: RefCell<BTreeMap<(PathBuf, Doing), String>>,
}

/// What is done with a path, and may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doing {
    /// Reading a file.
    Read,
    /// Renaming or deleting a file that is finished.
    Retire,
    /// Listing a directory.
    Look,
}

impl<'a> Desk<'a> {
    pub fn new(out: &'a Outlet, stop: &'a Stop, batch: usize) -> Desk<'a> {
        Desk {
            out,
            stop,
            batch,
            offset_header: None,
            pool: Pool::new(CHUNK, KEEP),
            troubles: RefCell::default(),
        }
    }

    /// Says, once as long as it lasts, that a file cannot be read.
    pub fn cannot_read(&self, path: &Path, error: &io::Error) {
        self.cannot_read_and(path, error, "other files go on, this one is tried again");
    }

    /// The same, where something else follows from it.
    pub fn cannot_read_and(&self, path: &Path, error: &io::Error, then: &str) {
        let what = format!("cannot read `{}`: {error}", path.display());
        if self.failing(Doing::Read, path, &what) {
            log::warn!(component = self.out.source(); "{what}; {then}");
        }
    }

    /// Reads up to `size` bytes at `at`. A short read is copied to a buffer of its own, so that a few lines waiting in
    /// a channel do not hold a whole chunk.
    pub fn read(&self, file: &File, at: u64, size: usize) -> Result<(Buf, usize), Halt> {
        let mut buf = if size == CHUNK { self.pool.take() } else { Buf::from(vec![0; size]) };
        let filled = read_at(file, &mut buf, at).map_err(Halt::Read)?;
        if filled < CHUNK / 4 {
            return Ok((Buf::from(buf[..filled].to_vec()), filled));
        }
        Ok((buf, filled))
    }
}

impl Desk<'_> {
    /// Tells of a failure that goes on; true if that is news, which is worth a log line.
    pub fn failing(&self, doing: Doing, path: &Path, what: &str) -> bool {
        self.out.pulse().add(Counter::Errors, 1);
        let before = self.troubles.borrow_mut().insert((path.into(), doing), what.to_string());
        self.show();
        before.as_deref() != Some(what)
    }

    /// It can be done again; true if it could not.
    pub fn mended(&self, doing: Doing, path: &Path) -> bool {
        if self.troubles.borrow().is_empty() {
            return false;
        }
        let was = self.troubles.borrow_mut().remove(&(path.into(), doing)).is_some();
        if was {
            self.show();
        }
        was
    }

    /// After a look at a directory: a file that is gone troubles nobody.
    pub fn forget_missing(&self) {
        let before = self.troubles.borrow().len();
        let stays = |path: &Path, doing: Doing| doing == Doing::Look || path.symlink_metadata().is_ok();
        self.troubles.borrow_mut().retain(|(path, doing), _| stays(path, *doing));
        if self.troubles.borrow().len() != before {
            self.show();
        }
    }

    /// The first stands for all in `status`.
    fn show(&self) {
        let (troubles, pulse) = (self.troubles.borrow(), self.out.pulse());
        match troubles.values().next() {
            None => _ = pulse.recovered(),
            Some(what) if troubles.len() == 1 => _ = pulse.is_troubled_by(what),
            Some(what) => _ = pulse.is_troubled_by(&format!("{what} (and {} more)", troubles.len() - 1)),
        }
    }
}

impl Halt {
    /// What a source's run ends with.
    pub fn at_end(ended: Result<(), Halt>) -> Result<(), Fatal> {
        match ended {
            Ok(()) | Err(Halt::Stopped) => Ok(()),
            Err(Halt::Broken(error)) => Err(Fatal { doing: error.doing, cause: error.cause }),
            Err(Halt::Read(error)) => Err(Fatal::io("cannot read a followed file", error)),
            Err(Halt::Back) => Err(Fatal::new("a channel went back while a file was being read")),
        }
    }
}
