//! Values that nobody may read: where they are, and what of a text may be shown.
//!
//! Invariant: the only way to the text of a secret is [`Secret::reveal`]; `Debug` does not show it.
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where a value that is not shown is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In the entry's file itself.
    Inline(String),
    /// A systemd credential of the service.
    Credential(String),
    /// A variable of the environment.
    Env(String),
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(secret{})", self.whence())
    }
}

/// Why a secret cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub what: String,
    pub instead: String,
    /// Nothing is wrong: only the service has credentials.
    pub only_here: bool,
}

impl Secret {
    /// What `env show` prints behind `(secret)`; empty for one in the file itself.
    pub fn whence(&self) -> String {
        match self {
            Secret::Inline(_) => String::new(),
            Secret::Credential(name) => format!(", credential `{name}`"),
            Secret::Env(name) => format!(", environment `{name}`"),
            Secret::File(path) => format!(", file `{}`", path.display()),
        }
    }

    /// The text. Of a file and a credential one line end at the end is left out.
    pub fn reveal(&self, env: &BTreeMap<String, String>) -> Result<String, Missing> {
        match self {
            Secret::Inline(text) => Ok(text.clone()),
            Secret::Env(name) => env.get(name).cloned().ok_or_else(|| Missing {
                what: format!("the environment has no `{name}`"),
                instead: format!(
                    "add `{name}=…` to `/etc/dataflowkit/INSTANCE.env`, or use `{{ credential = … }}`"
                ),
                only_here: false,
            }),
            Secret::File(path) => read(path).map_err(|cause| Missing {
                what: format!("cannot read `{}`: {cause}", path.display()),
                instead: "it must be a file that the agent's user may read".to_string(),
                only_here: false,
            }),
            Secret::Credential(name) => credential(name, env),
        }
    }
}

fn credential(name: &str, env: &BTreeMap<String, String>) -> Result<String, Missing> {
    let instead =
        format!("add `LoadCredential={name}:PATH` to the unit: `systemctl edit dataflowkit@INSTANCE`");
    let Some(dir) = env.get("CREDENTIALS_DIRECTORY") else {
        let what = format!("cannot read credential `{name}`: systemd gave this process none");
        return Err(Missing { what, instead, only_here: true });
    };
    if Path::new(name).components().count() != 1 || name.starts_with('.') {
        let what = format!("`{name}` is no name of a credential");
        return Err(Missing { what, instead, only_here: false });
    }
    let missing = |cause| Missing {
        what: format!("cannot read credential `{name}`: {cause}"),
        instead,
        only_here: false,
    };
    read(&Path::new(dir).join(name)).map_err(missing)
}

fn read(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let text = fs::read_to_string(path)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_string())
}

/// Whether a key promises a secret value.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let last = key.rsplit('.').next().unwrap_or(&key);
    let elsewhere = ["file", "path", "provider", "alias", "location"].iter().any(|end| last.ends_with(end));
    let says_so = ["password", "passwd", "secret", "token"].iter().any(|word| last.contains(word));
    let whole =
        ["jaas.config", "jaas_config", "key.pem", "oauthbearer.config"].iter().any(|end| key.ends_with(end));
    whole || (says_so && !elsewhere)
}

/// A plain value as it may be shown: passwords that stand inside an address are left out.
pub fn veiled(text: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for part in secret_parts(text) {
        out.push_str(&text[at..part.start]);
        out.push_str("****");
        at = part.end;
    }
    out + &text[at..]
}

/// Where passwords stand inside a text: behind `password=`, and behind a user in `//user:…@`.
pub fn secret_parts(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < lower.len() {
        let found = part_at(&lower, at);
        at = found.as_ref().map_or(at + 1, |part| part.end);
        parts.extend(found);
    }
    parts
}

/// The secret that is announced at this byte.
fn part_at(lower: &str, at: usize) -> Option<Range<usize>> {
    let until = |start: usize, ends: &[char]| {
        let end = lower[start..].find(|c: char| ends.contains(&c) || c.is_whitespace());
        end.map_or(lower.len(), |at| start + at)
    };
    let begins = |word: &str| lower.as_bytes()[at..].starts_with(word.as_bytes());
    if let Some(word) = ["password=", "passwd=", "secret=", "pwd="].into_iter().find(|word| begins(word)) {
        let start = at + word.len();
        let end = until(start, &['&', ';', ',', ')', '"', '\'', '<']);
        return (start < end).then_some(start..end);
    }
    if !begins("//") {
        return None;
    }
    let start = at + 2;
    let end = until(start, &['/', ',', ')', '?', '"', '\'', '<']);
    let host = start + lower[start..end].rfind('@')?;
    let password = start + lower[start..host].find(':')? + 1;
    (password < host).then_some(password..host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_promise_a_secret_are_known() {
        for key in [
            "password",
            "client.sasl.password",
            "client.ssl.key.password",
            "sasl.jaas.config",
            "client.ssl.key.pem",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["passwordFile", "client.ssl.key.location", "brokers", "client.sasl.username"] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        for (text, shown) in [
            ("tcp://mq:61616", "tcp://mq:61616"),
            ("tcp://me:pass@mq:61616", "tcp://me:****@mq:61616"),
            (
                "failover:(tcp://a:1,tcp://me:p@b:1)?jms.userName=me&jms.password=p",
                "failover:(tcp://a:1,tcp://me:****@b:1)?jms.userName=me&jms.password=****",
            ),
            ("PASSWORD=x;y", "PASSWORD=****;y"),
            ("password=", "password="),
            ("password=&pwd=x", "password=&pwd=****"),
        ] {
            assert_eq!(veiled(text), shown);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secret::Inline("hunter2".into())), "(secret)");
        assert_eq!(format!("{:?}", Secret::Credential("k".into())), "(secret, credential `k`)");
    }
}
