//! `DELETE /api/v1/campaigns/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use store::campaigns;

use crate::unschedule::remove_all;
use crate::wire::not_a_draft;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-delete",
    Method::DELETE,
    "/api/v1/campaigns/{id}",
    Access::Requires(Permission::CampaignsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ScheduleGroupName]);

/// Deletes a draft and its schedules. A campaign that has asked anyone is evidence and stays.
#[utoipa::path(delete, path = "/api/v1/campaigns/{id}", operation_id = "campaigns-delete", tag = "campaigns", params(("id" = String, Path, description = "cmp_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 204, description = "Deleted"), (status = 409, description = "Not a draft any more"),
        (status = 412, description = "It changed since you read it")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let seen = campaigns::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    if !seen.state.is_editable() {
        return Err(not_a_draft(seen.state));
    }
    campaigns::delete_draft(store, &seen).await?;
    // The campaign first: one that is executed at this moment keeps its schedules.
    remove_all(app, seen.id).await?;
    Ok(respond::no_content())
}
