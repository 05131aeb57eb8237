//! Vendors on the wire.

use domain::vendor::{MsmeStatus, VendorProfile, VendorWarning};
use domain::vendor_record::Vendor;
use jiff::Timestamp;
use serde::Serialize;
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
            created_at,
            updated_at,
            version: _,
        } = vendor;
        Self {
            id: id.to_string(),
            profile,
            msme_status,
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
