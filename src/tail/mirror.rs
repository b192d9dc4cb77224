//! `TAILDIR`'s position file: written as Flume writes it, read where Flume or an operator wrote it.
//!
//! Why, when our own truth is the marks: monitoring scripts and a switch back to Flume go on working.
//! Shape: one line of JSON without a newline, `[{"inode":1,"pos":2,"file":"/x"}]`, keys in this order, escaped as Gson
//! does for HTML; no bytes at all where no file matched.
//! F5: a file that differs from what we wrote last was moved by somebody; it is imported again.
//! Truth: flume-taildir-source 1.11, `TaildirSource.toPosInfoJson`, `ReliableTaildirEventReader.loadPositionFile`.
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// One file's position.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Position {
    pub inode: u64,
    pub pos: u64,
    pub file: String,
}

/// The file as Flume writes it.
pub fn render(positions: &[Position]) -> String {
    if positions.is_empty() {
        return String::new();
    }
    let mut out = String::from("[");
    for (index, position) in positions.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (inode, pos) = (position.inode, position.pos);
        out.push_str(&format!("{comma}{{\"inode\":{inode},\"pos\":{pos},\"file\":\""));
        escape(&position.file, &mut out);
        out.push_str("\"}");
    }
    out.push(']');
    out
}

/// Gson's escapes, HTML-safe.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '=' | '\'' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
}

/// The positions of a file, in any key order; of a damaged one those before the damage, and where it is.
pub fn parse(text: &str) -> (Vec<Position>, Option<String>) {
    let body = text.trim_start();
    if body.is_empty() {
        return (Vec::new(), None);
    }
    let Some(body) = body.strip_prefix('[') else {
        return (Vec::new(), Some("it does not begin with `[`".into()));
    };
    let (mut rest, mut positions) = (body, Vec::new());
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.starts_with(']') {
            return (positions, None);
        }
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Position>();
        match stream.next() {
            Some(Ok(position)) => {
                rest = &rest[stream.byte_offset()..];
                positions.push(position);
            }
            Some(Err(error)) => return (positions, Some(error.to_string())),
            None => return (positions, Some("it ends in the middle".into())),
        }
    }
}

/// The position file and what we wrote to it last.
pub struct Mirror {
    path: PathBuf,
    /// Hashes of what we wrote last and before, kept beside our own state across restarts. Two, since a crash may fall
    /// between the memo and the file.
    memo: PathBuf,
    written: Vec<u64>,
}

impl Mirror {
    pub fn new(path: PathBuf, memo: PathBuf) -> Mirror {
        let text = fs::read_to_string(&memo).unwrap_or_default();
        let written = text.split_whitespace().filter_map(|hash| u64::from_str_radix(hash, 16).ok()).collect();
        Mirror { path, memo, written }
    }

    /// What somebody else wrote since we did last: the first start after Flume, or an operator's hand (F5).
    pub fn import(&self, source: &str) -> HashMap<(u64, String), u64> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return HashMap::new(),
            Err(error) => {
                log::warn!(component = source; "cannot read `{}`: {error}", self.path.display());
                return HashMap::new();
            }
        };
        if bytes.is_empty() || self.written.contains(&xxh3_64(&bytes)) {
            return HashMap::new();
        }
        let (positions, damage) = parse(&String::from_utf8_lossy(&bytes));
        let (path, count) = (self.path.display(), positions.len());
        if let Some(damage) = damage {
            log::error!(component = source; "`{path}` is damaged after {count} positions: {damage}; they are used, the other files start anew");
        }
        let who = if !self.written.is_empty() { "was changed by somebody else" } else { "was left by Flume" };
        log::info!(component = source; "`{path}` {who}: {count} positions imported");
        positions.into_iter().map(|position| ((position.inode, position.file), position.pos)).collect()
    }

    /// Writes the positions, if they differ from what was written last.
    pub fn write(&mut self, positions: &[Position]) -> io::Result<()> {
        let text = render(positions);
        let hash = xxh3_64(text.as_bytes());
        if self.written.last() == Some(&hash) && self.path.exists() {
            return Ok(());
        }
        for path in [&self.memo, &self.path] {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
        }
        // The memo goes first: our own positions must never be taken for somebody else's, as they are above the marks.
        self.written = self.written.last().copied().into_iter().chain([hash]).collect();
        let memo: Vec<String> = self.written.iter().map(|hash| format!("{hash:016x}\n")).collect();
        replace(&self.memo, memo.concat().as_bytes())?;
        replace(&self.path, text.as_bytes())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// In one step for readers; not synced, as it is only a mirror.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    fs::write(&temporary, content)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(inode: u64, pos: u64, file: &str) -> Position {
        Position { inode, pos, file: file.into() }
    }

    #[test]
    fn the_bytes_are_flumes() {
        let positions = [position(2496272, 12, "/var/log/app/a.log"), position(2, 0, "/l/<a>&'=\".log")];
        assert_eq!(
            render(&positions),
            "[{\"inode\":2496272,\"pos\":12,\"file\":\"/var/log/app/a.log\"},\
             {\"inode\":2,\"pos\":0,\"file\":\"/l/\\u003ca\\u003e\\u0026\\u0027\\u003d\\\".log\"}]"
        );
        assert_eq!(parse(&render(&positions)).0, positions);
        assert_eq!(render(&[]), "");
    }

    #[test]
    fn any_key_order_and_what_precedes_a_damage_is_read() {
        let text = "[{\"file\":\"/a\",\"pos\":3,\"inode\":1},{\"inode\":2,\"po";
        let (positions, damage) = parse(text);
        assert_eq!(positions, [position(1, 3, "/a")]);
        assert!(damage.is_some());
        assert!(parse("garbage").1.is_some());
        assert_eq!(parse(""), (Vec::new(), None));
    }

    #[test]
    fn f5_only_what_somebody_else_wrote_is_imported() {
        let dir = tempfile::tempdir().unwrap();
        let (path, memo) = (dir.path().join("p/pos.json"), dir.path().join("state/memo"));
        let mut mirror = Mirror::new(path.clone(), memo.clone());
        mirror.write(&[position(1, 5, "/a")]).unwrap();
        assert!(Mirror::new(path.clone(), memo.clone()).import("s").is_empty());
        fs::write(&path, render(&[position(1, 9, "/a")])).unwrap();
        let imported = Mirror::new(path, memo).import("s");
        assert_eq!(imported.get(&(1, "/a".into())), Some(&9));
    }
}
