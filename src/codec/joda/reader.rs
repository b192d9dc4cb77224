//! Reads a text, item by item.
use jiff::tz::{Offset, TimeZone};

use super::Found;
use super::items::{Item, Number};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The names of zones that Joda-Time reads; longer ones first.
const ZONES: [(&str, &str); 11] = [
    ("UTC", "UTC"),
    ("GMT", "UTC"),
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("UT", "UTC"),
];

pub(super) struct Reader<'t> {
    pub rest: &'t str,
    pub found: Found,
}

impl Reader<'_> {
    /// `None`: the text does not go on so.
    pub fn item(&mut self, item: &Item, pivot: i64) -> Option<()> {
        match item {
            Item::Literal(text) => self.literal(text)?,
            Item::Number(number, most) => self.number(*number, *most)?,
            Item::ShortYear { strict } => self.found.year = Some(self.short_year(*strict, pivot)?),
            Item::Fraction(most) => self.found.milli = self.fraction(*most),
            Item::MonthName => self.found.month = Some(self.name(&MONTHS)?),
            Item::WeekdayName => self.found.weekday = Some(self.name(&WEEKDAYS)?),
            Item::HalfDay => self.found.afternoon = Some(self.word(&["AM", "PM"])? == 1),
            Item::Offset => self.found.zone = Some(TimeZone::fixed(self.offset()?)),
            Item::ZoneId => self.found.zone = Some(self.zone_id()?),
            Item::ZoneName => {
                let at = self.word(&ZONES.map(|(name, _)| name))?;
                self.found.zone = Some(TimeZone::get(ZONES[at].1).ok()?);
            }
        }
        Some(())
    }

    /// Takes a text in any case.
    fn literal(&mut self, text: &str) -> Option<()> {
        for expected in text.chars() {
            let sign = self.rest.chars().next()?;
            if sign != expected && !sign.to_lowercase().eq(expected.to_lowercase()) {
                return None;
            }
            self.rest = &self.rest[sign.len_utf8()..];
        }
        Some(())
    }

    /// Which of these words comes next; the first that does.
    fn word(&mut self, words: &[&str]) -> Option<usize> {
        let before = self.rest;
        for (at, word) in words.iter().enumerate() {
            if self.literal(word).is_some() {
                return Some(at);
            }
            self.rest = before;
        }
        None
    }

    /// A name in full or its first three letters; its number, from 1.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let at = match self.word(names) {
            Some(at) => at,
            None => self.word(&names.iter().map(|name| &name[..3]).collect::<Vec<_>>())?,
        };
        i64::try_from(at + 1).ok()
    }

    fn digits(&mut self, most: usize) -> &str {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits
    }

    fn sign(&mut self) -> i64 {
        match self.rest.as_bytes() {
            [sign @ (b'+' | b'-'), digit, ..] if digit.is_ascii_digit() => {
                self.rest = &self.rest[1..];
                if *sign == b'-' { -1 } else { 1 }
            }
            _ => 1,
        }
    }

    fn number(&mut self, number: Number, most: usize) -> Option<()> {
        let sign = if number == Number::Year { self.sign() } else { 1 };
        let value = sign * self.digits(most.min(9)).parse::<i64>().ok()?;
        let within = |least: i64, most: i64| (least..=most).contains(&value).then_some(value);
        let found = &mut self.found;
        match number {
            Number::Year => found.year = Some(value),
            Number::Month => found.month = Some(within(1, 12)?),
            Number::Day => found.day = Some(within(1, 31)?),
            Number::DayOfYear => found.day_of_year = Some(within(1, 366)?),
            Number::Weekday => found.weekday = Some(within(1, 7)?),
            Number::Hour => found.hour = Some(within(0, 23)?),
            Number::ClockHour => found.hour = Some(within(1, 24)? % 24),
            Number::HalfHour => found.half_hour = Some(within(0, 11)?),
            Number::HalfClockHour => found.half_hour = Some(within(1, 12)? % 12),
            Number::Minute => found.minute = within(0, 59)?,
            Number::Second => found.second = within(0, 59)?,
        }
        Some(())
    }

    /// Two digits are a year near the pivot; any other number of digits is a year as it stands.
    fn short_year(&mut self, strict: bool, pivot: i64) -> Option<i64> {
        let signed = !strict && self.rest.starts_with(['+', '-']);
        let sign = if signed { self.sign() } else { 1 };
        let digits = self.digits(if strict { 2 } else { 9 });
        let (count, value) = (digits.len(), digits.parse::<i64>().ok()?);
        match (count, strict, signed) {
            (2, _, false) => {
                let low = pivot - 50;
                let of_low = low.rem_euclid(100);
                Some(value + low - of_low + if value < of_low { 100 } else { 0 })
            }
            (_, true, _) => None,
            _ => Some(sign * value),
        }
    }

    fn fraction(&mut self, most: usize) -> i64 {
        let digits = self.digits(most);
        let millis: String = digits.chars().chain("000".chars()).take(3).collect();
        millis.parse().unwrap_or(0)
    }

    /// `Z`, or a sign and hours, with minutes and seconds or without, with colons or without.
    fn offset(&mut self) -> Option<Offset> {
        if self.word(&["Z"]).is_some() {
            return Some(Offset::UTC);
        }
        let sign = match self.rest.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let mut seconds = self.two_digits(23)? * 3600;
        let colons = self.rest.starts_with(':');
        for (unit, most) in [(60, 59), (1, 59)] {
            let ahead = self.rest.strip_prefix(':').filter(|_| colons).unwrap_or(self.rest);
            if colons != self.rest.starts_with(':') || !ahead.starts_with(|sign: char| sign.is_ascii_digit())
            {
                break;
            }
            self.rest = ahead;
            seconds += self.two_digits(most)? * unit;
        }
        Offset::from_seconds(i32::try_from(sign * seconds).ok()?).ok()
    }

    fn two_digits(&mut self, most: i64) -> Option<i64> {
        let digits = self.digits(2);
        let value = digits.parse().ok().filter(|value| *value <= most)?;
        (digits.len() == 2).then_some(value)
    }

    fn zone_id(&mut self) -> Option<TimeZone> {
        let fits = |sign: char| sign.is_ascii_alphanumeric() || "/_+-".contains(sign);
        let length = self.rest.find(|sign| !fits(sign)).unwrap_or(self.rest.len());
        let zone = TimeZone::get(&self.rest[..length]).ok()?;
        self.rest = &self.rest[length..];
        Some(zone)
    }
}
