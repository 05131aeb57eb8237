//! `DELETE /api/v1/vendors/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::by;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-delete",
    Method::DELETE,
    "/api/v1/vendors/{id}",
    Access::Requires(Permission::VendorsDelete),
    |app, request| Box::pin(handle(app, request)),
);

/// Deletes a vendor. What it was asked and what it answered stay on record.
#[utoipa::path(delete, path = "/api/v1/vendors/{id}", operation_id = "vendors-delete", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 204, description = "Deleted"), (status = 412, description = "It changed since you read it")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let seen = store::vendors::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    let caller = request.caller()?.id().to_string();
    store::vendors::remove(store, &seen, by(app, &caller)).await?;
    Ok(respond::no_content())
}
