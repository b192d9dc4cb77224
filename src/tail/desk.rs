//! What all readers of one source share: the way out, the buffers, the batch size.
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::identity::read_at;
use super::reader::CHUNK;
use crate::event::{Buf, Pool};
use crate::flow::{ChannelError, Fatal, Outlet, Stop};

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
}

impl<'a> Desk<'a> {
    pub fn new(out: &'a Outlet, stop: &'a Stop, batch: usize) -> Desk<'a> {
        Desk { out, stop, batch, offset_header: None, pool: Pool::new(CHUNK, KEEP) }
    }

    /// Says, once as long as it lasts, that a file cannot be read.
    pub fn cannot_read(&self, path: &Path, error: &io::Error) {
        self.cannot_read_and(path, error, "other files go on, this one is tried again");
    }

    /// The same, where something else follows from it.
    pub fn cannot_read_and(&self, path: &Path, error: &io::Error, then: &str) {
        let what = format!("cannot read `{}`: {error}", path.display());
        if self.out.pulse().failing(&what) {
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
