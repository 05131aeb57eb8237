//! Saved filters for vendors.

use domain::SegmentId;
use domain::segment::Segment;

use crate::client::{Listing, item, key_item, n, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

/// Stores a new segment.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, segment: &Segment) -> Result<(), StoreError> {
    store.put_fresh(stored(segment)?).await
}

fn stored(segment: &Segment) -> Result<crate::client::Item, StoreError> {
    let mut stored = item(keys::segment(segment.id), "segment", segment)?;
    stored.insert("gsi1pk".into(), s(keys::SEGMENTS));
    stored.insert("gsi1sk".into(), s(keys::by_time(segment.created_at, segment.id)));
    Ok(stored)
}

/// Reads a segment.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: SegmentId) -> Result<Segment, StoreError> {
    store.get(keys::segment(id)).await?.ok_or(StoreError::NotFound)
}

/// Lists segments, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<Segment>, StoreError> {
    store.list(Listing::gsi1(keys::SEGMENTS).newest_first(), page).await
}

/// Replaces a segment, if it is still at the version before.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn replace(store: &Store, segment: &Segment) -> Result<(), StoreError> {
    store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored(segment)?))
        // Race: two edits of one segment; the later one must see the earlier.
        .condition_expression("version = :seen")
        .expression_attribute_values(":seen", n(segment.version.saturating_sub(1)))
        .send()
        .await?;
    Ok(())
}

/// Deletes a segment, if it is still at `version`. Campaigns that started keep their copy; drafts that name it cannot start.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn delete(store: &Store, id: SegmentId, version: u64) -> Result<(), StoreError> {
    store
        .client
        .delete_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::segment(id))))
        // Race: an edit and a deletion; who deletes must have seen the edit.
        .condition_expression("version = :version")
        .expression_attribute_values(":version", n(version))
        .send()
        .await?;
    Ok(())
}
