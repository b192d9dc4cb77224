//! Numbered, checksummed lines: what was written, against what arrived, in four numbers.
//!
//! Shape: `FILE NUMBER TEXT CHECKSUM`, where FILE names the file generation the line was written to, NUMBER rises by
//! one over the whole run, and CHECKSUM is the CRC-32C of all before it.
use std::collections::HashMap;
use std::fmt;

/// One line, without its end. The text holds characters of one to four bytes.
pub fn line(file: u32, number: u64, length: usize) -> Vec<u8> {
    const TEXT: [&str; 6] = ["a", "é", "中", "😀", " ", "x"];
    let mut text = format!("{file} {number} ");
    let mut state = number.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    while text.len() < length {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        text.push_str(TEXT[(state >> 60) as usize % TEXT.len()]);
    }
    let sum = crc32c::crc32c(text.as_bytes());
    text += &format!(" {sum:08x}");
    text.into_bytes()
}

/// File and number of a line that is whole.
pub fn parse(line: &[u8]) -> Option<(u32, u64)> {
    let text = std::str::from_utf8(line).ok()?;
    let (body, sum) = text.rsplit_once(' ')?;
    if sum != format!("{:08x}", crc32c::crc32c(body.as_bytes())) {
        return None;
    }
    let mut words = body.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// What became of `written` lines, numbered from 0.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub written: u64,
    pub delivered: u64,
    pub lost: u64,
    pub twice: u64,
    pub torn: u64,
    pub disordered: u64,
    /// The first few of each, for whoever mends it.
    pub examples: Vec<String>,
}

impl Counted {
    /// Counts `output`, whose order is the order of arrival.
    pub fn of(written: u64, output: &[u8]) -> Counted {
        let mut counted = Counted { written, ..Counted::default() };
        let mut seen = vec![0u8; written as usize];
        let mut last: HashMap<u32, u64> = HashMap::new();
        for line in output.split_inclusive(|byte| *byte == b'\n') {
            let parsed = line.strip_suffix(b"\n").and_then(parse).filter(|(_, number)| *number < written);
            let Some((file, number)) = parsed else {
                counted.torn += 1;
                counted.example("torn", &String::from_utf8_lossy(line));
                continue;
            };
            counted.delivered += 1;
            let times = &mut seen[number as usize];
            *times = times.saturating_add(1);
            if *times > 1 {
                counted.twice += 1;
                counted.example("twice", &format!("line {number} of file {file}"));
            } else if last.get(&file).is_some_and(|before| *before > number) {
                counted.disordered += 1;
                counted
                    .example("out of order", &format!("line {number} of file {file} behind {}", last[&file]));
            }
            let before = last.entry(file).or_default();
            *before = (*before).max(number);
        }
        for (number, times) in seen.iter().enumerate() {
            if *times == 0 {
                counted.lost += 1;
                counted.example("lost", &format!("line {number}"));
            }
        }
        counted
    }

    fn example(&mut self, what: &str, text: &str) {
        if self.examples.len() < 12 {
            self.examples.push(format!("{what}: {:.100}", text.trim_end()));
        }
    }

    /// Every line arrived once, whole, in the order of its file.
    pub fn is_exact(&self) -> bool {
        self.lost + self.twice + self.torn + self.disordered == 0
    }

    pub fn add(&mut self, other: Counted) {
        self.written += other.written;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.twice += other.twice;
        self.torn += other.torn;
        self.disordered += other.disordered;
        self.examples.extend(other.examples);
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { written, delivered, lost, twice, torn, disordered, .. } = self;
        write!(
            f,
            "written {written}, delivered {delivered}, lost {lost}, twice {twice}, torn {torn}, disordered {disordered}"
        )
    }
}
