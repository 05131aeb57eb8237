//! Hiding what has the shape of an identifier in text that may hold anything: people keep PANs and telephone numbers in free fields.
//!
//! It hides rather too much than too little. What is hidden becomes bullets, which stand in no identifier and no address.

use std::collections::BTreeSet;

use domain::identifiers::{EmailAddress, Gstin, MobileNumber, Pan, Parsed, Udyam};

const BULLET: char = '•';

/// Digits at the end of a telephone number that stay, as in its masked form elsewhere.
const KEPT_DIGITS: usize = 4;

/// The text with every PAN, GSTIN, Udyam number, mobile number and e-mail address in it hidden.
pub(crate) fn masked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut hidden = BTreeSet::new();
    hide_pans(&chars, &mut hidden);
    hide_udyams(&chars, &mut hidden);
    hide_numbers(&chars, &mut hidden);
    hide_addresses(&chars, &mut hidden);
    if hidden.is_empty() {
        return of_one_identifier(text).unwrap_or_else(|| text.to_owned());
    }
    let shown = chars.iter().enumerate().map(|(at, c)| if hidden.contains(&at) { BULLET } else { *c });
    shown.collect()
}

/// A vendor's code, which some buyers make of the GSTIN or PAN.
pub(crate) fn masked_code(code: &str) -> String {
    let is_identifier = Gstin::parse(code).is_ok() || Pan::parse(code).is_ok();
    if is_identifier { masked(code) } else { code.to_owned() }
}

/// A value that is an identifier as a whole, however it is spaced.
fn of_one_identifier(text: &str) -> Option<String> {
    let pan = || Pan::parse(text).ok().map(Parsed::into_value).map(|pan| pan.masked());
    let gstin = || Gstin::parse(text).ok().map(Parsed::into_value).map(|gstin| gstin.masked());
    let udyam = || Udyam::parse(text).ok().map(Parsed::into_value).map(|udyam| udyam.masked());
    let number = || MobileNumber::parse(text).ok().map(Parsed::into_value).map(|number| number.masked());
    let email = || EmailAddress::parse(text).ok().map(|email| email.masked().replace('*', "•"));
    let found = pan().or_else(gstin).or_else(udyam).or_else(number).or_else(email)?;
    Some(found.replace('X', "•"))
}

/// The digits of everything like `AAPFU0939F`, inside a GSTIN, too; of that also the last character, by which they could be guessed.
fn hide_pans(chars: &[char], hidden: &mut BTreeSet<usize>) {
    for start in 0..chars.len() {
        if !has_shape(chars, start, "lllllddddl") {
            continue;
        }
        hidden.extend(start + 5..start + 9);
        if start >= 2 && has_shape(chars, start - 2, "ddlllllddddlaaa") {
            hidden.insert(start + 12);
        }
    }
}

/// Whether there are letters, digits, or either, in this order.
fn has_shape(chars: &[char], start: usize, shape: &str) -> bool {
    let Some(part) = chars.get(start..start + shape.len()) else {
        return false;
    };
    part.iter().zip(shape.bytes()).all(|(c, class)| match class {
        b'l' => c.is_ascii_alphabetic(),
        b'd' => c.is_ascii_digit(),
        _ => c.is_ascii_alphanumeric(),
    })
}

/// The digits after `UDYAM-KR-03-` but for the last three, whatever stands between them.
fn hide_udyams(chars: &[char], hidden: &mut BTreeSet<usize>) {
    const SHAPE: &str = "lllllllddddddddd";
    let significant: Vec<usize> = (0..chars.len()).filter(|at| chars[*at].is_ascii_alphanumeric()).collect();
    for part in significant.windows(SHAPE.len()) {
        let letters: Vec<char> = part.iter().map(|at| chars[*at].to_ascii_uppercase()).collect();
        let is_near = part[SHAPE.len() - 1] - part[0] < SHAPE.len() + 6;
        if is_near && letters.starts_with(&['U', 'D', 'Y', 'A', 'M']) && has_shape(&letters, 0, SHAPE) {
            hidden.extend(&part[9..13]);
        }
    }
}

/// Mobile numbers, with what stands before them and spaces or hyphens inside.
fn hide_numbers(chars: &[char], hidden: &mut BTreeSet<usize>) {
    let is_between = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '+' | '/');
    let mut number: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let end = at + chars[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        if end == at {
            if !is_between(chars[at]) {
                number.clear();
            }
            at += 1;
            continue;
        }
        number.extend(at..end);
        if number.len() > 14 {
            // What came before belongs to something else.
            number = (at..end).collect();
        }
        let digits: String = number.iter().map(|at| chars[*at]).collect();
        if is_mobile(&digits) {
            hidden.extend(&number[number.len() - 10..number.len() - KEPT_DIGITS]);
            number.clear();
        }
        at = end;
    }
}

fn is_mobile(digits: &str) -> bool {
    let Some((prefix, national)) = digits.len().checked_sub(10).and_then(|before| digits.split_at_checked(before)) else {
        return false;
    };
    matches!(prefix, "" | "0" | "91" | "091" | "0091" | "910") && national.starts_with(['6', '7', '8', '9'])
}

/// All of an address before the `@` but for the first character.
fn hide_addresses(chars: &[char], hidden: &mut BTreeSet<usize>) {
    let is_local = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| **c == '@') {
        let length = chars[..at].iter().rev().take_while(|c| is_local(**c)).count();
        let domain: String = chars[at + 1..]
            .iter()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
            .collect();
        if length > 0 && domain.trim_end_matches('.').contains('.') {
            // A single character would be all of it.
            let first = if length == 1 { at - 1 } else { at - length + 1 };
            hidden.extend(first..at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_shape_of_an_identifier_is_hidden_wherever_it_stands() {
        for (text, shown) in [
            ("AAPFU0939F", "AAPFU••••F"),
            ("pan: aapfu0939f, old", "pan: aapfu••••f, old"),
            ("GST27AAPFU0939F1ZV", "GST27AAPFU••••F1Z•"),
            ("AAPFU 0939 F", "AAPFU••••F"),
            ("Udyam KR 03 0012345", "Udyam KR 03 ••••345"),
            ("UDYAM-KR-03-0012345/2021", "UDYAM-KR-03-••••345/2021"),
            ("call 98765 43210 or +91-9876500001", "call ••••• •3210 or +91-••••••0001"),
            ("9876543210/9876543211", "••••••3210/••••••3211"),
            ("mail asha.rao@kaveri.example!", "mail a•••••••@kaveri.example!"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
        for text in [
            "Plant 2024 A",
            "Pune; 2",
            "00123",
            "12345678",
            "@A1",
            "4 @ 5.5",
            "560058",
            "",
            "PO 1234567890",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn a_code_is_hidden_where_it_is_an_identifier_and_only_there() {
        assert_eq!(masked_code("27AAPFU0939F1ZV"), "27AAPFU••••F1Z•");
        for code in ["V-1", "9876543210", "a@kaveri.example"] {
            assert_eq!(masked_code(code), code);
        }
    }
}
