//! Which vendors are meant: the filter of a list, of a saved segment, of an export and of a campaign's audience.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::Channel;
use crate::vendor::MsmeStatus;
use crate::vendor_record::Vendor;
use crate::{CampaignId, FieldError, SegmentId, UserId, search};

/// Which vendors are meant. What is not given does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VendorFilter {
    /// Words each of which the name, code, GSTIN, PAN, Udyam number, a telephone number or an e-mail address begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// One of these statuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub msme_statuses: Vec<MsmeStatus>,
    /// In one of these states, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// Of one of these supplier types, ignoring case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supplier_types: Vec<String>,
    /// With every one of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether there is an e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_email: Option<bool>,
    /// Whether there is a mobile number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_whatsapp: Option<bool>,
    /// Whether an address that campaigns would write to is on the suppression list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<bool>,
    /// Answered this campaign or a reminder of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub responded: Option<CampaignId>,
    /// Did not answer this campaign, asked or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub not_responded: Option<CampaignId>,
}

/// What a filter looks at, of a vendor.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// Current status.
    pub status: MsmeStatus,
    /// State, by name.
    pub state: Option<&'a str>,
    /// Supplier type.
    pub supplier_type: Option<&'a str>,
    /// Tags.
    pub tags: &'a [String],
    /// Whether there is an e-mail address.
    pub has_email: bool,
    /// Whether there is a mobile number.
    pub has_whatsapp: bool,
}

impl<'a> From<&'a Vendor> for Traits<'a> {
    fn from(vendor: &'a Vendor) -> Self {
        let profile = &vendor.profile;
        Self {
            status: vendor.msme_status,
            state: profile.state.as_ref().map(|state| state.as_str()),
            supplier_type: profile.supplier_type.as_deref(),
            tags: &profile.tags,
            has_email: profile.address(Channel::Email).is_some(),
            has_whatsapp: profile.address(Channel::Whatsapp).is_some(),
        }
    }
}

impl VendorFilter {
    /// Whether every vendor is meant.
    pub fn is_everyone(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a vendor with these traits is meant, as far as they tell: words, suppression and answers are looked up elsewhere.
    pub fn admits(&self, traits: &Traits<'_>) -> bool {
        let one_of = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(value)))
        };
        let agrees = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        (self.msme_statuses.is_empty() || self.msme_statuses.contains(&traits.status))
            && one_of(&self.states, traits.state)
            && one_of(&self.supplier_types, traits.supplier_type)
            && self.tags.iter().all(|tag| traits.tags.iter().any(|has| has.eq_ignore_ascii_case(tag)))
            && agrees(self.has_email, traits.has_email)
            && agrees(self.has_whatsapp, traits.has_whatsapp)
    }

    /// The beginnings to look up; none if the filter has no words.
    pub fn words(&self) -> Vec<String> {
        self.text.as_deref().map(search::query).unwrap_or_default()
    }

    /// Checks what can be checked without looking anything up.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if let Some(text) = self.text.as_deref()
            && self.words().is_empty()
        {
            let message = "give at least two letters or digits of a word, code, number or address";
            errors.push(FieldError::new("text", text, "too_short", message));
        }
        for (field, list) in [("states", &self.states), ("supplier_types", &self.supplier_types), ("tags", &self.tags)] {
            if list.len() > 40 {
                errors.push(FieldError::new(field, "", "too_many", "give at most 40"));
            }
        }
        for state in &self.states {
            if let Err(error) = crate::identifiers::IndianState::parse(state) {
                errors.push(FieldError::new("states", state, error.code(), &error.to_string()));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// With states by their full names: `KA`, `29` and `karnataka` are one state.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        for state in &mut self.states {
            if let Ok(parsed) = crate::identifiers::IndianState::parse(state) {
                *state = parsed.as_str().to_owned();
            }
        }
        self
    }
}

/// In what order vendors are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VendorOrder {
    /// By code, ignoring case.
    #[default]
    Code,
    /// By name, ignoring case.
    Name,
    /// The newest first.
    Created,
    /// The last changed first.
    Updated,
}

impl VendorOrder {
    /// Parses the word of a query parameter.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "code" => Self::Code,
            "name" => Self::Name,
            "created" => Self::Created,
            "updated" => Self::Updated,
            _ => return None,
        })
    }
}

/// A saved filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Identity.
    pub id: SegmentId,
    /// What colleagues call it, 1 to 100 characters.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whom it holds.
    pub filter: VendorFilter,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_does_not_restrict_and_what_is_given_does() {
        let tags = ["critical".to_owned(), "plant-2".to_owned()];
        let traits = Traits {
            status: MsmeStatus::Micro,
            state: Some("Karnataka"),
            supplier_type: Some("Trader"),
            tags: &tags,
            has_email: true,
            has_whatsapp: false,
        };
        let check = |filter: serde_json::Value, admitted: bool| {
            let filter: VendorFilter = serde_json::from_value(filter.clone()).unwrap();
            assert_eq!(filter.check(), Ok(()), "{filter:?}");
            assert_eq!(filter.normalised().admits(&traits), admitted);
        };
        use serde_json::json;
        check(json!({}), true);
        check(
            json!({ "msme_statuses": ["micro", "small"], "states": ["KA"], "supplier_types": ["trader"], "tags": ["Critical"] }),
            true,
        );
        check(json!({ "tags": ["critical", "plant-3"] }), false);
        check(json!({ "has_email": true, "has_whatsapp": false }), true);
        check(json!({ "has_whatsapp": true }), false);
        check(json!({ "states": ["Kerala"] }), false);
        assert!(
            VendorFilter {
                text: Some("x".to_owned()),
                ..VendorFilter::default()
            }
            .check()
            .is_err()
        );
        assert!(
            VendorFilter {
                states: vec!["Atlantis".to_owned()],
                ..VendorFilter::default()
            }
            .check()
            .is_err()
        );
    }
}
