//! Numbers, dates and addresses as a workbook writes them, and as a person reads them.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan as _};

use crate::Shown;
use crate::workbook::Look;

/// From here on Excel has lost digits: it keeps fifteen.
const EXACT_BELOW: f64 = 1e15;

/// The text a number stands for, and whether every digit of it can be trusted.
pub(crate) fn text(value: &str, look: &Look, since_1904: bool) -> (String, bool) {
    let Ok(number) = value.parse::<f64>() else {
        return (value.to_owned(), true);
    };
    if !number.is_finite() {
        return (value.to_owned(), true);
    }
    if *look == Look::Date
        && let Some(date) = day(number, since_1904)
    {
        return (date, true);
    }
    if number.fract() != 0.0 {
        return (number.to_string(), true);
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    let text = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        value.to_owned()
    } else if number.abs() < 1e30 {
        format!("{number:.0}")
    } else {
        value.to_owned()
    };
    let text = match look {
        Look::Padded(width) if number >= 0.0 => format!("{text:0>width$}", width = usize::from(*width)),
        _ => text,
    };
    (text, number.abs() < EXACT_BELOW)
}

/// How a person sees a number, where that is not its text: of a code or a name, that is what counts.
pub(crate) fn shown(value: &str, look: &Look) -> Option<Shown> {
    let number: f64 = value.parse().ok()?;
    match look {
        Look::Plain | Look::Padded(_) => None,
        Look::Date => Some(Shown::Day),
        Look::Otherwise => Some(Shown::Otherwise),
        Look::Affixed { before, digits, behind } => {
            let is_whole = number.fract() == 0.0 && (0.0..EXACT_BELOW).contains(&number);
            let seen = || format!("{before}{number:0>width$.0}{behind}", width = usize::from(*digits));
            Some(if is_whole { Shown::As(seen()) } else { Shown::Otherwise })
        }
    }
}

/// The day, with the time if there is one, that is so many days after the workbook's first.
fn day(serial: f64, since_1904: bool) -> Option<String> {
    // 9999-12-31.
    if !(1.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let (days, seconds) = (serial.trunc() as i64, (serial.fract() * 86_400.0).round() as i64);
    let first: Date = match (since_1904, days) {
        (true, _) => date(1904, 1, 1),
        // Excel thinks that 1900 was a leap year, and counts 29 February as day 60.
        (false, 60) => return None,
        (false, 1..60) => date(1899, 12, 31),
        (false, _) => date(1899, 12, 30),
    };
    let day = first.checked_add(days.days()).ok()?;
    if seconds == 0 {
        return Some(day.to_string());
    }
    let time = day
        .to_datetime(jiff::civil::Time::midnight())
        .checked_add(SignedDuration::from_secs(seconds))
        .ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// The column of an address, counted from 1, as in `AB12`.
pub(crate) fn column(address: &str) -> Option<usize> {
    let letters = address.trim_end_matches(|c: char| c.is_ascii_digit());
    if !(1..=3).contains(&letters.len()) || letters.len() == address.len() {
        return None;
    }
    letters.bytes().try_fold(0, |column, byte| {
        let letter = byte.to_ascii_uppercase();
        letter.is_ascii_uppercase().then(|| column * 26 + usize::from(letter - b'A') + 1)
    })
}

/// The address of a cell, both counted from 1.
pub(crate) fn address(mut column: usize, row: u32) -> String {
    let mut letters = Vec::new();
    while column > 0 {
        letters.push(char::from(b'A' + u8::try_from((column - 1) % 26).unwrap_or_default()));
        column = (column - 1) / 26;
    }
    format!("{}{row}", letters.iter().rev().collect::<String>())
}

/// `_x000D_` is a carriage return, and `_x005F_` the underscore of a text that looks like that by itself.
pub(crate) fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        let code = code.filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_was_typed() {
        let plain = |value: &str| text(value, &Look::Plain, false);
        for (value, expected) in [
            ("9876543210", "9876543210"),
            ("9.8765432100000000E9", "9876543210"),
            ("560001.0", "560001"),
            ("0.10000000000000001", "0.1"),
            ("1.5E-7", "0.00000015"),
            ("-9876543119", "-9876543119"),
            ("123456789012345", "123456789012345"),
            ("what", "what"),
        ] {
            assert_eq!(plain(value), (expected.to_owned(), true), "{value}");
        }
        assert_eq!(plain("1.2345678901234501E+18"), ("1234567890123450112".to_owned(), false));
        assert_eq!(plain("1234567890123450"), ("1234567890123450".to_owned(), false));
        assert_eq!(text("42", &Look::Padded(6), false).0, "000042");
        let affixed = Look::Affixed {
            before: "V-".to_owned(),
            digits: 4,
            behind: String::new(),
        };
        assert_eq!(text("42", &affixed, false).0, "42");
        assert_eq!(shown("42", &affixed), Some(Shown::As("V-0042".to_owned())));
        assert_eq!(shown("4.2", &affixed), Some(Shown::Otherwise));
        assert_eq!(shown("42", &Look::Date), Some(Shown::Day));
        assert_eq!(shown("42", &Look::Plain), None);
    }

    #[test]
    fn dates_are_iso() {
        let shown = |value: &str, since_1904| text(value, &Look::Date, since_1904).0;
        assert_eq!(shown("44291", false), "2021-04-05");
        assert_eq!(shown("44291.5", false), "2021-04-05 12:00:00");
        assert_eq!(shown("44290.999999999", false), "2021-04-05 00:00:00");
        assert_eq!(shown("59", false), "1900-02-28");
        assert_eq!(shown("60", false), "60");
        assert_eq!(shown("61", false), "1900-03-01");
        assert_eq!(shown("42829", true), "2021-04-05");
        assert_eq!(shown("1e300", false), "1e300");
        assert_eq!(shown("-5", false), "-5");
    }

    #[test]
    fn addresses_go_both_ways() {
        for (text, number) in [("A1", 1), ("Z1", 26), ("AA1", 27), ("XFD1048576", 16_384)] {
            assert_eq!(column(text), Some(number));
        }
        assert_eq!(address(16_384, 1_048_576), "XFD1048576");
        for text in ["", "1", "A", "AAAA1", "1A", "Ä1"] {
            assert_eq!(column(text), None, "{text}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(without_escapes("a_x000D_b_x005F_x000D_ _x _x00é0_ _x00"), "a\rb_x000D_ _x _x00é0_ _x00");
    }
}
