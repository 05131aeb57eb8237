//! Vendors that were deleted by a person and do not come back by an import.

use std::collections::{BTreeSet, HashMap};

use domain::VendorId;
use store::imports::Import;
use store::{Store, StoreError};

/// Whether an import has to look for deleted vendors. Mostly it has not: nothing was deleted since it was begun.
pub(super) async fn concern(store: &Store, import: &Import) -> Result<bool, StoreError> {
    if import.skips_deleted {
        return Ok(true);
    }
    let last = store::vendors::last_deletion(store).await?;
    Ok(last.is_some_and(|at| !import.may_replace(at)))
}

/// Those of the codes (by their keys) whose vendors stay deleted.
pub(super) async fn among(store: &Store, import: &Import, codes: &BTreeSet<String>) -> Result<HashMap<String, VendorId>, StoreError> {
    let mut deleted = store::vendors::deleted_among(store, codes).await?;
    deleted.retain(|_, deleted| !import.may_replace(deleted.deleted_at));
    Ok(deleted.into_iter().map(|(code, deleted)| (code, deleted.vendor_id)).collect())
}
