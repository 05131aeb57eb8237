//! `DELETE /api/v1/segments/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

/// The route.
pub static ROUTE: Route = Route::new(
    "segments-delete",
    Method::DELETE,
    "/api/v1/segments/{id}",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Deletes a segment. Its vendors stay; a draft campaign that asks it cannot start until it has another audience.
#[utoipa::path(delete, path = "/api/v1/segments/{id}", operation_id = "segments-delete", tag = "segments",
    params(("id" = String, Path, description = "seg_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such segment"), (status = 412, description = "It changed since you read it")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let seen = store::segments::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    store::segments::delete(store, seen.id, seen.version).await?;
    Ok(respond::no_content())
}
