use std::fmt;

use super::{Parsed, is_dash, is_invisible, string_forms};

/// An Indian mobile number in E.164, as in `+919876543210`.
///
/// Personal data, so `Debug` shows only the masked form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MobileNumber(String);

/// Why a text is not an Indian mobile number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MobileError {
    /// Nothing was given.
    #[error("the phone number is empty: enter a mobile number or leave the field out")]
    Empty,
    /// A spreadsheet showed the number in scientific notation, and its last digits are lost.
    #[error("a spreadsheet shortened this number and its last digits are lost: format the column as text and export again")]
    ScientificNotation,
    /// A spreadsheet took `+91-9876543210` for a subtraction and stored the result.
    #[error("a spreadsheet computed this as 91 minus the number: enter {proposed} if that is the vendor's number", proposed = .proposed.as_str())]
    Subtraction {
        /// The number it was before.
        proposed: MobileNumber,
    },
    /// A letter, a digit of another script, or a character that separates numbers.
    #[error("`{found}` cannot be part of a phone number: enter digits only, 0 to 9")]
    Character {
        /// The offending character.
        found: char,
    },
    /// The country code is not India's.
    #[error("the country code is not +91: enter an Indian mobile number")]
    ForeignCountry,
    /// There are not ten digits after the prefix is dropped.
    #[error("a mobile number has 10 digits after +91, this has {found}: correct it")]
    Length {
        /// How many digits are left.
        found: usize,
    },
    /// Ten digits that begin with 0 to 5, as landlines do.
    #[error("a mobile number begins with 6, 7, 8 or 9, this begins with {found}: a landline cannot be used")]
    NotMobile {
        /// The first digit.
        found: char,
    },
}

impl MobileError {
    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "phone_empty",
            Self::ScientificNotation => "phone_scientific_notation",
            Self::Subtraction { .. } => "phone_subtraction",
            Self::Character { .. } => "phone_character",
            Self::ForeignCountry => "phone_foreign_country",
            Self::Length { .. } => "phone_length",
            Self::NotMobile { .. } => "phone_not_mobile",
        }
    }
}

impl MobileNumber {
    /// Parses one number, with or without `+91`, `0091`, `91` or a leading 0; punctuation does not matter.
    ///
    /// `91` at the start is a country code only among twelve digits: `9198765432` is a number of its own. Punctuation is whatever is
    /// no letter, no digit of any script and none of `/ , ;`, which stand between numbers.
    ///
    /// # Errors
    /// For what a spreadsheet has damaged, and for anything else that is no Indian mobile number.
    pub fn parse(text: &str) -> Result<Parsed<Self>, MobileError> {
        let text: String = text.chars().filter(|&c| !(c.is_whitespace() || is_invisible(c))).collect();
        if text.is_empty() {
            return Err(MobileError::Empty);
        }
        let text = without_quotes(&text);
        if is_scientific(text) {
            return Err(MobileError::ScientificNotation);
        }
        if let Some(proposed) = before_subtraction(text) {
            return Err(MobileError::Subtraction { proposed });
        }
        if let Some(found) = text.chars().find(|&c| is_foreign(c)) {
            return Err(MobileError::Character { found });
        }
        let all = digits_of(without_decimal_zero(text));
        if all.is_empty() {
            return Err(MobileError::Empty);
        }
        let before_digits = text.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
        let digits = national_digits(&all, before_digits.contains(is_plus))?;
        Self::of_national(digits)
    }

    /// Parses ten bare digits as a mobile number, with no prefix, space or punctuation: for columns that promise just that.
    ///
    /// # Errors
    /// For anything but ten ASCII digits of which the first is 6 to 9.
    pub fn parse_strict10(text: &str) -> Result<Parsed<Self>, MobileError> {
        if text.is_empty() {
            return Err(MobileError::Empty);
        }
        if let Some(found) = text.chars().find(|c| !c.is_ascii_digit()) {
            return Err(MobileError::Character { found });
        }
        Self::of_national(text)
    }

    /// The number of these digits, which have lost every prefix.
    fn of_national(digits: &str) -> Result<Parsed<Self>, MobileError> {
        if digits.len() != 10 {
            return Err(MobileError::Length { found: digits.len() });
        }
        match digits.chars().next() {
            Some('6'..='9') => Ok(Parsed::clean(Self(format!("+91{digits}")))),
            found => Err(MobileError::NotMobile {
                found: found.unwrap_or_default(),
            }),
        }
    }

    /// The number in E.164, as in `+919876543210`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ten digits without the country code.
    pub fn national(&self) -> &str {
        &self.0[3..]
    }

    /// Whether all ten digits are the same, as in a placeholder; such numbers are valid and may be in use.
    pub fn is_repeated_digit(&self) -> bool {
        let digits = self.national().as_bytes();
        digits.iter().all(|digit| *digit == digits[0])
    }

    /// The form fit for screens and logs, as in `+91XXXXXX3210`.
    pub fn masked(&self) -> String {
        format!("+91XXXXXX{}", &self.0[9..])
    }
}

impl fmt::Debug for MobileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MobileNumber({})", self.masked())
    }
}

string_forms!(MobileNumber, MobileError, |text| MobileNumber::parse(text).map(Parsed::into_value));

/// Drops country code and trunk prefix.
fn national_digits(all: &str, international: bool) -> Result<&str, MobileError> {
    let abroad = all.strip_prefix("00").or(international.then_some(all));
    if let Some(abroad) = abroad {
        let rest = abroad.strip_prefix("91").ok_or(MobileError::ForeignCountry)?;
        // `+91 098765 43210` is common: the trunk prefix was kept when the country code was added.
        return Ok(rest.strip_prefix('0').filter(|rest| rest.len() == 10).unwrap_or(rest));
    }
    let rest = all.strip_prefix('0').unwrap_or(all);
    Ok(rest.strip_prefix("91").filter(|rest| rest.len() == 10).unwrap_or(rest))
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '\u{ff0b}')
}

/// Whether a character cannot be skipped as punctuation.
fn is_foreign(c: char) -> bool {
    (c.is_alphanumeric() && !c.is_ascii_digit()) || matches!(c, '/' | ',' | ';')
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Drops what tells a spreadsheet to take the cell for text: an apostrophe in front, or `="…"`.
fn without_quotes(text: &str) -> &str {
    text.trim_matches(|c: char| matches!(c, '\'' | '"' | '=' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}'))
}

/// Drops the end of `9876543210.0`, as tools write it that hold the column as floating point. With fewer than ten digits before it,
/// the 0 is one of the number's own.
fn without_decimal_zero(text: &str) -> &str {
    text.strip_suffix(".0").filter(|rest| digits_of(rest).len() >= 10).unwrap_or(text)
}

/// What stands between brackets, if everything does.
fn in_brackets(text: &str) -> Option<&str> {
    text.strip_prefix(['(', '\u{ff08}'])?.strip_suffix([')', '\u{ff09}'])
}

/// `9.87654E+09`, `9.87654e9`, `-9.87654E+09`.
fn is_scientific(text: &str) -> bool {
    let text = in_brackets(text).unwrap_or(text);
    let text = text.strip_prefix(|c| is_plus(c) || is_dash(c)).unwrap_or(text);
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    mantissa.starts_with(|c: char| c.is_ascii_digit())
        && mantissa.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        && !exponent.is_empty()
        && exponent.chars().all(|c| c.is_ascii_digit())
}

/// The number a spreadsheet subtracted from 91, if `text` can be the result: `-9876543119` was `+91-9876543210`. Accountants' formats
/// show it as `(9876543119)`.
fn before_subtraction(text: &str) -> Option<MobileNumber> {
    let digits = without_decimal_zero(in_brackets(text).or_else(|| text.strip_prefix(is_dash))?);
    if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let national = digits.parse::<u64>().ok()? + 91;
    let is_mobile = (6_000_000_000..=9_999_999_999).contains(&national);
    is_mobile.then(|| MobileNumber(format!("+91{national}")))
}
