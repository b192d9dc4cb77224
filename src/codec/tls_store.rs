//! What TLS needs out of the files that Java's `ssl.truststore.location` and `ssl.keystore.location` name, as PEM.
//!
//! Why by content: Java writes PKCS#12 even into files called `.jks` since version 9, and reads either as either.
//! Invariants: `trusted` gives what Java's own trust managers take: the certificates that a store marks as trusted,
//! and of each private key its own, but none of the chain above that.
//! Errors: a [`StoreError`] is a sentence about the file; the caller knows the path. Foreign bytes never panic.
//! Truth: OpenJDK `sun.security.util.KeyStoreDelegator`, `sun.security.validator.TrustStoreUtil`; the stores below
//! `tests/keystores` and what a Java program said of them.
use std::fmt;

use super::{java_keystore, pem};

mod bags;
mod hash;
mod java;
mod pkcs12;
mod sealed;
#[cfg(test)]
mod tests;
mod text;

/// How a store is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pem,
    Pkcs12,
    /// JKS or JCEKS.
    Java,
}

/// Who this side of a connection is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM: its own certificate, then those above it.
    pub certificates: String,
    /// PEM, without a password.
    pub key: String,
}

/// Why a store gives nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    Foreign,
    Damaged,
    Password,
    NeedsPassword,
    /// The identifier of one that is not read here.
    Algorithm(String),
    NoCertificate,
    NoKey,
    /// Of the key of this alias; a PEM file has none.
    KeyPassword(Option<String>),
    NoOwnCertificate(Option<String>),
    /// Encrypted by OpenSSL's own way of before PKCS#8.
    OldKey,
}

/// The first private key of a store.
struct Private {
    alias: String,
    chain: Vec<Vec<u8>>,
    opened: Result<Vec<u8>, StoreError>,
}

/// By the content, whatever the file is called; `None`: another file.
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(&java_keystore::JKS) || bytes.starts_with(&java_keystore::JCEKS) {
        Some(Kind::Java)
    } else if pem::is_pem(bytes) {
        Some(Kind::Pem)
    } else {
        bytes.starts_with(&[0x30]).then_some(Kind::Pkcs12)
    }
}

/// All trusted certificates as PEM, one after the other; a text in PEM as it is. Without a password JKS is not held
/// against its digest, as in Java, and PKCS#12 can be read only if nothing of it is encrypted.
pub fn trusted(bytes: &[u8], password: Option<&str>) -> Result<String, StoreError> {
    let certificates = match kind(bytes).ok_or(StoreError::Foreign)? {
        Kind::Pem => return text::trusted(bytes),
        Kind::Pkcs12 => pkcs12::read(bytes, password)?.trusted(),
        Kind::Java => java::trusted(bytes, password)?,
    };
    if certificates.is_empty() {
        return Err(StoreError::NoCertificate);
    }
    Ok(as_pem(&certificates))
}

/// The first private key and its certificates. (Java takes the first that fits what the other side asks for.) A key
/// without a password of its own has the store's.
pub fn identity(
    bytes: &[u8],
    store_password: Option<&str>,
    key_password: Option<&str>,
) -> Result<Identity, StoreError> {
    let key_password = key_password.or(store_password);
    let Private { alias, chain, opened } = match kind(bytes).ok_or(StoreError::Foreign)? {
        Kind::Pem => return text::identity(bytes, key_password),
        Kind::Pkcs12 => pkcs12::read(bytes, store_password)?.private(key_password)?,
        Kind::Java => java::private(bytes, store_password, key_password)?,
    };
    let key = opened.map_err(|error| error.of_key(Some(&alias)))?;
    if chain.is_empty() {
        return Err(StoreError::NoOwnCertificate(Some(alias)));
    }
    Ok(Identity { certificates: as_pem(&chain), key: pem::encode(pem::PRIVATE_KEY, &key) })
}

fn as_pem(certificates: &[Vec<u8>]) -> String {
    certificates.iter().map(|der| pem::encode(pem::CERTIFICATE, der)).collect()
}

/// Without the key: it is printed nowhere.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}

impl StoreError {
    /// The same, where a key was opened after its store.
    fn of_key(self, alias: Option<&str>) -> StoreError {
        match self {
            StoreError::Password => StoreError::KeyPassword(alias.map(str::to_string)),
            other => other,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |alias: &Option<String>| match alias {
            Some(alias) => format!("private key `{alias}`"),
            None => "its private key".to_string(),
        };
        match self {
            StoreError::Foreign => {
                f.write_str("is neither PEM nor a keystore of Java (PKCS12, JKS or JCEKS)")
            }
            StoreError::Damaged => f.write_str("holds an entry that cannot be read"),
            StoreError::Password => f.write_str("was damaged, or the store's password is another one"),
            StoreError::NeedsPassword => f.write_str("is encrypted, and no password is given"),
            StoreError::Algorithm(oid) => {
                write!(f, "is protected by algorithm {oid}, which is not read here; ")?;
                f.write_str("`keytool -importkeystore` writes it anew")
            }
            StoreError::NoCertificate => f.write_str("holds no trusted certificate"),
            StoreError::NoKey => f.write_str("holds no private key"),
            StoreError::KeyPassword(alias) => write!(f, "holds {} under another password", key(alias)),
            StoreError::NoOwnCertificate(alias) => write!(f, "holds {} without its certificate", key(alias)),
            StoreError::OldKey => {
                f.write_str("holds its private key in a form that is not read here; ")?;
                f.write_str("`openssl pkcs8 -topk8` writes one that is")
            }
        }
    }
}

impl std::error::Error for StoreError {}
