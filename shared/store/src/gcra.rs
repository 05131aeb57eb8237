//! The generic cell rate algorithm over one item: paces providers and limits callers.
//!
//! The item holds the *theoretical arrival time* `tat`: when everything reserved so far is through. A reservation moves
//! it by its cost and starts where it stood. <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use jiff::Timestamp;

use crate::client::{key_item, n};
use crate::{Store, StoreError, keys};

/// A rate shared by everyone who names it.
#[derive(Debug, Clone, Copy)]
pub struct Rate<'a> {
    /// Names the thing that is limited, e.g. `ses:account`.
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
    let now_micros = now.as_microsecond();
    let cost = rate.unit_micros.saturating_mul(i64::from(units));
    // Who asks for little finds the item idle (a caller), who asks for a good part of the horizon finds it busy (a
    // sender, up to some 600 messages/s). Both forms are one conditional write, so a wrong first guess costs one more
    // call and nothing else.
    let mut idle = cost.saturating_mul(120) < rate.horizon_micros;
    for _ in 0..8 {
        let update = store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key_item(keys::pace(rate.name))))
            .expression_attribute_values(":now", n(now_micros))
            .expression_attribute_values(":expires", n(now.as_second() + 3_600))
            .return_values_on_condition_check_failure(aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld)
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew);
        let update = if idle {
            // Race: two idle callers; the second sees tat >= now and takes the busy form.
            update
                .update_expression("SET tat = :start, expires_at = :expires")
                .condition_expression("attribute_not_exists(tat) OR tat < :now")
                .expression_attribute_values(":start", n(now_micros + cost))
        } else {
            // Race: many senders; each moves tat from wherever it stands, so no two get the same slot.
            update
                .update_expression("SET tat = tat + :cost, expires_at = :expires")
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

fn tat(item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>) -> Option<i64> {
    item.get("tat")?.as_n().ok()?.parse().ok()
}
