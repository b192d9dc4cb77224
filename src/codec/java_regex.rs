//! Java regular expressions: in linear time where that is possible, by backtracking where the pattern needs it.
//!
//! Why two engines: look-around, back-references, atomic groups, possessive quantifiers and line starts under `(?m)`
//! cannot be had in linear time. Every other pattern runs on the fast engine, after a translation that leaves nothing
//! to the engines' own opinions (`translate`): classes are spelt out, flags are resolved, groups have numbers only.
//! `$` before a last line end is a look-ahead too; as few texts end in a line end, it means the very end on the fast
//! engine, and texts that do end in one go to the other engine.
//! Bytes that are no UTF-8 are matched as U+FFFD, as a Java program sees them.
//! Errors: what is not supported is refused by name. Where the backtracking engine has taken [`MOST_STEPS`] it gives
//! up, and its caller decides what that means; Java would go on for ever, or overflow its stack.
//! Named limits: letters are folded by Unicode's simple rules under `(?iu)`, by ASCII's under `(?i)`; `\b` is that of
//! JDK 8 to 18, which knows all letters.
//! Truth: `java.util.regex`; the table in `tests` came out of JDK 17.
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::diag::Diagnostic;

mod class;
mod escape;
mod replacement;
#[cfg(test)]
mod tests;
mod translate;

pub use replacement::Replacement;
use translate::{End, translate};

/// How often the backtracking engine may turn back in one text: some 20 ms. Patterns that mean well need a few per
/// character.
const MOST_STEPS: usize = 1_000_000;

/// A pattern takes too long on a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp;

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern takes more than {MOST_STEPS} steps")
    }
}

impl std::error::Error for GaveUp {}

/// A compiled pattern; copies share it.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    linear: Option<regex::Regex>,
    /// For all texts, or for those that end in a line end. `None`: the fast engine is right for all.
    exact: Option<fancy_regex::Regex>,
    names: Vec<(String, usize)>,
    groups: usize,
}

enum Engine<'a> {
    Linear(&'a regex::Regex),
    Exact(&'a fancy_regex::Regex),
}

/// A pattern that is looked for anywhere in a text: `Matcher.find()`.
pub fn find(pattern: &str) -> Result<Pattern, String> {
    compile(pattern, false)
}

/// A pattern that must match the whole text: `Matcher.matches()`.
pub fn full_match(pattern: &str) -> Result<Pattern, String> {
    compile(pattern, true)
}

/// Bytes as a Java program reads them as UTF-8.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// For [`crate::config::Field::lint`]: what a pattern does otherwise than in Java.
pub fn lint(_key: &str, pattern: &str) -> Option<Diagnostic> {
    let needs = translate(pattern, End::OfText).ok()?.needs?;
    let what = format!(
        "{needs} not matched in linear time: a text that takes more than {MOST_STEPS} steps counts as not \
         understood, where Java goes on"
    );
    Some(Diagnostic::note("backtracking", what))
}

fn compile(pattern: &str, whole: bool) -> Result<Pattern, String> {
    let wrapped = |text: &str| if whole { format!(r"\A(?:{text})\z") } else { text.to_string() };
    let fast = translate(pattern, End::OfText)?;
    let linear = match fast.needs {
        None => Some(regex::Regex::new(&wrapped(&fast.text)).map_err(|error| last_line(&error))?),
        Some(_) => None,
    };
    let exact = match linear.is_none() || fast.uses_end {
        true => Some(backtracking(&wrapped(&translate(pattern, End::OfLastLine)?.text))?),
        false => None,
    };
    Ok(Pattern(Arc::new(Compiled { linear, exact, names: fast.names, groups: fast.groups })))
}

fn last_line(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
}

fn backtracking(pattern: &str) -> Result<fancy_regex::Regex, String> {
    use fancy_regex::{CompileError, Error};
    let built = fancy_regex::RegexBuilder::new(pattern).backtrack_limit(MOST_STEPS).build();
    built.map_err(|error| match &error {
        Error::CompileError(inner) => match &**inner {
            CompileError::LookBehindNotConst => "this look-behind of no fixed length is not supported".into(),
            other => last_line(other),
        },
        other => last_line(other),
    })
}

impl Pattern {
    /// Whether the text matches.
    pub fn matches(&self, text: &[u8]) -> Result<bool, GaveUp> {
        let text = self::text(text);
        match self.engine(&text) {
            Engine::Linear(regex) => Ok(regex.is_match(&text)),
            Engine::Exact(regex) => regex.is_match(&*text).map_err(|_| GaveUp),
        }
    }

    /// The same for names of files and starts of records: what takes too long is none.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.matches(text).unwrap_or(false)
    }

    /// Whether it runs in linear time on every text, and so never gives up.
    pub fn is_linear(&self) -> bool {
        self.0.exact.is_none()
    }

    /// How many groups it has, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.0.groups
    }

    /// The number of a named group.
    pub fn group(&self, name: &str) -> Option<usize> {
        self.0.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    fn engine(&self, text: &str) -> Engine<'_> {
        let ends = || text.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
        match (&self.0.linear, &self.0.exact) {
            (Some(linear), None) => Engine::Linear(linear),
            (Some(linear), Some(_)) if !ends() => Engine::Linear(linear),
            (_, Some(exact)) => Engine::Exact(exact),
            (None, None) => unreachable!("a pattern is compiled for one of the engines"),
        }
    }

    /// The first match that begins at or behind `at`, which is a boundary of characters.
    pub fn find_at(&self, text: &str, at: usize, spans: &mut Spans) -> Result<bool, GaveUp> {
        spans.found.clear();
        let wanted = spans.wanted.min(self.0.groups);
        match self.engine(text) {
            Engine::Linear(regex) if wanted == 0 => {
                spans.found.extend(regex.find_at(text, at).map(|found| Some(found.range())));
            }
            Engine::Linear(regex) => {
                let places = spans.places.get_or_insert_with(|| regex.capture_locations());
                if regex.captures_read_at(places, text, at).is_some() {
                    let range = |group| places.get(group).map(|(from, to)| from..to);
                    spans.found.extend((0..=wanted).map(range));
                }
            }
            Engine::Exact(regex) => {
                if let Some(found) = regex.captures_from_pos(text, at).map_err(|_| GaveUp)? {
                    spans.found.extend((0..=wanted).map(|group| found.get(group).map(|m| m.range())));
                }
            }
        }
        Ok(!spans.found.is_empty())
    }

    /// All matches, one after the other. Behind an empty one the search goes on a character later, so that, unlike with
    /// other engines, an empty match may follow right behind another.
    pub fn each(&self, text: &str, spans: &mut Spans, found: &mut dyn FnMut(&Spans)) -> Result<(), GaveUp> {
        let mut at = 0;
        while at <= text.len() && self.find_at(text, at, spans)? {
            found(spans);
            let whole = spans.whole();
            let step = text[whole.end..].chars().next().map_or(1, char::len_utf8);
            at = if whole.is_empty() { whole.end + step } else { whole.end };
        }
        Ok(())
    }

    /// The pieces between the matches, as `String.split` gives them: none at the end is empty, but for the only one.
    pub fn split<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, GaveUp> {
        let (mut pieces, mut from) = (Vec::new(), 0);
        self.each(text, &mut Spans::new(0), &mut |spans| {
            let whole = spans.whole();
            if whole.end > 0 {
                pieces.push(&text[from..whole.start]);
                from = whole.end;
            }
        })?;
        pieces.push(&text[from..]);
        if from > 0 {
            let kept = pieces.iter().rposition(|piece| !piece.is_empty()).map_or(0, |last| last + 1);
            pieces.truncate(kept);
        }
        Ok(pieces)
    }
}

/// Where a match and its groups lie. Kept from text to text of one pattern: to make it costs more than many a search.
#[derive(Clone, Debug)]
pub struct Spans {
    wanted: usize,
    places: Option<regex::CaptureLocations>,
    found: Vec<Option<Range<usize>>>,
}

impl Spans {
    /// Of the groups up to this number; a search for none of them is the fastest.
    pub fn new(wanted: usize) -> Spans {
        Spans { wanted, places: None, found: Vec::new() }
    }

    /// The whole match; nothing, where none was found.
    pub fn whole(&self) -> Range<usize> {
        self.group(0).unwrap_or(0..0)
    }

    /// A group; `None` if it took no part.
    pub fn group(&self, number: usize) -> Option<Range<usize>> {
        self.found.get(number).cloned().flatten()
    }
}
