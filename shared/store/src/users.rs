//! Users, their credentials and sessions.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::UserId;
use domain::user::User;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Item, item, key_item, n, read, s};
use crate::{Store, StoreError, keys};

/// How long a session lives without being refreshed.
pub const SESSION_SECS: i64 = 30 * 24 * 3_600;

/// A refresh family: one sign-in and every token rotated from it. Secrets are kept as SHA-256 only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Hash of the refresh secret that is valid now.
    pub current_hash: String,
    /// Hash of the secret before it: tolerated for a short time after the rotation, because its response may be lost.
    pub previous_hash: Option<String>,
    /// When the current secret was issued.
    pub rotated_at: Timestamp,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// The user's session epoch at sign-in: a session of an older epoch cannot be refreshed.
    #[serde(default)]
    pub user_epoch: u32,
    /// Seconds since the epoch.
    pub expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    user_id: UserId,
}

#[derive(Serialize, Deserialize)]
struct Credentials {
    password_hash: String,
    changed_at: Timestamp,
}

/// Creates the first administrator, once in the life of a stack.
///
/// # Errors
/// [`StoreError::Conflict`] when it was created before or the e-mail is taken.
pub async fn create_bootstrap_admin(store: &Store, user: &User, password_hash: &str) -> Result<(), StoreError> {
    // Race: two first logins at once; the marker lets one win, for good. It outlives the user, so deleting the admin
    // does not make the initial password work again.
    let marker = put_new(store, item(keys::bootstrap_marker(), "bootstrap_marker", &Marker { user_id: user.id })?)?;
    let mut writes = creation(store, user, password_hash)?;
    writes.push(marker);
    store.transact(writes).await?.committed_or("the bootstrap administrator exists")
}

/// Creates a user with a password.
///
/// # Errors
/// [`StoreError::Conflict`] when the e-mail is taken.
pub async fn create(store: &Store, user: &User, password_hash: &str) -> Result<(), StoreError> {
    store
        .transact(creation(store, user, password_hash)?)
        .await?
        .committed_or("a user with this e-mail exists")
}

fn creation(store: &Store, user: &User, password_hash: &str) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut profile = item(keys::user(user.id), "user", user)?;
    profile.insert("gsi1pk".into(), s(keys::USERS));
    profile.insert("gsi1sk".into(), s(keys::by_time(user.created_at, user.id)));
    let credentials = Credentials {
        password_hash: password_hash.to_owned(),
        changed_at: user.created_at,
    };
    Ok(vec![
        put_new(store, profile)?,
        put_new(store, item(keys::credentials(user.id), "credentials", &credentials)?)?,
        // Race: two users with one e-mail; the marker lets one win.
        put_new(
            store,
            item(keys::email_marker(&user.email), "email_marker", &Marker { user_id: user.id })?,
        )?,
    ])
}

pub(crate) fn put_new(store: &Store, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The user who signs in with `email` (lower case) and the stored password hash.
///
/// # Errors
/// When the table cannot be read.
pub async fn find_credentials(store: &Store, email: &str) -> Result<Option<(User, String)>, StoreError> {
    // An unknown e-mail costs the same reads as a known one, so that the time it takes tells nothing.
    let marker = store.get::<Marker>(keys::email_marker(email)).await?;
    let id = marker.map_or(UserId::from_ulid(Ulid::nil()), |marker| marker.user_id);
    let (user, credentials) = (
        store.get::<User>(keys::user(id)).await?,
        store.get::<Credentials>(keys::credentials(id)).await?,
    );
    Ok(user.zip(credentials).map(|(user, credentials)| (user, credentials.password_hash)))
}

/// Replaces a hash by one of today's strength.
///
/// # Errors
/// [`StoreError::Conflict`] when the password was changed meanwhile.
pub async fn rehash(store: &Store, user: UserId, old_hash: &str, new_hash: &str) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::credentials(user))))
        .update_expression("SET password_hash = :new")
        // Race: a password change during the login that rehashes; the change stands.
        .condition_expression("password_hash = :old")
        .expression_attribute_values(":new", s(new_hash))
        .expression_attribute_values(":old", s(old_hash))
        .send()
        .await?;
    Ok(())
}

/// Reads a user.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: UserId) -> Result<User, StoreError> {
    store.get(keys::user(id)).await?.ok_or(StoreError::NotFound)
}

/// Replaces the display name, if the user is still at `version`.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn rename(store: &Store, id: UserId, display_name: &str, version: u64, now: Timestamp) -> Result<User, StoreError> {
    let output = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::user(id))))
        .update_expression("SET display_name = :name, updated_at = :now, version = :next")
        // Race: two edits of one profile; the later one must see the earlier.
        .condition_expression("version = :version")
        .expression_attribute_values(":name", s(display_name))
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":version", n(version))
        .expression_attribute_values(":next", n(version + 1))
        .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
        .send()
        .await?;
    read(output.attributes.unwrap_or_default())
}

/// Opens a session.
///
/// # Errors
/// When the table cannot be written.
pub async fn open_session(store: &Store, user: UserId, family: Ulid, session: &Session) -> Result<(), StoreError> {
    store.put_fresh(item(keys::session(user, family), "session", session)?).await
}

/// The user and one of its sessions, in one call: what every authenticated request checks.
///
/// # Errors
/// When the table cannot be read.
pub async fn find_with_session(store: &Store, user: UserId, family: Ulid) -> Result<Option<(User, Session)>, StoreError> {
    let keys = vec![key_item(keys::user(user)), key_item(keys::session(user, family))];
    let (mut found_user, mut found_session) = (None, None);
    for item in store.get_all(keys).await? {
        match item.get("entity").and_then(|entity| entity.as_s().ok()).map(String::as_str) {
            Some("user") => found_user = Some(read(item)?),
            Some("session") => found_session = Some(read(item)?),
            _ => {}
        }
    }
    Ok(found_user.zip(found_session))
}

/// Replaces the refresh secret of a session.
///
/// # Errors
/// [`StoreError::Conflict`] when it was rotated or revoked meanwhile.
pub async fn rotate_session(store: &Store, user: UserId, family: Ulid, seen_hash: &str, next: &Session) -> Result<(), StoreError> {
    store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(item(keys::session(user, family), "session", next)?))
        // Race: two refreshes with one token, or a refresh and a logout; one rotation happens, and none revives a session.
        .condition_expression("current_hash = :seen")
        .expression_attribute_values(":seen", s(seen_hash))
        .send()
        .await?;
    Ok(())
}

/// Ends a session. Ending one that is gone is fine.
///
/// # Errors
/// When the table cannot be written.
pub async fn close_session(store: &Store, user: UserId, family: Ulid) -> Result<(), StoreError> {
    store
        .client
        .delete_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::session(user, family))))
        .send()
        .await?;
    Ok(())
}
