//! The words of Java's TLS.
//!
//! Stores are read when a client is made (`stores`): what is in one, its content tells.
use super::Known;

/// `None`: as librdkafka has it.
pub fn meaning(name: &str, value: &str) -> Option<Known> {
    let yes = value.trim().eq_ignore_ascii_case("true");
    match name {
        "ssl.endpoint.identification.algorithm" if value.trim().is_empty() => Some(any_host()),
        "ssl.disableTLSHostnameVerification" if yes => Some(any_host()),
        "ssl.disableTLSHostnameVerification" => Some(Known::Ignored("names in certificates are verified")),
        "ssl.cipher.suites" => Some(suites(value)),
        "ssl.engine.factory.class" => {
            Some(Known::Refused(format!("`{value}` is a Java class, which cannot run here")))
        }
        _ => None,
    }
}

/// A certificate counts whatever host it names.
fn any_host() -> Known {
    Known::one("ssl.endpoint.identification.algorithm", "none")
}

/// Java's names of suites by OpenSSL's; those of TLS 1.3 are always there.
fn suites(list: &str) -> Known {
    let names: Vec<String> = list.split([',', ':']).filter_map(|name| suite(name.trim())).collect();
    match names.is_empty() {
        true => Known::Ignored("the suites of TLS 1.3 are always there"),
        false => Known::one("ssl.cipher.suites", names.join(":")),
    }
}

/// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` is `ECDHE-RSA-AES256-GCM-SHA384`.
fn suite(name: &str) -> Option<String> {
    let Some(words) = name.strip_prefix("TLS_").or(name.strip_prefix("SSL_")) else {
        return (!name.is_empty()).then(|| name.to_string());
    };
    let (exchange, cipher) = words.split_once("_WITH_")?;
    let cipher = cipher.replace("AES_", "AES").replace("_CBC", "").replace("POLY1305_SHA256", "POLY1305");
    let all = if exchange == "RSA" { cipher } else { format!("{exchange}_{cipher}") };
    Some(all.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_have_openssls_names() {
        let java = "TLS_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_CBC_SHA,\
            TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_DHE_RSA_WITH_AES_256_CBC_SHA256";
        let ours =
            "ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA:ECDHE-ECDSA-CHACHA20-POLY1305:DHE-RSA-AES256-SHA256";
        assert_eq!(suites(java), Known::one("ssl.cipher.suites", ours));
        assert_eq!(suites("AES128-SHA:AES256-SHA"), Known::one("ssl.cipher.suites", "AES128-SHA:AES256-SHA"));
        assert!(matches!(suites("TLS_AES_128_GCM_SHA256"), Known::Ignored(_)));
    }
}
