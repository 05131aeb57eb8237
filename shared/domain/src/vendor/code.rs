//! The buyer's own code for a vendor.

use super::text::present;
use crate::identifiers;

/// The most characters of a code.
pub const MAX_CODE_CHARS: usize = 40;

/// The buyer's own code for a vendor, 1 to 40 characters, kept as given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VendorCode(String);

/// Why a text is not a vendor code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VendorCodeError {
    /// Nothing was given.
    #[error("the vendor code is missing: enter the code the vendor has in your books")]
    Missing,
    /// There are more than 40 characters.
    #[error("the vendor code has {found} characters: at most 40 are allowed")]
    Length {
        /// How many characters there are.
        found: usize,
    },
    /// A control character is inside.
    #[error("the vendor code contains a control character: type it again")]
    ControlCharacter,
    /// A spreadsheet showed a long number in scientific notation; different codes then look the same.
    #[error("a spreadsheet shortened this vendor code: format the column as text and export again")]
    ScientificNotation,
}

impl VendorCodeError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "vendor_code_missing",
            Self::Length { .. } => "vendor_code_length",
            Self::ControlCharacter => "vendor_code_control_character",
            Self::ScientificNotation => "vendor_code_scientific_notation",
        }
    }
}

impl VendorCode {
    /// Parses a code; space around it is dropped and space inside it shrinks to one.
    pub fn parse(text: &str) -> Result<Self, VendorCodeError> {
        let code = present(text).ok_or(VendorCodeError::Missing)?;
        let found = code.chars().count();
        if found > MAX_CODE_CHARS {
            return Err(VendorCodeError::Length { found });
        }
        if code.contains(char::is_control) {
            return Err(VendorCodeError::ControlCharacter);
        }
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let lower = code.to_ascii_lowercase();
        if lower
            .split_once("e+")
            .is_some_and(|(mantissa, exponent)| is_number(mantissa) && is_number(exponent))
        {
            return Err(VendorCodeError::ScientificNotation);
        }
        Ok(Self(code))
    }

    /// The code as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code in upper case: two vendors may not share it.
    pub fn key(&self) -> String {
        self.0.to_uppercase()
    }
}

identifiers::string_forms!(VendorCode, VendorCodeError, |text| VendorCode::parse(text));
