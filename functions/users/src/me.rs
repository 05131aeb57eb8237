//! `GET /api/v1/users/me`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::ProfileResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "users-me",
    Method::GET,
    "/api/v1/users/me",
    Access::Requires(Permission::OwnProfile),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads one's own profile.
#[utoipa::path(get, path = "/api/v1/users/me", operation_id = "users-me", tag = "users",
    responses((status = 200, description = "The profile", body = ProfileResponse)),
    security(("bearer" = [])))]
pub async fn handle(_app: &App, request: Request) -> Result<Response, ApiError> {
    // The guard has just read the user to let the request in.
    let user = request.caller()?.user.clone();
    let version = user.version;
    respond::versioned(&ProfileResponse::from(user), version)
}
