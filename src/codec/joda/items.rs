//! A pattern as a list of what is to be read.
use std::iter::Peekable;
use std::str::Chars;

/// A number of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Year,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    /// From 1 to 24.
    ClockHour,
    /// From 0 to 11.
    HalfHour,
    /// From 1 to 12.
    HalfClockHour,
    Minute,
    Second,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// In any case.
    Literal(String),
    /// At most so many digits.
    Number(Number, usize),
    /// `strict`: exactly two digits, as more digits follow; else any other year is taken as it stands.
    ShortYear {
        strict: bool,
    },
    /// Of the second, at most so many digits.
    Fraction(usize),
    MonthName,
    WeekdayName,
    HalfDay,
    /// `Z`, `+0800`, `+08:00`.
    Offset,
    /// `Asia/Shanghai`
    ZoneId,
    /// `UTC`, `EST`, …
    ZoneName,
}

/// A letter and how often it stands there, or a text.
#[derive(Debug)]
enum Token {
    Letters(char, usize),
    Text(String),
}

impl Token {
    /// Whether its text is certain to begin with a digit.
    fn is_numeric(&self) -> bool {
        match self {
            Token::Letters('M', count) => *count <= 2,
            Token::Letters(letter, _) => "cCxyYdhHmsSeDFwWkK".contains(*letter),
            Token::Text(_) => false,
        }
    }
}

pub fn items(pattern: &str) -> Result<Vec<Item>, String> {
    let tokens = tokens(pattern)?;
    if tokens.is_empty() {
        return Err("the pattern is empty".into());
    }
    let next_is_numeric = |at: usize| tokens.get(at + 1).is_some_and(Token::is_numeric);
    let item = |(at, token): (usize, &Token)| match token {
        Token::Text(text) => Ok(Item::Literal(text.clone())),
        Token::Letters(letter, count) => {
            let known = letters(*letter, *count, next_is_numeric(at));
            known.ok_or_else(|| format!("`{letter}` in the pattern is not supported"))
        }
    };
    tokens.iter().enumerate().map(item).collect()
}

fn letters(letter: char, count: usize, digits_follow: bool) -> Option<Item> {
    Some(match (letter, count) {
        ('y' | 'Y', 2) => Item::ShortYear { strict: digits_follow },
        ('y' | 'Y', _) => Item::Number(Number::Year, if digits_follow { count } else { 9 }),
        ('M', 1 | 2) => Item::Number(Number::Month, 2),
        ('M', _) => Item::MonthName,
        ('d', _) => Item::Number(Number::Day, 2),
        ('D', _) => Item::Number(Number::DayOfYear, 3),
        ('e', _) => Item::Number(Number::Weekday, 1),
        ('E', _) => Item::WeekdayName,
        ('a', _) => Item::HalfDay,
        ('H', _) => Item::Number(Number::Hour, 2),
        ('k', _) => Item::Number(Number::ClockHour, 2),
        ('K', _) => Item::Number(Number::HalfHour, 2),
        ('h', _) => Item::Number(Number::HalfClockHour, 2),
        ('m', _) => Item::Number(Number::Minute, 2),
        ('s', _) => Item::Number(Number::Second, 2),
        ('S', count) => Item::Fraction(count),
        ('Z', 1 | 2) => Item::Offset,
        ('Z', _) => Item::ZoneId,
        ('z', 1..=3) => Item::ZoneName,
        _ => return None,
    })
}

fn tokens(pattern: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut text, mut signs) = (Vec::new(), String::new(), pattern.chars().peekable());
    while let Some(sign) = signs.next() {
        if sign == '\'' {
            quoted(&mut signs, &mut text)?;
        } else if sign.is_ascii_alphabetic() {
            let mut count = 1;
            while signs.next_if_eq(&sign).is_some() {
                count += 1;
            }
            tokens.extend((!text.is_empty()).then(|| Token::Text(std::mem::take(&mut text))));
            tokens.push(Token::Letters(sign, count));
        } else {
            text.push(sign);
        }
    }
    tokens.extend((!text.is_empty()).then_some(Token::Text(text)));
    Ok(tokens)
}

/// Two quotes in a row are one, within a quoted text and outside.
fn quoted(signs: &mut Peekable<Chars<'_>>, text: &mut String) -> Result<(), String> {
    if signs.next_if_eq(&'\'').is_some() {
        text.push('\'');
        return Ok(());
    }
    loop {
        match signs.next() {
            None => return Err("a quote in the pattern is not closed".into()),
            Some('\'') if signs.next_if_eq(&'\'').is_none() => return Ok(()),
            Some(sign) => text.push(sign),
        }
    }
}
