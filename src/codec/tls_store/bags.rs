//! What a PKCS#12 store holds: keys, each encrypted once more, and certificates.
//!
//! Shape in DER: a list of bags: identifier, value, and attributes, of which count the name, an id that a key and its
//! certificate share, and Java's own "trusted".
//! Invariants: as in Java, a certificate is trusted only with that attribute; a key's chain is found by id, then by
//! the issuers' names.
//! Errors: bags of other kinds are passed over, as secret keys are.
//! Truth: RFC 7292, section 4.2; OpenJDK `sun.security.pkcs12.PKCS12KeyStore`.
use super::{Private, StoreError, sealed};
use crate::codec::der::{Der, EXPLICIT_0, OCTETS, OID, SEQUENCE, SET};

/// 1.2.840.113549.1, below which nearly all here is named.
const PKCS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1];
const KEY_BAG: &[u8] = &[12, 10, 1, 1];
const SHROUDED_KEY_BAG: &[u8] = &[12, 10, 1, 2];
const CERTIFICATE_BAG: &[u8] = &[12, 10, 1, 3];
const X509: &[u8] = &[9, 22, 1];
const FRIENDLY_NAME: &[u8] = &[9, 20];
const LOCAL_KEY_ID: &[u8] = &[9, 21];
/// 2.16.840.1.113894.746875.1.1, of Oracle.
const TRUSTED: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 1, 1];
const BMP_STRING: u8 = 0x1e;

/// All of a store; its keys are still sealed.
#[derive(Default)]
pub struct Bags {
    keys: Vec<Key>,
    certificates: Vec<Certificate>,
}

struct Key {
    alias: String,
    id: Option<Vec<u8>>,
    value: Vec<u8>,
    shrouded: bool,
}

struct Certificate {
    der: Vec<u8>,
    id: Option<Vec<u8>>,
    trusted: bool,
}

/// What a bag says beside its value.
#[derive(Default)]
struct Attributes {
    name: Option<String>,
    id: Option<Vec<u8>>,
    trusted: bool,
}

impl Bags {
    /// The certificates that Java's trust managers take of this store.
    pub fn trusted(&self) -> Vec<Vec<u8>> {
        let own = self.keys.iter().filter_map(|key| self.own(key));
        let marked = self.certificates.iter().filter(|certificate| certificate.trusted);
        marked.chain(own).map(|certificate| certificate.der.clone()).collect()
    }

    /// The first private key.
    pub fn private(&self, password: Option<&str>) -> Result<Private, StoreError> {
        let key = self.keys.first().ok_or(StoreError::NoKey)?;
        let alias = key.alias.clone();
        Ok(Private { alias, chain: self.chain(key), opened: key.opened(password) })
    }

    /// A key's own certificate and those above it; empty if it has none.
    fn chain(&self, key: &Key) -> Vec<Vec<u8>> {
        let mut chain: Vec<Vec<u8>> = Vec::new();
        let mut next = self.own(key);
        while let Some(certificate) = next.filter(|next| !chain.contains(&next.der)) {
            chain.push(certificate.der.clone());
            let issuer = names(&certificate.der).map(|(issuer, _)| issuer);
            let above =
                |other: &&Certificate| issuer.is_some() && names(&other.der).map(|names| names.1) == issuer;
            next = self.certificates.iter().find(above);
        }
        chain
    }

    fn own(&self, key: &Key) -> Option<&Certificate> {
        self.certificates.iter().find(|certificate| !certificate.trusted && certificate.id == key.id)
    }

    /// Adds what lies in a part of the store.
    pub fn add(&mut self, bags: &[u8]) -> Option<()> {
        let mut bags = Der::new(bags).inside(SEQUENCE)?;
        while !bags.is_empty() {
            self.bag(bags.inside(SEQUENCE)?)?;
        }
        Some(())
    }

    fn bag(&mut self, mut bag: Der<'_>) -> Option<()> {
        let (kind, mut value) = (bag.take(OID)?, bag.inside(EXPLICIT_0)?);
        let Attributes { name, id, trusted } =
            bag.inside(SET).map_or(Some(Attributes::default()), attributes)?;
        match pkcs(kind) {
            Some(CERTIFICATE_BAG) => {
                let der = certificate(value.inside(SEQUENCE)?)?.to_vec();
                self.certificates.push(Certificate { der, id, trusted });
            }
            Some(kind @ (KEY_BAG | SHROUDED_KEY_BAG)) => {
                let alias = name.unwrap_or_else(|| (self.keys.len() + 1).to_string());
                let value = value.whole()?.to_vec();
                self.keys.push(Key { alias, id, value, shrouded: kind == SHROUDED_KEY_BAG });
            }
            _ => {} // Secret keys, and lists of what was revoked.
        }
        Some(())
    }
}

impl Key {
    /// The key in PKCS#8.
    fn opened(&self, password: Option<&str>) -> Result<Vec<u8>, StoreError> {
        if !self.shrouded {
            return Ok(self.value.clone());
        }
        sealed::key(&self.value, password.ok_or(StoreError::NeedsPassword)?)
    }
}

/// What follows 1.2.840.113549.1.
pub fn pkcs(oid: &[u8]) -> Option<&[u8]> {
    oid.strip_prefix(PKCS)
}

fn certificate(mut bag: Der<'_>) -> Option<&[u8]> {
    (pkcs(bag.take(OID)?)? == X509).then_some(())?;
    bag.inside(EXPLICIT_0)?.take(OCTETS)
}

fn attributes(mut set: Der<'_>) -> Option<Attributes> {
    let mut all = Attributes::default();
    while !set.is_empty() {
        let mut attribute = set.inside(SEQUENCE)?;
        let (oid, mut value) = (attribute.take(OID)?, attribute.inside(SET)?);
        match pkcs(oid) {
            Some(FRIENDLY_NAME) => all.name = value.take(BMP_STRING).map(text),
            Some(LOCAL_KEY_ID) => all.id = value.take(OCTETS).map(<[u8]>::to_vec),
            _ => all.trusted |= oid == TRUSTED,
        }
    }
    Some(all)
}

fn text(utf16: &[u8]) -> String {
    let units: Vec<u16> = utf16.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// Issuer and subject of a certificate, in DER.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut inside = Der::new(certificate).inside(SEQUENCE)?.inside(SEQUENCE)?;
    inside.take(EXPLICIT_0); // The version; the first had none.
    let _serial_and_algorithm = (inside.whole()?, inside.whole()?);
    let issuer = inside.whole()?;
    let _validity = inside.whole()?;
    Some((issuer, inside.whole()?))
}
