//! Vendors on the wire.

use domain::vendor::{MsmeStatus, VendorProfile, VendorWarning};
use domain::vendor_record::Vendor;
use jiff::Timestamp;
use jiff::civil::Date;
use runtime::problem::invalid;
use runtime::{ApiError, App, Request};
use serde::Serialize;
use store::vendors::By;
use utoipa::ToSchema;

/// A vendor.
#[derive(Debug, Serialize, ToSchema)]
pub struct VendorResponse {
    /// Identity, `vnd_…`.
    id: String,
    #[serde(flatten)]
    profile: VendorProfile,
    /// Current MSME status; `unknown` until there is evidence.
    msme_status: MsmeStatus,
    /// When the vendor was deleted; only where a deleted one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
    /// When the vendor was created.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// What is worth a second look in the values just given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<VendorWarning>,
}

impl VendorResponse {
    pub(crate) fn new(vendor: Vendor, warnings: Vec<VendorWarning>) -> Self {
        let Vendor {
            id,
            profile,
            msme_status,
            origin: _,
            deleted_at,
            created_at,
            updated_at,
            version: _,
        } = vendor;
        Self {
            id: id.to_string(),
            profile,
            msme_status,
            deleted_at,
            created_at,
            updated_at,
            warnings,
        }
    }
}

impl From<Vendor> for VendorResponse {
    fn from(vendor: Vendor) -> Self {
        Self::new(vendor, Vec::new())
    }
}

/// Who is asking, for the vendor's history.
pub(crate) fn by<'a>(app: &App, who: &'a str) -> By<'a> {
    By {
        who,
        at: app.now(),
        entry: app.new_ulid(),
    }
}

/// A date of the query.
pub(crate) fn date(request: &Request, name: &'static str) -> Result<Option<Date>, ApiError> {
    let parse = |text: &str| {
        text.parse::<Date>()
            .map_err(|_| invalid(name, text, "date_invalid", "this is no date: write it as 2025-03-31"))
    };
    request.query(name).map(parse).transpose()
}

/// An amount of the query, in paise.
pub(crate) fn paise(request: &Request, name: &'static str) -> Result<Option<u64>, ApiError> {
    let parse = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| invalid(name, text, "amount_invalid", "give the amount as a whole number of paise"))
    };
    request.query(name).map(parse).transpose()
}
