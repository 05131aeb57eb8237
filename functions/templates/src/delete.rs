//! `DELETE /api/v1/templates/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-delete",
    Method::DELETE,
    "/api/v1/templates/{id}",
    Access::Requires(Permission::TemplatesWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Deletes a template. Campaigns that were executed with it keep their own copy.
#[utoipa::path(delete, path = "/api/v1/templates/{id}", operation_id = "templates-delete", tag = "templates",
    params(("id" = String, Path, description = "tpl_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such template"),
        (status = 412, description = "It changed since you read it")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let seen = store::templates::get(store, request.id("id")?).await?;
    let version = request.if_match(seen.version)?;
    store::templates::delete(store, seen.id, version).await?;
    Ok(respond::no_content())
}
