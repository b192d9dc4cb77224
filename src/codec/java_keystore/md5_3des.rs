//! What JCEKS seals keys with, secret ones and private ones: `PBEWithMD5AndTripleDES`, of Sun's own.
//!
//! Shape: 3DES-CBC; key and vector are 32 bytes that MD5 makes of the password: each half of the salt, hashed with the
//! password again and again. Parameters in DER: a sequence of an octet string of 8 bytes, the salt, and the rounds.
//! Errors: other parameters, or a padding that another password gives, are `None`.
//! Truth: OpenJDK `com.sun.crypto.provider.KeyProtector`, `PBES1Core`.
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};

use crate::codec::der::{Der, OCTETS, SEQUENCE};

/// What OpenJDK takes at most.
const MOST_ROUNDS: u32 = 5_000_000;

/// Salt and rounds.
#[derive(Clone, Copy)]
pub struct Parameters(pub [u8; 8], pub u32);

impl Parameters {
    pub fn read(der: &[u8]) -> Option<Parameters> {
        let mut der = Der::new(der);
        let mut inside = der.inside(SEQUENCE)?;
        let salt = inside.take(OCTETS)?.try_into().ok()?;
        let rounds = inside.number()?;
        let framed = der.is_empty() && inside.is_empty() && (1..=MOST_ROUNDS).contains(&rounds);
        framed.then_some(Parameters(salt, rounds))
    }
}

pub fn opened(content: &[u8], parameters: Parameters, password: &str) -> Option<Vec<u8>> {
    let secret = derived(parameters, password);
    let cipher = cbc::Decryptor::<des::TdesEde3>::new_from_slices(&secret[..24], &secret[24..]).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(content).ok()
}

/// 24 bytes of key and 8 of vector. Java takes seven bits of each character of the password.
fn derived(Parameters(mut salt, rounds): Parameters, password: &str) -> [u8; 32] {
    let password: Vec<u8> = password.encode_utf16().map(|unit| unit as u8 & 0x7f).collect();
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

    #[test]
    fn the_password_is_hashed_as_java_does_also_where_both_halves_of_the_salt_are_the_same() {
        let sealed = [0x41, 0x7e, 0x96, 0x59, 0x9e, 0xc2, 0x98, 0x07];
        let parameters = Parameters([1, 2, 3, 4, 5, 6, 7, 8], 20);
        assert_eq!(opened(&sealed, parameters, "pass").unwrap(), b"hello");
        let sealed = [0x7f, 0x7d, 0xe1, 0x1d, 0x13, 0x18, 0x7f, 0x23];
        let parameters = Parameters([1, 2, 3, 4, 1, 2, 3, 4], 20);
        assert_eq!(opened(&sealed, parameters, "pass").unwrap(), b"hello");
    }

    proptest! {
        #[test]
        fn foreign_parameters_never_panic(der in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = Parameters::read(&der);
        }
    }
}
