//! Waiting times after failed sign-ins: none at first, then from a second doubling to a quarter of an hour.
//!
//! An attempt is counted *before* the password is looked at and taken back when it was right. Counting afterwards would
//! let any number of guesses through that arrive at once.
//!
//! ```text
//! attempt 1..=free   counted ── password checked ── right: forgotten │ wrong: stays counted
//! attempt free+n     counted, and the next one waits 2ⁿ s ─ …
//! attempt while waiting                                     refused, not counted
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{item, key_item, n};
use crate::{Store, StoreError, keys};

/// A failure is forgotten this long after the last one; longer than the longest wait.
const KEPT_SECS: i64 = 3_600;
const LONGEST_WAIT_SECS: i64 = 900;

/// What failures are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The e-mail somebody signs in with, in lower case, whether or not there is such a user.
    Account(&'a str),
    /// The network address it is tried from. A whole office may share one, so it gets more attempts than an account.
    Address(&'a str),
}

impl Scope<'_> {
    /// From this failure on, each is followed by a wait.
    const fn first_locking_failure(self) -> u32 {
        match self {
            Scope::Account(_) => 5,
            Scope::Address(_) => 20,
        }
    }

    fn key(self) -> keys::Key {
        match self {
            Scope::Account(email) => keys::lockout(&format!("account:{email}")),
            Scope::Address(address) => keys::lockout(&format!("address:{address}")),
        }
    }
}

/// An attempt that was counted as a failure until proven otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an attempt that succeeds must be taken back"]
pub struct Attempt<'a> {
    scope: Scope<'a>,
    failures: u32,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin<'a> {
    /// Yes.
    Counted(Attempt<'a>),
    /// No, not for this many seconds.
    Locked(i64),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct LockItem {
    failures: u32,
    locked_until_millis: i64,
    expires_at: i64,
}

/// How long the attempt after `failures` has to wait.
fn wait_secs(scope: Scope<'_>, failures: u32) -> i64 {
    match failures.checked_sub(scope.first_locking_failure()) {
        None => 0,
        Some(doublings) => 1_i64
            .checked_shl(doublings.min(30))
            .map_or(LONGEST_WAIT_SECS, |secs| secs.min(LONGEST_WAIT_SECS)),
    }
}

/// Counts an attempt, unless the scope is locked.
///
/// # Errors
/// When the table cannot be reached.
pub async fn begin<'a>(store: &Store, scope: Scope<'a>, now: Timestamp) -> Result<Begin<'a>, StoreError> {
    for _ in 0..4 {
        let stored = store.get::<LockItem>(scope.key()).await?;
        let standing = stored.filter(|lock| lock.expires_at > now.as_second());
        let wait_millis = standing.map_or(0, |lock| lock.locked_until_millis - now.as_millisecond());
        if wait_millis > 0 {
            return Ok(Begin::Locked((wait_millis + 999) / 1_000));
        }
        let failures = standing.map_or(0, |lock| lock.failures).saturating_add(1);
        let counted = LockItem {
            failures,
            locked_until_millis: now.as_millisecond() + wait_secs(scope, failures) * 1_000,
            expires_at: now.as_second() + KEPT_SECS,
        };
        let put = store
            .client
            .put_item()
            .table_name(&store.table)
            .set_item(Some(item(scope.key(), "lockout", &counted)?));
        // Race: guesses that arrive at once; each is counted on top of the one before, or waits for it.
        let put = match stored {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("failures = :failures AND locked_until_millis = :locked")
                .expression_attribute_values(":failures", n(seen.failures))
                .expression_attribute_values(":locked", n(seen.locked_until_millis)),
        };
        match put.send().await.map_err(StoreError::from) {
            Ok(_) => return Ok(Begin::Counted(Attempt { scope, failures })),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    // Four others were quicker: that is no person typing.
    Ok(Begin::Locked(1))
}

impl Attempt<'_> {
    /// The attempt succeeded and clears the record: whoever knows the password starts anew.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn forgive(self, store: &Store) -> Result<(), StoreError> {
        self.set(store, 0, None).await
    }

    /// The attempt does not count. Earlier failures still do: one valid account must not buy an address more guesses at
    /// others.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn take_back(self, store: &Store) -> Result<(), StoreError> {
        self.set(store, self.failures - 1, Some(self.failures)).await
    }

    async fn set(self, store: &Store, failures: u32, seen: Option<u32>) -> Result<(), StoreError> {
        let update = store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key_item(self.scope.key())))
            .update_expression("SET failures = :failures, locked_until_millis = :open")
            .expression_attribute_values(":failures", n(failures))
            .expression_attribute_values(":open", n(0));
        let update = match seen {
            // Race: other failures counted since, perhaps with a wait; they stand, and ours with them.
            Some(seen) => update
                .condition_expression("failures = :seen")
                .expression_attribute_values(":seen", n(seen)),
            // Race: TTL removed the record; an update would make one that never goes away.
            None => update.condition_expression("attribute_exists(pk)"),
        };
        match update.send().await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_second_to_a_quarter_of_an_hour() {
        let waits: Vec<_> = (0..=16).map(|failures| wait_secs(Scope::Account("a"), failures)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(wait_secs(Scope::Account("a"), u32::MAX), 900);
    }

    #[test]
    fn an_address_gets_more_attempts_than_an_account() {
        assert_eq!(wait_secs(Scope::Address("192.0.2.1"), 19), 0);
        assert_eq!(wait_secs(Scope::Address("192.0.2.1"), 20), 1);
    }
}
