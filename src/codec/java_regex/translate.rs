//! A Java pattern, spelt so that both engines read it the same way.
//!
//! Shape: groups are numbered, never named; no flag is left but `(?s:.)` and `(?i:…)` around one sign; classes are spelt
//! out; every sign that means something somewhere is escaped.
//! Invariants: each atom is written as one unit, so a quantifier behind it has it all.
//! Truth: `java.util.regex.Pattern`, its parser included where its documentation is silent.
use std::str::Chars;

/// What ends a line for Java, `\n` apart.
pub const LINE_ENDS: &str = r"\r\x{85}\x{2028}\x{2029}";
/// Groups within groups; the engines have limits of the same size.
const DEEPEST: usize = 60;

/// What `$` and `\Z` are to mean outside of `(?m)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The very end: right for texts that do not end in a line end, and quick.
    OfText,
    /// Before a last line end too.
    OfLastLine,
}

/// The outcome.
#[derive(Debug)]
pub struct Translation {
    pub text: String,
    /// What of it only the backtracking engine can do.
    pub needs: Option<&'static str>,
    /// `$` or `\Z` is in it.
    pub uses_end: bool,
    pub names: Vec<(String, usize)>,
    pub groups: usize,
}

/// Translates, or says what is wrong with the pattern.
pub fn translate(pattern: &str, end: End) -> Result<Translation, String> {
    let mut translator = Translator {
        signs: signs(pattern.chars()),
        at: 0,
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags::default(),
        end,
        needs: None,
        uses_end: false,
        names: Vec::new(),
        groups: 0,
        highest_reference: 0,
        depth: 0,
    };
    translator.alternatives()?;
    translator.finish()
}

/// One sign of the pattern; within `\Q…\E` it means itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    pub sign: char,
    pub quoted: bool,
}

/// `\Q` and `\E` are resolved before anything else is, as in Java.
fn signs(mut pattern: Chars<'_>) -> Vec<Sign> {
    let (mut all, mut quoted) = (Vec::new(), false);
    while let Some(sign) = pattern.next() {
        let next = pattern.clone().next();
        match (sign, next) {
            ('\\', Some('Q')) if !quoted => quoted = true,
            ('\\', Some('E')) if quoted => quoted = false,
            ('\\', Some(next)) if !quoted => {
                all.extend([sign, next].map(|sign| Sign { sign, quoted }));
            }
            _ => {
                all.push(Sign { sign, quoted });
                continue;
            }
        }
        pattern.next();
    }
    all
}

/// Flags in force; a group gives back at its end what it was given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// `i`
    pub fold: bool,
    /// `u`
    pub fold_all: bool,
    /// `s`
    dot_all: bool,
    /// `m`
    lines: bool,
    /// `x`
    comments: bool,
    /// `d`
    line_feed_only: bool,
    /// `U`
    pub unicode: bool,
}

pub(super) struct Translator {
    signs: Vec<Sign>,
    at: usize,
    pub out: String,
    pub flags: Flags,
    end: End,
    pub needs: Option<&'static str>,
    uses_end: bool,
    pub names: Vec<(String, usize)>,
    /// Opened so far.
    pub groups: usize,
    pub highest_reference: usize,
    depth: usize,
}

impl Translator {
    fn finish(self) -> Result<Translation, String> {
        if self.sign().is_some() {
            return Err("a `)` closes no group".into());
        }
        if self.highest_reference > self.groups {
            return Err(format!("there is no group {} to refer back to", self.highest_reference));
        }
        let Translator { out, needs, uses_end, names, groups, .. } = self;
        Ok(Translation { text: out, needs, uses_end, names, groups })
    }

    pub fn sign(&self) -> Option<Sign> {
        self.signs.get(self.at).copied()
    }

    pub fn advance(&mut self) -> Option<Sign> {
        let sign = self.sign();
        self.at += usize::from(sign.is_some());
        sign
    }

    /// Whether a sign with its special meaning comes next, or `ahead` further on.
    pub fn is_ahead(&self, ahead: usize, sign: char) -> bool {
        self.signs.get(self.at + ahead) == Some(&Sign { sign, quoted: false })
    }

    pub fn is_next(&self, sign: char) -> bool {
        self.is_ahead(0, sign)
    }

    /// Takes a sign with its special meaning, if it comes next.
    pub fn take(&mut self, sign: char) -> bool {
        let is_next = self.is_next(sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_all(&mut self, text: &str) -> bool {
        let all = text.chars().enumerate().all(|(ahead, sign)| self.is_ahead(ahead, sign));
        self.at += if all { text.len() } else { 0 };
        all
    }

    pub fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(sign) = self.sign().filter(|sign| !sign.quoted && fits(sign.sign)) {
            taken.push(sign.sign);
            self.at += 1;
        }
        taken
    }

    pub fn needs(&mut self, what: &'static str) {
        self.needs.get_or_insert(what);
    }

    fn alternatives(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("its groups are nested too deeply".into());
        }
        loop {
            self.skip_comments();
            match self.sign() {
                None => break,
                Some(Sign { sign: ')', quoted: false }) => break,
                Some(Sign { sign: '|', quoted: false }) => {
                    self.at += 1;
                    self.out.push('|');
                }
                Some(sign) => self.piece(sign)?,
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Under `x` white space and what follows a `#` mean nothing.
    pub fn skip_comments(&mut self) {
        while self.flags.comments {
            match self.sign() {
                Some(Sign { sign: '\t'..='\r' | ' ', quoted: false }) => self.at += 1,
                Some(Sign { sign: '#', quoted: false }) => {
                    while self.advance().is_some_and(|sign| !matches!(sign.sign, '\n' | '\r')) {}
                }
                _ => return,
            }
        }
    }

    fn piece(&mut self, sign: Sign) -> Result<(), String> {
        let start = self.out.len();
        self.atom(sign)?;
        self.skip_comments();
        self.quantifier(start)
    }

    fn atom(&mut self, Sign { sign, quoted }: Sign) -> Result<(), String> {
        if quoted {
            self.at += 1;
            self.literal(sign);
            return Ok(());
        }
        match sign {
            '*' | '+' | '?' => return Err(format!("`{sign}` has nothing to repeat")),
            '{' => return Err("`{` has nothing to repeat; write `\\{` for the sign itself".into()),
            _ => self.at += 1,
        }
        match sign {
            '(' => return self.group(),
            '[' => return self.class(),
            '\\' => return self.escape(),
            '.' => self.dot(),
            '^' => self.line_start(),
            '$' if self.flags.lines => self.line_end(),
            '$' => self.last_line_end(),
            _ => self.literal(sign),
        }
        Ok(())
    }

    /// A sign that means itself.
    pub fn literal(&mut self, sign: char) {
        let escaped = regex::escape(sign.encode_utf8(&mut [0; 4]));
        match self.flags {
            Flags { fold: true, fold_all: true, .. } => self.out.push_str(&format!("(?i:{escaped})")),
            Flags { fold: true, .. } if sign.is_ascii_alphabetic() => {
                let (lower, upper) = (sign.to_ascii_lowercase(), sign.to_ascii_uppercase());
                self.out.extend(['[', lower, upper, ']']);
            }
            _ => self.out.push_str(&escaped),
        }
    }

    fn dot(&mut self) {
        match self.flags {
            Flags { dot_all: true, .. } => self.out.push_str("(?s:.)"),
            Flags { line_feed_only: true, .. } => self.out.push_str(r"[^\n]"),
            _ => self.out.push_str(&format!(r"[^\n{LINE_ENDS}]")),
        }
    }

    /// Under `m` not at the very end, and not within `\r\n`.
    fn line_start(&mut self) {
        if !self.flags.lines {
            return self.out.push_str(r"\A");
        }
        self.needs("line starts under `(?m)` are");
        self.out.push_str(match self.flags.line_feed_only {
            true => r"(?:(?!\z)(?:\A|(?<=\n)))",
            false => r"(?:(?!\z)(?:\A|(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n)))",
        });
    }

    fn line_end(&mut self) {
        self.needs("line ends under `(?m)` are");
        self.out.push_str(&match self.flags.line_feed_only {
            true => r"(?:\z|(?=\n))".to_string(),
            false => format!(r"(?:\z|(?=[{LINE_ENDS}])|(?<!\r)(?=\n))"),
        });
    }

    /// `$` and `\Z`: at the end, and before a last line end, but not within `\r\n`.
    pub fn last_line_end(&mut self) {
        self.uses_end = true;
        self.out.push_str(&match (self.end, self.flags.line_feed_only) {
            (End::OfText, _) => r"\z".to_string(),
            (End::OfLastLine, true) => r"(?:(?=\n?\z))".to_string(),
            (End::OfLastLine, false) => {
                format!(r"(?:(?=(?:\r\n|[{LINE_ENDS}])?\z)|(?<!\r)(?=\n\z))")
            }
        });
    }

    fn quantifier(&mut self, start: usize) -> Result<(), String> {
        const REPEATS: [char; 4] = ['*', '+', '?', '{'];
        let Some(sign) = REPEATS.into_iter().find(|sign| self.is_next(*sign)) else { return Ok(()) };
        if self.out.len() == start {
            return Err(format!("`{sign}` has nothing to repeat"));
        }
        self.at += 1;
        match sign {
            '{' => self.counted()?,
            _ => self.out.push(sign),
        }
        self.skip_comments();
        if self.take('?') {
            self.out.push('?');
        } else if self.take('+') {
            self.needs("possessive quantifiers are");
            self.out.insert_str(start, "(?>");
            self.out.push(')');
        }
        self.skip_comments();
        match REPEATS.into_iter().find(|sign| self.is_next(*sign)) {
            Some(sign) => Err(format!("`{sign}` repeats what is repeated already")),
            None => Ok(()),
        }
    }

    /// `{n}`, `{n,}`, `{n,m}`.
    fn counted(&mut self) -> Result<(), String> {
        const HOW: &str = "`{` needs `{n}`, `{n,}` or `{n,m}` here; write `\\{` for the sign itself";
        let digits = |sign: char| sign.is_ascii_digit();
        let least = self.take_while(digits);
        let most = self.take(',').then(|| self.take_while(digits));
        if least.is_empty() || !self.take('}') {
            return Err(HOW.into());
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| HOW.to_string());
        self.out.push_str(&format!("{{{}", number(&least)?));
        match most.as_deref() {
            None => {}
            Some("") => self.out.push(','),
            Some(most) if number(most)? < number(&least)? => return Err(HOW.into()),
            Some(most) => self.out.push_str(&format!(",{}", number(most)?)),
        }
        self.out.push('}');
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        const FANCY: [(&str, &str); 5] = [
            ("?=", "look-ahead is"),
            ("?!", "look-ahead is"),
            ("?<=", "look-behind is"),
            ("?<!", "look-behind is"),
            ("?>", "atomic groups are"),
        ];
        let before = self.flags;
        if let Some((start, what)) = FANCY.into_iter().find(|(start, _)| self.take_all(start)) {
            self.needs(what);
            self.out.push_str(&format!("({start}"));
        } else if self.take_all("?:") {
            self.out.push_str("(?:");
        } else if self.take_all("?<") {
            self.named()?;
        } else if self.take('?') {
            if self.inline_flags()? {
                return Ok(());
            }
            self.out.push_str("(?:");
        } else {
            self.groups += 1;
            self.out.push('(');
        }
        self.alternatives()?;
        if !self.take(')') {
            return Err("a group is not closed".into());
        }
        self.out.push(')');
        self.flags = before;
        Ok(())
    }

    fn named(&mut self) -> Result<(), String> {
        let name = self.take_while(|sign| sign.is_ascii_alphanumeric());
        if !self.take('>') || !name.starts_with(|sign: char| sign.is_ascii_alphabetic()) {
            return Err("a group's name is letters and digits, between `(?<` and `>`".into());
        }
        if self.names.iter().any(|(known, _)| *known == name) {
            return Err(format!("two groups are called `{name}`"));
        }
        self.groups += 1;
        self.names.push((name, self.groups));
        self.out.push('(');
        Ok(())
    }

    /// Whether the flags stand alone, and so hold to the end of the group around them.
    fn inline_flags(&mut self) -> Result<bool, String> {
        let mut on = true;
        loop {
            let sign = self.advance().filter(|sign| !sign.quoted).map(|sign| sign.sign);
            match sign {
                Some(')') => return Ok(true),
                Some(':') => return Ok(false),
                Some('-') if on => on = false,
                Some('i') => self.flags.fold = on,
                Some('u') => self.flags.fold_all = on,
                Some('s') => self.flags.dot_all = on,
                Some('m') => self.flags.lines = on,
                Some('x') => self.flags.comments = on,
                Some('d') => self.flags.line_feed_only = on,
                Some('U') => (self.flags.unicode, self.flags.fold_all) = (on, on),
                Some(sign) => return Err(format!("`(?{sign}` begins no group that Java knows")),
                None => return Err("a group is not closed".into()),
            }
        }
    }
}
