//! Indian business identifiers, parsed once at the edge and trusted from there on.
//!
//! Every type has a private field and a `parse`, so a value that exists is valid. Facts that are odd but no reason to
//! refuse (a retired state code, say) come back as [`Warning`]s beside the value. Each type is a plain string in JSON and
//! is parsed again when read back.

mod email;
mod gstin;
mod pan;
mod phone;
mod pin;
mod state;
mod udyam;

use std::fmt;

pub use email::{EmailAddress, EmailError};
pub use gstin::{Gstin, GstinError, GstinForm};
pub use pan::{Pan, PanError, PanHolder};
pub use phone::{MobileError, MobileNumber};
pub use pin::{PinCode, PinError};
pub use state::{IndianState, StateError};
pub use udyam::{Uam, UamError, Udyam, UdyamError};

/// A parsed value with what is noteworthy about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The valid value.
    pub value: T,
    /// Observations that did not stop the value from being accepted.
    pub warnings: Vec<Warning>,
}

impl<T> Parsed<T> {
    /// The value alone, for callers to whom warnings do not matter.
    pub fn into_value(self) -> T {
        self.value
    }

    fn clean(value: T) -> Self {
        Self { value, warnings: Vec::new() }
    }
}

/// Something odd about an identifier that was accepted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The GSTIN's state code was withdrawn when states were merged or divided.
    RetiredGstState {
        /// The code in the GSTIN.
        code: u8,
        /// The code that replaced it.
        replaced_by: u8,
    },
    /// A transporter id (prefix 88) whose check character does not match; such ids are issued.
    TransporterCheckCharacter,
    /// The PAN's fourth letter is K, a holder type no longer issued.
    LegacyPanHolder,
    /// An Udyog Aadhaar number: the scheme was replaced by Udyam and its numbers have lapsed.
    ExpiredUam,
    /// The Udyam number's two letters are no state known to the Udyam register.
    UnknownUdyamState,
    /// The Udyam number uses the usual letters of a state whose Udyam letters are different.
    DoubtfulUdyamState {
        /// The letters the Udyam register uses for that state.
        expected: &'static str,
    },
    /// The Udyam number's district is 00, which sample numbers use.
    UdyamDistrictZero,
}

impl Warning {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::RetiredGstState { .. } => "gstin_state_retired",
            Self::TransporterCheckCharacter => "gstin_transporter_check_character",
            Self::LegacyPanHolder => "pan_holder_legacy",
            Self::ExpiredUam => "expired_uam",
            Self::UnknownUdyamState => "udyam_state_unknown",
            Self::DoubtfulUdyamState { .. } => "udyam_state_doubtful",
            Self::UdyamDistrictZero => "udyam_district_zero",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RetiredGstState { code, replaced_by } => write!(
                f,
                "state code {code:02} was replaced by {replaced_by:02}: ask the vendor for the current GSTIN"
            ),
            Self::TransporterCheckCharacter => f.write_str("the transporter id's check character does not match: compare it with the original"),
            Self::LegacyPanHolder => f.write_str("holder type K is no longer issued: compare the PAN with the card"),
            Self::ExpiredUam => f.write_str("an Udyog Aadhaar number, which has lapsed: ask the vendor for its Udyam number"),
            Self::UnknownUdyamState => f.write_str("the two letters after UDYAM are no known state: compare the number with the certificate"),
            Self::DoubtfulUdyamState { expected } => write!(
                f,
                "Udyam numbers of this state begin UDYAM-{expected}: compare the number with the certificate"
            ),
            Self::UdyamDistrictZero => f.write_str("district 00 appears in sample numbers only: compare the number with the certificate"),
        }
    }
}

/// Whether a character prints nothing and only travelled along in a copy (zero-width spaces, byte order mark, soft hyphen).
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

/// Whether a character is one of the dashes that spreadsheets and word processors put for a hyphen.
fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// Upper-cases and drops spaces, dashes and invisible characters: the clean form of a registration number.
fn compact(text: &str) -> String {
    text.chars()
        .filter(|&c| !(c.is_whitespace() || is_dash(c) || is_invisible(c)))
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// Whether `text` matches a shape of one class per character: `d` digit, `l` capital letter, `a` either,
/// `n` either except 0, `u` U or O, anything else itself.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(found, class)| match class {
            b'd' => found.is_ascii_digit(),
            b'l' => found.is_ascii_uppercase(),
            b'a' => found.is_ascii_digit() || found.is_ascii_uppercase(),
            b'n' => found.is_ascii_uppercase() || (found.is_ascii_digit() && found != b'0'),
            b'u' => matches!(found, b'U' | b'O'),
            literal => found == literal,
        })
}

/// Gives an identifier its string forms: `Display`, `FromStr`, JSON and the OpenAPI schema, all through `parse`.
macro_rules! string_forms {
    ($type:ident, $error:ty, |$text:ident| $parse:expr) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str($text: &str) -> Result<Self, Self::Err> {
                $parse
            }
        }

        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.as_str().to_owned()
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <String as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $type {}
    };
}
pub(crate) use string_forms;
