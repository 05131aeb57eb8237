//! `GET /api/v1/segments/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::SegmentResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "segments-get",
    Method::GET,
    "/api/v1/segments/{id}",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads a segment. Whom it holds: `GET /api/v1/vendors?segment={id}`.
#[utoipa::path(get, path = "/api/v1/segments/{id}", operation_id = "segments-get", tag = "segments",
    params(("id" = String, Path, description = "seg_…")),
    responses((status = 200, description = "The segment", body = SegmentResponse), (status = 404, description = "No such segment")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let segment = store::segments::get(app.store()?, request.id("id")?).await?;
    let version = segment.version;
    respond::versioned(&SegmentResponse::from(segment), version)
}
