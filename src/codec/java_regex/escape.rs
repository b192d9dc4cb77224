//! What a backslash makes of the sign behind it.
use super::translate::{Sign, Translator};

const VERTICAL: &str = r"\n\x0B\f\r\x{85}\x{2028}\x{2029}";
const HORIZONTAL: &str = r" \t\xA0\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
const SPACE: &str = r" \t\n\x0B\f\r";

/// What an escape stands for, inside brackets and outside.
pub(super) enum Escape {
    Sign(char),
    /// What stands between brackets; `not`: all but these.
    Set {
        text: String,
        not: bool,
    },
}

impl Translator {
    /// An escape outside of brackets, past its backslash.
    pub(super) fn escape(&mut self) -> Result<(), String> {
        let Some(Sign { sign, .. }) = self.advance() else {
            return Err("the pattern ends in a lone `\\`".into());
        };
        match sign {
            'A' | 'z' | 'B' => self.out.extend(['\\', sign]),
            'b' if self.is_next('{') => return Err("`\\b{g}` is not supported".into()),
            'b' => self.out.push_str("\\b"),
            'Z' => self.last_line_end(),
            'R' => self.out.push_str(&format!(r"(?:\r\n|[{VERTICAL}])")),
            'G' | 'X' => return Err(format!("`\\{sign}` is not supported")),
            '1'..='9' => self.numbered_reference(sign),
            'k' => return self.named_reference(),
            _ => match self.common_escape(sign)? {
                Escape::Sign(sign) => self.literal(sign),
                Escape::Set { text, not } => {
                    self.out.push_str(&format!("[{}{text}]", if not { "^" } else { "" }));
                }
            },
        }
        Ok(())
    }

    /// As many digits count as there are groups for.
    fn numbered_reference(&mut self, first: char) {
        let mut number = first as usize - '0' as usize;
        while let Some(digit) = self.sign().filter(|sign| !sign.quoted).and_then(|s| s.sign.to_digit(10)) {
            let longer = number * 10 + digit as usize;
            if longer > self.groups {
                break;
            }
            number = longer;
            self.advance();
        }
        self.reference(number);
    }

    fn named_reference(&mut self) -> Result<(), String> {
        let open = self.take('<');
        let name = self.take_while(|sign| sign.is_ascii_alphanumeric());
        if !open || !self.take('>') {
            return Err("`\\k` needs the name of a group: `\\k<name>`".into());
        }
        let known = self.names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
        self.reference(known.ok_or_else(|| format!("there is no group `{name}` to refer back to"))?);
        Ok(())
    }

    fn reference(&mut self, number: usize) {
        self.needs("back-references are");
        self.highest_reference = self.highest_reference.max(number);
        let fold = if self.flags.fold { "i" } else { "" };
        self.out.push_str(&format!("(?{fold}:\\{number})"));
    }

    /// Escapes that mean the same everywhere.
    pub(super) fn common_escape(&mut self, sign: char) -> Result<Escape, String> {
        let set = |text: &str| Escape::Set { text: text.to_string(), not: sign.is_ascii_uppercase() };
        let unicode = self.flags.unicode;
        Ok(match sign {
            'd' | 'D' => set(if unicode { r"\d" } else { "0-9" }),
            'w' | 'W' => set(if unicode { r"\w" } else { "a-zA-Z0-9_" }),
            's' | 'S' => set(if unicode { r"\s" } else { SPACE }),
            'h' | 'H' => set(HORIZONTAL),
            'v' | 'V' => set(VERTICAL),
            'p' | 'P' => return self.property(sign == 'P'),
            't' => Escape::Sign('\t'),
            'n' => Escape::Sign('\n'),
            'r' => Escape::Sign('\r'),
            'f' => Escape::Sign('\u{c}'),
            'a' => Escape::Sign('\u{7}'),
            'e' => Escape::Sign('\u{1b}'),
            '0' => self.octal()?,
            'c' => {
                let control = self.advance().ok_or("`\\c` lacks its letter")?;
                Escape::Sign(char::from_u32(u32::from(control.sign) ^ 64).ok_or("`\\c` lacks its letter")?)
            }
            'u' => self.utf16()?,
            'x' if self.take('{') => {
                let hex = self.take_while(|sign| sign.is_ascii_hexdigit());
                if !self.take('}') {
                    return Err("`\\x{` is not closed".into());
                }
                Escape::Sign(by_code(&hex)?)
            }
            'x' => {
                let hex = self.digits(2);
                Escape::Sign(by_code(&hex).ok().filter(|_| hex.len() == 2).ok_or_else(|| no_code(&hex))?)
            }
            'N' => return Err("`\\N` is not supported".into()),
            '1'..='9' => return Err(format!("`\\{sign}` means nothing between brackets")),
            _ if sign.is_ascii_alphabetic() => return Err(format!("`\\{sign}` means nothing in Java here")),
            _ => Escape::Sign(sign),
        })
    }

    fn digits(&mut self, most: usize) -> String {
        let mut hex = String::new();
        while let Some(sign) = self.sign().filter(|s| hex.len() < most && s.sign.is_ascii_hexdigit()) {
            hex.push(sign.sign);
            self.advance();
        }
        hex
    }

    /// Four digits, or twice four for what UTF-16 needs two units for.
    fn utf16(&mut self) -> Result<Escape, String> {
        let hex = self.digits(4);
        let unit = |hex: &str| u16::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 4);
        let first = unit(&hex).ok_or_else(|| no_code(&hex))?;
        if let Some(sign) = char::from_u32(first.into()) {
            return Ok(Escape::Sign(sign));
        }
        if self.take('\\') && self.take('u') {
            let second = self.digits(4);
            if let Some(Ok(sign)) =
                unit(&second).and_then(|second| char::decode_utf16([first, second]).next())
            {
                return Ok(Escape::Sign(sign));
            }
        }
        Err(no_code(&hex))
    }

    /// Up to three digits, of which the first is at most 3 where there are three.
    fn octal(&mut self) -> Result<Escape, String> {
        let (mut value, mut count) = (0, 0);
        while let Some(digit) = self.sign().and_then(|sign| sign.sign.to_digit(8)) {
            if count == 3 || value * 8 + digit > 0o377 {
                break;
            }
            (value, count) = (value * 8 + digit, count + 1);
            self.advance();
        }
        let sign = char::from_u32(value).filter(|_| count > 0);
        Ok(Escape::Sign(sign.ok_or("`\\0` needs octal digits")?))
    }

    fn property(&mut self, not: bool) -> Result<Escape, String> {
        let name = if self.take('{') {
            let name = self.take_while(|sign| sign != '}');
            if !self.take('}') {
                return Err("`\\p{` is not closed".into());
            }
            name
        } else {
            self.advance().map(|sign| sign.sign.to_string()).ok_or("`\\p` lacks its name")?
        };
        let posix = if self.flags.unicode { unicode_class(&name) } else { ascii_class(&name) };
        let text = match (posix, name.as_str()) {
            (Some(_), "Lower" | "Upper") if self.flags.fold && !self.flags.unicode => "a-zA-Z".to_string(),
            (Some(text), _) => text.to_string(),
            (None, "Lu" | "Ll" | "Lt" | "IsLu" | "IsLl" | "IsLt" | "IsUppercase" | "IsLowercase")
                if self.flags.fold =>
            {
                r"\p{Lu}\p{Ll}\p{Lt}".to_string()
            }
            (None, "all") => r"\p{Any}".to_string(),
            (None, "L1") => r"\x{0}-\x{FF}".to_string(),
            (None, "LD") => r"\p{L}\p{Nd}".to_string(),
            (None, name) if name.starts_with("java") || name.starts_with("In") || name.starts_with("bl") => {
                return Err(format!("`\\p{{{name}}}` is not supported"));
            }
            (None, name) => format!("\\p{{{}}}", name.strip_prefix("Is").unwrap_or(name)),
        };
        Ok(Escape::Set { text, not })
    }
}

fn by_code(hex: &str) -> Result<char, String> {
    u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).ok_or_else(|| no_code(hex))
}

fn no_code(hex: &str) -> String {
    format!("`{hex}` is not the code of a character")
}

/// Java's names of POSIX classes.
fn ascii_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r"!-/:-@\[-`{-\x7E",
        "Graph" => r"!-\x7E",
        "Print" => r" -\x7E",
        "Blank" => r" \t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => SPACE,
        "ASCII" => r"\x00-\x7F",
        _ => return None,
    })
}

/// The same under `(?U)`.
fn unicode_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => r"\p{Lowercase}",
        "Upper" => r"\p{Uppercase}",
        "Alpha" => r"\p{Alphabetic}",
        "Digit" => r"\p{Nd}",
        "Alnum" => r"\p{Alphabetic}\p{Nd}",
        "Punct" => r"\p{P}",
        "Cntrl" => r"\p{Cc}",
        "Space" => r"\p{White_Space}",
        "XDigit" => r"\p{Nd}\p{Hex_Digit}",
        "Blank" => r"\p{Zs}\t",
        "ASCII" => r"\x00-\x7F",
        _ => return None,
    })
}
