//! Stores of certificates and keys, on any bytes: reading never panics, and what is trusted is PEM.
//!
//! Without a password: neither a digest keeps foreign bytes out, nor do rounds of hashing, however many, take time.
#![no_main]
use dataflowkit::codec::{pem, tls_store};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = tls_store::trusted(data, None) {
        assert!(!pem::blocks(&text).is_empty());
    }
    let _ = tls_store::identity(data, None, None);
});
