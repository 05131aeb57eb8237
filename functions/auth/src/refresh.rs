//! `POST /api/v1/auth/refresh`.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::StoreError;
use store::users::{SESSION_SECS, Session};
use utoipa::ToSchema;

use crate::REFUSED;
use crate::token::{RefreshToken, TokenResponse};

/// How long after a rotation the token before it is still taken, because the answer may have been lost on the way.
const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// The route.
pub static ROUTE: Route = Route::new(
    "auth-refresh",
    Method::POST,
    "/api/v1/auth/refresh",
    Access::PublicSensitive,
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::TableName, Var::SigningSecretArn]);

/// What staying signed in takes. Never printed: it has no `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The newest refresh token of the session.
    refresh_token: String,
}

/// Exchanges a refresh token for new tokens. Each is good once: one that comes back later ends the session, because two
/// parties hold it.
#[utoipa::path(post, path = "/api/v1/auth/refresh", operation_id = "auth-refresh", tag = "auth", request_body = RefreshRequest,
    responses((status = 200, description = "New tokens", body = TokenResponse), (status = 401, description = "Not valid, or used before")))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let RefreshRequest { refresh_token } = extract::json(&request)?;
    let presented = RefreshToken::parse(&refresh_token).ok_or(REFUSED)?;
    let store = app.store()?;
    // A second look, when another request with the same token was quicker: ours is the one before, then.
    for _ in 0..3 {
        let now = app.now();
        let (user, session) = store::users::find_with_session(store, presented.user, presented.family)
            .await?
            .ok_or(REFUSED)?;
        if user.disabled || session.user_epoch != user.session_epoch || session.expires_at <= now.as_second() {
            return Err(REFUSED);
        }
        let next = RefreshToken::new(app, user.id, presented.family);
        let Some(rotated) = rotate(&session, &presented.hash(), next.hash(), now) else {
            tracing::warn!(user_id = %user.id, request_id = request.request_id, "a used refresh token came back: session revoked");
            store::users::close_session(store, user.id, presented.family).await?;
            return Err(REFUSED);
        };
        match store::users::rotate_session(store, user.id, presented.family, &session.current_hash, &rotated).await {
            Ok(()) => return respond::ok(&TokenResponse::new(app, user, &next).await?),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::Busy)
}

/// The session after a rotation; `None` when the presented secret is not, or no longer, one that may be rotated.
///
/// ```text
/// A ──rotation──> B                     A within 30 s of it: the answer with B was lost, so C replaces B
///      └── 30 s ──┘ A is taken
///                   A later, or B after C: two parties hold the session
/// ```
fn rotate(session: &Session, presented: &str, next: String, now: Timestamp) -> Option<Session> {
    let expires_at = now.as_second() + SESSION_SECS;
    if presented == session.current_hash {
        return Some(Session {
            current_hash: next,
            previous_hash: Some(presented.to_owned()),
            rotated_at: now,
            expires_at,
            ..session.clone()
        });
    }
    // The time runs from the first rotation: repeating the old token does not keep it alive.
    let lost = session.previous_hash.as_deref() == Some(presented) && now.duration_since(session.rotated_at) <= GRACE;
    lost.then(|| Session {
        current_hash: next,
        expires_at,
        ..session.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATED: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn session() -> Session {
        Session {
            current_hash: "current".into(),
            previous_hash: Some("previous".into()),
            rotated_at: ROTATED,
            created_at: ROTATED,
            user_epoch: 0,
            expires_at: ROTATED.as_second() + SESSION_SECS,
        }
    }

    #[track_caller]
    fn check(presented: &str, secs: i64, previous_and_rotation: Option<(&str, i64)>) {
        let after = |secs| ROTATED + SignedDuration::from_secs(secs);
        let expected = previous_and_rotation.map(|(previous, rotated)| Session {
            current_hash: "next".into(),
            previous_hash: Some(previous.into()),
            rotated_at: after(rotated),
            expires_at: after(secs).as_second() + SESSION_SECS,
            ..session()
        });
        assert_eq!(rotate(&session(), presented, "next".into(), after(secs)), expected);
    }

    #[test]
    fn the_current_secret_rotates_whenever_it_comes() {
        check("current", 1, Some(("current", 1)));
        check("current", 1_000_000, Some(("current", 1_000_000)));
    }

    #[test]
    fn the_one_before_rotates_for_thirty_seconds_after_its_own_rotation() {
        check("previous", 1, Some(("previous", 0)));
        check("previous", 30, Some(("previous", 0)));
        check("previous", 31, None);
    }

    #[test]
    fn any_other_secret_is_refused() {
        check("older", 1, None);
    }
}
