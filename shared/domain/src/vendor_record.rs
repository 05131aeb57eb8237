//! A vendor as kept in the master file.

use jiff::Timestamp;

use crate::vendor::{MsmeStatus, VendorProfile};
use crate::{ImportId, VendorId};

/// A vendor as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Vendor {
    /// Identity.
    pub id: VendorId,
    /// What is known of it.
    pub profile: VendorProfile,
    /// Its class as of the newest status entry; silence is `unknown`, not "not registered".
    pub msme_status: MsmeStatus,
    /// Where it came from, if imported.
    pub origin: Option<ImportOrigin>,
    /// When it was deleted, if it was; it can be restored.
    pub deleted_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}

/// The row of the import that created a vendor; lets a redelivered import recognise its own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportOrigin {
    /// The import.
    pub import_id: ImportId,
    /// The row, counted from 2 for the first below the header, as spreadsheets do.
    pub row: u32,
}
