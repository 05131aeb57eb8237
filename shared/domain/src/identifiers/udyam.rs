use std::fmt;

use super::{IndianState, Parsed, Warning, compact, has_shape, is_dash, is_invisible, string_forms};

/// A Udyam registration number in its normal form, as in `UDYAM-MH-26-0012345`.
///
/// It has no check digit, so only the register can say whether it was issued. `Debug` shows only the masked form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Udyam(String);

/// Why a text is not a Udyam number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UdyamError {
    /// Nothing was given.
    #[error("the Udyam number is empty: enter it as UDYAM-XX-00-0000000 or leave the field out")]
    Empty,
    /// An Udyog Aadhaar number, which lapsed when Udyam replaced that scheme.
    #[error("this is an old Udyog Aadhaar number, which has lapsed: ask the vendor for the Udyam number")]
    ExpiredUam,
    /// The characters are not UDYAM, two letters, two digits and seven digits.
    #[error("a Udyam number reads UDYAM-XX-00-0000000, two letters, two digits, seven digits: correct it from the certificate")]
    Shape,
}

impl UdyamError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "udyam_empty",
            Self::ExpiredUam => "expired_uam",
            Self::Shape => "udyam_shape",
        }
    }
}

impl Udyam {
    /// Parses a Udyam number; case, spaces and missing hyphens do not matter.
    ///
    /// A hyphen elsewhere than between the groups does: `UDYAM-MH-2-60012345` has lost a digit of its district or has one too
    /// many in its serial number, and moving the hyphen would make another number of it.
    ///
    /// # Errors
    /// For an old Udyog Aadhaar number, and when the shape is another.
    pub fn parse(text: &str) -> Result<Parsed<Self>, UdyamError> {
        let compact = compact(text);
        if compact.is_empty() {
            return Err(UdyamError::Empty);
        }
        if has_shape(&compact, "llddlddddddd") {
            return Err(UdyamError::ExpiredUam);
        }
        if !has_shape(&compact, "UDYAMllddddddddd") || !has_dashes_between_groups_only(text) {
            return Err(UdyamError::Shape);
        }

        let (letters, district, serial) = (&compact[5..7], &compact[7..9], &compact[9..]);
        let mut warnings = Vec::new();
        match letters {
            "KA" => warnings.push(Warning::DoubtfulUdyamState { expected: "KR" }),
            "TG" => warnings.push(Warning::DoubtfulUdyamState { expected: "TS" }),
            _ if IndianState::from_udyam_letters(letters).is_none() => warnings.push(Warning::UnknownUdyamState),
            _ => {}
        }
        if district == "00" {
            warnings.push(Warning::UdyamDistrictZero);
        }
        Ok(Parsed {
            value: Self(format!("UDYAM-{letters}-{district}-{serial}")),
            warnings,
        })
    }

    /// The number with its hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form fit for screens, as in `UDYAM-MH-26-XXXX345`.
    pub fn masked(&self) -> String {
        format!("{}XXXX{}", &self.0[..12], &self.0[16..])
    }

    /// The state whose letters the number carries, if they are known.
    pub fn state(&self) -> Option<IndianState> {
        IndianState::from_udyam_letters(&self.0[6..8])
    }
}

impl fmt::Debug for Udyam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Udyam({})", self.masked())
    }
}

string_forms!(Udyam, UdyamError, |text| Udyam::parse(text).map(Parsed::into_value));

/// Whether every dash stands after the 5, 7 or 9 characters that end a group.
fn has_dashes_between_groups_only(text: &str) -> bool {
    let mut before = 0;
    text.chars().filter(|&c| !(c.is_whitespace() || is_invisible(c))).all(|c| {
        let is_dash = is_dash(c);
        before += usize::from(!is_dash);
        !is_dash || matches!(before, 5 | 7 | 9)
    })
}

/// An Udyog Aadhaar number (UAM) in its normal form, as in `MH26A0012345`: well formed, and always lapsed.
///
/// Udyam replaced that scheme on 1 July 2020, and the old numbers counted until 30 June 2022 at the latest (check). One is
/// worth keeping as a hint whom to ask, and is never evidence of a status. `Debug` shows only the masked form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uam(String);

/// Why a text is not an Udyog Aadhaar number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UamError {
    /// Nothing was given.
    #[error("the Udyog Aadhaar number is empty: ask the vendor for its Udyam number")]
    Empty,
    /// The characters are not two letters, two digits, a letter and seven digits.
    #[error("an Udyog Aadhaar number reads XX00X0000000: ask the vendor for its Udyam number instead")]
    Shape,
}

impl UamError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "uam_empty",
            Self::Shape => "uam_shape",
        }
    }
}

impl Uam {
    /// Parses an old number; case, spaces and hyphens do not matter. The warning that it has lapsed always comes along.
    ///
    /// # Errors
    /// When the shape is another.
    pub fn parse(text: &str) -> Result<Parsed<Self>, UamError> {
        let text = compact(text);
        if text.is_empty() {
            return Err(UamError::Empty);
        }
        if !has_shape(&text, "llddlddddddd") {
            return Err(UamError::Shape);
        }
        Ok(Parsed {
            value: Self(text),
            warnings: vec![Warning::ExpiredUam],
        })
    }

    /// The twelve characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form fit for screens, as in `MH26AXXXX345`.
    pub fn masked(&self) -> String {
        format!("{}XXXX{}", &self.0[..5], &self.0[9..])
    }
}

impl fmt::Debug for Uam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uam({})", self.masked())
    }
}

string_forms!(Uam, UamError, |text| Uam::parse(text).map(Parsed::into_value));
