//! Lists: `?limit=` and an opaque, signed, expiring `?cursor=`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{PageKey, PageRequest};
use subtle::ConstantTimeEq as _;

use crate::app::App;
use crate::extract::Request;
use crate::problem::{ApiError, invalid};
use crate::secrets::{KeyUse, sign};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;
const CURSOR_SECS: i64 = 24 * 3_600;

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass as `?cursor=` for the next page; absent on the last.
    pub next_cursor: Option<String>,
    /// How many there are in all, where that is known without counting.
    pub total: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    #[serde(rename = "s")]
    scope: String,
    #[serde(rename = "e")]
    expires_at: i64,
    #[serde(rename = "k")]
    key: PageKey,
}

/// Reads `limit` and `cursor`.
///
/// # Errors
/// 422 for a limit out of range, and for a cursor that is altered, expired, or of another list.
pub async fn page(app: &App, request: &Request) -> Result<PageRequest, ApiError> {
    let limit = match request.query("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| invalid("limit", text, "out_of_range", "give a limit from 1 to 200"))?,
    };
    let after = match request.query("cursor") {
        None => None,
        Some(text) => {
            let keys = app.signing_keys().await?.all(KeyUse::Cursor);
            let cursor = open(text, &keys).filter(|cursor| cursor.scope == scope(request)).ok_or_else(|| {
                invalid(
                    "cursor",
                    "",
                    "invalid",
                    "pass next_cursor of the previous page unchanged, to the same list",
                )
            })?;
            if cursor.expires_at <= app.now().as_second() {
                return Err(invalid("cursor", "", "expired", "the cursor is older than a day: start the list again"));
            }
            Some(cursor.key)
        }
    };
    Ok(PageRequest { limit, after })
}

/// Makes the cursor for the next page of this request's list.
///
/// # Errors
/// When the signing keys cannot be read.
pub async fn cursor(app: &App, request: &Request, next: Option<PageKey>) -> Result<Option<String>, ApiError> {
    let Some(key) = next else { return Ok(None) };
    let key_bytes = app.signing_keys().await?.active(KeyUse::Cursor);
    Ok(Some(seal(
        &Cursor {
            scope: scope(request),
            expires_at: expiry(app.now()),
            key,
        },
        &key_bytes,
    )))
}

fn expiry(now: Timestamp) -> i64 {
    now.as_second() + CURSOR_SECS
}

// A cursor belongs to one list with one set of filters: used on another it would skip items silently.
fn scope(request: &Request) -> String {
    let mut filters: Vec<_> = request.query.iter().filter(|(name, _)| name != "cursor" && name != "limit").collect();
    filters.sort();
    format!("{}?{filters:?}", request.path.trim_end_matches('/'))
}

fn seal(cursor: &Cursor, key: &[u8; 32]) -> String {
    let mut bytes = serde_json::to_vec(cursor).unwrap_or_default();
    let tag = sign(key, &bytes);
    bytes.extend(&tag[..16]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(text: &str, keys: &[[u8; 32]]) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (payload, tag) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
    keys.iter()
        .any(|key| sign(key, payload)[..16].ct_eq(tag).into())
        .then(|| serde_json::from_slice(payload).ok())
        .flatten()
}
