//! Segments on the wire.

use domain::FieldError;
use domain::segment::{Segment, VendorFilter};
use jiff::Timestamp;
use runtime::{ApiError, App};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A segment, as a user gives it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentRequest {
    /// What colleagues call it, 1 to 100 characters.
    #[schema(example = "Critical vendors of plant 2")]
    pub(crate) name: String,
    /// What it is for; at most 500 characters.
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// Whom it holds.
    pub(crate) filter: VendorFilter,
}

impl SegmentRequest {
    /// Checks the fields, and that there are the campaigns the filter names.
    pub(crate) async fn checked(self, app: &App) -> Result<Self, ApiError> {
        let mut errors = self.filter.check().err().unwrap_or_default();
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 100 {
            errors.push(FieldError::new("name", &name, "length", "give the segment a name of 1 to 100 characters"));
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > 500) {
            errors.push(FieldError::new("description", "", "length", "shorten the description to 500 characters"));
        }
        errors.extend(store::directory::unknown_campaigns(app.store()?, &self.filter).await?);
        if !errors.is_empty() {
            return Err(errors.into());
        }
        Ok(Self {
            name,
            description: self.description,
            filter: self.filter.normalised(),
        })
    }
}

/// A saved filter for vendors.
#[derive(Debug, Serialize, ToSchema)]
pub struct SegmentResponse {
    /// Identity, `seg_…`.
    id: String,
    /// What colleagues call it.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Whom it holds.
    filter: VendorFilter,
    /// Who made it, `usr_…`.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

impl From<Segment> for SegmentResponse {
    fn from(segment: Segment) -> Self {
        let Segment {
            id,
            name,
            description,
            filter,
            created_by,
            created_at,
            updated_at,
            version: _,
        } = segment;
        Self {
            id: id.to_string(),
            name,
            description,
            filter,
            created_by: created_by.to_string(),
            created_at,
            updated_at,
        }
    }
}
