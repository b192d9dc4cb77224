//! Login modules as Java's clients are given them: `org.….PlainLoginModule required username="u" password="p";`
use super::Known;

/// What a line of `sasl.jaas.config` means.
pub fn login(line: &str) -> Known {
    let module = line.split_whitespace().next().unwrap_or_default();
    let option = |name: &str| option_of(line, name);
    let set = match module.rsplit('.').next().unwrap_or_default() {
        "PlainLoginModule" | "ScramLoginModule" => {
            vec![("sasl.username", option("username")), ("sasl.password", option("password"))]
        }
        "Krb5LoginModule" => kerberos(&option),
        "OAuthBearerLoginModule" => match option("unsecuredLoginStringClaim_sub") {
            Some(subject) => bearer(&subject, &option),
            None => {
                return Known::Refused(
                    "tokens of a server cannot be fetched: only unsecured ones are made (`unsecuredLoginStringClaim_sub=\"NAME\"`); use SCRAM or a client certificate".into(),
                );
            }
        },
        _ => {
            return Known::Refused(format!(
                "the login module `{module}` is Java's: PlainLoginModule, ScramLoginModule, Krb5LoginModule and OAuthBearerLoginModule are understood; else set `sasl.username`, `sasl.password`, `sasl.kerberos.*`"
            ));
        }
    };
    Known::As(set.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect())
}

type Set = Vec<(&'static str, Option<String>)>;

fn kerberos(option: &dyn Fn(&str) -> Option<String>) -> Set {
    let by_cache = option("useTicketCache").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    // Somebody else runs `kinit`.
    let never = by_cache && option("keyTab").is_none();
    vec![
        ("sasl.kerberos.keytab", option("keyTab")),
        ("sasl.kerberos.principal", option("principal")),
        ("sasl.kerberos.min.time.before.relogin", never.then(|| "0".into())),
        ("sasl.kerberos.service.name", option("serviceName")),
    ]
}

fn bearer(subject: &str, option: &dyn Fn(&str) -> Option<String>) -> Set {
    let scope = option("unsecuredLoginStringClaim_scope");
    let scope = scope.map_or(String::new(), |scope| format!(" scope={scope}"));
    let lifetime = option("unsecuredLoginLifetimeSeconds");
    let lifetime = lifetime.map_or(String::new(), |time| format!(" lifeSeconds={time}"));
    vec![
        ("enable.sasl.oauthbearer.unsecure.jwt", Some("true".into())),
        ("sasl.oauthbearer.config", Some(format!("principal={subject}{scope}{lifetime}"))),
    ]
}

fn option_of(line: &str, name: &str) -> Option<String> {
    let mut rest = line;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].chars().next_back();
        let behind = rest[at + name.len()..].trim_start();
        rest = &rest[at + name.len()..];
        let Some(value) = behind.strip_prefix('=').filter(|_| before.is_some_and(char::is_whitespace)) else {
            continue;
        };
        let value = value.trim_start();
        return Some(match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next()?.to_string(),
            _ => value.split([' ', ';', '\t']).next()?.to_string(),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(properties: &[(&str, &str)]) -> Known {
        Known::As(properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn login_modules_are_understood() {
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"a;b username=x\";";
        assert_eq!(login(scram), set(&[("sasl.username", "alice"), ("sasl.password", "a;b username=x")]));
        let kerberos = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/k\" principal=\"f@R\";";
        let told = set(&[("sasl.kerberos.keytab", "/k"), ("sasl.kerberos.principal", "f@R")]);
        assert_eq!(login(kerberos), told);
        let cache = "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true;";
        assert_eq!(login(cache), set(&[("sasl.kerberos.min.time.before.relogin", "0")]));
        let bearer = |options: &str| {
            let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
            login(&format!("{module} required {options};"))
        };
        let told = set(&[
            ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("sasl.oauthbearer.config", "principal=alice"),
        ]);
        assert_eq!(bearer("unsecuredLoginStringClaim_sub=\"alice\""), told);
        assert!(matches!(bearer("clientId=\"a\" clientSecret=\"b\""), Known::Refused(_)));
        assert!(matches!(login("a.b.OwnModule required;"), Known::Refused(_)));
    }
}
