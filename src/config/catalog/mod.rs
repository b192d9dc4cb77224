//! The env catalogs: clusters and brokers by name, in files beside the agent files, so that a flow says `kafka_name =
//! itosi` or `topics = itosi.orders` and not where that is.
//!
//! Types, in the order of the way:
//! - [`Kind`]: what entries there can be (`kafka`, `jms`), with their keys as [`super::Field`]s. A further kind is a row.
//! - [`Places`]: the folders in which an entry of a kind is looked for, in order. The first file of a name counts as a
//!   whole; entries are not merged.
//! - `Raw`: key, value, place and note as a file says them; `from_toml` (this form) and `from_xml` (the older one).
//! - [`Entry`]: the checked values of one file, each with its line; a value is [`Content::Plain`] or a [`Secret`].
//! - [`Catalogs`]: finds, reads and remembers entries, and keeps what is to be said of their files.
//! - [`addressed`]: what `topics = itosi.orders` means.
//!
//! How a component uses it: in its `build`, [`addressed`] with `at.place.catalogs`, and [`Trouble::at`] for what is
//! refused; [`super::At::ranked`] for numbers and choices that both may have; when it connects, [`Catalogs::text`],
//! [`Catalogs::list_of`] and [`Entry::under`] with [`Catalogs::reveal`] for all texts.
//!
//! Invariants: pure, no network; a file is read once per load, so what was checked is what runs, and only what is used
//! is complained of. No message and no `Debug` shows a secret. Reading an entry tries whether its secrets can be had and
//! warns where not; a component gets them when it connects ([`Catalogs::reveal`]), so that `check` needs no credentials.
//! A name is one part of a path, so that none leads out of the folders. Foreign bytes give diagnostics, never a panic.
//! Errors: a bad file is told with file, line, column, what is wrong and what to write; who needs it gets a [`Trouble`].
//! Truth: the catalogs of the older platform's manual, whose three layouts disagree and are all searched.
mod address;
mod entry;
mod file;
mod from_toml;
mod from_xml;
mod kinds;
mod places;
mod reader;
mod secret;
#[cfg(test)]
mod tests;
mod write;
mod xml_errors;

pub use address::{Addressed, addressed};
pub use entry::{Content, Entry, Value};
pub use file::read_file;
pub use kinds::{ALL, JMS, KAFKA, Kind, jms, kafka, kind};
pub use places::{Folder, Places, Rank, legacy};
pub use reader::{Catalogs, Listed, Trouble};
pub use secret::{Secret, is_secret, secret_parts, veiled};
pub use write::{Inline, as_toml, comment, credential};
