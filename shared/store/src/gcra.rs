//! The generic cell rate algorithm over one item: paces providers and limits callers.
//!
//! The item holds the *theoretical arrival time* `tat`: when everything reserved so far is through. A reservation moves
//! it by its cost and starts where it stood. <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use crate::client::{key_item, n};
use crate::keys::Key;
use crate::{Store, StoreError, keys};

/// A rate shared by everyone who names it.
#[derive(Debug, Clone, Copy)]
pub struct Rate<'a> {
    /// Names the thing that is limited: a caller, or a provider's account.
    pub name: &'a str,
    /// Microseconds one unit costs: 1,000,000 / units per second.
    pub unit_micros: i64,
    /// How far ahead of now a reservation may start: a burst for callers, a wait for senders.
    pub horizon_micros: i64,
}

/// The answer to a request for units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// Reserved; may start this many microseconds from now (0 or more).
    After(i64),
    /// Nothing reserved; worth asking again after this many microseconds.
    Refused(i64),
}

/// Reserves `units` at `rate`.
///
/// # Errors
/// When the table cannot be reached, or the item is fought over for too long.
pub async fn reserve(store: &Store, rate: Rate<'_>, units: u32, now: Timestamp) -> Result<Reservation, StoreError> {
    // A caller comes after a pause, more often than not.
    let place = Place {
        key: keys::pace(rate.name),
        expires_at: Some(now.as_second() + 3_600),
        idle: true,
    };
    reserve_at(store, place, rate, units, now).await
}

/// Where a theoretical arrival time is kept.
pub(crate) struct Place {
    /// The item.
    pub(crate) key: Key,
    /// When the item may be forgotten; never where it says more than this.
    pub(crate) expires_at: Option<i64>,
    /// Whether everything reserved so far is likely to be through. A wrong guess costs one more call and nothing else.
    pub(crate) idle: bool,
}

pub(crate) async fn reserve_at(store: &Store, place: Place, rate: Rate<'_>, units: u32, now: Timestamp) -> Result<Reservation, StoreError> {
    let Place { key, expires_at, mut idle } = place;
    let now_micros = now.as_microsecond();
    let cost = rate.unit_micros.saturating_mul(i64::from(units));
    let key = key_item(key);
    let expires = if expires_at.is_some() { ", expires_at = :expires" } else { "" };
    for _ in 0..8 {
        let update = store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key.clone()))
            .set_expression_attribute_values(expires_at.map(|expires_at| HashMap::from([(":expires".to_owned(), n(expires_at))])))
            .expression_attribute_values(":now", n(now_micros))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_values(ReturnValue::UpdatedNew);
        let update = if idle {
            // Race: two idle callers; the second sees tat >= now and takes the busy form.
            update
                .update_expression(format!("SET tat = :start{expires}"))
                .condition_expression("attribute_not_exists(tat) OR tat < :now")
                .expression_attribute_values(":start", n(now_micros + cost))
        } else {
            // Race: many senders; each moves tat from wherever it stands, so no two get the same slot.
            update
                .update_expression(format!("SET tat = tat + :cost{expires}"))
                .condition_expression("tat >= :now AND tat <= :latest")
                .expression_attribute_values(":cost", n(cost))
                .expression_attribute_values(":latest", n(now_micros + rate.horizon_micros))
        };
        let standing = match update.send().await {
            Ok(_) if idle => return Ok(Reservation::After(0)),
            Ok(output) => {
                let end = output.attributes.as_ref().and_then(tat).unwrap_or(now_micros + cost);
                return Ok(Reservation::After((end - cost - now_micros).max(0)));
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.as_ref().and_then(tat),
                _ => return Err(error.into()),
            },
        };
        match standing {
            Some(tat) if tat > now_micros + rate.horizon_micros => return Ok(Reservation::Refused(tat - now_micros - rate.horizon_micros)),
            Some(tat) => idle = tat < now_micros,
            None => idle = true,
        }
    }
    Err(StoreError::Throttled)
}

fn tat(item: &HashMap<String, AttributeValue>) -> Option<i64> {
    item.get("tat")?.as_n().ok()?.parse().ok()
}
