//! What was read of a generation that is in the live file no more.
//!
//! Why the stream goes on: a stream is a generation, and a copy has the same one. A stream of its own for the copy would
//! have to begin where the original was read to, and that is no single position: two sinks leave holes, and what is in
//! flight is nobody's after a kill.
use std::fs::File;
use std::io;

use crate::event::{Attributes, Check};
use crate::flow::Known;
use crate::tail::follow::Followed;
use crate::tail::identity::{Face, is_copy};

/// A generation whose rest is looked for among the rolled files.
pub struct Lost {
    face: Face,
    /// Read up to here.
    pub at: u64,
    check: Option<Check>,
    /// Its stream, if nobody follows it any more; else it is that of the live file.
    pub known: Option<Known>,
    /// Nobody misses it: the live file has had younger generations since.
    pub is_old: bool,
    pub path: String,
}

impl Lost {
    /// The live file was emptied while it was followed.
    pub fn emptied(current: &Followed, path: String) -> Lost {
        let check = Some(current.reader.check()).filter(|check| check.at > 0);
        Lost { face: current.face, at: current.reader.at(), check, known: None, is_old: false, path }
    }

    /// It happened while nobody looked.
    pub fn of(known: Known) -> Lost {
        let nobody = || Face::told(&Attributes::default().with("inode", 0).with("head", "0:0"));
        let face = Face::told(&known.attributes).or_else(nobody).expect("the fallback is well-formed");
        // Of a stream that two sinks have in parts, evidence above the position is evidence as well.
        let check = known.checks.below(known.from).or_else(|| known.checks.iter().next().copied());
        let path = known.attributes.get("path").unwrap_or("?").into();
        Lost { face, at: known.from, check, known: Some(known), is_old: false, path }
    }

    pub fn old(self) -> Lost {
        Lost { is_old: true, ..self }
    }

    /// When it was begun, to tell generations apart; the one that is followed is the youngest.
    pub fn begun(&self) -> u64 {
        self.known.as_ref().map_or(u64::MAX, |known| known.attributes.begun())
    }

    /// Whether a file has all that was read of it.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        is_copy(file, &self.face, self.check)
    }

    /// Whether more than a beginning, which generations may share, speaks for a copy.
    pub fn is_proved(&self) -> bool {
        self.check.is_some()
    }
}
