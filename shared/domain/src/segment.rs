//! Which vendors are meant: the filter of a list, of a saved segment, of an export and of a campaign's audience.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::Channel;
use crate::identifiers::{self, IndianState};
use crate::vendor::{MAX_TAGS, MsmeStatus};
use crate::vendor_record::Vendor;
use crate::{CampaignId, FieldError, SegmentId, UserId, search};

/// The longest text to look up, in characters.
pub const MAX_TEXT: usize = 200;
/// The most entries of a list of a filter.
const MAX_LIST: usize = 40;
/// The longest supplier type and the longest tag a vendor can have, in characters.
const MAX_SUPPLIER_TYPE: usize = 60;
const MAX_TAG: usize = 40;

/// Which vendors are meant. What is not given does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VendorFilter {
    /// Words each of which a word of the name, the code, a GSTIN, the PAN, the Udyam number, a telephone number or an e-mail address
    /// begins with; at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// One of these statuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub msme_statuses: Vec<MsmeStatus>,
    /// In one of these states, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// Of one of these supplier types, ignoring case; at most 40.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supplier_types: Vec<String>,
    /// With every one of these tags, ignoring case; at most 30, as a vendor has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether there is an e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_email: Option<bool>,
    /// Whether there is a mobile number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_whatsapp: Option<bool>,
    /// Whether an address that campaigns would write to is on the suppression list: the first e-mail address, or the first mobile
    /// number, or both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<bool>,
    /// Whether the first e-mail address is on the suppression list. A vendor without one is not suppressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed_email: Option<bool>,
    /// Whether the first mobile number is on the suppression list. A vendor without one is not suppressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed_whatsapp: Option<bool>,
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
        let agrees = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        (self.msme_statuses.is_empty() || self.msme_statuses.contains(&traits.status))
            && is_one_of(&self.states, traits.state)
            && is_one_of(&self.supplier_types, traits.supplier_type)
            && self.tags.iter().all(|tag| traits.tags.iter().any(|has| are_alike(has, tag)))
            && agrees(self.has_email, traits.has_email)
            && agrees(self.has_whatsapp, traits.has_whatsapp)
    }

    /// What to look up; none if the filter has no words.
    pub fn query(&self) -> Option<search::Query> {
        self.text.as_deref().and_then(search::query)
    }

    /// Whether the filter asks for suppressed addresses.
    pub fn asks_for_suppressions(&self) -> bool {
        [self.suppressed, self.suppressed_email, self.suppressed_whatsapp]
            .iter()
            .any(Option::is_some)
    }

    /// Whether the filter asks for answers to campaigns.
    pub fn asks_for_answers(&self) -> bool {
        self.responded.is_some() || self.not_responded.is_some()
    }

    /// The campaigns it names, each with its field.
    pub fn campaigns(&self) -> impl Iterator<Item = (&'static str, CampaignId)> {
        let named = [("responded", self.responded), ("not_responded", self.not_responded)];
        named.into_iter().filter_map(|(field, campaign)| Some((field, campaign?)))
    }

    /// Checks what can be checked without looking anything up.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if let Some(text) = self.text.as_deref() {
            if text.chars().count() > MAX_TEXT {
                errors.push(FieldError::new("text", "", "too_long", "give at most 200 characters"));
            } else if self.query().is_none() {
                let message = "give at least two letters or digits of a word, code, number or address";
                errors.push(FieldError::new("text", text, "too_short", message));
            }
        }
        if self.msme_statuses.len() > MAX_LIST {
            errors.push(FieldError::new("msme_statuses", "", "too_many", "give each status once"));
        }
        check_list(&mut errors, "states", &self.states, MAX_LIST, MAX_TEXT);
        check_list(&mut errors, "supplier_types", &self.supplier_types, MAX_LIST, MAX_SUPPLIER_TYPE);
        check_list(&mut errors, "tags", &self.tags, MAX_TAGS, MAX_TAG);
        check_states(&mut errors, "states", &self.states);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// As vendors are stored: states by their full names (`KA`, `29` and `karnataka` are one), supplier types and tags in lower case with
    /// single spaces, everything once.
    #[must_use]
    pub fn normalised(self) -> Self {
        Self {
            msme_statuses: each_once(self.msme_statuses),
            states: named_states(self.states),
            supplier_types: labels(self.supplier_types),
            tags: labels(self.tags),
            ..self
        }
    }
}

/// Whether a value is one of those wanted, ignoring case; an empty list does not restrict.
pub(crate) fn is_one_of(wanted: &[String], value: Option<&str>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| are_alike(wanted, value)))
}

/// Whether two texts differ in case at most, in any script.
fn are_alike(left: &str, right: &str) -> bool {
    left == right || left.to_lowercase() == right.to_lowercase()
}

/// The form of a supplier type or tag by which it is compared: in lower case, with single spaces.
pub fn label(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !identifiers::is_invisible(*c)).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

pub(crate) fn labels(texts: Vec<String>) -> Vec<String> {
    each_once(texts.iter().map(|text| label(text)).collect())
}

/// States by their full names, each once. What is none stays as it is: [`check_states`] refuses it.
pub(crate) fn named_states(states: Vec<String>) -> Vec<String> {
    let named = states.into_iter().map(|state| match IndianState::parse(&state) {
        Ok(parsed) => parsed.as_str().to_owned(),
        Err(_) => state,
    });
    each_once(named.collect())
}

pub(crate) fn each_once<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut once = Vec::with_capacity(values.len());
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

pub(crate) fn check_states(errors: &mut Vec<FieldError>, field: &'static str, states: &[String]) {
    for state in states.iter().take(MAX_LIST) {
        if let Err(error) = IndianState::parse(state) {
            errors.push(FieldError::new(field, state, error.code(), &error.to_string()));
        }
    }
}

fn check_list(errors: &mut Vec<FieldError>, field: &'static str, list: &[String], most: usize, longest: usize) {
    if list.len() > most {
        errors.push(FieldError::new(field, "", "too_many", &format!("give at most {most}")));
    }
    if list.iter().any(|value| value.chars().count() > longest) {
        errors.push(FieldError::new(
            field,
            "",
            "too_long",
            &format!("no vendor has one of more than {longest} characters"),
        ));
    }
    if list.iter().any(|value| value.trim().is_empty()) {
        errors.push(FieldError::new(field, "", "empty", "one of them is empty: leave it out"));
    }
}

/// Checks the lists of a campaign's audience like those of a filter.
pub(crate) fn check_audience_lists(errors: &mut Vec<FieldError>, states: &[String], supplier_types: &[String]) {
    check_list(errors, "audience.states", states, MAX_LIST, MAX_TEXT);
    check_list(errors, "audience.supplier_types", supplier_types, MAX_LIST, MAX_SUPPLIER_TYPE);
    check_states(errors, "audience.states", states);
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

    #[test]
    fn a_filter_is_kept_as_vendors_are_stored() {
        let filter = VendorFilter {
            msme_statuses: vec![MsmeStatus::Micro, MsmeStatus::Micro],
            states: vec!["KA".to_owned(), "29".to_owned()],
            supplier_types: vec!["  \u{c9}tat   Trader ".to_owned(), "\u{e9}tat trader".to_owned()],
            tags: vec!["Plant-2\u{200b}".to_owned()],
            ..VendorFilter::default()
        };
        assert_eq!(filter.check(), Ok(()));
        let kept = filter.normalised();
        assert_eq!(kept.msme_statuses, [MsmeStatus::Micro]);
        assert_eq!(kept.states, ["Karnataka"]);
        assert_eq!(kept.supplier_types, ["\u{e9}tat trader"]);
        assert_eq!(kept.tags, ["plant-2"]);
    }

    #[test]
    fn a_filter_asks_for_no_more_than_a_vendor_can_have() {
        let text = |length: usize| "x".repeat(length);
        for (field, filter) in [
            ("text", serde_json::json!({ "text": text(201) })),
            ("msme_statuses", serde_json::json!({ "msme_statuses": vec!["micro"; 41] })),
            ("supplier_types", serde_json::json!({ "supplier_types": [text(61)] })),
            ("supplier_types", serde_json::json!({ "supplier_types": vec!["x"; 41] })),
            ("tags", serde_json::json!({ "tags": [text(41)] })),
            ("tags", serde_json::json!({ "tags": [" "] })),
            ("tags", serde_json::json!({ "tags": vec!["x"; 31] })),
        ] {
            let filter: VendorFilter = serde_json::from_value(filter).unwrap();
            let errors = filter.check().unwrap_err();
            assert_eq!(errors[0].field, field, "{errors:?}");
        }
    }
}
