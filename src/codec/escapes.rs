//! Texts with escapes that each event replaces: `%{header}`, `%[localhost]`, `%Y-%m-%d`, as paths, names and topics have.
//!
//! Shape: `%` and a letter, digit, `_` or `%`; `%{NAME}` with letters, digits, `_`, `.` and `-`; `%[NAME]`. Whatever is not
//! of that shape stays as it is, and what was put in is not looked at again. A header that is not there is empty; so is a
//! letter without a meaning.
//! Errors: a time that is needed and not there, or out of range. Every `%` with a letter needs one, `%%` and those
//! without a meaning too: Flume looks for it first.
//! Limits: names of days and months are English.
//! Truth: Flume 1.11 `BucketPath`; dates by Java's `SimpleDateFormat`.
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A letter, and what it is to strftime.
const DATES: &[(u8, &str)] = &[
    (b'a', "%a"),
    (b'A', "%A"),
    (b'b', "%b"),
    (b'B', "%B"),
    (b'c', "%a %b %-d %H:%M:%S %Y"),
    (b'd', "%d"),
    (b'e', "%-d"),
    (b'D', "%m/%d/%y"),
    (b'H', "%H"),
    (b'I', "%I"),
    (b'j', "%j"),
    (b'k', "%-H"),
    (b'l', "%-I"),
    (b'm', "%m"),
    (b'n', "%-m"),
    (b'M', "%M"),
    (b'p', "%p"),
    (b'S', "%S"),
    (b'y', "%y"),
    (b'Y', "%Y"),
    (b'z', "%z"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Header(String),
    /// By strftime.
    Date(&'static str),
    /// The header with the time, as it stands.
    Raw,
    Seconds,
    Percent,
    Nothing,
}

/// The time of an event.
#[derive(Clone, Copy, Debug)]
pub struct When<'a> {
    /// As it was written; `%t`.
    pub raw: &'a str,
    /// Milliseconds since 1970, rounded where somebody rounds.
    pub millis: i64,
}

/// A text that was taken apart once.
#[derive(Clone, Debug)]
pub struct Escapes {
    parts: Vec<Part>,
    zone: TimeZone,
}

impl Escapes {
    /// `host` knows what stands in square brackets, by its name in small letters; `Err`: why it is not known.
    pub fn parse(
        text: &str,
        zone: TimeZone,
        host: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Escapes, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            let tag = &rest[at + 1..];
            let Some((part, length)) = part(tag, &host)? else {
                plain.push('%');
                rest = tag;
                continue;
            };
            match part {
                Part::Text(text) => plain.push_str(&text),
                part => {
                    parts.extend(text_of(&mut plain));
                    parts.push(part);
                }
            }
            rest = &tag[length..];
        }
        plain.push_str(rest);
        parts.extend(text_of(&mut plain));
        Ok(Escapes { parts, zone })
    }

    /// The text, where nothing in it is replaced.
    pub fn fixed(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub fn needs_time(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Text(_) | Part::Header(_)))
    }

    /// Appends the text of an event to `out`. `time` is asked where it is needed; its error is what is wrong with it.
    pub fn expand<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        time: impl FnOnce() -> Result<When<'a>, String>,
        out: &mut String,
    ) -> Result<(), String> {
        let when = if self.needs_time() { Some(self.zoned(time()?)?) } else { None };
        for part in &self.parts {
            match (part, &when) {
                (Part::Text(text), _) => out.push_str(text),
                (Part::Header(name), _) => out.push_str(header(name).unwrap_or_default()),
                (Part::Date(format), Some((_, zoned))) => out.push_str(&zoned.strftime(format).to_string()),
                (Part::Raw, Some((when, _))) => out.push_str(when.raw),
                (Part::Seconds, Some((when, _))) => out.push_str(&(when.millis / 1000).to_string()),
                (Part::Percent, _) => out.push('%'),
                (Part::Nothing | Part::Date(_) | Part::Raw | Part::Seconds, _) => {}
            }
        }
        Ok(())
    }

    fn zoned<'a>(&self, when: When<'a>) -> Result<(When<'a>, Zoned), String> {
        let at = Timestamp::from_millisecond(when.millis);
        let at = at.map_err(|_| format!("`{}` is no time that a calendar has", when.raw))?;
        Ok((when, at.to_zoned(self.zone.clone())))
    }
}

fn text_of(plain: &mut String) -> Option<Part> {
    (!plain.is_empty()).then(|| Part::Text(std::mem::take(plain)))
}

/// The part that begins behind a `%`, and its length.
fn part(tag: &str, host: &impl Fn(&str) -> Result<String, String>) -> Result<Option<(Part, usize)>, String> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let named = |open: char, close: char, more: &str| {
        let (name, _) = tag.strip_prefix(open)?.split_once(close)?;
        let fits = |byte: u8| is_word(byte) || more.as_bytes().contains(&byte);
        (!name.is_empty() && name.bytes().all(fits)).then_some(name)
    };
    if let Some(name) = named('{', '}', ".-") {
        return Ok(Some((Part::Header(name.into()), name.len() + 2)));
    }
    if let Some(name) = named('[', ']', "") {
        return Ok(Some((Part::Text(host(&name.to_ascii_lowercase())?), name.len() + 2)));
    }
    let part = match tag.bytes().next() {
        Some(b'%') => Part::Percent,
        Some(b't') => Part::Raw,
        Some(b's') => Part::Seconds,
        Some(letter) if is_word(letter) => {
            let date = DATES.iter().find(|(known, _)| *known == letter);
            date.map_or(Part::Nothing, |(_, format)| Part::Date(format))
        }
        _ => return Ok(None),
    };
    Ok(Some((part, 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escapes(text: &str) -> Result<Escapes, String> {
        let host = |name: &str| match name {
            "localhost" => Ok("h1".to_string()),
            other => Err(format!("`{other}` is not known")),
        };
        Escapes::parse(text, TimeZone::get("Europe/Berlin").unwrap(), host)
    }

    fn expanded(text: &str, raw: &'static str) -> Result<String, String> {
        let header = |name: &str| match name {
            "app" => Some("shop"),
            "a.b-c" => Some("%Y"),
            _ => None,
        };
        let time = || match raw.parse() {
            Ok(millis) => Ok(When { raw, millis }),
            Err(_) => Err("it has no time".to_string()),
        };
        let mut out = String::new();
        escapes(text)?.expand(header, time, &mut out).map(|()| out)
    }

    #[test]
    fn headers_and_the_host_need_no_time_and_are_not_looked_at_again() {
        let cases = [
            ("logs", "logs"),
            ("logs-%{app}-%{none}.", "logs-shop-."),
            ("%{a.b-c}%[localhost]%[LocalHost]", "%Yh1h1"),
            ("%{a b} %{} %[a-b] %- % 5%", "%{a b} %{} %[a-b] %- % 5%"),
        ];
        for (text, expected) in cases {
            assert_eq!(expanded(text, "none").as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(escapes("x%[other]").unwrap_err(), "`other` is not known");
        assert_eq!(
            (escapes("a%[localhost]").unwrap().fixed(), escapes("%{a}").unwrap().fixed()),
            (Some("ah1"), None)
        );
    }

    #[test]
    fn dates_are_those_of_java_in_the_zone() {
        // 2012-03-07 05:05:09.123 in Berlin.
        let raw = "1331093109123";
        let cases = [
            ("%Y%m%d%H", "2012030705"),
            ("%a|%A|%b|%B", "Wed|Wednesday|Mar|March"),
            ("%c", "Wed Mar 7 05:05:09 2012"),
            ("%d %e %D", "07 7 03/07/12"),
            ("%H %I %j %k %l", "05 05 067 5 5"),
            ("%m %n %M %p %S %y %z", "03 3 05 AM 09 12 +0100"),
            ("%t %s %%", "1331093109123 1331093109 %"),
            ("100%5x%w", "100x"),
            ("%{app}%Y", "shop2012"),
        ];
        for (text, expected) in cases {
            assert_eq!(expanded(text, raw).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_time_that_is_missing_is_an_error_of_every_letter() {
        for text in ["%Y", "%%", "%t", "%w", "a%5"] {
            assert_eq!(expanded(text, "none").unwrap_err(), "it has no time", "{text}");
        }
        let beyond = expanded("%Y", "9223372036854775807").unwrap_err();
        assert_eq!(beyond, "`9223372036854775807` is no time that a calendar has");
    }

    proptest::proptest! {
        #[test]
        fn foreign_texts_never_panic(text in "\\PC{0,20}|[%{}\\[\\]a-zA-Z.-]{0,30}", millis: i64) {
            let time = || Ok(When { raw: "", millis });
            if let Ok(escapes) = escapes(&text) {
                let _ = escapes.expand(|_| None, time, &mut String::new());
            }
        }
    }
}
