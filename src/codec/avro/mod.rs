//! Apache Avro by hand, as far as Flume's files need it: object containers, and datums that are skipped or appended.
//!
//! Why by hand: a datum is never decoded, only its end is looked for, and a container is a header and counted blocks.
//! Shape: [`wire`] primitives, [`schema`] its text and where a datum ends, [`codec`] compression of blocks,
//! [`container`] headers and blocks, [`event`] the datum that Flume's components exchange.
//! Errors: foreign bytes are a [`Fault`], which tells what ends too early from what is wrong.
//! Truth: the Avro 1.11 specification, sections "Binary Encoding" and "Object Container Files"; files that Avro wrote.
pub mod codec;
pub mod container;
pub mod event;
pub mod schema;
pub mod wire;

use std::fmt;

pub use codec::Codec;
pub use container::{Block, Header};
pub use schema::Schema;

/// Why bytes are no Avro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They end too early: more may come.
    Ends,
    /// They can never be right; lowercase, no full stop.
    Bad(String),
}

impl Fault {
    pub fn bad(what: impl Into<String>) -> Fault {
        Fault::Bad(what.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Ends => f.write_str("it ends too early"),
            Fault::Bad(what) => f.write_str(what),
        }
    }
}
