//! Finds numbers of payment cards: digits, perhaps in groups, that begin as an issuer's do and whose check digit is right.
//!
//! Why both: one in ten of all numbers passes the check digit alone, times in nanoseconds among them.
//! Shape: 13 to 19 digits in groups that one blank or one hyphen parts; the number is whole groups, and no digit stands
//! right before or behind it.
//! Truth: ISO/IEC 7812, its check digit by Luhn; the networks' ranges as published.
use std::ops::Range;

const LEAST: usize = 13;
const MOST: usize = 19;

/// First six digits and numbers of digits. What begins with 5 or 6 and is none of the others is Maestro, and others.
const ISSUERS: [(u32, u32, &[usize]); 12] = [
    (400_000, 499_999, &[13, 16, 19]),
    (510_000, 559_999, &[16]),
    (222_100, 272_099, &[16]),
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    (300_000, 305_999, &[14, 16]),
    (360_000, 369_999, &[14]),
    (380_000, 399_999, &[14, 16]),
    (352_800, 358_999, &[16, 17, 18, 19]),
    (500_000, 509_999, &[13, 14, 15, 16, 17, 18, 19]),
    (560_000, 599_999, &[13, 14, 15, 16, 17, 18, 19]),
    (600_000, 699_999, &[13, 14, 15, 16, 17, 18, 19]),
];

/// Where they stand, in order, none within another.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = next_group(bytes, at) {
        match longest(bytes, start) {
            Some(end) => {
                found.push(start..end);
                at = end;
            }
            None => at = group_end(bytes, start),
        }
    }
    found
}

/// The first digit at or behind `at` that begins a group.
fn next_group(bytes: &[u8], at: usize) -> Option<usize> {
    bytes[at..].iter().position(u8::is_ascii_digit).map(|more| at + more)
}

fn group_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |more| start + more)
}

/// The end of the longest number that begins with the group at `start`.
fn longest(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut digits, mut best, mut from) = (Vec::with_capacity(MOST), None, start);
    loop {
        let end = group_end(bytes, from);
        if digits.len() + (end - from) > MOST {
            return best;
        }
        digits.extend(bytes[from..end].iter().map(|byte| byte - b'0'));
        if is_card(&digits) {
            best = Some(end);
        }
        match bytes[end..] {
            [b' ' | b'-', next, ..] if next.is_ascii_digit() => from = end + 1,
            _ => return best,
        }
    }
}

fn is_card(digits: &[u8]) -> bool {
    if digits.len() < LEAST {
        return false;
    }
    let head = digits[..6].iter().fold(0, |head, digit| head * 10 + u32::from(*digit));
    let fits = |(low, high, lengths): &(u32, u32, &[usize])| {
        (*low..=*high).contains(&head) && lengths.contains(&digits.len())
    };
    ISSUERS.iter().any(fits) && check_digit_is_right(digits)
}

fn check_digit_is_right(digits: &[u8]) -> bool {
    let value = |(at, digit): (usize, &u8)| match (at % 2, u32::from(*digit)) {
        (0, digit) => digit,
        (_, digit) if digit > 4 => digit * 2 - 9,
        (_, digit) => digit * 2,
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn numbers_of_the_networks_are_found_in_all_spellings() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "30569309025904",
            "2223003122003222",
        ] {
            assert_eq!(cards(&format!("pay {card}, please")), [card]);
            assert_eq!(cards(&format!("id 77 {card} 1")), [card], "numbers beside it");
        }
        assert_eq!(cards("é4111111111111111é4111111111111111").len(), 2);
    }

    #[test]
    fn other_numbers_are_none() {
        for text in
            ["4111111111111112", "1463637787000123456", "41111111111111110000", "4111  1111 1111 1111", ""]
        {
            assert!(cards(text).is_empty(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn foreign_texts_never_panic(text in "[0-9 -]{0,80}|\\PC{0,30}") {
            let found = find(&text);
            assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
    }
}
