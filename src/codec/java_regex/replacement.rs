//! What stands in the place of a match: `$1`, `${name}`, and `\` before a sign that means itself.
//!
//! A group that took no part gives nothing. Of `$12` as many digits count as there are groups for. What Java refuses at
//! the first match is refused when the replacement is read.
//! Truth: `Matcher.appendReplacement`.
use std::iter::Peekable;
use std::str::Chars;

use super::{GaveUp, Pattern, Spans};

/// A replacement for one pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    pub fn parse(text: &str, pattern: &Pattern) -> Result<Replacement, String> {
        let (mut parts, mut plain, mut signs) = (Vec::new(), String::new(), text.chars().peekable());
        while let Some(sign) = signs.next() {
            match sign {
                '\\' => plain.push(signs.next().ok_or("it ends in a lone `\\`; write `\\\\` for one")?),
                '$' => {
                    let group = group(&mut signs, pattern)?;
                    parts.extend((!plain.is_empty()).then(|| Part::Text(std::mem::take(&mut plain))));
                    parts.push(Part::Group(group));
                }
                _ => plain.push(sign),
            }
        }
        parts.extend((!plain.is_empty()).then_some(Part::Text(plain)));
        Ok(Replacement(parts))
    }

    /// Up to which group its pattern must tell.
    pub fn wanted(&self) -> usize {
        let groups = self.0.iter().map(|part| if let Part::Group(number) = part { *number } else { 0 });
        groups.max().unwrap_or(0)
    }

    /// Appends the text with all matches replaced; appends nothing and says `false` where there is none.
    pub fn all(
        &self,
        pattern: &Pattern,
        text: &str,
        spans: &mut Spans,
        out: &mut Vec<u8>,
    ) -> Result<bool, GaveUp> {
        let (before, mut from, mut any) = (out.len(), 0, false);
        let done = pattern.each(text, spans, &mut |spans| {
            let whole = spans.whole();
            out.extend_from_slice(&text.as_bytes()[from..whole.start]);
            self.one(text, spans, out);
            (from, any) = (whole.end, true);
        });
        match done {
            Ok(()) if any => out.extend_from_slice(&text.as_bytes()[from..]),
            Ok(()) => {}
            Err(_) => out.truncate(before),
        }
        done.map(|()| any)
    }

    fn one(&self, text: &str, spans: &Spans, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(plain) => out.extend_from_slice(plain.as_bytes()),
                Part::Group(number) => {
                    let group = spans.group(*number).unwrap_or(0..0);
                    out.extend_from_slice(&text.as_bytes()[group]);
                }
            }
        }
    }
}

/// What follows a `$`.
fn group(signs: &mut Peekable<Chars<'_>>, pattern: &Pattern) -> Result<usize, String> {
    const HOW: &str = "`$` needs the number or the `{name}` of a group; write `\\$` for the sign itself";
    if signs.next_if_eq(&'{').is_some() {
        let mut name = String::new();
        while let Some(sign) = signs.next_if(char::is_ascii_alphanumeric) {
            name.push(sign);
        }
        if signs.next() != Some('}') || name.is_empty() {
            return Err(HOW.into());
        }
        return pattern.group(&name).ok_or_else(|| format!("the pattern has no group `{name}`"));
    }
    let digit = |signs: &mut Peekable<Chars<'_>>| signs.peek().and_then(|sign| sign.to_digit(10));
    let mut number = digit(signs).ok_or(HOW)? as usize;
    signs.next();
    if number > pattern.groups() {
        return Err(format!("the pattern has no group {number}"));
    }
    while let Some(more) = digit(signs).map(|digit| number * 10 + digit as usize) {
        if more > pattern.groups() {
            break;
        }
        number = more;
        signs.next();
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::java_regex::find;

    fn replaced(pattern: &str, replacement: &str, text: &str) -> String {
        let pattern = find(pattern).unwrap();
        let replacement = Replacement::parse(replacement, &pattern).unwrap();
        let mut out = Vec::new();
        let any = replacement.all(&pattern, text, &mut Spans::new(replacement.wanted()), &mut out).unwrap();
        if any { String::from_utf8(out).unwrap() } else { text.to_string() }
    }

    #[test]
    fn replacements_are_javas() {
        assert_eq!(replaced("o", "0", "foo boo"), "f00 b00");
        assert_eq!(replaced("(a)(b)?", "<$2$1$12>", "a ab"), "<aa2> <baa2>");
        assert_eq!(replaced("(?<year>\\d+)-(?<m>\\d+)", "${m}/${year}", "2016-05"), "05/2016");
        assert_eq!(replaced("x", r"\$1\\", "axb"), r"a$1\b");
        assert_eq!(replaced("a*", "x", "aab"), "xxbx", "an empty match right behind another one");
        assert_eq!(replaced("", "-", "é€"), "-é-€-");
        assert_eq!(replaced("x", "", "axbx"), "ab");
        assert_eq!(replaced("$", "!", "a\n"), "a!\n!");
    }

    #[test]
    fn what_java_refuses_at_the_first_match_is_refused_at_once() {
        let refused = |text: &str| Replacement::parse(text, &find("(a)").unwrap()).unwrap_err();
        assert_eq!(refused("$2"), "the pattern has no group 2");
        assert_eq!(refused("${b}"), "the pattern has no group `b`");
        assert_eq!(refused("a\\"), "it ends in a lone `\\`; write `\\\\` for one");
        assert!(refused("5$").starts_with("`$` needs"));
        assert!(refused("${a").starts_with("`$` needs"));
    }
}
