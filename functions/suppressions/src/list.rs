//! `GET /api/v1/suppressions`.

use domain::delivery::Channel;
use domain::suppression::SuppressionReason;
use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::suppressions::Filter;

use crate::wire::{self, SuppressionResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "suppressions-list",
    Method::GET,
    "/api/v1/suppressions",
    Access::Requires(Permission::SuppressionsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists suppressed addresses, newest first, masked. With a filter a page may be short although others follow: go on while
/// there is a `next_cursor`.
#[utoipa::path(get, path = "/api/v1/suppressions", operation_id = "suppressions-list", tag = "suppressions",
    params(("channel" = Option<Channel>, Query, description = "One channel"), ("reason" = Option<SuppressionReason>, Query, description = "One reason"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<SuppressionResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let filter = Filter {
        channel: wire::channel(&request)?,
        reason: reason(&request)?,
    };
    let found = store::suppressions::list(app.store()?, filter, &page).await?;
    let next_cursor = paging::cursor(app, &request, found.next).await?;
    respond::ok(&List {
        items: found.items.into_iter().map(SuppressionResponse::from).collect(),
        next_cursor,
        total: None,
    })
}

fn reason(request: &Request) -> Result<Option<SuppressionReason>, ApiError> {
    let Some(text) = request.query("reason") else { return Ok(None) };
    SuppressionReason::parse(text).map(Some).ok_or_else(|| {
        let known = SuppressionReason::ALL.map(SuppressionReason::as_str).join(", ");
        invalid("reason", text, "unknown", &format!("use one of {known}"))
    })
}
