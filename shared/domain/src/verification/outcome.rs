//! What was asked, and what came of it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::compare::{self, Mismatch, OurRecord};
use super::facts::Facts;
use crate::identifiers::{Gstin, Pan, Udyam};

/// Which register is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VerificationKind)]
pub enum Kind {
    /// The Udyam register of enterprises.
    Udyam,
    /// The register of the Goods and Services Tax.
    Gstin,
    /// The register of the income tax.
    Pan,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Udyam, Kind::Gstin, Kind::Pan];

    /// The word in JSON and in reasons.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Udyam => "udyam",
            Kind::Gstin => "gstin",
            Kind::Pan => "pan",
        }
    }
}

/// An identifier to ask about: valid in form, so that no request is spent on a typing mistake.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "identifier", rename_all = "snake_case")]
pub enum Asked {
    /// A Udyam registration number.
    Udyam(Udyam),
    /// A GSTIN.
    Gstin(Gstin),
    /// A PAN.
    Pan(Pan),
}

impl Asked {
    /// The register it belongs to.
    pub fn kind(&self) -> Kind {
        match self {
            Asked::Udyam(_) => Kind::Udyam,
            Asked::Gstin(_) => Kind::Gstin,
            Asked::Pan(_) => Kind::Pan,
        }
    }

    /// The identifier in full.
    pub fn as_str(&self) -> &str {
        match self {
            Asked::Udyam(udyam) => udyam.as_str(),
            Asked::Gstin(gstin) => gstin.as_str(),
            Asked::Pan(pan) => pan.as_str(),
        }
    }

    /// The identifier fit for screens and logs.
    pub fn masked(&self) -> String {
        match self {
            Asked::Udyam(udyam) => udyam.masked(),
            Asked::Gstin(gstin) => gstin.masked(),
            Asked::Pan(pan) => pan.masked(),
        }
    }
}

/// Our name for a request: one to 50 letters, digits, dots, hyphens and underscores, used once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

/// A text that is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request id has 1 to 50 letters, digits, dots, hyphens and underscores")]
pub struct InvalidRequestId;

impl RequestId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let is_id = (1..=50).contains(&text.len()) && text.bytes().all(is_allowed);
        is_id.then(|| Self(text.to_owned())).ok_or(InvalidRequestId)
    }
}

/// One request to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationRequest {
    /// Its id; another attempt needs another one.
    pub id: RequestId,
    /// What to ask about. No name goes with it: comparing is ours.
    pub asked: Asked,
    /// When it is asked: some accounts have to sign the time.
    pub at: Timestamp,
}

/// What came of asking. There are these eight, and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VerificationOutcome)]
pub enum Outcome {
    /// The register has it, in force, and nothing compared differs.
    Verified,
    /// The register has it, but something differs, or it is no longer in force.
    Mismatch,
    /// The register does not have it.
    NotFound,
    /// The provider refuses the identifier itself.
    InvalidInput,
    /// The provider refuses us: keys, addresses, products not enabled.
    Auth,
    /// Too many requests, or no money left.
    Quota,
    /// No answer in time.
    Timeout,
    /// Everything else: the register or the provider is down, or its answer is not one.
    ProviderError,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 8] = [
        Outcome::Verified,
        Outcome::Mismatch,
        Outcome::NotFound,
        Outcome::InvalidInput,
        Outcome::Auth,
        Outcome::Quota,
        Outcome::Timeout,
        Outcome::ProviderError,
    ];

    /// The word in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Verified => "verified",
            Outcome::Mismatch => "mismatch",
            Outcome::NotFound => "not_found",
            Outcome::InvalidInput => "invalid_input",
            Outcome::Auth => "auth",
            Outcome::Quota => "quota",
            Outcome::Timeout => "timeout",
            Outcome::ProviderError => "provider_error",
        }
    }

    /// Whether it says anything about the vendor. The others only say something about the asking, and leave what was known as it was.
    pub const fn is_conclusive(self) -> bool {
        matches!(self, Outcome::Verified | Outcome::Mismatch | Outcome::NotFound | Outcome::InvalidInput)
    }
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Keep the outcome: asking again would tell the same.
    Keep,
    /// Ask again later, under another request id.
    RetryLater,
    /// Ask once more, under another request id: it may have been paid for, and may end like this again.
    RetryOnce,
    /// Ask nothing more before somebody has changed something at the provider: every request would end like this one.
    HaltRun,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The register.
    pub kind: Kind,
    /// The identifier; `Debug` shows it masked.
    pub asked: Asked,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, for machines: `<provider>:<code>`, as `cashfree:insufficient_balance`.
    pub reason: String,
    /// What the register says; only with [`Outcome::Verified`] and [`Outcome::Mismatch`].
    pub facts: Option<Facts>,
    /// What differs; filled exactly with [`Outcome::Mismatch`].
    pub mismatches: Vec<Mismatch>,
    /// The provider, as `cashfree`.
    pub provider: String,
    /// The provider's name for the request, for its support and for the auditor.
    pub reference: Option<String>,
    /// What to do next.
    pub next: Next,
    /// How long the provider wants to be left alone.
    pub retry_after_secs: Option<u32>,
}

impl Verification {
    /// Whether asking again, later and under another id, may end otherwise.
    pub fn is_retryable(&self) -> bool {
        matches!(self.next, Next::RetryLater | Next::RetryOnce)
    }

    /// Whether every further request would end like this one.
    pub fn halts_run(&self) -> bool {
        self.next == Next::HaltRun
    }

    /// The same verification, held against our record of the vendor.
    #[must_use]
    pub fn compared_with(mut self, record: &OurRecord) -> Self {
        if let Some(facts) = &self.facts {
            self.mismatches = compare::compare(facts, record);
            self.outcome = match self.mismatches.is_empty() {
                true => Outcome::Verified,
                false => Outcome::Mismatch,
            };
        }
        self
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.kind(), self.masked())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_outcomes_are_those_of_json() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{outcome}\""));
        }
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert!(!Outcome::ProviderError.is_conclusive() && Outcome::NotFound.is_conclusive());
    }

    #[test]
    fn a_request_id_is_what_providers_take() {
        assert!("vrf_01ARZ3NDEKTSV4RRFFQ69G5FAV.2".parse::<RequestId>().is_ok());
        for text in ["", "a b", "ümlaut", &"a".repeat(51)] {
            assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text}");
        }
    }

    #[test]
    fn what_was_asked_is_masked_where_it_may_be_seen() {
        let asked = Asked::Pan("AAPPV0126K".parse().unwrap());
        assert!(!format!("{asked:?}").contains("0126"), "{asked:?}");
        assert_eq!(asked.as_str(), "AAPPV0126K");
        assert_eq!(serde_json::to_string(&asked).unwrap(), r#"{"kind":"pan","identifier":"AAPPV0126K"}"#);
    }
}
