//! Secret keys out of a JCEKS keystore, as `keytool -genseckey -storetype jceks` makes it: what Flume's file channel is
//! given to encrypt with.
//!
//! Shape, big-endian: magic CECECECE, version u32 (1 or 2), count u32; per entry tag u32, alias (u16 length, text),
//! date u64, and: 1 private key: u32 length, bytes, u32 count of certificates; 2 certificate: (version 2: type,) u32
//! length, bytes; 3 secret key: a serialised `SealedObject`. Behind all a SHA-1 of the store's password in UTF-16BE,
//! "Mighty Aphrodite" and everything before.
//! A key is sealed by 3DES-CBC; key and vector are 32 bytes that MD5 makes of the key's password: each half of the
//! salt, hashed with the password again and again. Inside is a serialised `SecretKeySpec`.
//! Errors: foreign bytes and wrong passwords give a [`JceksError`]; nothing panics.
//! Truth: OpenJDK `com.sun.crypto.provider.JceKeyStore`, `KeyProtector`, `PBES1Core`; stores made by keytool in `tests`.
use std::fmt;
use std::rc::Rc;

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};
use sha1::Sha1;

use super::java_object::{self, Object};

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

const MAGIC: [u8; 4] = [0xce; 4];
const DIGEST: usize = 20;
const CIPHER: &str = "PBEWithMD5AndTripleDES";
/// What OpenJDK takes at most.
const MOST_ROUNDS: u32 = 5_000_000;

impl KeyStore {
    pub fn read(bytes: &[u8], password: &str) -> Result<KeyStore, JceksError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(JceksError::Other(kind(bytes)));
        }
        let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(JceksError::Damaged)?;
        let mut hash = Sha1::new();
        password.encode_utf16().for_each(|unit| hash.update(unit.to_be_bytes()));
        hash.update("Mighty Aphrodite");
        hash.update(content);
        if hash.finalize()[..] != digest[..] {
            return Err(JceksError::StorePassword);
        }
        let sealed = Entries(content).all().ok_or(JceksError::Damaged)?;
        Ok(KeyStore { sealed })
    }

    /// The bytes of an AES key. Aliases count in any case, as in Java.
    pub fn key(&self, alias: &str, password: &str) -> Result<Vec<u8>, JceksError> {
        let lower = alias.to_lowercase();
        let sealed = self.sealed.iter().find(|(known, _)| known.to_lowercase() == lower);
        let (_, sealed) = sealed.ok_or_else(|| JceksError::NoKey(alias.into()))?;
        let (content, salt, rounds) = content(sealed).ok_or(JceksError::Damaged)?;
        let wrong = || JceksError::KeyPassword(alias.into());
        let plain = opened(content, &salt, rounds, password).ok_or_else(wrong)?;
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
        [0xfe, 0xed, 0xfe, 0xed, ..] => "a JKS one",
        [0x30, ..] => "a PKCS12 one",
        [] => "an empty file",
        _ => "another file",
    }
}

/// What is left of a keystore's content.
struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    fn all(mut self) -> Option<Vec<(String, Rc<Object>)>> {
        self.bytes(MAGIC.len())?;
        let version = self.u32()?;
        matches!(version, 1 | 2).then_some(())?;
        let mut sealed = Vec::new();
        for _ in 0..self.u32()? {
            let tag = self.u32()?;
            let alias = self.text()?.to_string();
            self.bytes(8)?;
            match tag {
                1 => self.private_key(version)?,
                2 => self.certificate(version)?,
                3 => {
                    let (object, taken) = java_object::read(self.0).ok()?;
                    self.bytes(taken)?;
                    sealed.push((alias, object));
                }
                _ => return None,
            }
        }
        self.0.is_empty().then_some(sealed)
    }

    fn private_key(&mut self, version: u32) -> Option<()> {
        let length = self.u32()?;
        self.bytes(length as usize)?;
        for _ in 0..self.u32()? {
            self.certificate(version)?;
        }
        Some(())
    }

    fn certificate(&mut self, version: u32) -> Option<()> {
        if version == 2 {
            self.text()?;
        }
        let length = self.u32()?;
        self.bytes(length as usize).map(drop)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.bytes(2)?;
        let length = u16::from_be_bytes(length.try_into().expect("two bytes"));
        std::str::from_utf8(self.bytes(length.into())?).ok()
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
}

/// What is encrypted, and the salt and rounds of its password.
fn content(sealed: &Object) -> Option<(&[u8], [u8; 8], u32)> {
    (sealed.text("sealAlg") == Some(CIPHER)).then_some(())?;
    let (salt, rounds) = parameters(sealed.bytes("encodedParams")?)?;
    Some((sealed.bytes("encryptedContent")?, salt, rounds))
}

/// DER: a sequence of an octet string of 8 bytes and an integer.
fn parameters(der: &[u8]) -> Option<([u8; 8], u32)> {
    let (&[sequence, length, octets, 8], rest) = der.split_first_chunk::<4>()? else { return None };
    let (salt, rest) = rest.split_first_chunk::<8>()?;
    let (&[integer, width], rounds) = rest.split_first_chunk::<2>()?;
    let framed = usize::from(length) == der.len() - 2 && usize::from(width) == rounds.len();
    ((sequence, octets, integer) == (0x30, 4, 2) && framed && width <= 4).then_some(())?;
    let rounds = rounds.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    (1..=MOST_ROUNDS).contains(&rounds).then_some((*salt, rounds))
}

fn opened(content: &[u8], salt: &[u8; 8], rounds: u32, password: &str) -> Option<Vec<u8>> {
    let secret = derived(salt, rounds, password);
    let cipher = cbc::Decryptor::<des::TdesEde3>::new_from_slices(&secret[..24], &secret[24..]).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(content).ok()
}

/// 24 bytes of key and 8 of vector. Java takes seven bits of each character of the password.
fn derived(salt: &[u8; 8], rounds: u32, password: &str) -> [u8; 32] {
    let password: Vec<u8> = password.encode_utf16().map(|unit| unit as u8 & 0x7f).collect();
    let mut salt = *salt;
    if salt[..4] == salt[4..] {
        salt[..4].reverse();
    }
    let mut secret = [0; 32];
    for (half, out) in salt.chunks_exact(4).zip(secret.chunks_exact_mut(16)) {
        let mut hash = Md5::new().chain_update(half).chain_update(&password).finalize();
        for _ in 1..rounds {
            hash = Md5::new().chain_update(hash).chain_update(&password).finalize();
        }
        out.copy_from_slice(&hash);
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO_KEYS: &[u8] = include_bytes!("../../tests/keystores/two-keys.jceks");
    const MIXED: &[u8] = include_bytes!("../../tests/keystores/mixed.jceks");

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

    #[test]
    fn the_password_is_hashed_as_java_does_also_where_both_halves_of_the_salt_are_the_same() {
        let sealed = [0x41, 0x7e, 0x96, 0x59, 0x9e, 0xc2, 0x98, 0x07];
        assert_eq!(opened(&sealed, &[1, 2, 3, 4, 5, 6, 7, 8], 20, "pass").unwrap(), b"hello");
        let sealed = [0x7f, 0x7d, 0xe1, 0x1d, 0x13, 0x18, 0x7f, 0x23];
        assert_eq!(opened(&sealed, &[1, 2, 3, 4, 1, 2, 3, 4], 20, "pass").unwrap(), b"hello");
    }

    /// The same store with other content, and a digest that agrees.
    fn with_content(content: &[u8]) -> Vec<u8> {
        let mut hash = Sha1::new_with_prefix(b"\0x");
        hash.update("Mighty Aphrodite");
        hash.update(content);
        [content, &hash.finalize()[..]].concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn foreign_bytes_never_panic(
            foreign in prop::collection::vec(any::<u8>(), 0..10),
            at in 4usize..1900,
            replaced in 0usize..10,
        ) {
            let mut bytes = MIXED[..MIXED.len() - DIGEST].to_vec();
            let at = at.min(bytes.len());
            bytes.splice(at..(at + replaced).min(bytes.len()), foreign);
            if let Ok(store) = KeyStore::read(&with_content(&bytes), "x") {
                for (_, sealed) in &store.sealed {
                    let _ = content(sealed).map(|(content, salt, rounds)| opened(content, &salt, rounds.min(9), "x"));
                }
            }
        }

        #[test]
        fn foreign_parameters_never_panic(der in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = parameters(&der);
        }
    }
}
