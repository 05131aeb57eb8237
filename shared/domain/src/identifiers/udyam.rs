use super::{IndianState, Parsed, Warning, compact, has_shape, string_forms};

/// A Udyam registration number in its normal form, as in `UDYAM-MH-26-0012345`.
///
/// It has no check digit, so only the register can say whether it was issued.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    pub fn parse(text: &str) -> Result<Parsed<Self>, UdyamError> {
        let compact = compact(text);
        if compact.is_empty() {
            return Err(UdyamError::Empty);
        }
        if has_shape(&compact, "llddlddddddd") {
            return Err(UdyamError::ExpiredUam);
        }
        if !has_shape(&compact, "UDYAMllddddddddd") {
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

    /// The state whose letters the number carries, if they are known.
    pub fn state(&self) -> Option<IndianState> {
        IndianState::from_udyam_letters(&self.0[6..8])
    }
}

string_forms!(Udyam, UdyamError, |text| Udyam::parse(text).map(Parsed::into_value));
