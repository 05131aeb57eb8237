//! `POST /api/v1/segments`.

use domain::SegmentId;
use domain::segment::Segment;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};

use crate::wire::{SegmentRequest, SegmentResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "segments-create",
    Method::POST,
    "/api/v1/segments",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// Saves a filter for vendors under a name. It holds whoever fits it at the time, not whoever did when it was saved.
#[utoipa::path(post, path = "/api/v1/segments", operation_id = "segments-create", tag = "segments", request_body = SegmentRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Saved", body = SegmentResponse), (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let SegmentRequest { name, description, filter } = extract::json::<SegmentRequest>(&request)?.checked(app).await?;
    let now = app.now();
    let segment = Segment {
        id: SegmentId::from_ulid(app.new_ulid()),
        name,
        description,
        filter,
        created_by: request.caller()?.id(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    store::segments::create(app.store()?, &segment).await?;
    let (location, version) = (format!("/api/v1/segments/{}", segment.id), segment.version);
    respond::created(&SegmentResponse::from(segment), &location, version)
}
