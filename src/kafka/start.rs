//! Where a partition begins that neither the group nor we know, as an operator says.
//!
//! Shape of a file: a line `PARTITION=OFFSET` or `TOPIC PARTITION=OFFSET` each; the first form is for any topic, so for a
//! source with one. `#` begins a comment. What it does not name begins as `auto.offset.reset` says. It is needed until each partition has
//! begun.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// As configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Earliest,
    /// With what is written from then on.
    Latest,
    /// Offsets in a file; else the other.
    File(PathBuf, Box<Start>),
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Earliest,
    Latest,
    At(u64),
}

/// Offsets by topic and partition.
#[derive(Debug)]
struct Offsets(BTreeMap<(Option<String>, i32), u64>);

impl Start {
    /// Where a partition begins; `Err`: what is wrong with the file, which is read only now.
    pub fn of(&self, topic: &str, partition: i32) -> Result<Place, String> {
        match self {
            Start::Earliest => Ok(Place::Earliest),
            Start::Latest => Ok(Place::Latest),
            Start::File(path, other) => match offsets(path)?.of(topic, partition) {
                Some(at) => Ok(Place::At(at)),
                None => other.of(topic, partition),
            },
        }
    }
}

fn offsets(path: &Path) -> Result<Offsets, String> {
    let file = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{file}`, which `startFrom` names: {error}"))?;
    Offsets::parse(&text).map_err(|(line, text)| {
        format!(
            "line {line} of `{file}` is `{text}`: `PARTITION=OFFSET` or `TOPIC PARTITION=OFFSET` is meant"
        )
    })
}

impl Offsets {
    fn of(&self, topic: &str, partition: i32) -> Option<u64> {
        let named = self.0.get(&(Some(topic.to_string()), partition));
        named.or_else(|| self.0.get(&(None, partition))).copied()
    }

    /// `Err`: the number of a line and its text.
    fn parse(text: &str) -> Result<Offsets, (usize, String)> {
        let mut offsets = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (place, offset) = entry(line).ok_or_else(|| (number + 1, line.to_string()))?;
            offsets.insert(place, offset);
        }
        Ok(Offsets(offsets))
    }
}

fn entry(line: &str) -> Option<((Option<String>, i32), u64)> {
    let (place, offset) = line.split_once('=')?;
    let mut words = place.split_whitespace().rev();
    let partition: i32 = words.next()?.parse().ok().filter(|partition| *partition >= 0)?;
    let topic = words.next().map(str::to_string);
    let offset = offset.trim().parse().ok()?;
    words.next().is_none().then_some(((topic, partition), offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_partitions_of_one_topic_or_of_several() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offsets");
        fs::write(&path, "# of the old group\n0=17\norders 1 = 25 # late\n\nother 0=3\n").unwrap();
        let start = Start::File(path.clone(), Start::Earliest.into());
        let of = |topic, partition| start.of(topic, partition).unwrap();
        assert_eq!([of("orders", 0), of("orders", 1), of("other", 0)], [17, 25, 3].map(Place::At));
        assert_eq!(of("other", 1), Place::Earliest);
        for wrong in ["0", "x=1", "a b 0=1", "0=-1", "-1=5"] {
            fs::write(&path, format!("0=1\n{wrong}\n")).unwrap();
            let why = start.of("orders", 0).unwrap_err();
            assert!(why.starts_with(&format!("line 2 of `{}` is `{wrong}`", path.display())), "{why}");
        }
    }
}
