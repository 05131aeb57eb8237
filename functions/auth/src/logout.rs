//! `POST /api/v1/auth/logout`.

use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::token::RefreshToken;

/// The route.
pub static ROUTE: Route = Route::new(
    "auth-logout",
    Method::POST,
    "/api/v1/auth/logout",
    Access::PublicSensitive,
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::TableName]);

/// What signing out takes. Never printed: it has no `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutRequest {
    /// Any refresh token of the session.
    refresh_token: String,
}

/// Ends the session a refresh token belongs to, with its access token. Ending it twice is fine.
#[utoipa::path(post, path = "/api/v1/auth/logout", operation_id = "auth-logout", tag = "auth", request_body = LogoutRequest,
    responses((status = 204, description = "The session is over")))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let LogoutRequest { refresh_token } = extract::json(&request)?;
    // What names no session of ours is signed out already. The secret need not be the newest: whoever holds a used one
    // could end the session at `refresh` as well.
    if let Some(token) = RefreshToken::parse(&refresh_token) {
        store::users::close_session(app.store()?, token.user, token.family).await?;
    }
    Ok(respond::no_content())
}
