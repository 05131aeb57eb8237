use std::fmt;

use super::{IndianState, is_dash, is_invisible, string_forms};

/// A postal index number: six digits, the first not zero.
///
/// Part of an address, so `Debug` shows only the masked form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PinCode(String);

/// Why a text is not a PIN code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Nothing was given.
    #[error("the PIN code is empty: enter its 6 digits or leave the field out")]
    Empty,
    /// A character is not a digit.
    #[error("`{found}` is not a digit: a PIN code has 6 digits")]
    Character {
        /// The offending character.
        found: char,
    },
    /// There are too few or too many digits.
    #[error("a PIN code has 6 digits, this has {found}: correct it")]
    Length {
        /// How many digits there are.
        found: usize,
    },
    /// The first digit is 0.
    #[error("a PIN code does not begin with 0: correct the first digit")]
    LeadingZero,
}

impl PinError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "pin_empty",
            Self::Character { .. } => "pin_character",
            Self::Length { .. } => "pin_length",
            Self::LeadingZero => "pin_leading_zero",
        }
    }
}

impl PinCode {
    /// Parses a PIN code; spaces do not matter, nor does one hyphen in the middle, as in `400-001`.
    ///
    /// # Errors
    /// For anything but six digits. A hyphen elsewhere is a sign: `-400001` is a number that something was subtracted from.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let visible: String = text.chars().filter(|&c| !(c.is_whitespace() || is_invisible(c))).collect();
        let digits = match visible.split_once(is_dash) {
            Some((sorting_district, post_office)) if sorting_district.len() == 3 => format!("{sorting_district}{post_office}"),
            _ => visible,
        };
        if digits.is_empty() {
            return Err(PinError::Empty);
        }
        if let Some(found) = digits.chars().find(|c| !c.is_ascii_digit()) {
            return Err(PinError::Character { found });
        }
        if digits.len() != 6 {
            return Err(PinError::Length { found: digits.len() });
        }
        if digits.starts_with('0') {
            return Err(PinError::LeadingZero);
        }
        Ok(Self(digits))
    }

    /// The six digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form fit for screens: the district stays, the post office goes, as in `411XXX`.
    pub fn masked(&self) -> String {
        format!("{}XXX", &self.0[..3])
    }

    /// Whether a state has PIN codes that begin like this one. Borders and postal circles overlap, so a no is a hint only.
    pub fn may_lie_in(&self, state: IndianState) -> bool {
        self.0[..3].parse().is_ok_and(|prefix| state.has_pin_prefix(prefix))
    }
}

impl fmt::Debug for PinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinCode({})", self.masked())
    }
}

string_forms!(PinCode, PinError, |text| PinCode::parse(text));
