//! `DELETE /api/v1/sync-sources/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};

use crate::timing;

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-delete",
    Method::DELETE,
    "/api/v1/sync-sources/{id}",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ScheduleGroupName]);

/// Deletes a source. Vendors it brought stay, and so do its imports: what waits for a person can still be confirmed there.
#[utoipa::path(delete, path = "/api/v1/sync-sources/{id}", operation_id = "sync-delete", tag = "sync",
    params(("id" = String, Path, description = "syn_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such source"), (status = 412, description = "It changed since you read it")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let seen = store::sync_sources::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    store::sync_sources::delete(store, &seen).await?;
    if let Some(schedule) = seen.schedule {
        timing::take_back(app, schedule).await;
    }
    Ok(respond::no_content())
}
