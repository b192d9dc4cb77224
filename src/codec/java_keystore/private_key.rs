//! Opens private keys of Java's own keystores.
//!
//! Shape: an `EncryptedPrivateKeyInfo` in DER: a sequence of the algorithm (identifier and parameters) and an octet
//! string. Of JKS: 20 bytes of salt, the key, 20 bytes of check. The key is combined by XOR with a stream of SHA-1
//! digests, each of the password in UTF-16BE and the digest before; the first, of the salt. The check is one of the
//! password and the plain key. Of JCEKS: see [`md5_3des`](super::md5_3des).
//! Invariants: what comes out is one DER sequence, the key in PKCS#8.
//! Truth: OpenJDK `sun.security.provider.KeyProtector`, `com.sun.crypto.provider.KeyProtector`.
use sha1::{Digest, Sha1};

use super::md5_3des::{self, Parameters};
use super::utf16;
use crate::codec::der::{Der, OCTETS, OID, SEQUENCE, dotted, is_sequence};

/// 1.3.6.1.4.1.42.2.17.1.1
const SUN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x2a, 2, 0x11, 1, 1];
/// 1.3.6.1.4.1.42.2.19.1
const MD5_3DES: &[u8] = &[0x2b, 6, 1, 4, 1, 0x2a, 2, 0x13, 1];
/// Of salt, and of check.
const DIGEST: usize = 20;

/// Why a key does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    Damaged,
    Password,
    /// The identifier of an algorithm that is not read here.
    Algorithm(String),
}

/// The key in PKCS#8.
pub fn opened(sealed: &[u8], password: &str) -> Result<Vec<u8>, Closed> {
    let (algorithm, parameters, content) = parts(sealed).ok_or(Closed::Damaged)?;
    let plain = match algorithm {
        SUN => by_sun(content, password),
        MD5_3DES => {
            let parameters = Parameters::read(parameters).ok_or(Closed::Damaged)?;
            md5_3des::opened(content, parameters, password)
        }
        other => return Err(Closed::Algorithm(dotted(other))),
    };
    plain.filter(|plain| is_sequence(plain)).ok_or(Closed::Password)
}

/// The algorithm's identifier, its parameters in DER, if it has any, and what is encrypted.
fn parts(sealed: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut inside = Der::new(sealed).inside(SEQUENCE)?;
    let mut algorithm = inside.inside(SEQUENCE)?;
    let oid = algorithm.take(OID)?;
    Some((oid, algorithm.whole().unwrap_or_default(), inside.take(OCTETS)?))
}

fn by_sun(content: &[u8], password: &str) -> Option<Vec<u8>> {
    let (salt, content) = content.split_first_chunk::<DIGEST>()?;
    let (content, check) = content.split_last_chunk::<DIGEST>()?;
    let password = utf16(password);
    let digest =
        |of: &[u8]| <[u8; DIGEST]>::from(Sha1::new_with_prefix(&password).chain_update(of).finalize());
    let mut stream = *salt;
    let mut plain = Vec::with_capacity(content.len());
    for part in content.chunks(DIGEST) {
        stream = digest(&stream);
        plain.extend(part.iter().zip(stream).map(|(sealed, key)| sealed ^ key));
    }
    (digest(&plain) == *check).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_algorithm_of_others_is_named() {
        let sealed = [0x30, 8, 0x30, 4, 6, 2, 0x2a, 3, 4, 0];
        assert_eq!(opened(&sealed, ""), Err(Closed::Algorithm("1.2.3".into())));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(content in prop::collection::vec(any::<u8>(), 0..60)) {
            assert_eq!(by_sun(&content, "x"), None);
            let _ = opened(&content, "x");
        }
    }
}
