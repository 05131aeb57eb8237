//! `GET /api/v1/suppressions/{id}`.

use domain::suppression::SuppressionId;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::SuppressionDetail;

/// The route.
pub static ROUTE: Route = Route::new(
    "suppressions-get",
    Method::GET,
    "/api/v1/suppressions/{id}",
    Access::Requires(Permission::SuppressionsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads what is in force for an address and what ever was: every reason with its evidence, every removal with who and why.
#[utoipa::path(get, path = "/api/v1/suppressions/{id}", operation_id = "suppressions-get", tag = "suppressions",
    params(("id" = String, Path, description = "email-… or whatsapp-…")),
    responses((status = 200, description = "The address's record", body = SuppressionDetail),
        (status = 404, description = "This address never was suppressed")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let id: SuppressionId = request.id("id")?;
    let record = store::suppressions::record(app.store()?, &id).await?;
    respond::ok(&SuppressionDetail::new(&id, record))
}
