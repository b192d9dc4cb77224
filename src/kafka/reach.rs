//! How a component reaches its cluster: brokers and properties by its own keys and by the entry of the catalogs it names.
//!
//! Invariants: what the component says wins over the entry; what an entry keeps elsewhere (credentials) is looked up each
//! time the component connects, so that a changed secret needs no restart, and is in no status and no log.
//! Errors: a property that nobody knows is refused at its key; a secret that is not there is a reason to wait.
use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::group;
use super::names::{Known, known};
use super::stores;
use crate::config::catalog::{Catalogs, Content, Entry, kafka};
use crate::config::{At, Field, Refusal};

/// See the module.
#[derive(Clone)]
pub struct Reach {
    pub cluster: Cluster,
    catalogs: Catalogs,
    /// By the name of the property that each becomes.
    secrets: Vec<(String, Content)>,
}

impl Reach {
    /// The brokers that `own` names, else those of the entry, which `named` has brought; and the entry's properties.
    pub fn of(at: &At, own: &Field, entry: Option<&Entry>, named: &Field) -> Result<Reach, Refusal> {
        let (catalogs, mut secrets) = (at.place.catalogs.clone(), Vec::new());
        let mut properties = BTreeMap::new();
        for (name, content) in entry.iter().flat_map(|entry| entry.under(&kafka::CLIENT)) {
            match content {
                Content::Plain(text) => match known(name, text) {
                    Known::As(ours) | Known::Near(ours, _) => properties.extend(ours),
                    Known::Ignored(_) => {}
                    // `check` says what is wrong with it.
                    _ => drop(properties.insert(name.to_string(), text.clone())),
                },
                secret => secrets.push((name.to_string(), secret.clone())),
            }
        }
        let theirs = entry.filter(|_| !at.is_set(own));
        let theirs = theirs.and_then(|entry| Some((entry, entry.get(kafka::BROKERS.key)?)));
        let brokers = match theirs {
            None => at.opt(own).unwrap_or_default().to_string(),
            Some((entry, Content::Plain(_))) => {
                let list = catalogs.list_of(entry, &kafka::BROKERS);
                list.map_err(|trouble| trouble.at(named))?.join(",")
            }
            Some((_, secret)) => {
                secrets.push(("bootstrap.servers".to_string(), secret.clone()));
                String::new()
            }
        };
        Ok(Reach { cluster: Cluster { brokers, properties }, catalogs, secrets })
    }

    /// Sets a property by any of its names; `family` is the prefix that it was written with.
    pub fn set(&mut self, family: &Field, name: &str, value: &str) -> Result<(), Refusal> {
        match known(name, value) {
            Known::As(ours) | Known::Near(ours, _) => self.cluster.properties.extend(ours),
            Known::Ignored(_) | Known::Unknown => {}
            Known::Refused(what) => return Err(refused(family, name, what)),
        }
        Ok(())
    }

    /// Whether a client takes every property.
    pub fn check(&self, family: &Field) -> Result<(), Refusal> {
        self.cluster.check().map_err(|(name, what)| match name {
            Some(name) => refused(family, &name, what),
            None => Refusal { key: None, what, instead: None },
        })
    }

    /// The same of a member of a consumer group.
    pub fn check_member(&self, family: &Field) -> Result<(), Refusal> {
        if let Some(name) = group::stray(&self.cluster) {
            let what = format!("with `group.protocol = consumer` the brokers decide on `{name}`");
            let instead = Some("that property or `group.protocol`, not both".into());
            return Err(Refusal { instead, ..refused(family, name, what) });
        }
        self.check(family)
    }

    /// The cluster with what its entry keeps elsewhere; `Err`: what of it is not there.
    pub fn reveal(&self) -> Result<Cluster, String> {
        let mut cluster = self.cluster.clone();
        for (name, secret) in &self.secrets {
            let found = self.catalogs.reveal(secret).map_err(|trouble| {
                let instead = trouble.instead.map_or(String::new(), |instead| format!("; {instead}"));
                format!("`{name}` of its catalog: {}{instead}", trouble.what)
            })?;
            match name.as_str() {
                "bootstrap.servers" => cluster.brokers = found,
                _ => drop(cluster.properties.insert(name.clone(), found)),
            }
        }
        stores::open(&mut cluster.properties)?;
        Ok(cluster)
    }
}

/// A refusal that points at a property of a family.
pub fn refused(family: &Field, name: &str, what: impl Into<String>) -> Refusal {
    Refusal { key: Some(format!("{}{name}", family.key)), what: what.into(), instead: None }
}
