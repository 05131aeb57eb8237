//! `Idempotency-Key`: the first request with a key does the work, later ones get its answer.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{item, key_item, n, read, s};
use crate::{Store, StoreError, keys};

const KEPT_SECS: i64 = 24 * 3_600;
// Longer than any API function may run: a request that died does not block its key for a day.
const LOCK_SECS: i64 = 60;

/// A response that can be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers worth repeating.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// What to do with a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// First of its key: do the work, then [`complete`] or [`abandon`] with this token.
    Start(String),
    /// Done before: send this.
    Replay(SavedResponse),
    /// The key was used with another body.
    DifferentBody,
    /// The first request has not finished.
    InFlight,
}

#[derive(Serialize, Deserialize)]
struct IdempotencyItem {
    body_hash: String,
    token: String,
    locked_until: i64,
    response: Option<SavedResponse>,
    expires_at: i64,
}

/// Claims `client_key` within `scope` (caller and route) for a request whose body hashes to `body_hash`.
///
/// # Errors
/// When the table cannot be reached.
pub async fn begin(store: &Store, scope: &str, client_key: &str, body: &[u8], token: String, now: Timestamp) -> Result<Begin, StoreError> {
    let now_secs = now.as_second();
    let body_hash = domain::hash::sha256_hex(body);
    let fresh = IdempotencyItem {
        body_hash: body_hash.clone(),
        token: token.clone(),
        locked_until: now_secs + LOCK_SECS,
        response: None,
        expires_at: now_secs + KEPT_SECS,
    };
    let result = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(item(keys::idempotency(scope, client_key), "idempotency", &fresh)?))
        // first request   ──put──────── work ────────────── response
        // second request        ──put fails: in flight──          ──put fails: replay──
        // A lock past its time, or a record TTL has not removed yet, may be taken over.
        .condition_expression("attribute_not_exists(pk) OR expires_at < :now OR (attribute_type(#response, :null) AND locked_until < :now)")
        .expression_attribute_names("#response", "response")
        .expression_attribute_values(":now", n(now_secs))
        .expression_attribute_values(":null", s("NULL"))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let error = match result {
        Ok(_) => return Ok(Begin::Start(token)),
        Err(error) => error,
    };
    let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
        return Err(error.into());
    };
    let standing: IdempotencyItem = read(failed.item.clone().ok_or(StoreError::Throttled)?)?;
    // The SDK may have retried a put that had succeeded: our own token means we hold the key.
    if standing.token == token {
        return Ok(Begin::Start(token));
    }
    if standing.body_hash != body_hash {
        return Ok(Begin::DifferentBody);
    }
    Ok(standing.response.map_or(Begin::InFlight, Begin::Replay))
}

/// Stores the response for 24 hours.
///
/// # Errors
/// When the table cannot be reached, or the key was taken over meanwhile.
pub async fn complete(store: &Store, scope: &str, client_key: &str, token: &str, response: &SavedResponse) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::idempotency(scope, client_key))))
        .update_expression("SET #response = :response")
        // Race: our lock ran out and another request took the key over; its answer stands.
        .condition_expression("#token = :token")
        .expression_attribute_names("#response", "response")
        .expression_attribute_names("#token", "token")
        .expression_attribute_values(":response", serde_dynamo::to_attribute_value(response).map_err(StoreError::encoding)?)
        .expression_attribute_values(":token", s(token))
        .send()
        .await?;
    Ok(())
}

/// Gives the key back after a failure that changed nothing, so that the client may try again.
///
/// # Errors
/// When the table cannot be reached, or the key was taken over meanwhile.
pub async fn abandon(store: &Store, scope: &str, client_key: &str, token: &str) -> Result<(), StoreError> {
    store
        .client
        .delete_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::idempotency(scope, client_key))))
        .condition_expression("#token = :token")
        .expression_attribute_names("#token", "token")
        .expression_attribute_values(":token", s(token))
        .send()
        .await?;
    Ok(())
}
