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

/// Rupees as people write them, in paise: `12,34,567.50`, `Rs. 1.25 crore`, `₹ 40 lakh`. None if it is no amount, is negative, or has
/// more than two decimals of a rupee.
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
    let number: String = number.chars().filter(|c| *c != ',' && !c.is_whitespace()).collect();
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let numerator = format!("{whole}{fraction}").parse::<i128>().ok()?.checked_mul(unit)?.checked_mul(100)?;
    (numerator % scale == 0).then(|| i64::try_from(numerator / scale).ok()).flatten()
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
    }
}
