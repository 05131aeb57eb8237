//! The tokens a session is made of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::UserId;
use domain::hash::sha256_hex;
use domain::user::{Role, User};
use runtime::{ACCESS_TOKEN_SECS, ApiError, App};
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

/// Length of 256 bits in base64url.
const SECRET_CHARACTERS: usize = 43;

/// A refresh token as the client holds it: `<user>.<family>.<secret>`. The first two say where to look; only the secret
/// proves anything, and only its hash is stored.
pub(crate) struct RefreshToken {
    pub(crate) user: UserId,
    pub(crate) family: Ulid,
    secret: String,
}

impl RefreshToken {
    /// A token with a new secret.
    pub(crate) fn new(app: &App, user: UserId, family: Ulid) -> Self {
        Self {
            user,
            family,
            secret: URL_SAFE_NO_PAD.encode(app.random_secret()),
        }
    }

    /// Reads what a client sent; `None` for what was never a token of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (user, family, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if parts.next().is_some() || secret.len() != SECRET_CHARACTERS || !secret.bytes().all(base64url) {
            return None;
        }
        let user = UserId::from_ulid(Ulid::from_string(user).ok()?);
        Some(Self {
            user,
            family: Ulid::from_string(family).ok()?,
            secret: secret.to_owned(),
        })
    }

    /// The hash that is stored. A secret of 256 random bits needs no salt and no slow hash, and comparing hashes of it
    /// tells an attacker nothing.
    pub(crate) fn hash(&self) -> String {
        sha256_hex(self.secret.as_bytes())
    }

    /// The token as the client keeps it.
    pub(crate) fn reveal(&self) -> String {
        format!("{}.{}.{}", self.user.ulid(), self.family, self.secret)
    }
}

/// Who signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInUser {
    /// Identity, `usr_…`.
    id: String,
    /// Sign-in name.
    email: String,
    /// Shown to colleagues.
    display_name: String,
    /// What the user may do.
    role: Role,
}

/// A signed-in session.
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds the access token is valid.
    expires_in: i64,
    /// Exchange it once at `/api/v1/auth/refresh` for new tokens.
    refresh_token: String,
    /// Who signed in.
    user: SignedInUser,
}

impl TokenResponse {
    /// The tokens of a session that is stored.
    pub(crate) async fn new(app: &App, user: User, refresh: &RefreshToken) -> Result<Self, ApiError> {
        let access_token = runtime::access_token(&*app.signing_keys().await?, &user, refresh.family, app.now())?;
        let User {
            id,
            email,
            display_name,
            role,
            ..
        } = user;
        let user = SignedInUser {
            id: id.to_string(),
            email,
            display_name,
            role,
        };
        Ok(Self {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECS,
            refresh_token: refresh.reveal(),
            user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_could_have_issued_is_read() {
        let token = RefreshToken {
            user: UserId::from_ulid(Ulid::from_parts(1, 1)),
            family: Ulid::from_parts(2, 2),
            secret: "s".repeat(43),
        };
        let read = RefreshToken::parse(&token.reveal()).unwrap();
        assert_eq!((read.user, read.family, read.hash()), (token.user, token.family, token.hash()));
        for text in [
            "",
            "a.b.c",
            &token.reveal()[1..],
            &format!("{}.", token.reveal()),
            &format!("{}x", token.reveal()),
        ] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }
}
