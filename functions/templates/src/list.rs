//! `GET /api/v1/templates`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::TemplateSummary;

/// The route.
pub static ROUTE: Route = Route::new(
    "templates-list",
    Method::GET,
    "/api/v1/templates",
    Access::Requires(Permission::TemplatesRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists templates, newest first, without their parts.
#[utoipa::path(get, path = "/api/v1/templates", operation_id = "templates-list", tag = "templates",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<TemplateSummary>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let templates = store::templates::list(app.store()?, &page).await?;
    let next_cursor = paging::cursor(app, &request, templates.next).await?;
    respond::ok(&List {
        items: templates.items.into_iter().map(TemplateSummary::from).collect(),
        next_cursor,
        total: None,
    })
}
