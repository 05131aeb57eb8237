//! What changed about a vendor, when and by whom: the record an auditor reads.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::status::StatusEntry;
use crate::vendor::{MsmeStatus, VendorProfile};

/// What happened to a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was entered or imported.
    Created,
    /// Its particulars changed.
    Updated,
    /// Its status changed; the status history has the evidence.
    StatusChanged,
    /// It was deleted.
    Deleted,
    /// It was restored.
    Restored,
}

/// One entry of a vendor's append-only history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// When.
    pub at: Timestamp,
    /// Who did it: a user (`usr_…`), an import (`imp_…`), an answer (`rsp_…`), an external system (`syn_…`).
    pub by: String,
    /// What is different, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

/// One field that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// The field, as in `emails`.
    pub field: String,
    /// What it was; absent where there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub from: Option<Value>,
    /// What it is; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub to: Option<Value>,
}

/// What is different between two states of a vendor, in the order of the fields' names.
pub fn between(before: Option<&VendorProfile>, after: &VendorProfile) -> Vec<FieldChange> {
    // Through JSON, so that a new field of a vendor is in the history from its first day.
    let object = |profile: &VendorProfile| match serde_json::to_value(profile) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (mut from, mut to) = (before.map(object).unwrap_or_default(), object(after));
    let names: BTreeSet<String> = from.keys().chain(to.keys()).cloned().collect();
    let changes = names.into_iter().map(|field| FieldChange {
        from: from.remove(&field),
        to: to.remove(&field),
        field,
    });
    changes.filter(|change| change.from != change.to).collect()
}

/// What a change did to the status: the class it came to, and the entry that was added to the status history.
pub fn of_status(before: Option<MsmeStatus>, after: MsmeStatus, entry: Option<&StatusEntry>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let before = before.unwrap_or_default();
    if before != after {
        changes.push(FieldChange {
            field: "msme_status".to_owned(),
            from: Some(before.as_str().into()),
            to: Some(after.as_str().into()),
        });
    }
    if let Some(entry) = entry {
        changes.push(FieldChange {
            field: "status_history".to_owned(),
            from: None,
            to: Some(entry.to_string().into()),
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::RawVendor;

    #[test]
    fn a_history_names_the_fields_that_differ_and_no_others() {
        let profile = |raw: RawVendor| {
            let raw = RawVendor {
                vendor_code: Some("V-1".to_owned()),
                company_name: Some("Kaveri".to_owned()),
                ..raw
            };
            VendorProfile::parse(raw).unwrap().0
        };
        let before = profile(RawVendor {
            city: Some("Hosur".to_owned()),
            ..RawVendor::default()
        });
        let after = profile(RawVendor {
            emails: vec!["a@kaveri.example".to_owned()],
            ..RawVendor::default()
        });
        let changes = between(Some(&before), &after);
        let changes: Vec<_> = changes
            .iter()
            .map(|change| (change.field.as_str(), change.from.clone(), change.to.clone()))
            .collect();
        assert_eq!(
            changes,
            [
                ("city", Some("Hosur".into()), None),
                ("emails", None, Some(vec!["a@kaveri.example"].into()))
            ]
        );
        assert_eq!(between(Some(&after), &after), []);
        assert_eq!(between(None, &after).len(), 3);
    }
}
