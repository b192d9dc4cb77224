//! `[…]`: ranges, classes within classes, `&&`.
//!
//! The engines and Java agree on unions and intersections; they differ in what else means something within brackets, so
//! every sign but letters and digits is written by its code.
use super::escape::Escape;
use super::translate::{Sign, Translator};

impl Translator {
    /// A class, past its bracket.
    pub(super) fn class(&mut self) -> Result<(), String> {
        let folded = self.flags.fold && self.flags.fold_all;
        self.out.push_str(if folded { "(?i:" } else { "" });
        self.brackets(0)?;
        self.out.push_str(if folded { ")" } else { "" });
        Ok(())
    }

    fn brackets(&mut self, depth: usize) -> Result<(), String> {
        if depth > 20 {
            return Err("its classes are nested too deeply".into());
        }
        self.out.push('[');
        if self.take('^') {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            self.skip_comments();
            let Some(sign) = self.advance() else { return Err("a `[` is not closed".into()) };
            match sign {
                Sign { sign: ']', quoted: false } if !first => break,
                Sign { sign: '[', quoted: false } => self.brackets(depth + 1)?,
                Sign { sign: '&', quoted: false } if self.is_next('&') => self.intersection(first)?,
                sign => self.item(sign)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn intersection(&mut self, first: bool) -> Result<(), String> {
        while self.take('&') {}
        self.skip_comments();
        if first || self.is_next(']') {
            return Err("`&&` needs something on both sides".into());
        }
        self.out.push_str("&&");
        Ok(())
    }

    /// One sign, a range, or a class by its escape.
    fn item(&mut self, sign: Sign) -> Result<(), String> {
        let from = match self.class_sign(sign)? {
            Escape::Sign(from) => from,
            Escape::Set { text, not: false } => {
                self.out.push_str(&text);
                return Ok(());
            }
            Escape::Set { text, not: true } => {
                self.out.push_str(&format!("[^{text}]"));
                return Ok(());
            }
        };
        self.skip_comments();
        if !self.is_next('-') || self.is_ahead(1, ']') || self.is_ahead(1, '[') {
            self.range(from, from);
            return Ok(());
        }
        self.take('-');
        self.skip_comments();
        let Some(sign) = self.advance() else { return Err("a `[` is not closed".into()) };
        match self.class_sign(sign)? {
            Escape::Sign(to) if from <= to => {
                self.range(from, to);
                Ok(())
            }
            Escape::Sign(to) => Err(format!("`{from}-{to}` is no range")),
            Escape::Set { .. } => Err(format!("what begins with `{from}-` is no range")),
        }
    }

    fn class_sign(&mut self, Sign { sign, quoted }: Sign) -> Result<Escape, String> {
        match sign {
            '\\' if !quoted => {
                let Some(Sign { sign, .. }) = self.advance() else {
                    return Err("the pattern ends in a lone `\\`".into());
                };
                self.common_escape(sign)
            }
            _ => Ok(Escape::Sign(sign)),
        }
    }

    /// Under `i` alone only ASCII letters have two cases.
    fn range(&mut self, from: char, to: char) {
        self.push_range(from, to);
        if !self.flags.fold || self.flags.fold_all {
            return;
        }
        for (first, last) in [('a', 'z'), ('A', 'Z')] {
            let (low, high) = (from.max(first), to.min(last));
            if low <= high {
                let other = |sign: char| (sign as u8 ^ 0x20) as char;
                self.push_range(other(low), other(high));
            }
        }
    }

    fn push_range(&mut self, from: char, to: char) {
        self.push_class_sign(from);
        if from < to {
            self.out.push('-');
            self.push_class_sign(to);
        }
    }

    fn push_class_sign(&mut self, sign: char) {
        match sign.is_alphanumeric() {
            true => self.out.push(sign),
            false => self.out.push_str(&format!("\\x{{{:X}}}", u32::from(sign))),
        }
    }
}
