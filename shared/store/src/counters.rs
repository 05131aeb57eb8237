//! Vendor totals, kept in the same transaction as the vendor so that they are exact, over shards so that none is hot.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use domain::VendorId;
use domain::vendor::MsmeStatus;
use serde::Deserialize;

use crate::client::{Listing, key_item, n};
use crate::{Store, StoreError, keys};

/// The counter of deleted vendors.
pub(crate) const DELETED: &str = "deleted";

/// As many as the directory has parts: of a hundred thousand vendors each holds half of what one query reads.
pub(crate) const SHARDS: u8 = 32;

/// How many vendors there are, by current status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VendorCounts {
    /// All of them.
    pub total: u64,
    /// The deleted ones, which are not among them.
    pub deleted: u64,
    /// `(status, vendors)` for every status.
    pub by_status: Vec<(MsmeStatus, u64)>,
}

pub(crate) fn shard_of(vendor: VendorId) -> u8 {
    u8::try_from(vendor.ulid().random() % u128::from(SHARDS)).unwrap_or_default()
}

/// A write that moves a shard's counts; `changes` are `(attribute, by)`.
pub(crate) fn change(store: &Store, shard: u8, changes: &[(&str, i64)]) -> Result<TransactWriteItem, StoreError> {
    let mut update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::vendor_counter(shard))));
    let mut clauses = Vec::new();
    for (i, (attribute, by)) in changes.iter().enumerate() {
        clauses.push(format!("#c{i} :c{i}"));
        update = update
            .expression_attribute_names(format!("#c{i}"), *attribute)
            .expression_attribute_values(format!(":c{i}"), n(by));
    }
    let update = update.update_expression(format!("ADD {}", clauses.join(", "))).build();
    Ok(TransactWriteItem::builder()
        .update(update.map_err(|error| StoreError::Unavailable(Box::new(error)))?)
        .build())
}

#[derive(Deserialize)]
struct Shard {
    #[serde(flatten)]
    counts: HashMap<String, serde_json::Value>,
}

impl Store {
    /// Vendor totals: one query over the shards.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn vendor_counts(&self) -> Result<VendorCounts, StoreError> {
        let items = self.list_all_items(Listing::partition(&keys::vendor_counter(0).pk)).await?;
        // A batch is counted in one shard and a later change in the vendor's own, so a single shard may well be negative.
        let mut sums: HashMap<String, i64> = HashMap::new();
        for item in items {
            for (name, value) in crate::client::read::<Shard>(item)?.counts {
                *sums.entry(name).or_default() += value.as_i64().unwrap_or(0);
            }
        }
        let of = |name: &str| sums.get(name).and_then(|sum| u64::try_from(*sum).ok()).unwrap_or(0);
        Ok(VendorCounts {
            total: of("total"),
            deleted: of(DELETED),
            by_status: MsmeStatus::ALL.iter().map(|status| (*status, of(status.as_str()))).collect(),
        })
    }
}
