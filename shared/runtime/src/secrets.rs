//! Signing keys: one master secret per key id, a key of its own for each purpose.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a key signs. A cursor can never be passed off as an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Access tokens.
    AccessToken,
    /// Personal links.
    Link,
    /// List cursors.
    Cursor,
}

impl KeyUse {
    const fn label(self) -> &'static [u8] {
        match self {
            KeyUse::AccessToken => b"access-token",
            KeyUse::Link => b"personal-link",
            KeyUse::Cursor => b"list-cursor",
        }
    }
}

/// The stack's signing keys: a JSON object `{"active": "<kid>", "<kid>": "<secret>", …}` in Secrets Manager. To rotate,
/// add a key and name it active; remove the old one when nothing signed with it is valid any more.
#[derive(Clone)]
pub struct SigningKeys {
    active: String,
    masters: BTreeMap<String, String>,
}

/// A signing secret that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signing secret {0}")]
pub struct InvalidSecret(&'static str);

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys").field("active", &self.active).finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// When it is not of the documented form, or the active key is missing or shorter than 32 characters.
    pub fn parse(json: &str) -> Result<Self, InvalidSecret> {
        let mut masters: BTreeMap<String, String> = serde_json::from_str(json).map_err(|_| InvalidSecret("is not a JSON object of strings"))?;
        let active = masters.remove("active").ok_or(InvalidSecret("names no active key"))?;
        match masters.get(&active) {
            Some(master) if master.len() >= 32 => Ok(Self { active, masters }),
            Some(_) => Err(InvalidSecret("has an active key of less than 32 characters")),
            None => Err(InvalidSecret("lacks the key it names active")),
        }
    }

    /// The id of the key that signs now.
    pub fn active_id(&self) -> &str {
        &self.active
    }

    /// The key that signs now.
    pub fn active(&self, usage: KeyUse) -> [u8; 32] {
        derive(&self.masters[&self.active], usage)
    }

    /// The key of an id, for verifying.
    pub fn by_id(&self, id: &str, usage: KeyUse) -> Option<[u8; 32]> {
        self.masters.get(id).map(|master| derive(master, usage))
    }

    /// Every key, for verifying what carries no id.
    pub fn all(&self, usage: KeyUse) -> Vec<[u8; 32]> {
        self.masters.values().map(|master| derive(master, usage)).collect()
    }
}

fn derive(master: &str, usage: KeyUse) -> [u8; 32] {
    sign(master.as_bytes(), usage.label())
}

/// HMAC-SHA256.
pub(crate) fn sign(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"));
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let keys = SigningKeys::parse(&format!(r#"{{"active":"k1","k1":"{}"}}"#, "x".repeat(64))).unwrap();
        assert_ne!(keys.active(KeyUse::Link), keys.active(KeyUse::Cursor));
        assert_eq!(keys.by_id("k1", KeyUse::Link), Some(keys.active(KeyUse::Link)));
        assert_eq!(keys.by_id("active", KeyUse::Link), None);
    }

    #[test]
    fn a_weak_or_missing_key_is_refused() {
        assert!(SigningKeys::parse(r#"{"active":"k1","k1":"short"}"#).is_err());
        assert!(SigningKeys::parse(r#"{"active":"k2","k1":"x"}"#).is_err());
        assert!(SigningKeys::parse("no json").is_err());
    }
}
