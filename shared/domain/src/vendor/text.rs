//! Reading what people type into forms and sheets.

use crate::identifiers;

/// The text in one line with single spaces, or none if it is blank or one of the words people write for "nothing".
pub(crate) fn present(text: &str) -> Option<String> {
    let visible: String = text.chars().filter(|&c| !identifiers::is_invisible(c)).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let nothing = ["na", "n/a", "n.a.", "#n/a", "nil", "null", "none", "not applicable", "not available"];
    let is_nothing = line.chars().all(|c| matches!(c, '-' | '.' | '–' | '—')) // Blank, too: all of no characters.
        || nothing.iter().any(|word| line.eq_ignore_ascii_case(word));
    (!is_nothing).then_some(line)
}

pub(crate) fn letters_and_digits(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Rupees as people write them, in paise: `12,34,567.50`, `Rs. 1.25 crore`, `₹ 40 lakh`. None if it is no amount, is negative, has
/// more than two decimals of a rupee, or commas where neither thousands nor lakhs end: that would read `1250000,50` as a hundred
/// times the amount.
pub(crate) fn rupees_to_paise(text: &str) -> Option<i64> {
    let lower = text.trim().to_lowercase();
    let bare = ["rs.", "rs", "inr", "₹"]
        .iter()
        .find_map(|sign| lower.strip_prefix(sign))
        .unwrap_or(&lower)
        .trim();
    let bare = bare.strip_suffix("/-").unwrap_or(bare).trim();
    let units: [(&str, i128); 9] = [
        ("crores", 10_000_000),
        ("crore", 10_000_000),
        ("cr.", 10_000_000),
        ("cr", 10_000_000),
        ("lakhs", 100_000),
        ("lakh", 100_000),
        ("lacs", 100_000),
        ("lac", 100_000),
        ("l", 100_000),
    ];
    let (number, unit) = units
        .iter()
        .find_map(|(word, unit)| Some((bare.strip_suffix(word)?.trim(), *unit)))
        .unwrap_or((bare, 1));
    let number: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let whole = ungrouped(whole)?;
    if whole.is_empty() || !are_digits(&whole) || !are_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let numerator = format!("{whole}{fraction}").parse::<i128>().ok()?.checked_mul(unit)?.checked_mul(100)?;
    (numerator % scale == 0).then(|| i64::try_from(numerator / scale).ok()).flatten()
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// A whole number without its commas, if each stands where thousands, lakhs or millions end.
fn ungrouped(whole: &str) -> Option<String> {
    let groups: Vec<&str> = whole.split(',').collect();
    if let [first, middle @ .., last] = groups.as_slice() {
        let is_grouped = (1..=3).contains(&first.len()) && middle.iter().all(|group| (2..=3).contains(&group.len())) && last.len() == 3;
        return is_grouped.then(|| groups.concat());
    }
    Some(whole.to_owned())
}

/// The amount with a point where the continent has a comma, and without the points it groups digits by: `1.250.000,50`. None if it is
/// not written like that.
pub(crate) fn with_decimal_point(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let len = text[start..]
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
        .unwrap_or(text.len() - start);
    let (before, rest) = text.split_at(start);
    let (number, behind) = rest.split_at(len);
    let (whole, fraction) = match number.split_once(',') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        // A single point may well be the decimal one.
        None if number.matches('.').count() > 1 => (number, None),
        None => return None,
    };
    if fraction.is_some_and(|fraction| !(1..=2).contains(&fraction.len()) || !are_digits(fraction)) {
        return None;
    }
    let groups: Vec<&str> = whole.split('.').collect();
    let [first, more @ ..] = groups.as_slice() else { return None };
    let is_grouped = are_digits(first) && !first.is_empty() && (more.is_empty() || first.len() <= 3);
    if !is_grouped || !more.iter().all(|group| group.len() == 3 && are_digits(group)) {
        return None;
    }
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    Some(format!("{before}{}{fraction}{behind}", groups.concat()))
}

/// Whether a text stands where there is no date: SAP writes `00.00.0000` and `00000000`.
pub(crate) fn is_no_date(text: &str) -> bool {
    text.bytes().filter(|b| *b == b'0').count() >= 6 && text.bytes().all(|b| matches!(b, b'0' | b'.' | b'-' | b'/' | b' ' | b':' | b'T'))
}

/// Whether a text stands where there is no PAN: the words the income-tax return utilities prescribe for a deductee without one.
pub(crate) fn is_no_pan(text: &str) -> bool {
    ["PANNOTAVBL", "PANAPPLIED", "PANINVALID"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text stands where there is no GSTIN: URP, "unregistered person", is what returns and e-way bills put there.
pub(crate) fn is_no_gstin(text: &str) -> bool {
    ["URP", "UNREGISTERED"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The values of a cell that may hold several.
pub(crate) fn parts(text: &str) -> Vec<String> {
    text.split([',', ';', '/']).filter_map(present).collect()
}

/// Yes or no, as a form or a sheet says it.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match letters_and_digits(text).as_str() {
        "yes" | "y" | "true" | "1" | "signed" | "received" | "ok" | "done" => Some(true),
        "no" | "n" | "false" | "0" | "notsigned" | "notreceived" | "pending" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rupees_are_read_as_india_writes_them() {
        let check = |text: &str, paise: Option<i64>| assert_eq!(rupees_to_paise(text), paise, "{text}");
        check("12,34,567.50", Some(123_456_750));
        check("Rs. 1.25 crore", Some(1_250_000_000));
        check("₹ 40 lakh", Some(400_000_000));
        check("5,000/-", Some(500_000));
        check("0", Some(0));
        check("1.005", None);
        check("0.123456 Cr", Some(123_456_000));
        check("-5", None);
        check("about 3", None);
        check("99999999999999999999", None);
        check("", None);
        check("1,25,00,000", Some(1_250_000_000));
        check("1,250,000", Some(125_000_000));
        // A comma that ends neither thousands nor lakhs is a decimal one, or a slip.
        for doubtful in [
            "1250000,50",
            "12,5 Cr",
            "1.250.000,50",
            "1250000,5",
            "1,25,00",
            "1,2500000",
            "1,,000",
            ",500",
        ] {
            check(doubtful, None);
        }
    }

    #[test]
    fn a_decimal_comma_becomes_a_point() {
        for (text, expected) in [
            ("1250000,50", Some("1250000.50")),
            ("12,5 Cr", Some("12.5 Cr")),
            ("Rs 1.250.000,50", Some("Rs 1250000.50")),
            ("1.250.000", Some("1250000")),
            ("1.25", None),
            ("1,250", None),
            ("1,25,5", None),
            ("12.50.000,5", None),
            ("1234.567,5", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(with_decimal_point(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn placeholders_say_nothing() {
        assert!(is_no_date("00.00.0000") && is_no_date("00000000") && is_no_date("0000-00-00 00:00:00"));
        assert!(!is_no_date("0") && !is_no_date("01.00.0000") && !is_no_date(""));
        assert!(is_no_pan("PanNotAvbl") && !is_no_pan("AAPFU0939F"));
        assert!(is_no_gstin("urp") && !is_no_gstin("27AAPFU0939F1ZV"));
    }
}
