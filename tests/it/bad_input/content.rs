//! Content that no log should have: NUL bytes, lines without end, bytes that are no text.
use std::fs::{self, File};

use super::{agent, append, arrives, lines, says};
use crate::support::{Agent, count, rolled, until};

/// No input may cost more memory than this, in KiB, in any build profile.
const MEMORY: u64 = 40 << 10;

fn is_modest(agent: &Agent) {
    let peak = agent.peak_memory();
    println!("peak memory {peak} KiB");
    assert!(peak <= MEMORY, "{peak} KiB of memory\n{}", agent.story());
}

#[test]
fn a_line_of_nul_bytes_is_one_event_byte_for_byte() {
    let mut agent = agent();
    let mut bytes = vec![0; 100_000];
    bytes.extend(b"\nnext\n");
    append(&agent, "in/a.log", &bytes);
    agent.start();
    arrives(&agent, &bytes);
    is_modest(&agent);
    agent.stop();
}

#[test]
fn a_finished_file_of_nul_bytes_is_one_event_of_the_longest_length() {
    let config = super::CONFIG
        .replace("TAILDIR", "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource")
        .replace("a1.sources.r1.filegroups = g\n", "a1.sources.r1.readyInterval = 20\n")
        .replace("a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log", "a1.sources.r1.spoolDir = @DIR@/in")
        .replace("a1.sources.r1.positionFile = @DIR@/positions.json\n", "");
    let mut agent = Agent::new(&config);
    fs::create_dir(agent.path("in")).unwrap();
    File::create(agent.path("in/a.log")).unwrap().set_len(count(64 << 20, 1 << 30)).unwrap();
    agent.start();
    let mut expected = vec![0; 8192];
    expected.push(b'\n');
    arrives(&agent, &expected);
    assert!(until(|| agent.path("in/a.log.COMPLETED").exists()), "{}", agent.story());
    is_modest(&agent);
    agent.stop();
}

#[test]
fn a_line_of_a_gigabyte_comes_in_pieces_of_a_mebibyte_and_the_next_line_whole() {
    let length = count(64 << 20, 1 << 30);
    let mut agent = agent();
    append(&agent, "in/b.log", lines(0..10));
    agent.start();
    arrives(&agent, lines(0..10));
    let long = agent.path("in/long.log");
    File::create(agent.path("long")).unwrap().set_len(length).unwrap();
    append(&agent, "long", format!("\n{}", lines(10..20)));
    fs::rename(agent.path("long"), long).unwrap();
    // One newline behind each piece, and no piece for nothing.
    let size = || -> u64 {
        let files = fs::read_dir(agent.path("out")).unwrap().flatten();
        let data = files.filter(|file| !file.file_name().as_encoded_bytes().starts_with(b"."));
        data.map(|file| file.metadata().unwrap().len()).sum()
    };
    let expected = length + (length >> 20) + lines(0..20).len() as u64;
    let mut seen = 0;
    while size() < expected {
        assert!(until(|| size() > seen), "{} of {expected} bytes\n{}", size(), agent.story());
        seen = size();
    }
    assert_eq!(size(), expected);
    is_modest(&agent);
    agent.stop();
    let all = rolled(&agent.path("out"));
    let (begin, end) = (lines(0..10), lines(10..20));
    assert!(all.starts_with(begin.as_bytes()) && all.ends_with(end.as_bytes()));
    let pieces = all[begin.len()..all.len() - end.len()].split_inclusive(|byte| *byte == b'\n');
    assert!(pieces.map(<[u8]>::len).all(|length| length == (1 << 20) + 1));
}

#[test]
fn bytes_that_are_no_text_pass_as_they_are() {
    let mut bytes: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    // Overlong forms, surrogates, a cut character, and a byte order mark.
    bytes.extend(b"\n\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe4\xb8\n\xff\xfe\n\xef\xbb\xbftext\n");
    let mut agent = agent();
    append(&agent, "in/a.log", &bytes);
    agent.start();
    arrives(&agent, &bytes);
    agent.stop();
    says(&agent, "is ready");
}
