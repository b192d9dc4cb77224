//! Times by Joda-Time patterns, as Flume's `RegexExtractorInterceptorMillisSerializer` reads them.
//!
//! Known letters: `y Y M d D E a h H k K m s S z Z` and quotes; names are English, in any case. What is not in the text
//! is that of 1970-01-01 00:00, and the year 2000 where the text begins with a month or a day: so has Joda-Time.
//! A time that a change to summer time leaves out is none; one that comes twice is the first.
//! Invariants: the whole text is used up, or it is no time. Years of two digits lie within 50 of the one 30 years back.
//! Truth: Joda-Time 2.9 `DateTimeFormat`, `DateTimeParserBucket`.
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

mod items;
mod reader;

use items::{Item, items};
use reader::Reader;

/// How a time is written, and where it is meant if it does not say.
#[derive(Clone, Debug)]
pub struct TimePattern {
    items: Vec<Item>,
    zone: TimeZone,
    /// The middle of the hundred years that two digits can mean.
    pivot: i64,
}

/// The present year, which years of two digits are near to.
pub fn this_year() -> i64 {
    i64::from(Timestamp::now().to_zoned(TimeZone::system()).year())
}

impl TimePattern {
    /// `Err`: a letter that is not known, or a quote that is not closed.
    pub fn new(pattern: &str, zone: TimeZone, this_year: i64) -> Result<TimePattern, String> {
        Ok(TimePattern { items: items(pattern)?, zone, pivot: this_year - 30 })
    }

    /// Milliseconds since 1970. `None`: the text is no such time.
    pub fn millis(&self, text: &str) -> Option<i64> {
        let mut reader = Reader { rest: text, found: Found::default() };
        for item in &self.items {
            reader.item(item, self.pivot)?;
        }
        if !reader.rest.is_empty() {
            return None;
        }
        reader.found.millis(&self.zone)
    }
}

/// What a text says.
#[derive(Clone, Debug, Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    /// From 1, Monday.
    weekday: Option<i64>,
    afternoon: Option<bool>,
    hour: Option<i64>,
    /// From 0, of the half day.
    half_hour: Option<i64>,
    minute: i64,
    second: i64,
    milli: i64,
    zone: Option<TimeZone>,
}

impl Found {
    fn date(&self) -> Option<Date> {
        let of_year = self.month.is_some() || self.day.is_some() || self.day_of_year.is_some();
        let bare = if of_year || self.weekday.is_some() { 2000 } else { 1970 };
        let year = i16::try_from(self.year.unwrap_or(bare)).ok()?;
        let number = |field: Option<i64>| i8::try_from(field.unwrap_or(1)).ok();
        let date = match self.day_of_year {
            Some(day) if self.month.is_none() && self.day.is_none() => {
                let first = Date::new(year, 1, 1).ok()?;
                let date = first.checked_add(jiff::Span::new().try_days(day - 1).ok()?).ok()?;
                (date.year() == year).then_some(date)?
            }
            _ => Date::new(year, number(self.month)?, number(self.day)?).ok()?,
        };
        match self.weekday {
            // Within the week that the rest tells.
            Some(day) => {
                let now = i64::from(date.weekday().to_monday_one_offset());
                date.checked_add(jiff::Span::new().try_days(day - now).ok()?).ok()
            }
            None => Some(date),
        }
    }

    fn hour(&self) -> i64 {
        let half = self.half_hour.unwrap_or(0) + if self.afternoon == Some(true) { 12 } else { 0 };
        self.hour.unwrap_or(half)
    }

    fn millis(&self, zone: &TimeZone) -> Option<i64> {
        let small = |number: i64| i8::try_from(number).ok();
        let nanos = i32::try_from(self.milli * 1_000_000).ok()?;
        let time =
            jiff::civil::Time::new(small(self.hour())?, small(self.minute)?, small(self.second)?, nanos);
        let local = self.date()?.to_datetime(time.ok()?);
        let zone = self.zone.as_ref().unwrap_or(zone);
        let offset: Offset = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { .. } => return None,
        };
        Some(offset.to_timestamp(local).ok()?.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(pattern: &str, text: &str) -> Option<i64> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        TimePattern::new(pattern, zone, 2026).unwrap().millis(text)
    }

    fn at(time: &str) -> Option<i64> {
        Some(time.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn usual_patterns_are_read_in_the_zone_of_the_host() {
        let cases = [
            ("yyyy-MM-dd HH:mm:ss,SSS", "2016-05-19 14:03:07,123", "2016-05-19T12:03:07.123Z"),
            ("yyyyMMddHHmmss", "20160519140307", "2016-05-19T12:03:07Z"),
            ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "2016-05-19T14:03:07.5+08:00", "2016-05-19T06:03:07.500Z"),
            ("yyyy-MM-dd'T'HH:mm:ssZ", "2016-05-19T14:03:07Z", "2016-05-19T14:03:07Z"),
            ("EEE, d MMMM yyyy hh:mm a", "Thu, 19 may 2016 02:03 PM", "2016-05-19T12:03:00Z"),
            ("h 'o''clock' a", "12 o'clock am", "1969-12-31T23:00:00Z"),
            ("yyyy DDD k", "2016 140 24", "2016-05-18T22:00:00Z"),
            ("yy.M.d", "46.1.2", "1946-01-01T23:00:00Z"),
            ("yy.M.d", "45.1.2", "2045-01-01T23:00:00Z"),
            ("yy.M.d", "1999.1.2", "1999-01-01T23:00:00Z"),
            ("yyyy-MM-dd ZZZ", "2016-05-19 Asia/Shanghai", "2016-05-18T16:00:00Z"),
            ("yyyy-MM-dd HH z", "2016-05-19 12 EST", "2016-05-19T16:00:00Z"),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(millis(pattern, text), at(expected), "{text} by {pattern}");
        }
    }

    #[test]
    fn what_is_missing_is_that_of_1970_or_of_2000() {
        assert_eq!(millis("HH:mm", "14:03"), at("1970-01-01T13:03:00Z"));
        assert_eq!(millis("MMM d HH:mm:ss", "May 19 14:03:07"), at("2000-05-19T12:03:07Z"));
        assert_eq!(millis("yyyy", "2016"), at("2015-12-31T23:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        let texts =
            ["2016-13-01 00", "2016-02-30 00", "2016-05-19 24", "2016-05-19", "2016-05-19 12 ", "", "x"];
        for text in texts {
            assert_eq!(millis("yyyy-MM-dd HH", text), None, "{text}");
        }
        assert_eq!(millis("yyyy-MM-dd HH:mm", "2016-03-27 02:30"), None, "left out by summer time");
        assert_eq!(
            millis("yyyy-MM-dd HH:mm", "2016-10-30 02:30"),
            at("2016-10-30T00:30:00Z"),
            "the first of two"
        );
    }

    #[test]
    fn unknown_letters_are_refused_by_name() {
        let refused = |pattern: &str| TimePattern::new(pattern, TimeZone::UTC, 2026).unwrap_err();
        assert_eq!(refused("xxxx-ww"), "`x` in the pattern is not supported");
        assert_eq!(refused("yyyy 'T"), "a quote in the pattern is not closed");
        assert_eq!(refused(""), "the pattern is empty");
    }

    proptest::proptest! {
        #[test]
        fn foreign_texts_and_patterns_never_panic(pattern in "[yMdDEahHkKmsSzZ' :/,.-]{0,20}", text in "\\PC{0,30}|[0-9 :+-]{0,30}") {
            if let Ok(pattern) = TimePattern::new(&pattern, TimeZone::UTC, 2026) {
                let _ = pattern.millis(&text);
            }
        }
    }
}
