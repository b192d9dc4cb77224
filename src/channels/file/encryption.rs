//! The keys that the file channel encrypts with: Flume's `encryption.*`, and key files of our own.
//!
//! Why two steps: the keys' files are read when the channel opens, so `check` needs none of them.
//! Invariants: `activeKey`, `cipherProvider` and `keyProvider` are given all or none, as in Flume; the active key is
//! among the named ones, which are all that segments still on disk may have been encrypted with.
//! Errors: a missing or contradictory key is a [`Refusal`]; a file that cannot be read, a [`ChannelError`] with its path.
//! Truth: Flume 1.11 user guide, "File Channel" (which misspells some keys); `JCEFileKeyProvider`.
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::codec::java_keystore::secret_key::KeyStore;
use crate::config::{At, Field, Refusal};
use crate::flow::ChannelError;
use crate::store::log::KeyRing;
use crate::store::log::cipher::{Algorithm, Cipher, is_key_length};

const ACTIVE: Field = Field::word("encryption.activeKey").doc("name of the key that new segments get");
const CIPHER: Field = Field::choice(
    "encryption.cipherProvider",
    &["AESGCM", "AESCTRNOPADDING", "org.apache.flume.channel.file.encryption.AESCTRNoPaddingProvider"],
)
.doc("AESGCM also notices changes; AESCTRNOPADDING, Flume's, only hides");
const PROVIDER: Field = Field::choice(
    "encryption.keyProvider",
    &["JCEKSFILE", "KEYFILE", "org.apache.flume.channel.file.encryption.JCEFileKeyProvider$Builder"],
)
.doc("where keys come from: a Java keystore, or a file per key");
const STORE: Field = Field::path("encryption.keyProvider.keyStoreFile")
    .also(&["encrpytion.keyProvider.keyStoreFile", "encyption.keyProvider.keyStoreFile"])
    .doc("JCEKSFILE: the keystore, of type JCEKS");
const STORE_PASSWORD: Field = Field::path("encryption.keyProvider.keyStorePasswordFile")
    .also(&["encrpytion.keyProvider.keyStorePasswordFile", "encyption.keyProvider.keyStorePasswordFile"])
    .doc("JCEKSFILE: the file that holds its password");
const NAMES: Field = Field::names("encryption.keyProvider.keys")
    .also(&["encrpytion.keyProvider.keys", "encyption.keyProvider.keys"])
    .doc("names of all keys, those of older segments too");
const KEYS: Field = Field::prefix("encryption.keyProvider.keys.")
    .also(&["encrpytion.keyProvider.keys.", "encyption.keyProvider.keys."])
    .doc("NAME.passwordFile: JCEKSFILE, if not the keystore's; NAME.file: KEYFILE, 16, 24 or 32 bytes, or those in hex");

/// All keys of the channel that speak of encryption.
pub const FIELDS: &[Field] = &[ACTIVE, CIPHER, PROVIDER, STORE, STORE_PASSWORD, NAMES, KEYS];

/// What is to be encrypted with, and where its keys lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    algorithm: Algorithm,
    active: String,
    /// The keystore and its password's file; `None`: a file per key.
    store: Option<(PathBuf, PathBuf)>,
    /// Names, and the file of the key or of its password.
    files: Vec<(String, PathBuf)>,
}

/// The keys themselves.
pub struct Keys {
    /// The name of the key for new segments.
    pub active: String,
    /// How new segments are encrypted; old ones say it themselves.
    pub algorithm: Algorithm,
    all: BTreeMap<String, Vec<u8>>,
}

/// What the keys of a channel ask for; `None`: no encryption.
pub fn keys(at: &At) -> Result<Option<Encryption>, Refusal> {
    let three = [&ACTIVE, &CIPHER, &PROVIDER];
    let Some(missing) = three.into_iter().find(|field| at.opt(field).is_none()) else {
        return asked(at).map(Some);
    };
    match FIELDS.iter().find(|field| at.is_set(field)) {
        None => Ok(None),
        Some(given) => {
            let what = format!("`{}` needs `{}` too", given.key, missing.key);
            let instead = "set activeKey, cipherProvider and keyProvider, or none of them";
            Err(Refusal::at(given, what).instead(instead))
        }
    }
}

fn asked(at: &At) -> Result<Encryption, Refusal> {
    let algorithm = if at.choice(&CIPHER) == "AESGCM" { Algorithm::AesGcm } else { Algorithm::AesCtr };
    let names = at.names(&NAMES);
    if names.is_empty() {
        return Err(lacks(&PROVIDER, &NAMES));
    }
    let active = at.text(&ACTIVE).to_string();
    if !names.contains(&active) {
        let what = format!("key `{active}` is not among `{}`", NAMES.key);
        return Err(Refusal::at(&ACTIVE, what).instead(format!("add `{active}` to `{}`", NAMES.key)));
    }
    let (store, word) = match at.choice(&PROVIDER) {
        "KEYFILE" => (None, "file"),
        _ => (Some((needed(at, &STORE)?, needed(at, &STORE_PASSWORD)?)), "passwordFile"),
    };
    only_known(at, &names, word)?;
    let default = store.as_ref().map(|(_, password)| password.clone());
    let file = |name: &String| {
        let key = format!("{}{name}.{word}", KEYS.key);
        let own = at.values.get(&key).map(|path| at.place.config_dir.join(path));
        let what = || format!("KEYFILE needs `{key}`");
        let path = own.or(default.clone()).ok_or_else(|| Refusal::at(&PROVIDER, what()))?;
        Ok((name.clone(), path))
    };
    let files = names.iter().map(file).collect::<Result<_, Refusal>>()?;
    Ok(Encryption { algorithm, active, store, files })
}

/// A key below `keys.` that says nothing to this provider is a mistake that would show only when the channel opens.
fn only_known(at: &At, names: &[String], word: &str) -> Result<(), Refusal> {
    for (rest, _) in at.under(&KEYS) {
        if !names.iter().any(|name| rest.strip_prefix(name.as_str()) == Some(&format!(".{word}"))) {
            let what = format!("`{}{rest}` means nothing to {}", KEYS.key, at.text(&PROVIDER));
            let instead = format!("write `{}NAME.{word}`, with a NAME of `{}`", KEYS.key, NAMES.key);
            return Err(Refusal { key: Some(format!("{}{rest}", KEYS.key)), what, instead: Some(instead) });
        }
    }
    Ok(())
}

fn needed(at: &At, field: &Field) -> Result<PathBuf, Refusal> {
    at.opt_path(field).ok_or_else(|| lacks(&PROVIDER, field))
}

fn lacks(field: &Field, needed: &Field) -> Refusal {
    Refusal::at(field, format!("`{}` needs `{}` too", field.key, needed.key))
}

impl Encryption {
    /// Reads all keys from their files.
    pub fn load(&self) -> Result<Keys, ChannelError> {
        let all = match &self.store {
            Some((store, password)) => self.in_keystore(store, password)?,
            None => self.in_files()?,
        };
        Ok(Keys { active: self.active.clone(), algorithm: self.algorithm, all })
    }

    fn in_keystore(&self, path: &Path, password: &Path) -> Result<BTreeMap<String, Vec<u8>>, ChannelError> {
        let wrong = |error: &dyn fmt::Display| broken(format!("`{}` {error}", path.display()));
        let bytes = bytes(path)?;
        let store = KeyStore::read(&bytes, &secret(password)?).map_err(|error| wrong(&error))?;
        let key = |(name, password): &(String, PathBuf)| {
            let key = store.key(name, &secret(password)?).map_err(|error| wrong(&error))?;
            if !is_key_length(key.len()) {
                return Err(wrong(&format!("holds key `{name}` of {} bytes", key.len())));
            }
            Ok((name.clone(), key))
        };
        self.files.iter().map(key).collect()
    }

    fn in_files(&self) -> Result<BTreeMap<String, Vec<u8>>, ChannelError> {
        self.files.iter().map(|(name, path)| Ok((name.clone(), key_file(path)?))).collect()
    }
}

impl Keys {
    /// The cipher of a segment; `None`: no key of that name is configured.
    pub fn cipher(&self, name: &str, algorithm: Algorithm, salt: &[u8; 16]) -> Option<Cipher> {
        Cipher::new(algorithm, self.all.get(name)?, salt)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }
}

impl From<Keys> for KeyRing {
    fn from(keys: Keys) -> KeyRing {
        KeyRing { active: Some((keys.active, keys.algorithm)), keys: keys.all }
    }
}

/// Names only: keys are printed nowhere.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The key in a file of its own.
pub fn key_file(path: &Path) -> Result<Vec<u8>, ChannelError> {
    let what = "holds neither 16, 24 or 32 bytes nor 32, 48 or 64 hex digits";
    parsed(bytes(path)?).ok_or_else(|| broken(format!("`{}` {what}", path.display())))
}

/// A key as raw bytes or as hex digits: 32 digits are more likely a key of 16 bytes than random bytes that all
/// happen to be digits.
fn parsed(content: Vec<u8>) -> Option<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    let digits: Option<Vec<u8>> = content.trim_ascii().iter().map(digit).collect();
    let hex = digits.filter(|digits| digits.len() % 2 == 0 && is_key_length(digits.len() / 2));
    match hex {
        Some(digits) => Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        None => is_key_length(content.len()).then_some(content),
    }
}

/// A password: what the file holds, without white space around it, as in Flume.
fn secret(path: &Path) -> Result<String, ChannelError> {
    let text = String::from_utf8(bytes(path)?);
    let text = text.map_err(|_| broken(format!("`{}` holds no text in UTF-8", path.display())))?;
    Ok(text.trim().to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, ChannelError> {
    std::fs::read(path).map_err(|cause| ChannelError::io(format!("cannot read `{}`", path.display()), cause))
}

fn broken(doing: String) -> ChannelError {
    ChannelError { doing, cause: None }
}

#[cfg(test)]
mod tests;
