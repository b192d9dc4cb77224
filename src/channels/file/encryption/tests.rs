use super::*;
use crate::config::{Place, Values};
use crate::flow::{Kind, Pulse};

const STORES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keystores");

fn asked_in(dir: &Path, values: &[(&str, &str)]) -> Result<Option<Encryption>, Refusal> {
    let values: Values =
        values.iter().map(|(key, value)| (format!("encryption.{key}"), value.to_string())).collect();
    let place = Place { config_dir: dir.to_path_buf(), ..Place::default() };
    let pulse = Pulse::new(Kind::Channel, "c1", "file");
    keys(&At { name: "c1", values: &values, place: &place, pulse: &pulse, channels: &[] })
}

fn refused(values: &[(&str, &str)]) -> (String, String) {
    let refusal = asked_in(Path::new("/etc"), values).unwrap_err();
    (refusal.key.unwrap(), refusal.what)
}

/// A configuration as in Flume's guide, over the test keystore.
fn java(dir: &Path, active: &str, second: &str) -> Encryption {
    std::fs::write(dir.join("store.password"), "store-password\n").unwrap();
    std::fs::write(dir.join("first.password"), " first-key-password\r\n").unwrap();
    std::fs::write(dir.join("second.password"), second).unwrap();
    let values = [
        ("activeKey", active),
        ("cipherProvider", "AESCTRNOPADDING"),
        ("keyProvider", "org.apache.flume.channel.file.encryption.JCEFileKeyProvider$Builder"),
        ("keyProvider.keyStoreFile", &format!("{STORES}/two-keys.jceks")),
        ("keyProvider.keyStorePasswordFile", "store.password"),
        ("keyProvider.keys", "key-0 key-1"),
        ("keyProvider.keys.key-0.passwordFile", "first.password"),
        ("keyProvider.keys.key-1.passwordFile", "second.password"),
    ];
    asked_in(dir, &values).unwrap().unwrap()
}

#[test]
fn keys_of_a_java_keystore_are_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let keys = java(dir.path(), "key-1", "second-key-password").load().unwrap();
    assert_eq!((&*keys.active, keys.algorithm), ("key-1", Algorithm::AesCtr));
    assert_eq!((keys.all["key-0"].len(), keys.all["key-1"].len()), (16, 32));
    assert!(keys.cipher("key-0", Algorithm::AesCtr, &[0; 16]).is_some());
    assert!(keys.cipher("key-2", Algorithm::AesCtr, &[0; 16]).is_none());
    assert_eq!(format!("{keys:?}"), r#"{"key-0", "key-1"}"#);
}

#[test]
fn a_key_that_does_not_open_is_named_with_its_keystore() {
    let dir = tempfile::tempdir().unwrap();
    let error = java(dir.path(), "key-1", "guessed").load().unwrap_err();
    let told = format!("`{STORES}/two-keys.jceks` holds key `key-1` under another password");
    assert_eq!(error.to_string(), told);
}

fn files(values: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![("activeKey", "k0"), ("cipherProvider", "aesgcm"), ("keyProvider", "KEYFILE")];
    all.extend(values);
    all
}

#[test]
fn keys_come_from_files_too_as_bytes_or_digits() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("0"), [0xff; 32]).unwrap();
    std::fs::write(dir.path().join("1"), "00112233445566778899AABBCCDDEEFF\n").unwrap();
    let values = files(&[
        ("keyProvider.keys", "k0 k1"),
        ("keyProvider.keys.k0.file", "0"),
        ("keyProvider.keys.k1.file", "1"),
    ]);
    let asked = asked_in(dir.path(), &values).unwrap().unwrap();
    let keys = asked.load().unwrap();
    assert_eq!((keys.algorithm, &keys.all["k0"]), (Algorithm::AesGcm, &vec![0xff; 32]));
    assert_eq!(keys.all["k1"], (0..16).map(|n| n * 0x11).collect::<Vec<u8>>());
    std::fs::write(dir.path().join("1"), "0011").unwrap();
    let told = asked.load().unwrap_err().to_string();
    assert!(told.ends_with("/1` holds neither 16, 24 or 32 bytes nor 32, 48 or 64 hex digits"), "{told}");
    std::fs::remove_file(dir.path().join("0")).unwrap();
    let told = asked.load().unwrap_err().to_string();
    assert!(told.starts_with("cannot read `") && told.contains("/0`: No such file"), "{told}");
}

#[test]
fn no_encryption_is_no_keys() {
    assert_eq!(asked_in(Path::new("/etc"), &[]), Ok(None));
}

#[test]
fn what_belongs_together_is_asked_for() {
    let refusals = [
        (
            vec![("activeKey", "k0")],
            ("activeKey", "`encryption.activeKey` needs `encryption.cipherProvider` too"),
        ),
        (
            vec![("cipherProvider", "AESGCM"), ("keyProvider", "KEYFILE")],
            ("cipherProvider", "`encryption.cipherProvider` needs `encryption.activeKey` too"),
        ),
        (files(&[]), ("keyProvider", "`encryption.keyProvider` needs `encryption.keyProvider.keys` too")),
        (
            files(&[("keyProvider.keys", "k1 k2")]),
            ("activeKey", "key `k0` is not among `encryption.keyProvider.keys`"),
        ),
        (
            files(&[("keyProvider.keys", "k0")]),
            ("keyProvider", "KEYFILE needs `encryption.keyProvider.keys.k0.file`"),
        ),
        (
            files(&[("keyProvider.keys", "k0"), ("keyProvider.keys.k0.passwordFile", "x")]),
            (
                "keyProvider.keys.k0.passwordFile",
                "`encryption.keyProvider.keys.k0.passwordFile` means nothing to KEYFILE",
            ),
        ),
    ];
    for (values, (key, what)) in refusals {
        assert_eq!(refused(&values), (format!("encryption.{key}"), what.to_string()));
    }
}
