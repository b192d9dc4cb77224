//! Takes out of a text what differs from run to run: directories, ports, times, names of this machine.
//!
//! Only what is really of this run is taken out: a time counts as one only if it lies within the run.
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use regex::{Captures, Regex};

pub struct Veil {
    /// `@DIR@` and `@PRIVATE@`.
    dirs: [(String, &'static str); 2],
    ports: Vec<u16>,
    since: SystemTime,
    millis: Regex,
    seconds: Regex,
    ids: Regex,
    inode: Regex,
    sender: Regex,
    key: Regex,
    /// Host names and addresses, and what stands for them.
    hosts: Vec<(Regex, &'static str)>,
}

impl Veil {
    pub fn new(dir: &Path, private: &Path, ports: &[u16]) -> Veil {
        let regex = |pattern: &str| Regex::new(pattern).expect("a plain pattern");
        Veil {
            dirs: [(dir.display().to_string(), "@DIR@"), (private.display().to_string(), "@PRIVATE@")],
            ports: ports.to_vec(),
            since: SystemTime::now(),
            millis: regex("1[0-9]{12}"),
            seconds: regex(r"20[0-9]{12}"),
            ids: regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
            inode: regex(r#""inode":[0-9]+"#),
            sender: regex(r"/127\.0\.0\.1:[0-9]+"),
            key: regex(r"-[0-9a-f]{16}\.marks"),
            hosts: hosts(),
        }
    }

    /// Bytes as lines of text, escaped where they are none.
    pub fn lines(&self, bytes: &[u8]) -> Vec<String> {
        let mut lines: Vec<String> = bytes.split(|byte| *byte == b'\n').map(|line| self.line(line)).collect();
        match lines.pop() {
            Some(rest) if !rest.is_empty() => lines.extend([rest, "(no newline at the end)".to_string()]),
            _ => {}
        }
        lines
    }

    fn line(&self, bytes: &[u8]) -> String {
        let mut out = String::new();
        for chunk in bytes.utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '\\' => out.push_str("\\\\"),
                    ' '..='~' => out.push(char),
                    _ if char.is_alphanumeric() || char > '\u{ffff}' => out.push(char),
                    _ => out.extend(char.escape_unicode()),
                }
            }
            chunk.invalid().iter().for_each(|byte| out += &format!("\\x{byte:02x}"));
        }
        self.text(&out)
    }

    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_string();
        for (dir, name) in &self.dirs {
            text = text.replace(dir, name);
        }
        for port in &self.ports {
            text = text.replace(&port.to_string(), "@PORT@");
        }
        for (host, name) in &self.hosts {
            text = host.replace_all(&text, format!("={name}$1").as_str()).into_owned();
        }
        let text = self.ids.replace_all(&text, "<uuid>");
        let text = self.millis.replace_all(&text, |found: &Captures| self.millisecond(&found[0]));
        let text = self.seconds.replace_all(&text, |found: &Captures| self.second(&found[0]));
        let text = self.inode.replace_all(&text, r#""inode":<inode>"#);
        let text = self.key.replace_all(&text, "-<key>.marks");
        self.sender.replace_all(&text, "/127.0.0.1:<port>").into_owned()
    }

    fn millisecond(&self, digits: &str) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(digits.parse().expect("13 digits"));
        if self.is_now(time) { "<now>".into() } else { digits.into() }
    }

    fn second(&self, digits: &str) -> String {
        let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", digits);
        let time = time.ok().and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let time = time.map(|time| SystemTime::from(time.timestamp()));
        if time.is_some_and(|time| self.is_now(time)) { "<second>".into() } else { digits.into() }
    }

    fn is_now(&self, time: SystemTime) -> bool {
        let slack = Duration::from_secs(2);
        time + slack >= self.since && time <= SystemTime::now() + slack
    }
}

/// What the `host` interceptor may say of this machine, where it stands as a header's value.
fn hosts() -> Vec<(Regex, &'static str)> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a machine has a name");
    let name = name.trim().to_string();
    let address =
        (name.as_str(), 0).to_socket_addrs().ok().and_then(|mut found| found.next()).map(|a| a.ip());
    let full = address.and_then(|address| dns_lookup::lookup_addr(&address).ok());
    let names = [(full, "<host>"), (Some(name), "<host>"), (address.map(|a| a.to_string()), "<address>")];
    let known = names.into_iter().filter_map(|(text, name)| Some((text?, name)));
    known
        .map(|(text, name)| {
            let pattern = format!(r"={}([,}}])", regex::escape(&text));
            (Regex::new(&pattern).expect("an escaped text"), name)
        })
        .collect()
}
