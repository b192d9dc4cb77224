//! The log of a durable channel: frames of events, marks and settlements in append-only segments.
//!
//! One truth: the segments. What a survey of them finds is the log; there is no index and no checkpoint that could
//! contradict it. The log knows frames and bytes; what they mean is the channel's business.
//! Layers: `frame` and `header` (bytes), `pack`, `cipher` and `seal` (their disguise), `scan` (one segment), `survey` (all
//! of them), `open` and `writer` (the owner's hand), `reader` (what lies on disk comes back), `trash` (what is needed no more).
pub mod bug;
pub mod cipher;
pub mod frame;
mod group;
mod header;
mod open;
pub mod pack;
mod reader;
mod scan;
mod seal;
mod survey;
mod trash;
mod writer;

pub use frame::Kind;
pub use group::Group;
pub use header::Header;
pub use open::{LOCK, open};
pub use pack::Packing;
pub use reader::{Chunk, Piece, Reader};
pub use scan::{Bad, Seen, scan};
pub use seal::{KeyRing, KeyTrouble, Sealing, unpacked};
pub use survey::{Damage, EXTENSION, End, Fault, Found, Frame, Run, State, Survey, survey};
pub use trash::destroy;
pub use writer::{Due, Log, Segments, Settings, snapshot_part};
