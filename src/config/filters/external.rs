//! The filter `external`: a program that is given a key and prints the value.
//!
//! Why a limit of time: whoever loads a file waits for it, and a program that waits for ever would keep the agent from
//! starting without a word. It is killed with all that it has started in its group, and is not tried again.
//! Shape: the command is split at white space, the key is its last argument; no shell, nothing on stdin; the first line of
//! stdout is the value. A relative program is looked for in `PATH`, a relative path starts where the agent was started.
//! Truth: Flume's `ExternalProcessConfigFilter`, which waits for ever.
use std::cell::Cell;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use encoding_rs::{Encoding, UTF_16BE};

use super::Answer;
use crate::config::spec::{Field, Values};
use crate::sys::child::{Child, argv};
use crate::sys::{Until, wait_for};

pub const COMMAND: Field = Field::text("command")
    .required()
    .doc("a program and its arguments, split at white space; the key is added as the last one, and the first line that it prints is the value");
pub const CHARSET: Field =
    Field::charset("charset").default("UTF-8").doc("the charset of what the program prints");

/// What a program may take: it stands between the agent and its start, so it is a look-up and not a task.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look whether a program has ended whose output is held open by what it has started.
const LOOK: Duration = Duration::from_millis(20);
/// Of the output so many bytes are kept: no value is longer.
const KEPT: usize = 1 << 20;

#[derive(Debug)]
pub struct External {
    argv: Vec<String>,
    charset: Charset,
    patience: Duration,
    /// It took too long once; the others of its keys would take as long.
    slow: Cell<bool>,
}

#[derive(Debug)]
enum Charset {
    /// Each byte is a character.
    Latin1,
    Other(&'static Encoding),
}

/// How a run of the program went.
struct Ran {
    /// `None`: it took too long and was killed.
    status: Option<ExitStatus>,
    stdout: Vec<u8>,
    /// The first line.
    stderr: Option<String>,
}

impl External {
    /// `Err`: what is wrong with its values.
    pub fn new(values: &Values) -> Result<External, String> {
        let text =
            |field: &Field| values.get(field.key).map(String::as_str).or(field.default).unwrap_or_default();
        let name = text(&CHARSET);
        let charset = charset(name).ok_or_else(|| format!("`{name}` is no charset that is known here"))?;
        Ok(External { argv: argv(text(&COMMAND), None), charset, patience: PATIENCE, slow: Cell::new(false) })
    }

    /// Runs it; `title` says whose it is.
    pub fn answer(&self, title: &str, key: &str) -> Answer {
        let argv: Vec<String> = self.argv.iter().cloned().chain([key.to_string()]).collect();
        let line = argv.join(" ");
        let failed = |what: String, hint: Option<&str>| {
            Answer::Failed(format!("{title}: `{line}` {what}"), hint.map(str::to_string))
        };
        let limit = self.patience.as_secs_f32();
        if self.slow.get() {
            return failed(format!("is not run: a key before took longer than {limit} s"), None);
        }
        let ran = match run(&argv, self.patience) {
            Ok(ran) => ran,
            Err(cause) => {
                let hint = "`command` is a program and its arguments, without quotes; no shell reads it";
                return failed(format!("cannot be started: {cause}"), Some(hint));
            }
        };
        let said = ran.stderr.map(|line| format!(": {line}")).unwrap_or_default();
        match ran.status {
            None => {
                self.slow.set(true);
                let hint = "it stands between the agent and its start; let it print a value that is at hand";
                failed(format!("took longer than {limit} s and was killed{said}"), Some(hint))
            }
            Some(status) if !status.success() => failed(format!("{}{said}", ended(status)), None),
            Some(_) => match self.charset.decode(&ran.stdout) {
                Some(text) => value(title, &line, &text),
                None => failed("printed bytes that are no text in its charset".into(), Some("set `charset`")),
            },
        }
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("ended with {status}"),
    }
}

/// The first line; more of them are odd, none is no value.
fn value(title: &str, line: &str, text: &str) -> Answer {
    let Some(first) = text.lines().next() else {
        return Answer::Nothing(format!("{title}: `{line}` printed nothing"));
    };
    let more = text.lines().nth(1).is_some();
    let odd = more.then(|| format!("{title}: `{line}` printed more than one line; the first one counts"));
    Answer::Value(first.to_string(), odd)
}

fn run(argv: &[String], patience: Duration) -> io::Result<Ran> {
    let until = Instant::now() + patience;
    let (tell, told) = mpsc::channel();
    // Nobody listens any more once the answer is known.
    let errors = Box::new(move |line: &str| drop(tell.send(line.to_string())));
    let mut child = Child::start(argv, Some(errors))?;
    child.close_input();
    let (stdout, status) = output(&mut child, until)?;
    drop(child);
    Ok(Ran { status, stdout, stderr: told.try_iter().find(|line| !line.trim().is_empty()) })
}

/// What it prints until it ends, and how it ended. What it has started may hold its output open for ever.
fn output(child: &mut Child, until: Instant) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let Some(left) = until.checked_duration_since(Instant::now()) else { return Ok((kept, None)) };
        // Asked before reading: what it printed before its end is there then.
        let ended = child.ended(Duration::ZERO);
        match child.read(&mut buffer) {
            Ok(0) => return Ok((kept, child.ended(left))),
            Ok(count) => kept.extend_from_slice(&buffer[..count.min(KEPT.saturating_sub(kept.len()))]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match ended {
                Some(status) => return Ok((kept, Some(status))),
                None => _ = wait_for([(child.output(), Until::Readable)], Some(left.min(LOOK)))?,
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// By Java's names.
fn charset(name: &str) -> Option<Charset> {
    let upper = name.trim().to_ascii_uppercase();
    match upper.as_str() {
        "ISO-8859-1" | "ISO8859-1" | "ISO8859_1" | "LATIN1" | "US-ASCII" | "ASCII" => Some(Charset::Latin1),
        "UTF8" | "UTF-8" => Some(Charset::Other(encoding_rs::UTF_8)),
        "UTF-16" => Some(Charset::Other(UTF_16BE)),
        _ => Encoding::for_label(upper.as_bytes()).map(Charset::Other),
    }
}

impl Charset {
    /// `None`: some bytes are no text.
    fn decode(&self, bytes: &[u8]) -> Option<String> {
        match self {
            Charset::Latin1 => Some(encoding_rs::mem::decode_latin1(bytes).into_owned()),
            Charset::Other(encoding) => {
                let (text, _, bad) = encoding.decode(bytes);
                (!bad).then(|| text.into_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(command: &str, charset_name: &str) -> External {
        let charset = charset(charset_name).unwrap();
        External { argv: argv(command, None), charset, patience: PATIENCE, slow: Cell::new(false) }
    }

    /// A program of one line, which is given the key as `$0`.
    fn shell(script: &str) -> External {
        let argv = ["/bin/sh", "-c", script].map(str::to_string).to_vec();
        External { argv, ..external("x", "UTF-8") }
    }

    #[test]
    fn the_first_line_is_the_value_and_the_key_the_last_argument() {
        let value = |text: &str| Answer::Value(text.to_string(), None);
        assert_eq!(external("printf  %s-%s.\\n a", "UTF-8").answer("f", "key_1"), value("a-key_1."));
        assert_eq!(shell("printf '  %s' $0; cat").answer("f", "k"), value("  k"), "stdin is at its end");
        assert_eq!(shell("printf 'a\\r\\n'; exit 0").answer("f", "k"), value("a"));
        assert_eq!(shell("echo one >&2; echo two").answer("f", "k"), value("two"));
        let Answer::Value(first, Some(odd)) = shell("echo one; echo two").answer("f", "k") else { panic!() };
        assert_eq!(
            (first.as_str(), odd.ends_with("printed more than one line; the first one counts")),
            ("one", true)
        );
    }

    #[test]
    fn what_is_printed_is_in_the_charset_that_was_named() {
        let with = |name: &str| External { charset: charset(name).unwrap(), ..shell("printf '\\344'") };
        assert_eq!(with("ISO-8859-1").answer("f", "k"), Answer::Value("ä".into(), None));
        assert!(
            matches!(with("UTF-8").answer("f", "k"), Answer::Failed(what, _) if what.ends_with("no text in its charset"))
        );
        let wide = External { charset: charset("UTF-16").unwrap(), ..shell("printf '\\000a\\000\\n\\000b'") };
        assert!(matches!(wide.answer("f", "k"), Answer::Value(text, Some(_)) if text == "a"));
        assert!(charset("no-such").is_none());
    }

    #[test]
    fn much_output_is_read_and_what_a_program_leaves_behind_is_not_waited_for() {
        let much = shell("echo first; head -c 3000000 /dev/zero");
        assert!(matches!(much.answer("f", "k"), Answer::Value(text, Some(_)) if text == "first"));
        let began = Instant::now();
        assert_eq!(shell("echo up; sleep 1000 &").answer("f", "k"), Answer::Value("up".into(), None));
        assert!(began.elapsed() < PATIENCE);
    }

    #[test]
    fn a_program_that_hangs_is_killed_named_and_not_tried_again() {
        let hangs = External {
            patience: Duration::from_millis(300),
            ..shell("echo asking >&2; sleep 1000; echo $0")
        };
        let told = |answer: Answer| match answer {
            Answer::Failed(what, _) => what,
            other => panic!("{other:?}"),
        };
        let line = "f: `/bin/sh -c echo asking >&2; sleep 1000; echo $0";
        assert_eq!(
            told(hangs.answer("f", "a")),
            format!("{line} a` took longer than 0.3 s and was killed: asking")
        );
        let again = told(hangs.answer("f", "b"));
        assert_eq!(again, format!("{line} b` is not run: a key before took longer than 0.3 s"));
    }

    #[test]
    fn a_failure_names_the_command_the_status_and_the_first_line_of_stderr() {
        let told = |external: External| match external.answer("f", "k") {
            Answer::Failed(what, _) => what,
            other => panic!("{other:?}"),
        };
        let failing = shell("echo no such key >&2; echo more >&2; exit 3");
        assert!(told(failing).ends_with(" k` ended with status 3: no such key"));
        assert!(told(shell("kill -9 $$")).ends_with(" k` was ended by signal 9"));
        let gone = told(external("/no/such/program x", "UTF-8"));
        assert_eq!(
            gone,
            "f: `/no/such/program x k` cannot be started: No such file or directory (os error 2)"
        );
        assert!(
            matches!(shell("true").answer("f", "k"), Answer::Nothing(what) if what.ends_with("printed nothing"))
        );
    }
}
