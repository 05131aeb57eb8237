//! What the status of known vendors rests on: a file may correct what an earlier file said, and nothing else.

use std::collections::HashSet;

use domain::VendorId;
use domain::declaration::indian_date;
use domain::status::{self, EvidenceRank};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use store::{Store, StoreError};

/// Histories read at once.
const AT_ONCE: usize = 8;

/// Those of the vendors that are what they are because an imported file said so.
pub(super) async fn imported(store: &Store, vendors: Vec<VendorId>, now: Timestamp) -> Result<HashSet<VendorId>, StoreError> {
    let today = indian_date(now);
    let asked = stream::iter(vendors).map(|id| async move {
        let history = store::vendors::status_history(store, id).await?;
        let is_imported = status::on(&history, today).rank == Some(EvidenceRank::Imported);
        Ok::<_, StoreError>(is_imported.then_some(id))
    });
    let answers: Vec<Option<VendorId>> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}
