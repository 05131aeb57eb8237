//! Addresses that must not be written to, by channel. Keyed by hash: the list itself holds no address.

use std::collections::HashMap;

use domain::delivery::Channel;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Item, item, key_item, read};
use crate::{Store, StoreError, keys};

/// Why an address is suppressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// `hard_bounce`, `complaint` or `unsubscribe`.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Suppresses an address; an address suppressed before keeps its first reason and date. Says whether it was new.
///
/// # Errors
/// When the table cannot be reached.
pub async fn add(store: &Store, channel: Channel, address: &str, suppression: &Suppression) -> Result<bool, StoreError> {
    let result = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(item(
            keys::suppression(channel, &address.to_lowercase()),
            "suppression",
            suppression,
        )?))
        // Race: a bounce and an opt-out at once; the first one is the evidence.
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await;
    match result.map_err(StoreError::from) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads, in one call, which of at most 99 addresses are suppressed, together with the raw item at `extra`.
pub(crate) async fn read_with(
    store: &Store,
    channel: Channel,
    addresses: &[String],
    extra: keys::Key,
) -> Result<(HashMap<String, Suppression>, Option<Item>), StoreError> {
    let mut by_pk: HashMap<String, Vec<String>> = HashMap::new();
    for address in addresses {
        by_pk
            .entry(keys::suppression(channel, &address.to_lowercase()).pk)
            .or_default()
            .push(address.clone());
    }
    let extra_pk = extra.pk.clone();
    let mut wanted: Vec<Item> = addresses
        .iter()
        .map(|address| key_item(keys::suppression(channel, &address.to_lowercase())))
        .collect();
    wanted.sort_by(|a, b| a["pk"].as_s().ok().cmp(&b["pk"].as_s().ok()));
    wanted.dedup();
    wanted.push(key_item(extra));

    let mut suppressed = HashMap::new();
    let mut other = None;
    for found in store.get_all(wanted).await? {
        let pk = found.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
        if pk == extra_pk {
            other = Some(found);
        } else {
            let suppression: Suppression = read(found)?;
            for address in by_pk.get(&pk).into_iter().flatten() {
                suppressed.insert(address.clone(), suppression.clone());
            }
        }
    }
    Ok((suppressed, other))
}
