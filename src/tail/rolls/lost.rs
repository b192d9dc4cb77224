//! What was read of a generation that is in the live file no more.
use crate::event::{Attributes, Check, StreamId};
use crate::flow::Known;
use crate::tail::follow::Followed;
use crate::tail::identity::Face;

/// A generation whose rest is looked for among the rolled files.
pub struct Lost {
    pub face: Face,
    /// Read up to here.
    pub at: u64,
    pub check: Option<Check>,
    /// Its stream.
    pub id: StreamId,
    /// The same, if nobody follows it any more, and where that ends.
    pub stream: Option<(StreamId, u64)>,
    pub path: String,
}

impl Lost {
    /// The live file was emptied while it was followed.
    pub fn emptied(current: &mut Followed, path: String) -> Lost {
        let check = Some(current.reader.check()).filter(|check| check.at > 0);
        let (face, id) = (current.face, current.reader.stream.id);
        Lost { face, at: current.reader.at(), check, id, stream: None, path }
    }

    /// It happened while nobody looked.
    pub fn of(known: Known) -> Lost {
        let nobody = || Face::told(&Attributes::default().with("inode", 0).with("head", "0:0"));
        let face = Face::told(&known.attributes).or_else(nobody).expect("the fallback is well-formed");
        Lost {
            face,
            at: known.from,
            check: known.checks.below(known.from),
            id: known.id,
            stream: Some((known.id, known.high)),
            path: known.attributes.get("path").unwrap_or("?").into(),
        }
    }
}
