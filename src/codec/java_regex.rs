//! Java regular expressions, on the linear-time engine: translated where the two differ, refused where it cannot.
//!
//! Translated: ASCII `\d \w \s` and POSIX classes (Java's default), `\h \v \R \Q…\E \e \c \0`, line terminators for `.`
//! and `$`, escapes of signs that mean something else here. Refused, by name: look-around, back-references, atomic
//! groups, possessive quantifiers, `\G`, `\X`.
//! Bytes that are not UTF-8 are matched as U+FFFD, as a Java program sees them.
//! Named limits: `(?i)` folds all letters, not only ASCII; `(?m)` knows `\n` as the only line end.
//! Truth: `java.util.regex.Pattern`; the cases in `tests` gave the same on JDK 17.
use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::Regex;

/// What ends a line for Java.
const LINE_ENDS: &str = r"\n\r\u{85}\u{2028}\u{2029}";
const VERTICAL: &str = r"\n\x0B\f\r\u{85}\u{2028}\u{2029}";
const HORIZONTAL: &str = r" \t\xA0\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}";

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// A pattern that is looked for anywhere in a text: `Matcher.find()`.
pub fn find(pattern: &str) -> Result<Pattern, String> {
    compile(&Translator::translate(pattern, false)?)
}

/// A pattern that must match the whole text: `Matcher.matches()`.
pub fn full_match(pattern: &str) -> Result<Pattern, String> {
    compile(&format!(r"\A(?:{})\z", Translator::translate(pattern, true)?))
}

fn compile(translated: &str) -> Result<Pattern, String> {
    let last_line = |error: regex::Error| {
        let text = error.to_string();
        text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
    };
    Regex::new(translated).map(Pattern).map_err(last_line)
}

impl Pattern {
    /// Whether the text matches.
    pub fn is_match(&self, text: &[u8]) -> bool {
        match std::str::from_utf8(text) {
            Ok(_) => self.0.is_match(text),
            Err(_) => self.0.is_match(String::from_utf8_lossy(text).as_bytes()),
        }
    }

    /// The engine's pattern, for groups; groups have Java's numbers.
    pub fn regex(&self) -> &Regex {
        &self.0
    }

    pub fn into_regex(self) -> Regex {
        self.0
    }
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// How many classes are open.
    depth: usize,
    /// Whether `$` must be the very end, as something else consumes the rest.
    whole: bool,
    /// `.` matches line ends somewhere: then it is left as it is.
    dot_all: bool,
    /// `^` and `$` match at lines somewhere: then they are left as they are.
    lines: bool,
}

impl Translator<'_> {
    fn translate(pattern: &str, whole: bool) -> Result<String, String> {
        let flags = |flag: char| {
            pattern
                .split("(?")
                .skip(1)
                .any(|group| group.chars().take_while(|c| c.is_ascii_alphabetic()).any(|c| c == flag))
        };
        let mut translator = Translator {
            rest: pattern.chars().peekable(),
            out: String::with_capacity(pattern.len() + 16),
            depth: 0,
            whole,
            dot_all: flags('s'),
            lines: flags('m'),
        };
        while let Some(sign) = translator.rest.next() {
            translator.sign(sign)?;
        }
        Ok(translator.out)
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        match sign {
            '\\' => return self.escape(),
            '[' => {
                self.depth += 1;
                self.out.push('[');
                self.class_start();
            }
            ']' if self.depth > 0 => {
                self.depth -= 1;
                self.out.push(']');
            }
            // Operators of sets here, plain signs in Java.
            '~' if self.depth > 0 => self.out.push_str(r"\~"),
            '-' if self.depth > 0 && self.rest.next_if_eq(&'-').is_some() => self.out.push_str(r"-\-"),
            _ if self.depth > 0 => self.out.push(sign),
            '(' => return self.group(),
            '.' if !self.dot_all => self.out.push_str(&format!("[^{LINE_ENDS}]")),
            '$' if !self.lines => self.end(),
            '*' | '+' | '?' | '}' => {
                self.out.push(sign);
                return self.quantified();
            }
            _ => self.out.push(sign),
        }
        Ok(())
    }

    /// A `]` right at the start of a class is a plain sign.
    fn class_start(&mut self) {
        if self.rest.peek() == Some(&'^') {
            self.out.extend(self.rest.next());
        }
        if self.rest.peek() == Some(&']') {
            self.rest.next();
            self.out.push_str(r"\]");
        }
    }

    /// Java's `$` also matches before a last line end.
    fn end(&mut self) {
        if self.whole {
            self.out.push_str(r"\z");
        } else {
            self.out.push_str(&format!(r"(?:(?:\r\n|[{LINE_ENDS}])?\z)"));
        }
    }

    fn quantified(&mut self) -> Result<(), String> {
        match self.rest.peek() {
            Some('+') => Err("possessive quantifiers (`*+`, `++`, `?+`) are not supported".into()),
            Some('?') => {
                self.out.extend(self.rest.next());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.peek() != Some(&'?') {
            return Ok(());
        }
        let ahead: String = self.rest.clone().take(3).collect();
        if ahead.starts_with("?=") || ahead.starts_with("?!") {
            return Err("look-ahead (`(?=`, `(?!`) is not supported".into());
        }
        if ahead == "?<=" || ahead == "?<!" {
            return Err("look-behind (`(?<=`, `(?<!`) is not supported".into());
        }
        if ahead.starts_with("?>") {
            return Err("atomic groups (`(?>`) are not supported".into());
        }
        self.out.extend(self.rest.next());
        while let Some(flag) = self.rest.next_if(|c| c.is_ascii_alphabetic() || *c == '-') {
            match flag {
                // Folding knows all letters here anyway.
                'u' => {}
                'd' | 'U' => return Err(format!("the flag `(?{flag})` is not supported")),
                _ => self.out.push(flag),
            }
        }
        // `(?u)` alone has become `(?)`, which is none.
        if self.out.ends_with("(?") && self.rest.peek() == Some(&')') {
            self.out.push_str("-x");
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(sign) = self.rest.next() else { return Err("the pattern ends in a lone `\\`".into()) };
        match sign {
            'd' => self.class("0-9", false),
            'D' => self.class("0-9", true),
            'w' => self.class("a-zA-Z0-9_", false),
            'W' => self.class("a-zA-Z0-9_", true),
            's' => self.class(r" \t\n\x0B\f\r", false),
            'S' => self.class(r" \t\n\x0B\f\r", true),
            'h' => self.class(HORIZONTAL, false),
            'H' => self.class(HORIZONTAL, true),
            'v' => self.class(VERTICAL, false),
            'V' => self.class(VERTICAL, true),
            'R' => self.out.push_str(&format!(r"(?:\r\n|[{VERTICAL}])")),
            'Z' => self.end(),
            'Q' => self.quoted(),
            'E' => {}
            'p' | 'P' => return self.property(sign == 'P'),
            'u' => return self.code(4),
            'x' if self.rest.peek() != Some(&'{') => return self.code(2),
            'x' => self.out.push_str(r"\x"),
            '0' => return self.octal(),
            'c' => {
                let control = self.rest.next().ok_or("`\\c` lacks its letter")?;
                self.out.push_str(&format!(r"\x{{{:x}}}", u32::from(control) ^ 64));
            }
            'e' => self.out.push_str(r"\x1B"),
            '1'..='9' | 'k' => return Err(format!("back-references (`\\{sign}`) are not supported")),
            'G' | 'X' | 'N' => return Err(format!("`\\{sign}` is not supported")),
            'a' | 'f' | 't' | 'n' | 'r' | 'A' | 'z' | 'b' | 'B' => {
                self.out.push('\\');
                self.out.push(sign);
            }
            _ if sign.is_ascii_alphabetic() => return Err(format!("`\\{sign}` means nothing in Java")),
            _ => self.literal(sign),
        }
        Ok(())
    }

    fn class(&mut self, signs: &str, not: bool) {
        match (self.depth > 0, not) {
            (true, false) => self.out.push_str(signs),
            (_, true) => self.out.push_str(&format!("[^{signs}]")),
            (false, false) => self.out.push_str(&format!("[{signs}]")),
        }
    }

    fn literal(&mut self, sign: char) {
        self.out.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4])));
    }

    fn quoted(&mut self) {
        while let Some(sign) = self.rest.next() {
            if sign == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                return;
            }
            self.literal(sign);
        }
    }

    fn code(&mut self, digits: usize) -> Result<(), String> {
        let hex: String = (0..digits).filter_map(|_| self.rest.next_if(char::is_ascii_hexdigit)).collect();
        let sign =
            u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits).and_then(char::from_u32);
        self.literal(sign.ok_or_else(|| format!("`{hex}` is not the code of a character"))?);
        Ok(())
    }

    fn octal(&mut self) -> Result<(), String> {
        let mut value = 0;
        for _ in 0..3 {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)).filter(|d| value * 8 + d <= 0o377)
            else {
                break;
            };
            value = value * 8 + digit;
            self.rest.next();
        }
        self.literal(char::from_u32(value).expect("at most 255"));
        Ok(())
    }

    fn property(&mut self, not: bool) -> Result<(), String> {
        let name: String = match self.rest.next() {
            Some('{') => self.rest.by_ref().take_while(|c| *c != '}').collect(),
            Some(letter) => letter.into(),
            None => return Err("`\\p` lacks its name".into()),
        };
        let ascii = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "Alpha" => "a-zA-Z",
            "Digit" => "0-9",
            "Alnum" => "a-zA-Z0-9",
            "Punct" => r"!-/:-@\[-`{-\~",
            "Graph" => r"!-\~",
            "Print" => r" -\~",
            "Blank" => r" \t",
            "Cntrl" => r"\x00-\x1F\x7F",
            "XDigit" => "0-9a-fA-F",
            "Space" => r" \t\n\x0B\f\r",
            "ASCII" => r"\x00-\x7F",
            _ if name.starts_with("java") || name.starts_with("In") => {
                return Err(format!("`\\p{{{name}}}` is not supported"));
            }
            _ => {
                let letter = if not { 'P' } else { 'p' };
                self.out.push_str(&format!("\\{letter}{{{}}}", name.strip_prefix("Is").unwrap_or(&name)));
                return Ok(());
            }
        };
        self.class(ascii, not);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_what_java_finds() {
        let cases: [(&str, &[u8], bool); 31] = [
            ("abc", b"xabcx", true),
            ("^abc$", b"abc\r", true),
            ("^abc$", b"abc\n", true),
            ("^abc$", b"abc\nx", false),
            ("a.c", b"a\rc", false),
            ("(?s)a.c", b"a\nc", true),
            (r"\d", "٣".as_bytes(), false),
            (r"^\w+$", "é".as_bytes(), false),
            (r"[\d-]+", b"1-2", true),
            (r"[^\s]", b" \t", false),
            (r"\Qa.b\E", b"a.b", true),
            (r"\Qa.b\E", b"axb", false),
            (r"\p{Alpha}\p{Punct}", b"a~", true),
            (r"\p{IsLatin}", "é".as_bytes(), true),
            (r"\P{Upper}", b"A", false),
            (r"[\p{Upper}\p{Digit}]{2}", b"A1", true),
            (r"\u0041\x42\0103", b"ABC", true),
            (r"\<a\>", b"<a>", true),
            (r"[+--]", b",", true),
            (r"[~~]", b"~", true),
            (r"[]a]", b"]", true),
            (r"a*?b", b"aab", true),
            ("(?i)error", b"ERROR", true),
            ("(?iu)error", b"ERROR", true),
            ("(?u)error", b"error", true),
            ("(?<level>ERROR|WARN)", b"a WARN", true),
            ("^.$", b"\xff", true),
            ("\u{fffd}", b"\xff", true),
            ("", b"", true),
            (r"\cA", b"\x01", true),
            ("(?m)^b$", b"a\nb\nc", true),
        ];
        for (pattern, text, expected) in cases {
            let found = find(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}")).is_match(text);
            assert_eq!(found, expected, "{pattern} in {:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_full_match_leaves_nothing_over() {
        let full = |pattern: &str, text: &str| full_match(pattern).unwrap().is_match(text.as_bytes());
        assert!(full(r".*\.log", "a.log"));
        assert!(full("a|ab", "ab"));
        assert!(!full(r".*\.log", "a.log.1"));
        assert!(!full("abc$", "abc\n"));
        assert!(!full(r".*\.log", "a\nb.log"));
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let refused = |pattern: &str| find(pattern).unwrap_err();
        assert_eq!(refused("a(?=b)"), "look-ahead (`(?=`, `(?!`) is not supported");
        assert_eq!(refused("(?<!a)b"), "look-behind (`(?<=`, `(?<!`) is not supported");
        assert_eq!(refused(r"(a)\1"), "back-references (`\\1`) are not supported");
        assert_eq!(refused("a*+b"), "possessive quantifiers (`*+`, `++`, `?+`) are not supported");
        assert_eq!(refused("(?>a)"), "atomic groups (`(?>`) are not supported");
        assert_eq!(refused("(a"), "unclosed group");
        assert_eq!(refused(r"\uD83D"), "`D83D` is not the code of a character");
        assert_eq!(refused("a\\"), "the pattern ends in a lone `\\`");
    }

    proptest::proptest! {
        #[test]
        fn foreign_patterns_never_panic(pattern in r"[\\a-zA-Z0-9\[\]\(\)\?\{\}\*\+\.\^\$\-~&<>=!:|]{0,24}") {
            let _ = find(&pattern);
            let _ = full_match(&pattern);
        }
    }
}
