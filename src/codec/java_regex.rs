//! Java's regular expressions on Rust's engine, as far as both say the same.
//!
//! Why a translation: `\d`, `\w` and `\s` are ASCII in Java and Unicode here, `\Q…\E` and `\<` differ, and a possessive
//! quantifier would be taken for a repeated one. What cannot be said in linear time is refused by name.
use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Why a pattern cannot be used; lowercase, no full stop.
#[derive(Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pattern that must match the whole text, as `Matcher.matches`.
pub fn full(pattern: &str) -> Result<Regex, BadPattern> {
    build(&format!(r"\A(?:{})\z", translate(pattern)?), pattern)
}

/// A pattern that may match anywhere, as `Matcher.find`.
pub fn find(pattern: &str) -> Result<Regex, BadPattern> {
    build(&translate(pattern)?, pattern)
}

fn build(translated: &str, pattern: &str) -> Result<Regex, BadPattern> {
    RegexBuilder::new(translated).size_limit(4 << 20).build().map_err(|error| {
        let text = error.to_string();
        let cause = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        BadPattern(format!("cannot use the regular expression `{pattern}`: {cause}"))
    })
}

fn translate(pattern: &str) -> Result<String, BadPattern> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let (mut in_class, mut after_quantifier) = (0usize, false);
    while let Some(c) = chars.next() {
        let quantifier = in_class == 0 && matches!(c, '*' | '+' | '?' | '}');
        match c {
            '\\' => escape(&mut chars, &mut out, pattern)?,
            '+' if after_quantifier => {
                return Err(BadPattern(format!(
                    "cannot use the regular expression `{pattern}`: possessive quantifiers are not supported"
                )));
            }
            '[' => {
                in_class += 1;
                out.push(c);
            }
            ']' => {
                in_class = in_class.saturating_sub(1);
                out.push(c);
            }
            _ => out.push(c),
        }
        after_quantifier = quantifier && !(after_quantifier && c == '?');
    }
    Ok(out)
}

fn escape(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
    pattern: &str,
) -> Result<(), BadPattern> {
    match chars.next() {
        Some('d') => out.push_str("[0-9]"),
        Some('D') => out.push_str("[^0-9]"),
        Some('w') => out.push_str("[0-9A-Za-z_]"),
        Some('W') => out.push_str("[^0-9A-Za-z_]"),
        Some('s') => out.push_str(r"[ \t\n\x0B\x0C\r]"),
        Some('S') => out.push_str(r"[^ \t\n\x0B\x0C\r]"),
        Some('h') => out.push_str(r"[ \t\u{A0}]"),
        Some('Z') => out.push_str(r"\z"),
        Some('e') => out.push_str(r"\x1B"),
        Some(c @ ('<' | '>')) => out.push(c),
        Some('Q') => {
            let rest: String = chars.collect();
            let (literal, after) = rest.split_once("\\E").unwrap_or((&rest, ""));
            out.push_str(&regex::escape(literal));
            out.push_str(&translate(after)?);
        }
        Some(c) => {
            out.push('\\');
            out.push(c);
        }
        None => {
            return Err(BadPattern(format!(
                "cannot use the regular expression `{pattern}`: it ends in a backslash"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, text: &str) -> bool {
        full(pattern).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn the_whole_name_must_match() {
        let pattern = r"file-*(\d+).dat";
        for name in ["file7.dat", "file-7.dat", "file--7xdat"] {
            assert!(is(pattern, name), "{name}");
        }
        for name in ["xfile-7.dat", "file-.dat", "file-7.dat.COMPLETED"] {
            assert!(!is(pattern, name), "{name}");
        }
        assert!(is("^$", "") && !is("^$", "x"));
        assert!(!is("a|ab", "abc") && is("a|ab", "ab"));
    }

    #[test]
    fn classes_are_ascii_as_in_java() {
        assert!(!is(r"\d", "٣") && is(r"[\d.]+", "1.2") && is(r"[^\s]+", "a"));
        assert!(is(r"\Qa.b\E\d", "a.b1") && !is(r"\Qa.b\E\d", "axb1"));
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_name() {
        let text = |p: &str| full(p).unwrap_err().0;
        assert!(text("a*+b").contains("possessive"));
        assert!(text("(?=a)b").contains("look-around"), "{}", text("(?=a)b"));
        assert!(text("(a)\\1").contains("backreferences"), "{}", text("(a)\\1"));
        assert!(text("a\\").contains("backslash"));
        assert!(full("a+?b").is_ok() && full("[a+]+").is_ok());
    }
}
