//! Encryption of frames.
//!
//! Why a key per segment: each has a salt of its own, and its key is HKDF-SHA256 of the configured key, the salt and the
//! algorithm. So a frame's number is nonce enough, and a segment that is written anew never meets an old nonce.
//! Flume's AES/CTR takes one nonce per file and starts its counter at 1 again for every record: all records of a file
//! are hidden by the same key stream, and two of them XORed show both. Ours has no byte of key stream twice: in the
//! counter block the upper half is the frame's number, the lower half counts blocks.
//! Invariant, the caller's: under one cipher a number seals one piece of data, once.
//! Shape: AES-GCM: nonce = number u64 big-endian, then 4 zero bytes; a 16-byte tag behind the data. AES-CTR: first block
//! number u64 big-endian, then 8 zero bytes; no tag, so it hides what is stored and does not notice a change of it.
use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::{AeadInOut, consts::U12};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm, KeyInit};
use ctr::Ctr64BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hkdf::Hkdf;
use sha2::Sha256;

/// The number is what a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    AesGcm = 1,
    AesCtr = 2,
}

impl Algorithm {
    pub fn of(code: u8) -> Option<Algorithm> {
        [Algorithm::AesGcm, Algorithm::AesCtr].into_iter().find(|algorithm| *algorithm as u8 == code)
    }

    /// Bytes by which sealed data is longer.
    pub fn overhead(self) -> usize {
        match self {
            Algorithm::AesGcm => 16,
            Algorithm::AesCtr => 0,
        }
    }
}

/// The data was not sealed by this key under this number, or it was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the frame was changed after it was encrypted, or encrypted with another key")
    }
}

impl std::error::Error for Forged {}

/// Whether a key of so many bytes is one of AES.
pub fn is_key_length(len: usize) -> bool {
    matches!(len, 16 | 24 | 32)
}

/// Seals and opens the frames of one segment.
pub struct Cipher {
    mode: Mode,
    proof: [u8; 8],
}

enum Mode {
    Gcm128(Box<Aes128Gcm>),
    Gcm192(Box<AesGcm<Aes192, U12>>),
    Gcm256(Box<Aes256Gcm>),
    /// The segment's key; its schedule costs less than the frame's head.
    Ctr(Vec<u8>),
}

impl Cipher {
    /// `None`: `key` is no AES key of 16, 24 or 32 bytes.
    pub fn new(algorithm: Algorithm, key: &[u8], salt: &[u8; 16]) -> Option<Cipher> {
        if !is_key_length(key.len()) {
            return None;
        }
        let source = Hkdf::<Sha256>::new(Some(salt), key);
        let derive = |what: &[u8], out: &mut [u8]| {
            let info = [b"dataflowkit log segment ", &[algorithm as u8][..], what];
            source.expand_multi_info(&info, out).expect("HKDF gives up to 8160 bytes");
        };
        let mut own = vec![0; key.len()];
        derive(b"key", &mut own);
        let mut proof = [0; 8];
        derive(b"proof", &mut proof);
        let mode = match (algorithm, own.len()) {
            (Algorithm::AesCtr, _) => Mode::Ctr(own),
            (_, 16) => Mode::Gcm128(Box::new(Aes128Gcm::new_from_slice(&own).ok()?)),
            (_, 24) => Mode::Gcm192(Box::new(AesGcm::new_from_slice(&own).ok()?)),
            _ => Mode::Gcm256(Box::new(Aes256Gcm::new_from_slice(&own).ok()?)),
        };
        Some(Cipher { mode, proof })
    }

    /// Tells whether two ciphers have the same key, algorithm and salt, and nothing of the key: kept in the segment's
    /// head, it shows a wrong key before the first frame is tried.
    pub fn proof(&self) -> [u8; 8] {
        self.proof
    }

    /// Encrypts `data` in place, and appends the tag if the algorithm has one. Once per number, and the `aad` (which
    /// stays readable) must be told again to open it.
    pub fn seal(&self, number: u64, aad: &[u8], data: &mut Vec<u8>) {
        let nonce = nonce::<12>(number).into();
        let sealed = match &self.mode {
            Mode::Gcm128(gcm) => gcm.encrypt_in_place(&nonce, aad, data),
            Mode::Gcm192(gcm) => gcm.encrypt_in_place(&nonce, aad, data),
            Mode::Gcm256(gcm) => gcm.encrypt_in_place(&nonce, aad, data),
            Mode::Ctr(key) => {
                apply(key, number, data);
                Ok(())
            }
        };
        sealed.expect("a frame is shorter than the 64 GiB that GCM takes");
    }

    /// Decrypts `data` in place and takes the tag off. After an error its content means nothing.
    pub fn open(&self, number: u64, aad: &[u8], data: &mut Vec<u8>) -> Result<(), Forged> {
        let nonce = nonce::<12>(number).into();
        let opened = match &self.mode {
            Mode::Gcm128(gcm) => gcm.decrypt_in_place(&nonce, aad, data),
            Mode::Gcm192(gcm) => gcm.decrypt_in_place(&nonce, aad, data),
            Mode::Gcm256(gcm) => gcm.decrypt_in_place(&nonce, aad, data),
            Mode::Ctr(key) => {
                apply(key, number, data);
                Ok(())
            }
        };
        opened.map_err(|_| Forged)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

fn nonce<const SIZE: usize>(number: u64) -> [u8; SIZE] {
    let mut nonce = [0; SIZE];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn apply(key: &[u8], number: u64, data: &mut [u8]) {
    fn with<C: KeyIvInit + StreamCipher>(key: &[u8], number: u64, data: &mut [u8]) {
        let mut stream = C::new_from_slices(key, &nonce::<16>(number)).expect("both have AES's lengths");
        stream.apply_keystream(data);
    }
    match key.len() {
        16 => with::<Ctr64BE<Aes128>>(key, number, data),
        24 => with::<Ctr64BE<Aes192>>(key, number, data),
        _ => with::<Ctr64BE<Aes256>>(key, number, data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 16] = *b"salt of a segmen";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Each with its algorithm, key length and what `sealed` gives.
    const KNOWN: [(Algorithm, usize, &str); 6] = [
        (Algorithm::AesGcm, 16, "b605b63accc3cdbc7ad12fc0aed1f10d882a6b90bddcfc2dfa33c2a85c5cd727d6324836"),
        (Algorithm::AesGcm, 24, "5ca69b7501de8a72326e8e2255a57394c80d4c90bd78d79500bbae1c27b5e844b2b4bda7"),
        (Algorithm::AesGcm, 32, "ff3545ec2d01ac8bb28c0717433b34182c9af6003232afb94fa921b236bc8a90687dccc8"),
        (Algorithm::AesCtr, 16, "634d8fc3018d5aaa604cc23df524a0c58def2bd4"),
        (Algorithm::AesCtr, 24, "8db0ea21472d816c93d9f453127b265f9ae92ebb"),
        (Algorithm::AesCtr, 32, "bba7ed4ce4d9c982fbe6d0774fb7ad5daf234921"),
    ];

    fn cipher(algorithm: Algorithm, length: usize) -> Cipher {
        let key: Vec<u8> = (0..length as u8).collect();
        Cipher::new(algorithm, &key, &SALT).unwrap()
    }

    #[test]
    fn known_answers_of_another_implementation() {
        for (algorithm, length, known) in KNOWN {
            let cipher = cipher(algorithm, length);
            let mut data = b"twenty bytes of text".to_vec();
            cipher.seal(0x0102_0304, b"head", &mut data);
            assert_eq!(hex(&data), known, "{algorithm:?} {length}");
            assert_eq!(data.len(), 20 + algorithm.overhead());
            assert_eq!(cipher.open(0x0102_0304, b"head", &mut data), Ok(()));
            assert_eq!(data, b"twenty bytes of text");
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let cipher = cipher(Algorithm::AesGcm, 32);
        let mut sealed = b"text".to_vec();
        cipher.seal(7, b"head", &mut sealed);
        assert_eq!(cipher.open(8, b"head", &mut sealed.clone()), Err(Forged));
        assert_eq!(cipher.open(7, b"Head", &mut sealed.clone()), Err(Forged));
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cipher.open(7, b"head", &mut flipped), Err(Forged), "bit {bit}");
        }
        for shorter in 0..sealed.len() {
            assert_eq!(cipher.open(7, b"head", &mut sealed[..shorter].to_vec()), Err(Forged));
        }
    }

    #[test]
    fn no_two_frames_and_no_two_segments_share_a_key_stream() {
        for algorithm in [Algorithm::AesGcm, Algorithm::AesCtr] {
            let stream = |salt: &[u8; 16], number: u64| {
                let mut zeros = vec![0; 64];
                Cipher::new(algorithm, &[1; 32], salt).unwrap().seal(number, b"", &mut zeros);
                zeros[..64].to_vec()
            };
            let streams = [stream(&SALT, 1), stream(&SALT, 2), stream(&[0; 16], 1)].concat();
            let mut blocks: Vec<&[u8]> = streams.chunks(16).collect();
            blocks.sort();
            blocks.dedup();
            assert_eq!(blocks.len(), 12);
        }
    }

    #[test]
    fn the_proof_tells_keys_salts_and_algorithms_apart() {
        let proof = |algorithm, key: [u8; 32], salt| Cipher::new(algorithm, &key, &salt).unwrap().proof();
        let proofs = [
            proof(Algorithm::AesGcm, [1; 32], SALT),
            proof(Algorithm::AesGcm, [2; 32], SALT),
            proof(Algorithm::AesGcm, [1; 32], [0; 16]),
            proof(Algorithm::AesCtr, [1; 32], SALT),
        ];
        assert_eq!(proofs[0], proof(Algorithm::AesGcm, [1; 32], SALT));
        assert!(proofs.iter().enumerate().all(|(at, one)| !proofs[..at].contains(one)));
    }

    #[test]
    fn other_lengths_are_no_keys() {
        assert!(Cipher::new(Algorithm::AesGcm, &[0; 20], &SALT).is_none());
        assert!(Cipher::new(Algorithm::AesCtr, &[], &SALT).is_none());
    }
}
