//! What a register says.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::declaration::Activity;
use crate::identifiers::Pan;

/// The class of an enterprise in the Udyam register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnterpriseType {
    /// Micro.
    Micro,
    /// Small.
    Small,
    /// Medium.
    Medium,
}

impl EnterpriseType {
    /// Reads the register's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "micro" => Some(Self::Micro),
            "small" => Some(Self::Small),
            "medium" => Some(Self::Medium),
            _ => None,
        }
    }

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Micro => "micro",
            Self::Small => "small",
            Self::Medium => "medium",
        }
    }
}

/// Whether a registration is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RegisterStanding)]
pub enum Standing {
    /// In force.
    Active,
    /// Ended, on application or by the officer.
    Cancelled,
    /// For the time being not in force: a GSTIN whose returns are missing.
    Suspended,
    /// Not usable until something is done: a PAN not linked with Aadhaar.
    Deactivated,
    /// Taken out of the register: a second PAN of one person.
    Deleted,
    /// Never issued: the register knows it as a forgery.
    Fake,
    /// Its holder is dead.
    Deceased,
    /// Its holder was dissolved or liquidated.
    Dissolved,
    /// Its holder became a part of another, or several.
    Merged,
}

impl Standing {
    /// Every way of not being in force.
    pub const NOT_IN_FORCE: [Standing; 8] = [
        Standing::Cancelled,
        Standing::Suspended,
        Standing::Deactivated,
        Standing::Deleted,
        Standing::Fake,
        Standing::Deceased,
        Standing::Dissolved,
        Standing::Merged,
    ];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cancelled => "cancelled",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::Fake => "fake",
            Self::Deceased => "deceased",
            Self::Dissolved => "dissolved",
            Self::Merged => "merged",
        }
    }
}

/// One year's classification of an enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RegisterClassification)]
pub struct Classification {
    /// The year as the register writes it, `2024-25`.
    pub year: String,
    /// The class.
    pub enterprise_type: EnterpriseType,
    /// The day the class was given.
    pub on: Option<Date>,
}

/// What a register says of a registration. What it did not say is absent; a person's details beyond the name are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whether it is in force.
    pub standing: Standing,
    /// The name of the enterprise, the taxpayer or the holder. Absent at most where the registration is no longer in force.
    pub legal_name: Option<String>,
    /// The name it trades under.
    pub trade_name: Option<String>,
    /// The PAN it belongs to.
    pub pan: Option<Pan>,
    /// Its class today.
    pub enterprise_type: Option<EnterpriseType>,
    /// What it mainly does.
    pub major_activity: Option<Activity>,
    /// Its legal form in the register's words: `Proprietary`, `Private Limited Company`; for a PAN the type of its holder.
    pub organisation_type: Option<String>,
    /// The day of registration.
    pub registered_on: Option<Date>,
    /// The day it was cancelled.
    pub cancelled_on: Option<Date>,
    /// Its classes by year, in the register's order.
    #[serde(default)]
    pub classification_history: Vec<Classification>,
}

impl Facts {
    /// Facts of which only these are known.
    pub fn new(standing: Standing, legal_name: Option<String>) -> Self {
        Self {
            standing,
            legal_name,
            trade_name: None,
            pan: None,
            enterprise_type: None,
            major_activity: None,
            organisation_type: None,
            registered_on: None,
            cancelled_on: None,
            classification_history: Vec::new(),
        }
    }
}

/// Reads a date of the registers: `2022-01-02`, `2022-01-02T00:00:00.000Z`, `02/01/2022` or `02-01-2022`, always the day first.
pub fn parse_date(text: &str) -> Option<Date> {
    let day = text.trim().split(['T', ' ']).next()?;
    let parts: Vec<&str> = day.split(['-', '/']).collect();
    let &[first, month, last] = parts.as_slice() else { return None };
    if parts.iter().any(|part| !part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (year, day) = match (first.len(), last.len()) {
        (4, 1..=2) => (first, last),
        (1..=2, 4) => (last, first),
        _ => return None,
    };
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn dates_are_read_day_first_in_every_spelling() {
        let expected = Some(date(2022, 1, 2));
        for text in [
            "2022-01-02",
            "2022-01-02T00:00:00.000Z",
            "02/01/2022",
            "2/1/2022",
            "02-01-2022",
            " 02/01/2022 ",
        ] {
            assert_eq!(parse_date(text), expected, "{text}");
        }
        assert_eq!(parse_date("31/12/2021"), Some(date(2021, 12, 31)));
        for text in [
            "",
            "NA",
            "12/31/2021",
            "31/02/2021",
            "2022-13-01",
            "02/01/22",
            "2022/1",
            "1/2/2022/3",
            "-2/01/2022",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
