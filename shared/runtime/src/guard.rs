//! Who may do what: the one place that reads credentials.

use domain::UserId;
use domain::user::{Permission, Role, User};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::app::App;
use crate::extract::Request;
use crate::problem::ApiError;
use crate::secrets::{KeyUse, SigningKeys};

/// How long an access token is valid, in seconds.
pub const ACCESS_TOKEN_SECS: i64 = 15 * 60;

const ISSUER: &str = "msme-campaign-central";
const AUDIENCE: &str = "msme-campaign-central/api";
const TYPE: &str = "access";

/// Who is asking.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user, as it is now: a role taken away is gone at once.
    pub user: User,
    /// The session the token came from.
    pub session: Ulid,
}

impl Caller {
    /// The user's id.
    pub const fn id(&self) -> UserId {
        self.user.id
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    /// Session.
    sid: String,
    /// Session epoch of the user when the token was made.
    sep: u32,
    typ: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Makes an access token of [`ACCESS_TOKEN_SECS`].
///
/// # Errors
/// When the token cannot be encoded.
pub fn access_token(keys: &SigningKeys, user: &User, session: Ulid, now: Timestamp) -> Result<String, ApiError> {
    let now = now.as_second();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: user.id,
        sid: session.to_string(),
        sep: user.session_epoch,
        typ: TYPE.to_owned(),
        iat: now,
        nbf: now,
        exp: now + ACCESS_TOKEN_SECS,
    };
    let header = Header {
        kid: Some(keys.active_id().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&keys.active(KeyUse::AccessToken)))
        .map_err(|error| ApiError::Internal(Box::new(error)))
}

fn verify(keys: &SigningKeys, token: &str, now: Timestamp) -> Option<Claims> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = keys.by_id(header.kid.as_deref()?, KeyUse::AccessToken)?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
    // Time is checked below against the app's clock, so that tests can move it.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&key), &validation)
        .ok()?
        .claims;
    let now = now.as_second();
    (claims.typ == TYPE && claims.nbf <= now && now < claims.exp).then_some(claims)
}

/// Identifies the caller by its bearer token.
///
/// # Errors
/// 401 without one answer too many: a forged, expired and revoked token look the same.
pub(crate) async fn authenticate(app: &App, request: &Request) -> Result<Caller, ApiError> {
    const REFUSED: ApiError = ApiError::Unauthorized("the access token is missing, expired or no longer valid: sign in or refresh it");
    let token = request
        .header("authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(REFUSED)?;
    let claims = verify(&*app.signing_keys().await?, token, app.now()).ok_or(REFUSED)?;
    let session = Ulid::from_string(&claims.sid).map_err(|_| REFUSED)?;
    let (user, stored) = store::users::find_with_session(app.store()?, claims.sub, session).await?.ok_or(REFUSED)?;
    if user.disabled || user.session_epoch != claims.sep || stored.expires_at <= app.now().as_second() {
        return Err(REFUSED);
    }
    Ok(Caller { user, session })
}

/// Whether the caller's role carries the permission a route declares.
///
/// # Errors
/// 403.
pub(crate) fn authorize(role: Role, permission: Permission) -> Result<(), ApiError> {
    if role.may(permission) {
        Ok(())
    } else {
        Err(ApiError::Forbidden("your role does not allow this"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: &str, fill: &str) -> SigningKeys {
        SigningKeys::parse(&format!(r#"{{"active":"{id}","{id}":"{}"}}"#, fill.repeat(64))).unwrap()
    }

    fn user() -> User {
        User {
            id: UserId::from_ulid(Ulid::from_parts(1, 1)),
            email: "a@b.example".into(),
            display_name: "A".into(),
            role: Role::Viewer,
            disabled: false,
            session_epoch: 3,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            version: 1,
        }
    }

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    // Also the guard for jsonwebtoken 11, which panics at run time unless exactly one crypto backend is compiled in.
    #[test]
    fn a_token_is_good_for_fifteen_minutes_and_for_its_own_key() {
        let keys_one = keys("k1", "x");
        let token = access_token(&keys_one, &user(), Ulid::from_parts(2, 2), NOW).unwrap();
        let at = |secs: i64| Timestamp::from_second(NOW.as_second() + secs).unwrap();
        assert_eq!(verify(&keys_one, &token, at(899)).map(|claims| claims.sep), Some(3));
        assert!(verify(&keys_one, &token, at(900)).is_none(), "expired");
        assert!(verify(&keys_one, &token, at(-1)).is_none(), "not yet valid");
        assert!(verify(&keys("k1", "y"), &token, NOW).is_none(), "another secret");
        assert!(verify(&keys("k2", "x"), &token, NOW).is_none(), "another key id");
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let claims = r#"{"iss":"msme-campaign-central","aud":"msme-campaign-central/api","sub":"usr_00000000010000000000000001","sid":"x","sep":3,"typ":"access","iat":0,"nbf":0,"exp":9999999999}"#;
        let token = format!("{}.{}.", encode(r#"{"alg":"none","kid":"k1"}"#), encode(claims));
        assert!(verify(&keys("k1", "x"), &token, NOW).is_none());
    }
}
