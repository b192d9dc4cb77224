//! Certificates and private keys of JKS and JCEKS stores.
//!
//! Truth: as for the [container](crate::codec::java_keystore).
use super::{Private, StoreError};
use crate::codec::java_keystore::private_key::{self, Closed};
use crate::codec::java_keystore::{self, Content, Entry, Wrong};

/// The certificates that Java's trust managers take of this store.
pub fn trusted(bytes: &[u8], password: Option<&str>) -> Result<Vec<Vec<u8>>, StoreError> {
    let trusted = |entry: Entry<'_>| match entry.content {
        Content::Trusted(certificate) => Some(certificate.to_vec()),
        Content::PrivateKey(_, chain) => chain.first().map(|own| own.to_vec()),
        Content::SecretKey(_) => None,
    };
    Ok(java_keystore::read(bytes, password)?.into_iter().filter_map(trusted).collect())
}

/// The first private key.
pub fn private(bytes: &[u8], password: Option<&str>, key: Option<&str>) -> Result<Private, StoreError> {
    let private = |entry: Entry<'_>| {
        let Content::PrivateKey(sealed, chain) = entry.content else { return None };
        let opened = match key {
            Some(password) => private_key::opened(sealed, password).map_err(StoreError::from),
            None => Err(StoreError::NeedsPassword),
        };
        let chain = chain.into_iter().map(<[u8]>::to_vec).collect();
        Some(Private { alias: entry.alias.to_string(), chain, opened })
    };
    java_keystore::read(bytes, password)?.into_iter().find_map(private).ok_or(StoreError::NoKey)
}

impl From<Wrong> for StoreError {
    fn from(wrong: Wrong) -> StoreError {
        match wrong {
            Wrong::Magic => StoreError::Foreign,
            Wrong::Password => StoreError::Password,
            Wrong::Damaged => StoreError::Damaged,
        }
    }
}

impl From<Closed> for StoreError {
    fn from(closed: Closed) -> StoreError {
        match closed {
            Closed::Damaged => StoreError::Damaged,
            Closed::Password => StoreError::Password,
            Closed::Algorithm(oid) => StoreError::Algorithm(oid),
        }
    }
}
