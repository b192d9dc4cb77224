//! Unsecured tokens for OAUTHBEARER: a name that brokers of a trusted network take at its word.
//!
//! Shape: librdkafka's `sasl.oauthbearer.config`, `principal=NAME scope=A,B lifeSeconds=N principalClaimName=CLAIM`,
//! becomes a JSON Web Token without signature (RFC 7515, appendix A.5): header and claims in Base64url, and two dots.
//! Why it is made here: the client's own maker runs only where somebody polls for it.
//! Limit: an administrator cannot be given one, since it is polled by nobody; so a missing topic of marks is not made.
use std::error::Error;

use rdkafka::client::OAuthToken;
use serde_json::{Map, Value, json};

use crate::codec::base64;
use crate::sys;

/// Java's default too.
const LIFETIME: u64 = 3600;

pub fn token(config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
    at(config.unwrap_or_default(), sys::wall_ms())
}

fn at(config: &str, now_ms: u64) -> Result<OAuthToken, Box<dyn Error>> {
    let option = |name: &str| {
        config.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(unquoted)
    };
    let principal = option("principal").ok_or("`sasl.oauthbearer.config` names no principal")?;
    let lifetime = option("lifeSeconds").map_or(Ok(LIFETIME), str::parse)?;
    let seconds = now_ms / 1000;
    let mut claims = Map::new();
    claims.insert(option("principalClaimName").unwrap_or("sub").into(), principal.into());
    claims.insert("iat".into(), seconds.into());
    claims.insert("exp".into(), (seconds + lifetime).into());
    if let Some(scope) = option("scope") {
        let claim = option("scopeClaimName").unwrap_or("scope");
        claims.insert(claim.into(), scope.split(',').map(Value::from).collect());
    }
    let part = |value: &Value| url(&base64::encode(value.to_string().as_bytes()));
    Ok(OAuthToken {
        token: format!("{}.{}.", part(&json!({ "alg": "none" })), part(&Value::Object(claims))),
        principal_name: principal.into(),
        lifetime_ms: ((seconds + lifetime) * 1000) as i64,
    })
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('"')
}

/// Of Base64 to what may stand in an address.
fn url(text: &str) -> String {
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_principal_and_its_end_and_has_no_signature() {
        let token = at("principal=alice scope=a,b lifeSeconds=60", 1_000_500).unwrap();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("alice", 1_060_000));
        let parts: Vec<&str> = token.token.split('.').collect();
        assert_eq!((parts[0], parts[2], parts.len()), ("eyJhbGciOiJub25lIn0", "", 3));
        let padded = parts[1].to_string() + &"=".repeat((4 - parts[1].len() % 4) % 4);
        let claims: Value = serde_json::from_slice(&base64::decode(&padded).unwrap()).unwrap();
        assert_eq!(claims, json!({ "sub": "alice", "iat": 1000, "exp": 1060, "scope": ["a", "b"] }));
    }

    #[test]
    fn a_token_of_nobody_is_none() {
        assert!(at("scope=a", 0).is_err() && at("principal=a lifeSeconds=x", 0).is_err());
    }
}
