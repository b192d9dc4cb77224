//! Java's trust and key stores, as PEM for librdkafka.
//!
//! They are read whenever a client is made, so that changed ones need no restart. What a file is, its content tells:
//! PEM goes to librdkafka as it is.
use std::collections::BTreeMap;
use std::fs;

use crate::codec::tls_store::{self, Kind};

/// Replaces what names stores; `Err`: why one cannot be read.
pub fn open(properties: &mut BTreeMap<String, String>) -> Result<(), String> {
    trusted(properties)?;
    identity(properties)
}

fn trusted(properties: &mut BTreeMap<String, String>) -> Result<(), String> {
    let password = properties.remove("ssl.truststore.password");
    let Some(path) = properties.remove("ssl.truststore.location") else { return Ok(()) };
    let bytes = read("trust store", &path)?;
    if tls_store::kind(&bytes) == Some(Kind::Pem) {
        properties.insert("ssl.ca.location".into(), path);
        return Ok(());
    }
    let trusted = tls_store::trusted(&bytes, password.as_deref());
    let trusted = trusted.map_err(|error| format!("the trust store `{path}` {error}"))?;
    properties.insert("ssl.ca.pem".into(), trusted);
    Ok(())
}

fn identity(properties: &mut BTreeMap<String, String>) -> Result<(), String> {
    let Some(path) = properties.remove("ssl.keystore.location") else { return Ok(()) };
    let password = properties.remove("ssl.keystore.password");
    let bytes = read("key store", &path)?;
    if tls_store::kind(&bytes) == Some(Kind::Pem) {
        // Java has the key and its certificates in one file.
        properties.insert("ssl.certificate.location".into(), path.clone());
        properties.insert("ssl.key.location".into(), path);
        return Ok(());
    }
    let key_password = properties.remove("ssl.key.password");
    let identity = tls_store::identity(&bytes, password.as_deref(), key_password.as_deref());
    let identity = identity.map_err(|error| format!("the key store `{path}` {error}"))?;
    properties.insert("ssl.certificate.pem".into(), identity.certificates);
    properties.insert("ssl.key.pem".into(), identity.key);
    Ok(())
}

fn read(what: &str, path: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read the {what} `{path}`: {error}"))
}
