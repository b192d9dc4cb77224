//! The present period in a file name, by the letters of `java.text.SimpleDateFormat`.
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A pattern such as `yyyyMMddHH`, in one time zone.
#[derive(Clone, Debug)]
pub struct Period {
    format: String,
    zone: TimeZone,
}

impl Period {
    /// `Err`: a letter that is not known here, or a zone that is none.
    pub fn new(pattern: &str, zone: Option<&str>) -> Result<Period, String> {
        let zone = match zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone"))?,
        };
        Ok(Period { format: translate(pattern)?, zone })
    }

    /// The period of a moment, in lower case as names are compared.
    pub fn at(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone.clone()).strftime(&self.format).to_string().to_lowercase()
    }

    /// Whether a name contains the present period.
    pub fn is_present_in(&self, name: &str) -> bool {
        name.to_lowercase().contains(&self.at(Timestamp::now()))
    }
}

fn translate(pattern: &str) -> Result<String, String> {
    let (mut out, mut chars) = (String::new(), pattern.chars().peekable());
    while let Some(c) = chars.next() {
        if c == '\'' {
            quoted(&mut chars, &mut out);
        } else if c.is_ascii_alphabetic() {
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            out.push_str(letter(c, count).ok_or_else(|| format!("`{c}` in `{pattern}` is not supported"))?);
        } else {
            literal(c, &mut out);
        }
    }
    Ok(out)
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    if chars.next_if_eq(&'\'').is_some() {
        out.push('\'');
        return;
    }
    while let Some(c) = chars.next() {
        if c == '\'' && chars.next_if_eq(&'\'').is_none() {
            return;
        }
        literal(c, out);
    }
}

fn literal(c: char, out: &mut String) {
    if c == '%' {
        out.push('%');
    }
    out.push(c);
}

fn letter(c: char, count: usize) -> Option<&'static str> {
    Some(match (c, count) {
        ('y', 2) => "%y",
        ('y', _) => "%Y",
        ('M', 1) => "%-m",
        ('M', 2) => "%m",
        ('M', 3) => "%b",
        ('M', _) => "%B",
        ('d', 1) => "%-d",
        ('d', _) => "%d",
        ('H', 1) => "%-H",
        ('H', _) => "%H",
        ('h', 1) => "%-I",
        ('h', _) => "%I",
        ('m', 1) => "%-M",
        ('m', _) => "%M",
        ('s', 1) => "%-S",
        ('s', _) => "%S",
        ('S', _) => "%3f",
        ('D', _) => "%j",
        ('E', 1..=3) => "%a",
        ('E', _) => "%A",
        ('a', _) => "%p",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pattern: &str) -> String {
        let moment: Timestamp = "2016-05-19T14:03:07Z".parse().unwrap();
        Period::new(pattern, Some("Asia/Shanghai")).unwrap().at(moment)
    }

    #[test]
    fn periods_are_javas() {
        assert_eq!(at("yyyyMMddHH"), "2016051922");
        assert_eq!(at("yyyy-MM-dd"), "2016-05-19");
        assert_eq!(at("yyyy-MM-dd-HH-mm"), "2016-05-19-22-03");
        assert_eq!(at("'day'd.M''yy 100%"), "day19.5'16 100%");
        assert!(Period::new("yyyyQ", None).is_err() && Period::new("yyyy", Some("Nowhere")).is_err());
    }
}
