//! Where a partition begins that neither the group nor we know, as an operator says.
//!
//! Shape of a file: a line `PARTITION=OFFSET` or `TOPIC PARTITION=OFFSET` each; the first form is for any topic, so for a
//! source with one. `#` begins a comment. What it does not name begins as `auto.offset.reset` says.
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

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
#[derive(Debug, Default)]
pub struct Offsets(BTreeMap<(Option<String>, i32), u64>);

impl Start {
    /// Reads the file, where there is one; `Err`: what is wrong with it.
    pub fn offsets(&self) -> Result<Offsets, String> {
        let Start::File(path, _) = self else { return Ok(Offsets::default()) };
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read `{}`, which `startFrom` names: {error}", path.display()))?;
        Offsets::parse(&text).map_err(|(line, text)| {
            let path = path.display();
            format!(
                "line {line} of `{path}` is `{text}`: `PARTITION=OFFSET` or `TOPIC PARTITION=OFFSET` is meant"
            )
        })
    }

    /// Where a partition begins.
    pub fn of(&self, offsets: &Offsets, topic: &str, partition: i32) -> Place {
        match self {
            Start::Earliest => Place::Earliest,
            Start::Latest => Place::Latest,
            Start::File(_, other) => {
                let named = offsets.0.get(&(Some(topic.to_string()), partition));
                let at = named.or_else(|| offsets.0.get(&(None, partition)));
                at.map_or_else(|| other.of(offsets, topic, partition), |at| Place::At(*at))
            }
        }
    }
}

impl Offsets {
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
        let offsets = start.offsets().unwrap();
        let of = |topic, partition| start.of(&offsets, topic, partition);
        assert_eq!([of("orders", 0), of("orders", 1), of("other", 0)], [17, 25, 3].map(Place::At));
        assert_eq!(of("other", 1), Place::Earliest);
        for wrong in ["0", "x=1", "a b 0=1", "0=-1", "-1=5"] {
            fs::write(&path, format!("0=1\n{wrong}\n")).unwrap();
            let why = start.offsets().unwrap_err();
            assert!(why.starts_with(&format!("line 2 of `{}` is `{wrong}`", path.display())), "{why}");
        }
    }
}
