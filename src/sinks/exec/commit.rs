//! What goes to the program, and what it answers: the protocol as bytes.
//!
//! ```text
//! commit 7 2        the agent: commit 7 has two lines
//! first line
//! second line
//! ok 7              the program: it has them, safe from its own end
//! fail 7 disk full  … or: it has none of them; they come again later, as a commit of another number
//! refuse 7 no date  … or: it will never take them; they go to the dead letters
//! ```
//!
//! Why the number of lines stands first: a line may hold anything, so no marker behind them could be told from one.
//! Lines end at `\n` alone. In the format `lines` they are the bodies (one that has line ends in it counts as several);
//! in `json` each is an event (`codec::json_event`).
use crate::codec::json_event;
use crate::event::Batch;

/// What one line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Lines,
    Json,
}

/// A commit as it goes to the program.
pub fn written(number: u64, batches: &[Batch], format: Format) -> Vec<u8> {
    let mut lines = Vec::new();
    for batch in batches {
        match format {
            Format::Lines => batch.each_line_slice(&mut |slice| lines.extend_from_slice(slice)),
            Format::Json => json_event::print(batch, &mut lines),
        }
    }
    let count = memchr::memchr_iter(b'\n', &lines).count();
    let mut commit = format!("commit {number} {count}\n").into_bytes();
    commit.append(&mut lines);
    commit
}

/// What the program says of a commit.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Fail(String),
    Refuse(String),
}

/// The number of a commit and what is said of it; `None`: the line is no answer.
pub fn answer(line: &[u8]) -> Option<(u64, Verdict)> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.trim().splitn(3, ' ');
    let (word, number) = (words.next()?, words.next()?.parse().ok()?);
    let why = words.next().map(str::trim).filter(|why| !why.is_empty()).unwrap_or("no reason given");
    let verdict = match word {
        "ok" => Verdict::Ok,
        "fail" => Verdict::Fail(why.to_string()),
        "refuse" => Verdict::Refuse(why.to_string()),
        _ => return None,
    };
    Some((number, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Builder;

    #[test]
    fn a_commit_says_how_many_lines_follow() {
        let batches: Vec<Batch> = [&b"one"[..], b"two\nlines", b""]
            .map(|body| Builder::default().push(body, 0..0).finish(None))
            .into();
        let text = |format| String::from_utf8(written(7, &batches, format)).unwrap();
        assert_eq!(text(Format::Lines), "commit 7 4\none\ntwo\nlines\n\n");
        assert_eq!(
            text(Format::Json),
            "commit 7 3\n{\"body\":\"one\",\"headers\":{}}\n{\"body\":\"two\\nlines\",\"headers\":{}}\n\
             {\"body\":\"\",\"headers\":{}}\n"
        );
    }

    #[test]
    fn answers_are_three_words_with_a_number() {
        let some = |number, verdict| Some((number, verdict));
        assert_eq!(answer(b"ok 7"), some(7, Verdict::Ok));
        assert_eq!(answer(b"ok 7 thanks\r"), some(7, Verdict::Ok));
        assert_eq!(answer(b"fail 8 disk is full"), some(8, Verdict::Fail("disk is full".into())));
        assert_eq!(answer(b"refuse 9"), some(9, Verdict::Refuse("no reason given".into())));
        for line in ["", "ok", "ok seven", "okay 7", "OK 7", "started"] {
            assert_eq!(answer(line.as_bytes()), None, "{line}");
        }
    }
}
