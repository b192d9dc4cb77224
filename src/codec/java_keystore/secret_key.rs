//! Secret keys out of a JCEKS keystore, as `keytool -genseckey -storetype jceks` makes it: what Flume's file channel is
//! given to encrypt with.
//!
//! Shape: an entry of the [store](super) is a serialised `SealedObject`: its algorithm, parameters and content, which
//! is [opened](super::md5_3des) by the key's password. Inside is a serialised `SecretKeySpec`.
//! Errors: foreign bytes and wrong passwords give a [`JceksError`]; nothing panics.
//! Truth: OpenJDK `com.sun.crypto.provider.JceKeyStore`, `KeyProtector`; stores made by keytool in `tests`.
use std::fmt;
use std::rc::Rc;

use super::md5_3des::{self, Parameters};
use super::{Content, JCEKS, JKS, Wrong};
use crate::codec::java_object::{self, Object};

/// Why a keystore or a key of it cannot be read. The caller knows the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JceksError {
    /// It is another kind of file; which one, if that shows.
    Other(&'static str),
    /// The digest differs.
    StorePassword,
    Damaged,
    NoKey(String),
    KeyPassword(String),
    /// The key is one of another cipher.
    NotAes(String, String),
}

impl fmt::Display for JceksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JceksError::Other(kind) => {
                write!(f, "is no JCEKS keystore but {kind}; make it by `keytool -genseckey -storetype jceks`")
            }
            JceksError::StorePassword => {
                f.write_str("was damaged, or the keystore's password is another one")
            }
            JceksError::Damaged => f.write_str("holds an entry that cannot be read"),
            JceksError::NoKey(alias) => write!(f, "holds no secret key `{alias}`"),
            JceksError::KeyPassword(alias) => write!(f, "holds key `{alias}` under another password"),
            JceksError::NotAes(alias, algorithm) => {
                write!(f, "holds a key of {algorithm} as `{alias}`; `-keyalg AES` makes one that fits")
            }
        }
    }
}

impl std::error::Error for JceksError {}

/// A keystore whose digest agrees; its keys are still sealed.
pub struct KeyStore {
    sealed: Vec<(String, Rc<Object>)>,
}

const CIPHER: &str = "PBEWithMD5AndTripleDES";

impl KeyStore {
    pub fn read(bytes: &[u8], password: &str) -> Result<KeyStore, JceksError> {
        if !bytes.starts_with(&JCEKS) {
            return Err(JceksError::Other(kind(bytes)));
        }
        let entries = super::read(bytes, Some(password)).map_err(|wrong| match wrong {
            Wrong::Password => JceksError::StorePassword,
            Wrong::Magic | Wrong::Damaged => JceksError::Damaged,
        })?;
        let secret = |entry: super::Entry<'_>| match entry.content {
            Content::SecretKey(sealed) => Some((entry.alias.to_string(), sealed)),
            Content::PrivateKey(..) | Content::Trusted(_) => None,
        };
        Ok(KeyStore { sealed: entries.into_iter().filter_map(secret).collect() })
    }

    /// The bytes of an AES key. Aliases count in any case, as in Java.
    pub fn key(&self, alias: &str, password: &str) -> Result<Vec<u8>, JceksError> {
        let lower = alias.to_lowercase();
        let sealed = self.sealed.iter().find(|(known, _)| known.to_lowercase() == lower);
        let (_, sealed) = sealed.ok_or_else(|| JceksError::NoKey(alias.into()))?;
        let (content, parameters) = content(sealed).ok_or(JceksError::Damaged)?;
        let wrong = || JceksError::KeyPassword(alias.into());
        let plain = md5_3des::opened(content, parameters, password).ok_or_else(wrong)?;
        // A key of another cipher may be written in ways that are not read here.
        let Ok((key, _)) = java_object::read(&plain) else {
            let right = plain.starts_with(&java_object::MAGIC);
            return Err(if right {
                JceksError::NotAes(alias.into(), "another cipher".into())
            } else {
                wrong()
            });
        };
        match (key.text("algorithm"), key.bytes("key")) {
            (Some("AES"), Some(bytes)) => Ok(bytes.to_vec()),
            (Some(other), _) => Err(JceksError::NotAes(alias.into(), other.into())),
            _ => Err(JceksError::NotAes(alias.into(), key.class.to_string())),
        }
    }
}

fn kind(bytes: &[u8]) -> &'static str {
    match bytes {
        _ if bytes.starts_with(&JKS) => "a JKS one",
        [0x30, ..] => "a PKCS12 one",
        [] => "an empty file",
        _ => "another file",
    }
}

/// What is encrypted, and by what of its password.
fn content(sealed: &Object) -> Option<(&[u8], Parameters)> {
    (sealed.text("sealAlg") == Some(CIPHER)).then_some(())?;
    let parameters = Parameters::read(sealed.bytes("encodedParams")?)?;
    Some((sealed.bytes("encryptedContent")?, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO_KEYS: &[u8] = include_bytes!("../../../tests/keystores/two-keys.jceks");
    const MIXED: &[u8] = include_bytes!("../../../tests/keystores/mixed.jceks");

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn told(error: JceksError) -> String {
        error.to_string()
    }

    #[test]
    fn keys_come_out_as_java_reads_them() {
        let store = KeyStore::read(TWO_KEYS, "store-password").unwrap();
        let key = store.key("key-0", "first-key-password").unwrap();
        assert_eq!(hex(&key), "acd668fd8416ea046089f96fe667545b");
        let key = store.key("key-1", "second-key-password").unwrap();
        assert_eq!(hex(&key), "82b2f84a6acb78e2b2fc7f0d820294a5be8200dac11cfefab684676e241f8524");
    }

    #[test]
    fn certificates_and_private_keys_are_passed_over() {
        let store = KeyStore::read(MIXED, "p& ss word").unwrap();
        let key = store.key("KEY-0", "p& ss word").unwrap();
        assert_eq!(hex(&key), "6712b3d8657412d877ff918f4c3275b58388c0485ae5500f");
        assert_eq!(
            told(store.key("des", "p& ss word").unwrap_err()),
            "holds a key of another cipher as `des`; `-keyalg AES` makes one that fits"
        );
        assert_eq!(told(store.key("rsa", "p& ss word").unwrap_err()), "holds no secret key `rsa`");
    }

    #[test]
    fn wrong_passwords_and_other_files_are_named() {
        let wrong = |bytes: &[u8], password| told(KeyStore::read(bytes, password).err().unwrap());
        let sentence = "was damaged, or the keystore's password is another one";
        assert_eq!(wrong(TWO_KEYS, "store-passwort"), sentence);
        let mut damaged = TWO_KEYS.to_vec();
        damaged[300] ^= 1;
        assert_eq!(wrong(&damaged, "store-password"), sentence);
        assert_eq!(
            wrong(b"\x30\x82", "x"),
            "is no JCEKS keystore but a PKCS12 one; make it by `keytool -genseckey -storetype jceks`"
        );
        let store = KeyStore::read(TWO_KEYS, "store-password").unwrap();
        assert_eq!(
            told(store.key("key-0", "store-password").unwrap_err()),
            "holds key `key-0` under another password"
        );
        assert_eq!(told(store.key("key-2", "").unwrap_err()), "holds no secret key `key-2`");
    }

    /// The same store with other content, and a digest that agrees.
    fn with_content(content: &[u8]) -> Vec<u8> {
        [content, &super::super::digest_of(content, "x")].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn foreign_bytes_never_panic(
            foreign in prop::collection::vec(any::<u8>(), 0..10),
            at in 4usize..1900,
            replaced in 0usize..10,
        ) {
            let mut bytes = MIXED[..MIXED.len() - super::super::DIGEST].to_vec();
            let at = at.min(bytes.len());
            bytes.splice(at..(at + replaced).min(bytes.len()), foreign);
            if let Ok(store) = KeyStore::read(&with_content(&bytes), "x") {
                for (_, sealed) in &store.sealed {
                    let few = |Parameters(salt, rounds)| Parameters(salt, rounds.min(9));
                    let _ = content(sealed).map(|(content, all)| md5_3des::opened(content, few(all), "x"));
                }
            }
        }
    }
}
