use proptest::prelude::*;

use super::*;
use crate::codec::{base64, der};

macro_rules! store {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/keystores/", $name)).as_slice()
    };
}

const TRUST: &str = include_str!("../../../tests/keystores/tls-trust.pem");
const IDENTITY: &str = include_str!("../../../tests/keystores/tls-identity.pem");
const JKS: &[u8] = store!("tls-identity.jks");
const PASS: Option<&str> = Some("store-password");
const KEY_PASS: Option<&str> = Some("key-password");

/// All stores of a private key, with the password of that.
const IDENTITIES: [(&[u8], Option<&str>); 4] = [
    (JKS, KEY_PASS),
    (store!("tls-identity.jceks"), KEY_PASS),
    (store!("tls-identity.pkcs12"), None),
    (store!("tls-identity-legacy.pkcs12"), None),
];

fn blocks(text: &str) -> Vec<&str> {
    let mut blocks: Vec<&str> = pem::blocks(text).iter().map(|block| block.text).collect();
    blocks.sort();
    blocks
}

fn told<T>(result: Result<T, StoreError>) -> String {
    result.err().expect("this store is to be refused").to_string()
}

#[test]
fn trusted_certificates_are_those_that_java_trusts() {
    for store in [store!("tls-trust.jks"), store!("tls-trust.pkcs12"), store!("tls-trust-legacy.pkcs12")] {
        assert_eq!(blocks(&trusted(store, PASS).unwrap()), blocks(TRUST));
    }
    assert_eq!(trusted(TRUST.as_bytes(), None).unwrap(), TRUST);
}

#[test]
fn of_a_private_key_its_own_certificate_is_trusted_and_none_above_it() {
    let own = include_str!("../../../tests/keystores/tls-own.pem");
    for (store, _) in IDENTITIES {
        assert_eq!(trusted(store, PASS).unwrap(), own);
    }
}

#[test]
fn a_private_key_comes_with_its_chain_as_java_reads_them() {
    let (key, chain) = IDENTITY.split_once("-----BEGIN CERTIFICATE").unwrap();
    for (store, key_password) in IDENTITIES {
        let identity = identity(store, PASS, key_password).unwrap();
        assert_eq!(identity.key, key);
        assert_eq!(identity.certificates, format!("-----BEGIN CERTIFICATE{chain}"));
        assert!(!format!("{identity:?}").contains("PRIVATE"), "a key is printed nowhere");
    }
}

/// OpenSSL writes the public key beside the private one, so that only the latter's 32 bytes are the same.
#[test]
fn a_store_of_openssl_gives_the_same_key() {
    let (key, chain) = IDENTITY.split_once("-----BEGIN CERTIFICATE").unwrap();
    let java = pem::blocks(key)[0].der().unwrap();
    let openssl = identity(store!("tls-identity-openssl.pkcs12"), PASS, None).unwrap();
    assert_eq!(openssl.certificates, format!("-----BEGIN CERTIFICATE{chain}"));
    let bytes = pem::blocks(&openssl.key)[0].der().unwrap();
    assert!(der::is_sequence(&bytes) && bytes.windows(32).any(|part| part == &java[java.len() - 32..]));
}

#[test]
fn pem_gives_its_first_key_which_may_be_under_a_password() {
    let both = identity(IDENTITY.as_bytes(), None, None).unwrap();
    let again = identity(JKS, PASS, KEY_PASS).unwrap();
    assert_eq!(both, again);
    let sealed = store!("tls-identity-encrypted.pem");
    let opened = identity(sealed, None, KEY_PASS).unwrap();
    assert_eq!(opened.certificates, both.certificates);
    assert!(opened.key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(told(identity(sealed, None, None)), "is encrypted, and no password is given");
    assert_eq!(told(identity(sealed, None, PASS)), "holds its private key under another password");
}

#[test]
fn pem_that_lacks_something_is_refused() {
    let (key, chain) = IDENTITY.split_at(IDENTITY.find("-----BEGIN CERTIFICATE").unwrap());
    let wrong = |text: &str| told(identity(text.as_bytes(), None, None));
    assert_eq!(wrong(chain), "holds no private key");
    assert_eq!(wrong(key), "holds its private key without its certificate");
    assert_eq!(told(trusted(key.as_bytes(), None)), "holds no trusted certificate");
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let sentence =
        "holds its private key in a form that is not read here; `openssl pkcs8 -topk8` writes one that is";
    assert_eq!(wrong(&format!("{chain}{old}")), sentence);
    let plain = old.replace("Proc-Type: 4,ENCRYPTED\n\n", "");
    assert_eq!(identity(format!("{chain}{plain}").as_bytes(), None, None).unwrap().key, plain);
}

#[test]
fn without_a_password_only_what_is_not_encrypted_is_read() {
    assert_eq!(blocks(&trusted(store!("tls-trust.jks"), None).unwrap()), blocks(TRUST));
    for password in [None, PASS] {
        assert_eq!(blocks(&trusted(store!("tls-trust-open.pkcs12"), password).unwrap()), blocks(TRUST));
    }
    let sentence = "is encrypted, and no password is given";
    assert_eq!(told(trusted(store!("tls-trust.pkcs12"), None)), sentence);
    for (store, _) in IDENTITIES {
        assert_eq!(told(identity(store, None, None)), sentence);
    }
    assert!(identity(JKS, None, KEY_PASS).is_ok(), "the digest guards the whole file, not the key");
}

#[test]
fn wrong_passwords_are_named() {
    let sentence = "was damaged, or the store's password is another one";
    for (store, key_password) in IDENTITIES {
        assert_eq!(told(identity(store, Some("guessed"), key_password)), sentence);
        assert_eq!(told(trusted(store, Some("guessed"))), sentence);
        assert_eq!(
            told(identity(store, PASS, Some("guessed"))),
            "holds private key `host` under another password"
        );
        let mut damaged = store.to_vec();
        damaged[store.len() / 2] ^= 1;
        assert_eq!(told(trusted(&damaged, PASS)), sentence);
    }
    assert_eq!(told(identity(JKS, PASS, None)), "holds private key `host` under another password");
}

#[test]
fn stores_without_what_is_asked_for_and_other_files_are_named() {
    for store in [store!("tls-trust.jks"), store!("tls-trust.pkcs12")] {
        assert_eq!(told(identity(store, PASS, None)), "holds no private key");
    }
    assert_eq!(told(trusted(store!("two-keys.jceks"), PASS)), "holds no trusted certificate");
    let certificate = pem::blocks(TRUST)[0].der().unwrap();
    for foreign in [&[][..], b"ssl.truststore", &certificate] {
        let sentence = "is neither PEM nor a keystore of Java (PKCS12, JKS or JCEKS)";
        assert_eq!(told(trusted(foreign, PASS)), sentence);
        assert_eq!(told(identity(foreign, PASS, None)), sentence);
    }
}

#[test]
fn a_kind_is_known_by_the_content() {
    assert_eq!(kind(JKS), Some(Kind::Java));
    assert_eq!(kind(store!("two-keys.jceks")), Some(Kind::Java));
    assert_eq!(kind(store!("tls-trust.pkcs12")), Some(Kind::Pkcs12));
    assert_eq!(kind(b"0 comments first\n-----BEGIN CERTIFICATE-----\n"), Some(Kind::Pem));
    assert_eq!(kind(&base64::decode("AAAA").unwrap()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn foreign_bytes_never_panic(
        which in 0usize..8,
        foreign in prop::collection::vec(any::<u8>(), 0..10),
        at in 0usize..1500,
        replaced in 0usize..10,
    ) {
        let pem = [IDENTITY.as_bytes(), store!("tls-identity-encrypted.pem")];
        let more = [store!("tls-trust-open.pkcs12"), store!("tls-trust-legacy.pkcs12"), pem[0], pem[1]];
        let mut bytes = IDENTITIES.map(|(store, _)| store).iter().chain(&more).nth(which).unwrap().to_vec();
        let at = at % bytes.len();
        bytes.splice(at..(at + replaced).min(bytes.len()), foreign);
        let _ = trusted(&bytes, None);
        let _ = identity(&bytes, None, Some("x"));
    }
}
