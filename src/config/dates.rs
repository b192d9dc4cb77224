//! Times written by Java date patterns, as `${date:PATTERN}` has them.
//!
//! Letters: `G y Y M d D E u F w W a H k K h m s S z Z X`, and quotes. Flume 1.10 and later has them from `FastDateFormat`,
//! whose letters are those of `SimpleDateFormat` but for `ZZ` and `ZZZ` (`+02:00`). Joda-Time's (`codec::joda`) are others
//! where it counts: `S` is a number of milliseconds here and a fraction there, `Y` the year of the week and not of the
//! era, `u` the day of the week (Joda: `e`), `w` a week that begins on Sunday and not on Monday.
//! Limits: names are English; weeks are those of the United States, which Java takes where nobody says otherwise; zones
//! have no long names (`zzzz`).
//! Truth: commons-lang 3.11 `FastDatePrinter`, which was run for the tables of the tests.
use jiff::{ToSpan, Zoned};

/// More of a letter in a row than anybody writes.
const LONGEST: usize = 1000;

/// `Err`: what is wrong with the pattern.
pub fn render(pattern: &str, time: &Zoned) -> Result<String, String> {
    let (mut out, mut signs) = (String::new(), pattern.chars().peekable());
    while let Some(sign) = signs.next() {
        if sign == '\'' {
            if signs.next_if_eq(&'\'').is_some() {
                out.push('\'');
                continue;
            }
            loop {
                match signs.next().ok_or("a quote is not closed")? {
                    '\'' if signs.next_if_eq(&'\'').is_none() => break,
                    quoted => out.push(quoted),
                }
            }
        } else if sign.is_ascii_alphabetic() {
            let mut count = 1;
            while signs.next_if_eq(&sign).is_some() {
                count += 1;
            }
            let count = count.min(LONGEST);
            out.push_str(&letters(sign, count, time)?);
        } else {
            out.push(sign);
        }
    }
    Ok(out)
}

fn letters(letter: char, count: usize, time: &Zoned) -> Result<String, String> {
    let hour = i64::from(time.hour());
    let number = match letter {
        'y' => return Ok(year(time.year(), count)),
        'Y' => return Ok(year(saturday(time).year(), count)),
        'M' if count > 2 => return Ok(name(time, "%b", "%B", count)),
        'E' => return Ok(name(time, "%a", "%A", count)),
        'G' => return Ok(if time.year() > 0 { "AD" } else { "BC" }.to_string()),
        'a' => return Ok(if hour < 12 { "AM" } else { "PM" }.to_string()),
        'z' if count < 4 => return Ok(time.strftime("%Z").to_string()),
        'z' => return Err("zones have no long names here; `z` is the short one".to_string()),
        'Z' | 'X' => return offset(letter, count, time),
        'M' => i64::from(time.month()),
        'd' => i64::from(time.day()),
        'D' => i64::from(time.day_of_year()),
        'u' => i64::from(time.weekday().to_monday_one_offset()),
        'F' => (i64::from(time.day()) - 1) / 7 + 1,
        'w' => (i64::from(saturday(time).day_of_year()) - 1) / 7 + 1,
        'W' => week_of_month(time),
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'K' => hour % 12,
        'h' => (hour + 11) % 12 + 1,
        'm' => i64::from(time.minute()),
        's' => i64::from(time.second()),
        'S' => i64::from(time.millisecond()),
        _ => return Err(format!("`{letter}` is no letter of a date pattern; text stands in single quotes")),
    };
    Ok(format!("{number:0count$}"))
}

fn year(year: i16, count: usize) -> String {
    match count {
        2 => format!("{:02}", year % 100),
        _ => format!("{year:0width$}", width = count.max(4)),
    }
}

fn name(time: &Zoned, short: &str, long: &str, count: usize) -> String {
    time.strftime(if count < 4 { short } else { long }).to_string()
}

/// The last day of the week, whose year and day of the year tell the number of the week: the first week is the one with
/// New Year's Day in it.
fn saturday(time: &Zoned) -> jiff::civil::Date {
    let left = 6 - time.weekday().to_sunday_zero_offset();
    time.date().saturating_add(i64::from(left).days())
}

fn week_of_month(time: &Zoned) -> i64 {
    let before = time.date().first_of_month().weekday().to_sunday_zero_offset();
    (i64::from(time.day()) - 1 + i64::from(before)) / 7 + 1
}

/// `+0200`, `+02:00`, `Z`.
fn offset(letter: char, count: usize, time: &Zoned) -> Result<String, String> {
    let seconds = time.offset().seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    Ok(match (letter, count) {
        ('X', 4..) => return Err("`X` stands at most three times in a row".to_string()),
        ('X', _) | ('Z', 2) if seconds == 0 => "Z".to_string(),
        ('X', 1) => format!("{sign}{hours:02}"),
        ('X', 2) | ('Z', 1) => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str, millis: i64) -> Zoned {
        jiff::Timestamp::from_millisecond(millis).unwrap().in_tz(zone).unwrap()
    }

    /// Zone, milliseconds since 1970, and what `FastDateFormat` makes of each pattern.
    type Table = (&'static str, i64, &'static [(&'static str, &'static str)]);

    #[rustfmt::skip]
    const TABLES: &[Table] = &[
        ("UTC", 1782000000007, &[
            ("yyyy-MM-dd HH:mm:ss.SSS", "2026-06-21 00:00:00.007"), ("y", "2026"), ("yy", "26"), ("yyy", "2026"),
            ("yyyyyy", "002026"), ("M", "6"), ("MM", "06"), ("MMM", "Jun"), ("MMMM", "June"), ("d", "21"),
            ("ddd", "021"), ("D", "172"), ("DDD", "172"), ("E", "Sun"), ("EEE", "Sun"), ("EEEE", "Sunday"),
            ("u", "7"), ("uu", "07"), ("F", "3"), ("w", "26"), ("ww", "26"), ("W", "4"), ("Y", "2026"),
            ("YYYY", "2026"), ("a", "AM"), ("G", "AD"), ("k", "24"), ("K", "0"), ("h", "12"), ("kk", "24"),
            ("KK", "00"), ("hh", "12"), ("S", "7"), ("SS", "07"), ("SSS", "007"), ("SSSS", "0007"), ("z", "UTC"),
            ("Z", "+0000"), ("ZZ", "Z"), ("ZZZ", "+00:00"), ("X", "Z"), ("XX", "Z"), ("XXX", "Z"),
            ("'a''b' ''", "a'b '"), ("yyyy-MM-dd'T'HH:mm:ssXXX", "2026-06-21T00:00:00Z"),
        ]),
        ("Europe/Berlin", 1798675200000, &[
            ("yyyy-MM-dd HH:mm:ss.SSS", "2026-12-31 01:00:00.000"), ("MMM", "Dec"), ("D", "365"),
            ("EEEE", "Thursday"), ("u", "4"), ("F", "5"), ("w", "1"), ("W", "5"), ("Y", "2027"), ("a", "AM"),
            ("K", "1"), ("h", "1"), ("z", "CET"), ("Z", "+0100"), ("ZZ", "+01:00"), ("X", "+01"),
        ]),
        ("America/St_Johns", 1767225599000, &[
            ("y", "2025"), ("yy", "25"), ("D", "365"), ("E", "Wed"), ("u", "3"), ("F", "5"), ("w", "1"),
            ("W", "5"), ("Y", "2026"), ("a", "PM"), ("k", "20"), ("K", "8"), ("h", "8"), ("Z", "-0330"),
            ("ZZ", "-03:30"), ("ZZZ", "-03:30"), ("X", "-03"), ("XX", "-0330"), ("XXX", "-03:30"),
        ]),
        ("Asia/Kolkata", 1709164800000, &[
            ("MMMM", "February"), ("D", "60"), ("u", "4"), ("F", "5"), ("w", "9"), ("W", "5"), ("k", "5"),
            ("K", "5"), ("h", "5"), ("z", "IST"), ("Z", "+0530"), ("X", "+05"), ("XX", "+0530"), ("XXX", "+05:30"),
        ]),
    ];

    #[test]
    fn letters_are_those_of_java() {
        for (zone, millis, rows) in TABLES {
            for (pattern, text) in *rows {
                assert_eq!(
                    render(pattern, &at(zone, *millis)).as_deref(),
                    Ok(*text),
                    "{pattern} {zone} {millis}"
                );
            }
        }
    }

    #[test]
    fn what_java_refuses_is_refused_with_the_letter() {
        let refused = |pattern: &str| render(pattern, &at("UTC", 0)).unwrap_err();
        for letter in ["T", "L", "e", "x", "b"] {
            let told = format!("`{letter}` is no letter of a date pattern; text stands in single quotes");
            assert_eq!(refused(letter), told);
        }
        assert_eq!(refused("dd'"), "a quote is not closed");
        assert_eq!(refused("XXXX"), "`X` stands at most three times in a row");
        assert_eq!(refused("zzzz"), "zones have no long names here; `z` is the short one");
    }

    proptest::proptest! {
        #[test]
        fn foreign_patterns_never_panic(pattern in "\\PC{0,30}|[a-zA-Z']{0,30}", millis in -60_000_000_000_000_i64..250_000_000_000_000) {
            let _ = render(&pattern, &at("America/St_Johns", millis));
        }
    }
}
