//! `PUT /api/v1/segments/{id}`.

use domain::segment::Segment;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};

use crate::wire::{SegmentRequest, SegmentResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "segments-update",
    Method::PUT,
    "/api/v1/segments/{id}",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Replaces a segment. Campaigns that have started ask whom they started with.
#[utoipa::path(put, path = "/api/v1/segments/{id}", operation_id = "segments-update", tag = "segments", request_body = SegmentRequest,
    params(("id" = String, Path, description = "seg_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 200, description = "The segment as it is now", body = SegmentResponse), (status = 404, description = "No such segment"),
        (status = 412, description = "It changed since you read it"), (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let SegmentRequest { name, description, filter } = extract::json::<SegmentRequest>(&request)?.checked(app).await?;
    let store = app.store()?;
    let seen = store::segments::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    let segment = Segment {
        name,
        description,
        filter,
        updated_at: app.now(),
        version: seen.version + 1,
        ..seen
    };
    store::segments::replace(store, &segment).await?;
    let version = segment.version;
    respond::versioned(&SegmentResponse::from(segment), version)
}
