//! What a case does around its agent, one step a line; and the words of these lines.
//!
//! Paths lie below the case's directory, which the agent file calls `@DIR@`. Text stands in double quotes, with `\n`,
//! `\r`, `\t`, `\"`, `\\` and `\xHH`.

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `only 1.11`: Flume 1.6 has nothing like it.
    OnlyNew,
    /// `show everything`: also files without a byte, and ours with a dot.
    ShowEverything,
    /// `show sorted`: which file of `out*` a line went to, and when, is left to chance.
    ShowSorted,
    /// `file PATH TEXT [SECONDS]`: a file, its last change so many seconds ago.
    File { path: String, text: Vec<u8>, age: Option<u64> },
    /// `append PATH TEXT`.
    Append { path: String, text: Vec<u8> },
    /// `directory PATH`.
    Directory(String),
    /// `rename PATH PATH`.
    Rename(String, String),
    /// `remove PATH`: a file or an empty directory.
    Remove(String),
    /// `position PATH FILE OFFSET`: a position file of TAILDIR that says how far FILE was read.
    Position { path: String, file: String, offset: u64 },
    /// `start`: until everything that can run does.
    Start,
    /// `stop`: SIGTERM, and its end.
    Stop,
    /// `kill`: SIGKILL.
    Kill,
    /// `connect`: to `@PORT@`; `send` and the others are about the last connection.
    Connect,
    /// `send TEXT`.
    Send(Vec<u8>),
    /// `answers COUNT`: reads so many lines.
    Answers(usize),
    /// `close`: says that nothing more comes, and reads until the other side closes too.
    Close,
    /// `datagram TEXT`: by UDP to `@PORT@`.
    Datagram(Vec<u8>),
    /// `wait lines COUNT`: so many in all files of `out*` together.
    WaitLines(usize),
    /// `wait file PATH`, `wait no PATH`.
    WaitFile { path: String, there: bool },
    /// `wait logged TEXT`: in what is shown of the log.
    WaitLogged(String),
    /// `pause SECONDS`: for what cannot be seen from outside: that a source looked, a timer went off.
    Pause(u64),
}

impl Step {
    /// Whether it waits for something that shows.
    pub fn is_wait(&self) -> bool {
        matches!(self, Step::WaitLines(_) | Step::WaitFile { .. } | Step::WaitLogged(_))
    }

    /// The step of one line.
    pub fn parse(line: &str) -> Step {
        let words = words(line);
        let text = |at: usize| String::from_utf8(words[at].clone()).expect("a path is text");
        let number = |at: usize| text(at).parse::<u64>().unwrap_or_else(|_| panic!("no number in `{line}`"));
        let names: Vec<String> = words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names[..] {
            ["only", "1.11"] => Step::OnlyNew,
            ["show", "everything"] => Step::ShowEverything,
            ["show", "sorted"] => Step::ShowSorted,
            ["file", path, _] => Step::File { path: path.into(), text: words[2].clone(), age: None },
            ["file", path, _, _] => {
                Step::File { path: path.into(), text: words[2].clone(), age: Some(number(3)) }
            }
            ["append", path, _] => Step::Append { path: path.into(), text: words[2].clone() },
            ["directory", path] => Step::Directory(path.into()),
            ["rename", from, to] => Step::Rename(from.into(), to.into()),
            ["remove", path] => Step::Remove(path.into()),
            ["position", path, file, _] => {
                Step::Position { path: path.into(), file: file.into(), offset: number(3) }
            }
            ["start"] => Step::Start,
            ["stop"] => Step::Stop,
            ["kill"] => Step::Kill,
            ["connect"] => Step::Connect,
            ["send", _] => Step::Send(words[1].clone()),
            ["answers", _] => Step::Answers(number(1) as usize),
            ["close"] => Step::Close,
            ["datagram", _] => Step::Datagram(words[1].clone()),
            ["wait", "lines", _] => Step::WaitLines(number(2) as usize),
            ["wait", "file", path] => Step::WaitFile { path: path.into(), there: true },
            ["wait", "no", path] => Step::WaitFile { path: path.into(), there: false },
            ["wait", "logged", _] => Step::WaitLogged(text(2)),
            ["pause", _] => Step::Pause(number(1)),
            _ => panic!("no step: `{line}`"),
        }
    }
}

/// Splits at spaces; a word in quotes may hold anything.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (word, length) = unquoted(quoted).unwrap_or_else(|| panic!("unended quotes: {line}"));
            words.push(word);
            rest = quoted[length..].trim_start();
        } else {
            let (word, more) = rest.split_once(' ').unwrap_or((rest, ""));
            words.push(word.as_bytes().to_vec());
            rest = more.trim_start();
        }
    }
    words
}

/// The text up to the closing quote, and where it goes on behind it.
fn unquoted(text: &str) -> Option<(Vec<u8>, usize)> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (b'"', _) => return Some((out, at + 1)),
            (b'\\', Some(b'x')) => {
                out.push(u8::from_str_radix(text.get(at + 2..at + 4)?, 16).ok()?);
                at += 4;
                continue;
            }
            (b'\\', Some(b'n')) => out.push(b'\n'),
            (b'\\', Some(b'r')) => out.push(b'\r'),
            (b'\\', Some(b't')) => out.push(b'\t'),
            (b'\\', Some(other)) => out.push(*other),
            (byte, _) => {
                out.push(byte);
                at += 1;
                continue;
            }
        }
        at += 2;
    }
}
