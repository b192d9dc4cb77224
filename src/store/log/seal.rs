//! How the bytes of a frame are packed and encrypted, per segment.
//!
//! Packing concerns the body alone. Encryption concerns meta and body as one text; what it adds is counted to the body.
//! A key is used through a sub-key of the segment's own salt, with the frame's number as nonce: no two frames share a
//! key stream, whatever is written again after a failure.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

use super::cipher::{Algorithm, Cipher};
use super::frame::{self, Head, Kind, LONGEST};
use super::header::Header;
use super::pack::{self, Packing};
use super::survey::Fault;

/// Set in a frame's packing byte when meta and body are encrypted.
pub const ENCRYPTED: u8 = 0x10;

/// The keys a log may need: the one it writes by, and all it may have to read by.
#[derive(Clone, Default)]
pub struct KeyRing {
    pub active: Option<(String, Algorithm)>,
    pub keys: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.keys.len())
    }
}

/// Why the frames of a segment cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyTrouble {
    /// No key of this name is there.
    Missing(String),
    /// The key of this name is another one than it was encrypted by.
    Wrong(String),
}

impl KeyRing {
    /// What is wrong with the key of a segment; `None`: nothing, or it needs none.
    pub fn trouble(&self, header: &Header) -> Option<KeyTrouble> {
        if header.cipher == 0 {
            return None;
        }
        let alias = || header.alias.clone();
        let Some(key) = self.keys.get(&header.alias) else { return Some(KeyTrouble::Missing(alias())) };
        let cipher = Algorithm::of(header.cipher).and_then(|by| Cipher::new(by, key, &header.salt));
        match cipher.is_some_and(|cipher| cipher.proof() == header.proof) {
            true => None,
            false => Some(KeyTrouble::Wrong(alias())),
        }
    }
}

/// How one segment's frames are packed and encrypted.
pub struct Sealing {
    packing: Packing,
    cipher: Secret,
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sealing, packed by {:?}", self.packing)
    }
}

enum Secret {
    Open,
    By(Box<Cipher>),
    /// This key is not there.
    Lost(String),
}

/// Meta and body in the open.
type Opened<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Meta and body as they are stored, where they differ from what was given.
pub struct Sealed {
    pub packing: u8,
    /// Meta and body back to back; `None`: as given.
    pub bytes: Option<Vec<u8>>,
}

impl Sealing {
    /// For a new segment; its header says how to read it.
    pub fn new(packing: Packing, keys: &KeyRing, salt: [u8; 16]) -> (Sealing, Lock) {
        let made = keys.active.as_ref().and_then(|(alias, algorithm)| {
            let cipher = Cipher::new(*algorithm, keys.keys.get(alias)?, &salt)?;
            let lock = Lock { cipher: *algorithm as u8, alias: alias.clone(), proof: cipher.proof() };
            Some((cipher, lock))
        });
        match made {
            Some((cipher, lock)) => (Sealing { packing, cipher: Secret::By(Box::new(cipher)) }, lock),
            None => (Sealing { packing, cipher: Secret::Open }, Lock::default()),
        }
    }

    /// Neither packed nor encrypted.
    pub fn plain() -> Sealing {
        Sealing { packing: Packing::None, cipher: Secret::Open }
    }

    /// To read a segment that has this header.
    pub fn of_segment(header: Option<&Header>, keys: &KeyRing) -> Sealing {
        let Some(header) = header.filter(|header| header.cipher != 0) else { return Sealing::plain() };
        let cipher = keys.keys.get(&header.alias).zip(Algorithm::of(header.cipher));
        let cipher = cipher.and_then(|(key, algorithm)| Cipher::new(algorithm, key, &header.salt));
        let cipher = match cipher.filter(|cipher| cipher.proof() == header.proof) {
            Some(cipher) => Secret::By(Box::new(cipher)),
            None => Secret::Lost(header.alias.clone()),
        };
        Sealing { packing: Packing::None, cipher }
    }

    /// Whether frames lie in the segment as they were given.
    pub fn is_plain(&self) -> bool {
        self.packing == Packing::None && matches!(self.cipher, Secret::Open)
    }

    /// Packs and encrypts, where this segment does.
    pub fn seal(&self, number: u64, meta: &[u8], bodies: &[&[u8]]) -> Sealed {
        let packs = self.packing != Packing::None && !bodies.is_empty();
        if !packs && matches!(self.cipher, Secret::Open) {
            return Sealed { packing: 0, bytes: None };
        }
        let mut bytes = meta.to_vec();
        let packing = if packs { self.packing } else { Packing::None };
        let packing = match pack::pack(packing, bodies, &mut bytes) {
            Packing::None => {
                bytes.truncate(meta.len());
                bodies.iter().for_each(|body| bytes.extend_from_slice(body));
                0
            }
            packing => packing as u8,
        };
        let Secret::By(cipher) = &self.cipher else { return Sealed { packing, bytes: Some(bytes) } };
        let packing = packing | ENCRYPTED;
        cipher.seal(number, &told(packing, meta.len()), &mut bytes);
        Sealed { packing, bytes: Some(bytes) }
    }

    /// Meta and body of a verified frame, decrypted; the body is packed still.
    pub fn open<'a>(&self, head: &Head, meta: &'a [u8], body: &'a [u8]) -> Result<Opened<'a>, Fault> {
        if head.packing & ENCRYPTED == 0 {
            // Whoever can write here but has no key could slip in plain frames.
            let plain = matches!(self.cipher, Secret::Open) || head.kind == Kind::Ends;
            return if plain { Ok((Cow::Borrowed(meta), Cow::Borrowed(body))) } else { Err(Fault::Broken) };
        }
        let cipher = match &self.cipher {
            Secret::By(cipher) => cipher,
            Secret::Lost(alias) => return Err(Fault::NoKey(alias.clone())),
            Secret::Open => return Err(Fault::Sealed),
        };
        let mut bytes = [meta, body].concat();
        cipher.open(head.number, &told(head.packing, meta.len()), &mut bytes).map_err(|_| Fault::Broken)?;
        let body = bytes.split_off(meta.len().min(bytes.len()));
        Ok((Cow::Owned(bytes), Cow::Owned(body)))
    }
}

/// What an encrypted frame tells openly and is bound to.
fn told(packing: u8, meta: usize) -> [u8; 5] {
    let [a, b, c, d] = (meta as u32).to_le_bytes();
    [packing, a, b, c, d]
}

/// What a header says of its segment's encryption.
#[derive(Debug, Default)]
pub struct Lock {
    pub cipher: u8,
    pub alias: String,
    pub proof: [u8; 8],
}

/// The body as it was before packing.
pub fn unpacked(head: &Head, body: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let packing = Packing::of(head.packing & !ENCRYPTED).ok_or(io::ErrorKind::InvalidData)?;
    match packing {
        Packing::None => Ok(None),
        packing => pack::unpack(packing, body, LONGEST as usize).map(Some),
    }
}

/// The sum of all that a frame stores behind its head.
pub fn sums(meta: &[u8], bodies: &[&[u8]]) -> (u32, u32) {
    (crc32c::crc32c(meta), frame::checksum(bodies))
}
