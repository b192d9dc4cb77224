//! The entries of Java's own keystores: JKS, and JCEKS, which can hold secret keys too.
//!
//! Why one reader: the container is the same; what is sealed inside is opened by [`secret_key`] and [`private_key`].
//! Shape, big-endian: magic FEEDFEED (JKS) or CECECECE (JCEKS), version u32 (1 or 2), count u32; per entry tag u32,
//! alias (u16 length, text), date u64, and: 1 private key: u32 length, bytes, u32 count of certificates; 2 certificate:
//! (version 2: type,) u32 length, bytes; 3 secret key: a serialised `SealedObject`. Behind all a SHA-1 of the store's
//! password in UTF-16BE, "Mighty Aphrodite" and everything before.
//! Errors: foreign bytes and wrong passwords give [`Wrong`]; nothing panics.
//! Truth: OpenJDK `sun.security.provider.JavaKeyStore`, `com.sun.crypto.provider.JceKeyStore`.
use std::rc::Rc;

use sha1::{Digest, Sha1};

use super::java_object::{self, Object};

pub mod md5_3des;
pub mod private_key;
pub mod secret_key;

/// What a JKS store begins with.
pub const JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// What a JCEKS store begins with.
pub const JCEKS: [u8; 4] = [0xce; 4];
const DIGEST: usize = 20;

/// Why no entry could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is no such store.
    Magic,
    /// The digest differs.
    Password,
    Damaged,
}

/// What is kept under one name.
pub struct Entry<'a> {
    pub alias: &'a str,
    pub content: Content<'a>,
}

/// Certificates are X.509 in DER; keys are still sealed.
pub enum Content<'a> {
    /// The key, and its certificates, its own first.
    PrivateKey(&'a [u8], Vec<&'a [u8]>),
    Trusted(&'a [u8]),
    SecretKey(Rc<Object>),
}

/// All entries, in the order of the file. Without a password nothing tells whether the file was damaged, as in Java.
pub fn read<'a>(bytes: &'a [u8], password: Option<&str>) -> Result<Vec<Entry<'a>>, Wrong> {
    if !bytes.starts_with(&JKS) && !bytes.starts_with(&JCEKS) {
        return Err(Wrong::Magic);
    }
    let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(Wrong::Damaged)?;
    if password.is_some_and(|password| digest_of(content, password) != *digest) {
        return Err(Wrong::Password);
    }
    Reader(content).all().ok_or(Wrong::Damaged)
}

fn digest_of(content: &[u8], password: &str) -> [u8; DIGEST] {
    let hash = Sha1::new_with_prefix(utf16(password));
    hash.chain_update("Mighty Aphrodite").chain_update(content).finalize().into()
}

/// A password as these stores hash it.
fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// What is left of a keystore's content.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn all(mut self) -> Option<Vec<Entry<'a>>> {
        self.bytes(JKS.len())?;
        let version = self.u32()?;
        matches!(version, 1 | 2).then_some(())?;
        let mut entries = Vec::new();
        for _ in 0..self.u32()? {
            let tag = self.u32()?;
            let alias = self.text()?;
            self.bytes(8)?;
            let content = self.content(tag, version)?;
            entries.push(Entry { alias, content });
        }
        self.0.is_empty().then_some(entries)
    }

    fn content(&mut self, tag: u32, version: u32) -> Option<Content<'a>> {
        Some(match tag {
            1 => {
                let key = self.block()?;
                let count = self.u32()?;
                let chain = (0..count).map(|_| self.certificate(version)).collect::<Option<_>>()?;
                Content::PrivateKey(key, chain)
            }
            2 => Content::Trusted(self.certificate(version)?),
            3 => {
                let (object, taken) = java_object::read(self.0).ok()?;
                self.bytes(taken)?;
                Content::SecretKey(object)
            }
            _ => return None,
        })
    }

    fn certificate(&mut self, version: u32) -> Option<&'a [u8]> {
        if version == 2 {
            self.text()?;
        }
        self.block()
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.bytes(2)?;
        let length = u16::from_be_bytes(length.try_into().expect("two bytes"));
        std::str::from_utf8(self.bytes(length.into())?).ok()
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.bytes(length as usize)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
}
