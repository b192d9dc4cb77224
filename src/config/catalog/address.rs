//! What `topics = itosi.orders` means: the entry `itosi` and the topic `orders`.
//!
//! Rule: up to the first dot it is an entry, the rest is the topic, which may have dots of its own. Where a key of the
//! component names the entry, topics are taken whole. Where no entry has the first part's name and the component has an
//! address of its own, the topic is whole too; without one it is an error that names the entries there are.
use std::sync::Arc;

use super::entry::Entry;
use super::kinds::{Kind, list};
use super::reader::{Catalogs, Trouble};

/// One place and the topics (or queues) there.
#[derive(Clone, Debug, PartialEq)]
pub struct Addressed {
    /// `None`: the component's own address.
    pub entry: Option<Arc<Entry>>,
    pub topics: Vec<String>,
}

/// Splits a list of topics. `named` is the entry that a key of its own names; `has_address`: the component says itself
/// where to go.
pub fn addressed(
    catalogs: &Catalogs,
    kind: &'static Kind,
    topics: &str,
    named: Option<&str>,
    has_address: bool,
) -> Result<Addressed, Trouble> {
    let words: Vec<&str> = list(topics).collect();
    if words.is_empty() {
        return Err(Trouble { what: "no topic is named".to_string(), instead: None });
    }
    if let Some(name) = named {
        let topics = words.into_iter().map(str::to_string).collect();
        return Ok(Addressed { entry: Some(catalogs.entry(kind, name)?), topics });
    }
    let split: Vec<(Option<&str>, &str)> =
        words.iter().map(|word| part(catalogs, kind, word, has_address)).collect::<Result<_, _>>()?;
    let first = split[0].0;
    if let Some((other, _)) = split.iter().find(|(entry, _)| *entry != first) {
        let name = |entry: Option<&str>| entry.map_or("no entry".to_string(), |name| format!("`{name}`"));
        let what = format!("`{topics}` names several places: {} and {}", name(first), name(*other));
        return Err(Trouble { what, instead: Some("give each a component of its own".to_string()) });
    }
    let entry = first.map(|name| catalogs.entry(kind, name)).transpose()?;
    Ok(Addressed { entry, topics: split.into_iter().map(|(_, topic)| topic.to_string()).collect() })
}

/// The entry that a word begins with, and its topic.
fn part<'w>(
    catalogs: &Catalogs,
    kind: &Kind,
    word: &'w str,
    has_address: bool,
) -> Result<(Option<&'w str>, &'w str), Trouble> {
    match word.split_once('.') {
        Some((name, "")) if catalogs.has(kind, name) => {
            let what = format!("`{word}` names the {} entry `{name}` and no topic", kind.name);
            Err(Trouble { what, instead: Some(format!("write `{name}.TOPIC`")) })
        }
        Some((name, topic)) if catalogs.has(kind, name) => Ok((Some(name), topic)),
        _ if has_address => Ok((None, word)),
        Some((name, _)) => {
            let mut trouble = catalogs.unknown(kind, name);
            trouble.what = format!("`{word}`: {}", trouble.what);
            Err(trouble)
        }
        None => {
            let what = format!(
                "`{word}` says no place: neither an entry of the env catalogs nor `{}`",
                kind.address
            );
            let instead = format!("write `ENTRY.{word}`, or give `{}`", kind.address);
            Err(Trouble { what, instead: Some(instead) })
        }
    }
}
