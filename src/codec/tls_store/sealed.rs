//! Opens what a password and an algorithm of PKCS#5 or PKCS#12 encrypted: parts of a store, and private keys.
//!
//! Shape in DER: the algorithm is an identifier and its parameters. PKCS#12: salt and rounds; key and vector come of
//! its own derivation with SHA-1. PBES2: PBKDF2 (salt, rounds, maybe the key's length, maybe its hash) and a cipher
//! with its vector. All ciphers run in CBC mode.
//! Invariants: what comes out is one DER sequence, as all that is encrypted here.
//! Errors: [`StoreError::Password`], [`Damaged`](StoreError::Damaged), [`Algorithm`](StoreError::Algorithm).
//! Truth: RFC 7292, appendix C; RFC 8018, section 6.2 and appendix A.
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};

use super::StoreError;
use super::hash::{Hash, Purpose};
use crate::codec::der::{Der, OCTETS, OID, SEQUENCE, dotted, is_sequence};

/// What OpenJDK takes at most.
const MOST_ROUNDS: u32 = 5_000_000;

/// 1.2.840.113549.1.5.13
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
/// 1.2.840.113549.1.5.12
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
/// 1.2.840.113549.1.12.1, which a number follows.
const PKCS12: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1];
/// 2.16.840.1.101.3.4.1, which a number follows.
const AES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1];
/// 1.2.840.113549.3.7
const DES_EDE3: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 3, 7];

/// The plain bytes of an `EncryptedPrivateKeyInfo`: an algorithm, and what it encrypted.
pub fn key(sealed: &[u8], password: &str) -> Result<Vec<u8>, StoreError> {
    let parts = || {
        let mut inside = Der::new(sealed).inside(SEQUENCE)?;
        Some((inside.inside(SEQUENCE)?, inside.take(OCTETS)?))
    };
    let (algorithm, content) = parts().ok_or(StoreError::Damaged)?;
    opened(algorithm, content, password)
}

/// The plain bytes. `algorithm` is what lies within its sequence.
pub fn opened(mut algorithm: Der<'_>, content: &[u8], password: &str) -> Result<Vec<u8>, StoreError> {
    let oid = algorithm.take(OID).ok_or(StoreError::Damaged)?;
    let secret = match oid {
        PBES2 => by_pbes2(algorithm, password)?,
        _ => by_pkcs12(oid, algorithm, password)?,
    };
    let plain = secret.opened(content).filter(|plain| is_sequence(plain));
    plain.ok_or(StoreError::Password)
}

/// A cipher with all that it needs.
struct Secret {
    cipher: Cipher,
    key: Vec<u8>,
    vector: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    Des2,
    Des3,
    Rc2,
}

fn by_pkcs12(oid: &[u8], mut algorithm: Der<'_>, password: &str) -> Result<Secret, StoreError> {
    let (cipher, length) = match oid.strip_prefix(PKCS12) {
        Some([3]) => (Cipher::Des3, 24),
        Some([4]) => (Cipher::Des2, 16),
        Some([5]) => (Cipher::Rc2, 16),
        Some([6]) => (Cipher::Rc2, 5),
        _ => return Err(unknown(oid)),
    };
    let mut parts = || {
        let mut inside = algorithm.inside(SEQUENCE)?;
        Some((inside.take(OCTETS)?, rounds(&mut inside)?))
    };
    let (salt, rounds) = parts().ok_or(StoreError::Damaged)?;
    let derived = |purpose, length| Hash::Sha1.derived(purpose, password, salt, rounds, length);
    Ok(Secret { cipher, key: derived(Purpose::Key, length), vector: derived(Purpose::Vector, 8) })
}

fn by_pbes2(mut algorithm: Der<'_>, password: &str) -> Result<Secret, StoreError> {
    let mut parts = || {
        let mut inside = algorithm.inside(SEQUENCE)?;
        let (mut derivation, mut cipher) = (inside.inside(SEQUENCE)?, inside.inside(SEQUENCE)?);
        Some((derivation.take(OID)?, derivation, cipher.take(OID)?, cipher.take(OCTETS)))
    };
    let (derivation, parameters, cipher, vector) = parts().ok_or(StoreError::Damaged)?;
    if derivation != PBKDF2 {
        return Err(unknown(derivation));
    }
    let (cipher, length) = cipher_of(cipher).ok_or_else(|| unknown(cipher))?;
    let vector = vector.ok_or(StoreError::Damaged)?.to_vec();
    Ok(Secret { cipher, key: by_pbkdf2(parameters, password, length)?, vector })
}

fn by_pbkdf2(mut parameters: Der<'_>, password: &str, length: usize) -> Result<Vec<u8>, StoreError> {
    let mut parts = || {
        let mut inside = parameters.inside(SEQUENCE)?;
        let (salt, rounds) = (inside.take(OCTETS)?, rounds(&mut inside)?);
        // The cipher says it too.
        inside.number();
        Some((salt, rounds, inside.inside(SEQUENCE).and_then(|mut hash| hash.take(OID))))
    };
    let (salt, rounds, oid) = parts().ok_or(StoreError::Damaged)?;
    let hash = match oid {
        Some(oid) => Hash::by_hmac_oid(oid).ok_or_else(|| unknown(oid))?,
        None => Hash::Sha1,
    };
    Ok(hash.pbkdf2(password, salt, rounds, length))
}

/// The cipher, and the length of its key.
fn cipher_of(oid: &[u8]) -> Option<(Cipher, usize)> {
    match oid.strip_prefix(AES) {
        Some([2]) => Some((Cipher::Aes128, 16)),
        Some([22]) => Some((Cipher::Aes192, 24)),
        Some([42]) => Some((Cipher::Aes256, 32)),
        _ => (oid == DES_EDE3).then_some((Cipher::Des3, 24)),
    }
}

/// As many rounds as anyone hashes.
pub fn rounds(der: &mut Der<'_>) -> Option<u32> {
    der.number().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))
}

pub fn unknown(oid: &[u8]) -> StoreError {
    StoreError::Algorithm(dotted(oid))
}

impl Secret {
    fn opened(&self, content: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            Cipher::Aes128 => self.by::<aes::Aes128>(content),
            Cipher::Aes192 => self.by::<aes::Aes192>(content),
            Cipher::Aes256 => self.by::<aes::Aes256>(content),
            Cipher::Des2 => self.by::<des::TdesEde2>(content),
            Cipher::Des3 => self.by::<des::TdesEde3>(content),
            Cipher::Rc2 => self.by::<rc2::Rc2>(content),
        }
    }

    fn by<C: KeyInit + BlockCipherDecrypt>(&self, content: &[u8]) -> Option<Vec<u8>> {
        let cipher = cbc::Decryptor::<C>::new_from_slices(&self.key, &self.vector).ok()?;
        cipher.decrypt_padded_vec::<Pkcs7>(content).ok()
    }
}
