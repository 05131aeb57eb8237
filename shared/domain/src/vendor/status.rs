//! MSME status words.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::text::letters_and_digits;
use crate::classification::EnterpriseClass;

/// What a vendor is under the MSME law, as far as is known.
///
/// Silence is [`MsmeStatus::Unknown`], never [`MsmeStatus::NotRegistered`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MsmeStatus {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// Micro enterprise.
    Micro,
    /// Small enterprise.
    Small,
    /// Medium enterprise.
    Medium,
    /// Trader with a Udyam registration.
    RegisteredTrader,
    /// Declared not to be registered.
    NotRegistered,
}

/// From any word that [`MsmeStatus::parse`] knows: clients of both earlier generations write JSON, too.
impl<'de> Deserialize<'de> for MsmeStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// Why a text is not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MsmeStatusError {
    /// A word of an older scheme, or a plain yes or no, that does not say which status is meant.
    #[error("this word does not say which status is meant: choose micro, small, medium, registered_trader, not_registered or unknown")]
    Ambiguous,
    /// No scheme has such a word.
    #[error("this is no MSME status: choose micro, small, medium, registered_trader, not_registered or unknown")]
    Unrecognised,
}

impl MsmeStatus {
    /// Every status, in the order of the declaration form after "unknown".
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Micro,
        Self::Small,
        Self::Medium,
        Self::RegisteredTrader,
        Self::NotRegistered,
    ];

    /// The word in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Micro => "micro",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::RegisteredTrader => "registered_trader",
            Self::NotRegistered => "not_registered",
        }
    }

    /// The size, where the status tells it.
    pub const fn class(self) -> Option<EnterpriseClass> {
        match self {
            Self::Micro => Some(EnterpriseClass::Micro),
            Self::Small => Some(EnterpriseClass::Small),
            Self::Medium => Some(EnterpriseClass::Medium),
            Self::Unknown | Self::RegisteredTrader | Self::NotRegistered => None,
        }
    }

    /// Parses a status; case and punctuation do not matter.
    ///
    /// Of the two older sets of words, `Non MSME` and `non_msme` have one meaning today. `MSME Certified` does not tell the
    /// size, and a pending application or `Others` tells nothing for sure, so they are not guessed: see [`super::ParsedVendor::claim`].
    pub fn parse(text: &str) -> Result<Self, MsmeStatusError> {
        match letters_and_digits(text).as_str() {
            "unknown" => Ok(Self::Unknown),
            "micro" | "microenterprise" => Ok(Self::Micro),
            "small" | "smallenterprise" => Ok(Self::Small),
            "medium" | "mediumenterprise" => Ok(Self::Medium),
            "registeredtrader" => Ok(Self::RegisteredTrader),
            "notregistered" | "nonmsme" => Ok(Self::NotRegistered),
            "msmecertified" | "msmeapplicationpending" | "msmepending" | "others" | "other" => Err(MsmeStatusError::Ambiguous),
            // Answers to "MSME (Yes/No)": yes does not tell the size, and no may mean that nobody asked. 1.0 and 0.0 are of
            // floating-point columns.
            "yes" | "y" | "no" | "n" | "true" | "false" | "1" | "0" | "10" | "00" | "registered" | "msme" | "msmeregistered" | "applicable" => {
                Err(MsmeStatusError::Ambiguous)
            }
            _ => Err(MsmeStatusError::Unrecognised),
        }
    }
}

impl fmt::Display for MsmeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
