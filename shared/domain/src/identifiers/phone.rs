use std::fmt;

use super::{Parsed, Warning, is_dash, is_invisible, string_forms};

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
    /// A character that phone numbers do not have.
    #[error("`{found}` cannot be part of a phone number: enter digits only")]
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
    /// `91` at the start is a country code only among twelve digits: `9198765432` is a number of its own.
    pub fn parse(text: &str) -> Result<Parsed<Self>, MobileError> {
        let text: String = text.chars().filter(|&c| !(c.is_whitespace() || is_invisible(c))).collect();
        if text.is_empty() {
            return Err(MobileError::Empty);
        }
        if is_scientific(&text) {
            return Err(MobileError::ScientificNotation);
        }
        if let Some(proposed) = before_subtraction(&text) {
            return Err(MobileError::Subtraction { proposed });
        }
        // Tools that hold the column as floating point write `9876543210.0`.
        let text = text
            .strip_suffix(".0")
            .filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
            .unwrap_or(&text);
        let is_punctuation = |c: char| is_dash(c) || matches!(c, '+' | '.' | '(' | ')' | '\'' | '*');
        if let Some(found) = text.chars().find(|&c| !(c.is_ascii_digit() || is_punctuation(c))) {
            return Err(MobileError::Character { found });
        }

        let all: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = text.trim_start_matches(['(', '\'']).starts_with('+');
        let digits = national_digits(&all, international)?;
        if digits.len() != 10 {
            return Err(MobileError::Length { found: digits.len() });
        }
        match digits.chars().next() {
            Some('6'..='9') => {}
            other => {
                return Err(MobileError::NotMobile {
                    found: other.unwrap_or_default(),
                });
            }
        }
        Ok(Self::of_ten_digits(digits))
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
        if text.len() != 10 {
            return Err(MobileError::Length { found: text.len() });
        }
        match text.chars().next() {
            Some('6'..='9') => Ok(Self::of_ten_digits(text)),
            found => Err(MobileError::NotMobile {
                found: found.unwrap_or_default(),
            }),
        }
    }

    fn of_ten_digits(digits: &str) -> Parsed<Self> {
        let mut number = Parsed::clean(Self(format!("+91{digits}")));
        let first = digits.as_bytes()[0];
        if digits.bytes().all(|digit| digit == first) {
            number.warnings.push(Warning::RepeatedDigit);
        }
        number
    }

    /// The number in E.164, as in `+919876543210`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ten digits without the country code.
    pub fn national(&self) -> &str {
        &self.0[3..]
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
    let rest = if international {
        all.strip_prefix("91").ok_or(MobileError::ForeignCountry)?
    } else if let Some(rest) = all.strip_prefix("00") {
        rest.strip_prefix("91").ok_or(MobileError::ForeignCountry)?
    } else {
        let rest = all.strip_prefix('0').unwrap_or(all);
        if rest.len() < 12 {
            return Ok(rest);
        }
        rest.strip_prefix("91").unwrap_or(rest)
    };
    // `+91 098765 43210` is common: the trunk prefix was kept when the country code was added.
    Ok(rest.strip_prefix('0').filter(|rest| rest.len() == 10).unwrap_or(rest))
}

/// `9.87654E+09`, `9.87654e9`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    mantissa.starts_with(|c: char| c.is_ascii_digit())
        && mantissa.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        && !exponent.is_empty()
        && exponent.chars().all(|c| c.is_ascii_digit())
}

/// The number a spreadsheet subtracted from 91, if `text` can be the result: `-9876543119` was `+91-9876543210`.
fn before_subtraction(text: &str) -> Option<MobileNumber> {
    let digits = text.strip_prefix(is_dash)?;
    if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let national = digits.parse::<u64>().ok()? + 91;
    let is_mobile = (6_000_000_000..=9_999_999_999).contains(&national);
    is_mobile.then(|| MobileNumber(format!("+91{national}")))
}
