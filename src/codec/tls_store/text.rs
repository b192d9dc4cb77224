//! Certificates and private keys of PEM files, which Kafka takes as stores since 2.7.
//!
//! Invariants: a key in PKCS#8 under a password comes out plain; one in an older form comes out as it is written,
//! unless OpenSSL encrypted it, for which there never was a standard.
//! Truth: Kafka `DefaultSslEngineFactory.PemStore`; RFC 7468, sections 10 and 11.
use super::{Identity, StoreError, sealed};
use crate::codec::pem::{self, Block};

/// The text itself.
pub fn trusted(bytes: &[u8]) -> Result<String, StoreError> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let some = pem::blocks(&text).iter().any(is_certificate);
    if some { Ok(text) } else { Err(StoreError::NoCertificate) }
}

/// All certificates, and the first private key.
pub fn identity(bytes: &[u8], password: Option<&str>) -> Result<Identity, StoreError> {
    let text = String::from_utf8_lossy(bytes);
    let blocks = pem::blocks(&text);
    let is_key = |block: &&Block<'_>| block.label.ends_with(pem::PRIVATE_KEY);
    let key = plain(blocks.iter().find(is_key).ok_or(StoreError::NoKey)?, password)?;
    let lines = |block: &Block<'_>| format!("{}\n", block.text);
    let certificates: String = blocks.iter().filter(|block| is_certificate(block)).map(lines).collect();
    if certificates.is_empty() {
        return Err(StoreError::NoOwnCertificate(None));
    }
    Ok(Identity { certificates, key })
}

fn is_certificate(block: &Block<'_>) -> bool {
    block.label.ends_with(pem::CERTIFICATE)
}

fn plain(block: &Block<'_>, password: Option<&str>) -> Result<String, StoreError> {
    let der = block.der().ok_or(StoreError::OldKey)?;
    if block.label != pem::ENCRYPTED_PRIVATE_KEY {
        return Ok(format!("{}\n", block.text));
    }
    let key = sealed::key(&der, password.ok_or(StoreError::NeedsPassword)?);
    Ok(pem::encode(pem::PRIVATE_KEY, &key.map_err(|error| error.of_key(None))?))
}
