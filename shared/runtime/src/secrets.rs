//! Signing keys, one master secret per key id with a key of its own for each purpose, and the keys of e-mail providers.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
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

/// A secret that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret {0}")]
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

/// What the e-mail providers beside SES are spoken to with: a JSON object in Secrets Manager, of which every field may be absent
/// or empty. A provider without its fields is not configured.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct EmailProviderSecrets {
    sendgrid_api_key: String,
    sendgrid_webhook_public_key: String,
    smtp_host: String,
    smtp_port: Option<u16>,
    smtp_security: String,
    smtp_username: String,
    smtp_password: String,
    sendgrid_url: String,
}

impl std::fmt::Debug for EmailProviderSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmailProviderSecrets(…)")
    }
}

impl EmailProviderSecrets {
    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// When it is not of the documented form.
    pub fn parse(json: &str) -> Result<Self, InvalidSecret> {
        object(json)
    }

    /// SendGrid's API key.
    pub fn sendgrid_api_key(&self) -> Option<&str> {
        Some(self.sendgrid_api_key.trim()).filter(|key| !key.is_empty())
    }

    /// The public key SendGrid's event webhook is verified with, as its console shows it.
    pub fn sendgrid_webhook_public_key(&self) -> Option<&str> {
        Some(self.sendgrid_webhook_public_key.trim()).filter(|key| !key.is_empty())
    }

    /// Where SendGrid's API is, if not at its usual place: a region of its own, or a simulator.
    pub fn sendgrid_url(&self) -> &str {
        match self.sendgrid_url.trim() {
            "" => "https://api.sendgrid.com",
            url => url,
        }
    }

    /// Host and port of the SMTP server.
    pub fn smtp_server(&self) -> Option<(&str, u16)> {
        let host = Some(self.smtp_host.trim()).filter(|host| !host.is_empty())?;
        Some((host, self.smtp_port.unwrap_or(587)))
    }

    /// How the connection to the SMTP server is secured: `starttls` unless it says `tls` or, for a server on this machine, `none`.
    pub fn smtp_security(&self) -> &str {
        match self.smtp_security.trim() {
            "" => "starttls",
            security => security,
        }
    }

    /// User name and password of the SMTP server.
    pub fn smtp_login(&self) -> Option<(&str, &str)> {
        Some((self.smtp_username.as_str(), self.smtp_password.as_str())).filter(|(username, _)| !username.is_empty())
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

/// Reads an object all of whose fields may be absent: an empty list would pass for one.
fn object<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, InvalidSecret> {
    const WRONG: InvalidSecret = InvalidSecret("is not a JSON object of strings");
    if !json.trim_start().starts_with('{') {
        return Err(WRONG);
    }
    serde_json::from_str(json).map_err(|_| WRONG)
}

/// The WhatsApp business account: a JSON object in Secrets Manager, of which every field may be absent or empty. Without access
/// token and phone number id WhatsApp is not configured.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct WhatsappAccount {
    access_token: String,
    app_secret: String,
    verify_token: String,
    phone_number_id: String,
    business_account_id: String,
    api_url: String,
}

impl std::fmt::Debug for WhatsappAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WhatsappAccount(…)")
    }
}

impl WhatsappAccount {
    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// When it is not of the documented form.
    pub fn parse(json: &str) -> Result<Self, InvalidSecret> {
        object(json)
    }

    /// Access token and phone number id, if messages can be sent.
    pub fn sender(&self) -> Option<(&str, &str)> {
        let (token, number) = (self.access_token.trim(), self.phone_number_id.trim());
        (!token.is_empty() && !number.is_empty()).then_some((token, number))
    }

    /// The id of the business account the templates belong to.
    pub fn business_account_id(&self) -> Option<&str> {
        Some(self.business_account_id.trim()).filter(|id| !id.is_empty())
    }

    /// What webhooks are signed with.
    pub fn app_secret(&self) -> Option<&str> {
        Some(self.app_secret.trim()).filter(|secret| !secret.is_empty())
    }

    /// What Meta has to know when it registers the webhook.
    pub fn verify_token(&self) -> Option<&str> {
        Some(self.verify_token.trim()).filter(|token| !token.is_empty())
    }

    /// The Graph API with its version, without a slash at the end.
    pub fn api_url(&self) -> &str {
        match self.api_url.trim().trim_end_matches('/') {
            "" => "https://graph.facebook.com/v23.0",
            url => url,
        }
    }
}

/// The account with a provider of verifications: a JSON object in Secrets Manager, of which every field may be absent or empty. Without
/// client id and secret nothing can be verified.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct VerificationAccount {
    provider: String,
    url: String,
    client_id: String,
    client_secret: String,
    public_key: String,
    price_paise: BTreeMap<String, u32>,
}

impl std::fmt::Debug for VerificationAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VerificationAccount(…)")
    }
}

impl VerificationAccount {
    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// When it is not of the documented form.
    pub fn parse(json: &str) -> Result<Self, InvalidSecret> {
        object(json)
    }

    /// The provider; `cashfree` unless it says otherwise.
    pub fn provider(&self) -> &str {
        match self.provider.trim() {
            "" => "cashfree",
            provider => provider,
        }
    }

    /// Where the provider's API is, if not at its usual place.
    pub fn url(&self) -> Option<&str> {
        Some(self.url.trim()).filter(|url| !url.is_empty())
    }

    /// Client id and secret, if it is set up.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let (id, secret) = (self.client_id.trim(), self.client_secret.trim());
        (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
    }

    /// The public key requests are signed with, where the account may be used from any address: PEM, or its base64 in one line.
    pub fn public_key(&self) -> Option<&str> {
        Some(self.public_key.trim()).filter(|key| !key.is_empty())
    }

    /// What an answer about an identifier of this kind (`udyam`, `gstin`, `pan`) costs, in paise, if somebody has written down what was
    /// agreed with the provider.
    pub fn price_paise(&self, kind: &str) -> Option<u32> {
        self.price_paise.get(kind).copied()
    }
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
    fn a_provider_without_its_fields_is_not_configured() {
        let none = EmailProviderSecrets::parse("{}").unwrap();
        assert_eq!(
            (none.sendgrid_api_key(), none.sendgrid_webhook_public_key(), none.smtp_login()),
            (None, None, None)
        );
        let some = EmailProviderSecrets::parse(r#"{"sendgrid_api_key":"SG.k\n","smtp_username":"u","smtp_password":"p"}"#).unwrap();
        assert_eq!((some.sendgrid_api_key(), some.smtp_login()), (Some("SG.k"), Some(("u", "p"))));
        assert!(EmailProviderSecrets::parse("[]").is_err());
        assert!(!format!("{some:?}").contains("SG"));
    }

    #[test]
    fn a_weak_or_missing_key_is_refused() {
        assert!(SigningKeys::parse(r#"{"active":"k1","k1":"short"}"#).is_err());
        assert!(SigningKeys::parse(r#"{"active":"k2","k1":"x"}"#).is_err());
        assert!(SigningKeys::parse("no json").is_err());
    }
}
