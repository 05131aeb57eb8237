//! What is known of each account with a provider: its quota, whether it is closed for now, and how its last calls went.
//!
//! One small item per account, read together with the campaign before every send, so that knowing costs no call.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{key_item, n, read, s};
use crate::gcra::{self, Place, Rate, Reservation};
use crate::{Store, StoreError, keys};

/// What is known of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderState {
    /// Messages per second the provider grants; absent until it was asked.
    pub rate_per_second: Option<u32>,
    /// Recipients in any 24 hours the provider grants; absent where it sets no limit or was not asked.
    pub limit_24h: Option<u32>,
    /// Sent in the last 24 hours by the provider's own count, where it tells.
    pub sent_24h: Option<u32>,
    /// The provider's word on the account's standing: `HEALTHY`, `GREEN`, `PROBATION` …
    pub standing: Option<String>,
    /// When the provider was asked, seconds since the epoch.
    pub checked_at: i64,
    /// Nothing is sent before, seconds since the epoch.
    pub closed_until: i64,
    /// Why not.
    pub closed_reason: Option<String>,
    /// Calls in a row that failed on the provider's side.
    pub failures: u32,
    /// Recipients by hour (hours since the epoch), where we count a rolling day ourselves.
    pub hours: BTreeMap<String, u32>,
    /// Counts the changes of `hours`.
    pub hours_version: u64,
    /// When all messages that have a slot are through, microseconds since the epoch; see [`gcra`].
    pub tat: i64,
}

impl ProviderState {
    /// Whether nothing may be sent now, and why.
    pub fn closed(&self, now: Timestamp) -> Option<&str> {
        (self.closed_until > now.as_second()).then(|| self.closed_reason.as_deref().unwrap_or("closed"))
    }

    /// How many recipients were counted in the 24 hours before `now`, whole hours rounded up: never fewer than there were.
    pub fn counted(&self, now: Timestamp) -> u32 {
        let first = hour(now) - 24;
        let counts = self.hours.iter().filter(|(hour, _)| hour.parse::<i64>().is_ok_and(|hour| hour >= first));
        counts.map(|(_, count)| count).sum()
    }

    /// How many more recipients the rolling day admits.
    pub fn remaining(&self, now: Timestamp) -> Option<u32> {
        self.limit_24h.map(|limit| limit.saturating_sub(self.counted(now)))
    }
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

/// Reads what is known.
///
/// # Errors
/// When the table cannot be read.
pub async fn get(store: &Store, name: &str) -> Result<ProviderState, StoreError> {
    Ok(store.get(keys::provider(name)).await?.unwrap_or_default())
}

/// What a provider says of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// Messages per second.
    pub rate_per_second: Option<u32>,
    /// Recipients in any 24 hours.
    pub limit_24h: Option<u32>,
    /// Sent in the last 24 hours.
    pub sent_24h: Option<u32>,
    /// Its standing.
    pub standing: Option<String>,
}

/// Stores what the provider said.
///
/// # Errors
/// When the table cannot be written.
pub async fn set_quota(store: &Store, name: &str, quota: &Quota, now: Timestamp) -> Result<(), StoreError> {
    let value = |value: Option<u32>| serde_dynamo::to_attribute_value(value).map_err(StoreError::encoding);
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::provider(name))))
        .update_expression(
            "SET rate_per_second = :rate, limit_24h = :limit, sent_24h = :sent, standing = :standing, checked_at = :now, entity = :entity",
        )
        .expression_attribute_values(":rate", value(quota.rate_per_second)?)
        .expression_attribute_values(":limit", value(quota.limit_24h)?)
        .expression_attribute_values(":sent", value(quota.sent_24h)?)
        .expression_attribute_values(
            ":standing",
            serde_dynamo::to_attribute_value(&quota.standing).map_err(StoreError::encoding)?,
        )
        .expression_attribute_values(":now", n(now.as_second()))
        .expression_attribute_values(":entity", s("provider"))
        .send()
        .await?;
    Ok(())
}

/// Reserves slots for messages at the rate of an account, the name of which is that of the rate.
///
/// The arrival time is kept with all else that is known of the account, and so was `seen` by every sender: it knows whether the
/// account is idle or busy, and which of the two writes to try.
///
/// # Errors
/// When the table cannot be reached, or the item is fought over for too long.
pub async fn reserve(store: &Store, rate: Rate<'_>, seen: &ProviderState, units: u32, now: Timestamp) -> Result<Reservation, StoreError> {
    let place = Place {
        key: keys::provider(rate.name),
        expires_at: None,
        idle: seen.tat < now.as_microsecond(),
    };
    gcra::reserve_at(store, place, rate, units, now).await
}

/// Closes an account until then; an account that is closed for longer stays so.
///
/// # Errors
/// When the table cannot be written.
pub async fn close(store: &Store, name: &str, until: Timestamp, reason: &str) -> Result<(), StoreError> {
    let result = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::provider(name))))
        .update_expression("SET closed_until = :until, closed_reason = :reason, entity = :entity")
        // Race: two senders learn of two limits; the one that lasts longer stands.
        .condition_expression("attribute_not_exists(closed_until) OR closed_until < :until")
        .expression_attribute_values(":until", n(until.as_second()))
        .expression_attribute_values(":reason", s(reason))
        .expression_attribute_values(":entity", s("provider"))
        .send()
        .await;
    match result.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Counts a call that failed on the provider's side; gives how many have failed in a row.
///
/// # Errors
/// When the table cannot be written.
pub async fn failed(store: &Store, name: &str) -> Result<u32, StoreError> {
    let output = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::provider(name))))
        .update_expression("SET entity = :entity ADD failures :one")
        .expression_attribute_values(":entity", s("provider"))
        .expression_attribute_values(":one", n(1))
        .return_values(ReturnValue::AllNew)
        .send()
        .await?;
    Ok(read::<ProviderState>(output.attributes.unwrap_or_default())?.failures)
}

/// Forgets failures: a call succeeded.
///
/// # Errors
/// When the table cannot be written.
pub async fn recovered(store: &Store, name: &str) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::provider(name))))
        .update_expression("SET failures = :none, closed_until = :open, entity = :entity")
        .expression_attribute_values(":none", n(0))
        .expression_attribute_values(":open", n(0))
        .expression_attribute_values(":entity", s("provider"))
        .send()
        .await?;
    Ok(())
}

/// Counts up to `wanted` recipients into the rolling day and gives how many it admits. Without a limit all of them, uncounted.
///
/// Every recipient counts, also one written to before: never more are sent than the provider admits, perhaps fewer.
///
/// # Errors
/// When the table cannot be reached, or the item is fought over for too long.
pub async fn take(store: &Store, name: &str, seen: &ProviderState, wanted: u32, now: Timestamp) -> Result<u32, StoreError> {
    let mut state = seen.clone();
    for _ in 0..8 {
        let Some(remaining) = state.remaining(now) else { return Ok(wanted) };
        let granted = wanted.min(remaining);
        if granted == 0 {
            return Ok(0);
        }
        let mut hours = state.hours.clone();
        hours.retain(|at, _| at.parse::<i64>().is_ok_and(|at| at >= hour(now) - 24));
        *hours.entry(hour(now).to_string()).or_default() += granted;
        let result = store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key_item(keys::provider(name))))
            .update_expression("SET hours = :hours, hours_version = :next")
            // Race: two senders count at once; the second counts again on top of the first.
            .condition_expression("attribute_not_exists(hours_version) OR hours_version = :seen")
            .expression_attribute_values(":hours", serde_dynamo::to_attribute_value(&hours).map_err(StoreError::encoding)?)
            .expression_attribute_values(":seen", n(state.hours_version))
            .expression_attribute_values(":next", n(state.hours_version + 1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match result {
            Ok(_) => return Ok(granted),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item.clone() {
                    Some(standing) => state = read(standing)?,
                    None => state = get(store, name).await?,
                },
                _ => return Err(error.into()),
            },
        }
    }
    Err(StoreError::Throttled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolling_day_counts_whole_hours_and_forgets_older_ones() {
        let now = Timestamp::from_second(1_000 * 3_600 + 1_800).unwrap();
        let state = ProviderState {
            limit_24h: Some(250),
            hours: [("975", 100), ("976", 40), ("1000", 60)]
                .map(|(hour, count)| (hour.to_owned(), count))
                .into(),
            ..ProviderState::default()
        };
        assert_eq!(state.counted(now), 100);
        assert_eq!(state.remaining(now), Some(150));
        assert_eq!(ProviderState::default().remaining(now), None);
    }
}
