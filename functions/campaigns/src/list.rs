//! `GET /api/v1/campaigns`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::campaigns;

use crate::wire::CampaignResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-list",
    Method::GET,
    "/api/v1/campaigns",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists campaigns, newest first.
#[utoipa::path(get, path = "/api/v1/campaigns", operation_id = "campaigns-list", tag = "campaigns",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<CampaignResponse>)), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let campaigns = campaigns::list(app.store()?, &page).await?;
    let next_cursor = paging::cursor(app, &request, campaigns.next).await?;
    respond::ok(&List {
        items: campaigns.items.into_iter().map(CampaignResponse::from).collect(),
        next_cursor,
        total: None,
    })
}
