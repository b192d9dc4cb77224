//! Reads PKCS#12 stores: what Java writes as keystores since version 9, and OpenSSL by `pkcs12 -export`.
//!
//! Shape in DER: version 3; a list of parts, each plain or encrypted, in an octet string; over this an HMAC by the
//! password, or none. A part is a list of [bags](super::bags).
//! Errors: a store in BER with indefinite lengths, which neither Java nor OpenSSL writes, is not read.
//! Truth: RFC 7292, section 4; OpenJDK `sun.security.pkcs12.PKCS12KeyStore`.
use std::borrow::Cow;

use super::bags::{Bags, pkcs};
use super::hash::{Hash, Purpose};
use super::{StoreError, sealed};
use crate::codec::der::{Der, EXPLICIT_0, IMPLICIT_0, OCTETS, OID, SEQUENCE};

/// 1.2.840.113549.1.7.1, from there on where all begin alike.
const DATA: &[u8] = &[7, 1];
const ENCRYPTED_DATA: &[u8] = &[7, 6];

/// All keys and certificates. Without a password nothing tells whether the file was damaged.
pub fn read(bytes: &[u8], password: Option<&str>) -> Result<Bags, StoreError> {
    let (parts, mac) = outer(bytes).ok_or(StoreError::Foreign)?;
    if let (Some(mac), Some(password)) = (mac, password) {
        verify(mac, parts, password)?;
    }
    let mut bags = Bags::default();
    let mut parts = Der::new(parts).inside(SEQUENCE).ok_or(StoreError::Damaged)?;
    while !parts.is_empty() {
        let part = parts.inside(SEQUENCE).ok_or(StoreError::Damaged)?;
        bags.add(&plain(part, password)?).ok_or(StoreError::Damaged)?;
    }
    Ok(bags)
}

/// The list of parts, and what tells whether it is the one that was written.
fn outer(bytes: &[u8]) -> Option<(&[u8], Option<Der<'_>>)> {
    let mut outer = Der::new(bytes).inside(SEQUENCE)?;
    (outer.number()? == 3).then_some(())?;
    let mut content = outer.inside(SEQUENCE)?;
    (pkcs(content.take(OID)?)? == DATA).then_some(())?;
    Some((content.inside(EXPLICIT_0)?.take(OCTETS)?, outer.inside(SEQUENCE)))
}

fn verify(mut mac: Der<'_>, content: &[u8], password: &str) -> Result<(), StoreError> {
    let mut parts = || {
        let mut digest = mac.inside(SEQUENCE)?;
        let oid = digest.inside(SEQUENCE)?.take(OID)?;
        let (expected, salt) = (digest.take(OCTETS)?, mac.take(OCTETS)?);
        Some((oid, expected, salt, if mac.is_empty() { 1 } else { sealed::rounds(&mut mac)? }))
    };
    let (oid, expected, salt, rounds) = parts().ok_or(StoreError::Damaged)?;
    let hash = Hash::by_oid(oid).ok_or_else(|| sealed::unknown(oid))?;
    let key = hash.derived(Purpose::Mac, password, salt, rounds, hash.length());
    if hash.hmac(&key, content) == expected { Ok(()) } else { Err(StoreError::Password) }
}

/// A part's list of bags, decrypted if it has to be.
fn plain<'a>(mut part: Der<'a>, password: Option<&str>) -> Result<Cow<'a, [u8]>, StoreError> {
    let mut parts = || Some((pkcs(part.take(OID)?)?, part.inside(EXPLICIT_0)?));
    let (kind, mut content) = parts().ok_or(StoreError::Damaged)?;
    match kind {
        DATA => content.take(OCTETS).map(Cow::Borrowed).ok_or(StoreError::Damaged),
        ENCRYPTED_DATA => {
            let (algorithm, content) = encrypted(content).ok_or(StoreError::Damaged)?;
            let password = password.ok_or(StoreError::NeedsPassword)?;
            sealed::opened(algorithm, content, password).map(Cow::Owned)
        }
        _ => Err(StoreError::Damaged),
    }
}

/// The algorithm, and what it encrypted.
fn encrypted(mut content: Der<'_>) -> Option<(Der<'_>, &[u8])> {
    let mut inside = content.inside(SEQUENCE)?;
    inside.number()?;
    let mut info = inside.inside(SEQUENCE)?;
    info.take(OID)?;
    Some((info.inside(SEQUENCE)?, info.take(IMPLICIT_0)?))
}
