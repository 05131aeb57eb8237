//! `GET /api/v1/exports/{id}`.

use std::time::Duration;

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, objects, respond};

use crate::wire::{DownloadResponse, ExportResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "exports-get",
    Method::GET,
    "/api/v1/exports/{id}",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName]);

const LINK_TTL: Duration = Duration::from_secs(300);

const NOT_REVEALED: ApiError =
    ApiError::Forbidden("this export holds identifiers in full, which your role may not take out: ask for one without them");

/// How far an export is and, once it is completed, a link to the file that works for five minutes.
#[utoipa::path(get, path = "/api/v1/exports/{id}", operation_id = "exports-get", tag = "exports",
    params(("id" = String, Path, description = "exp_…")),
    responses((status = 200, description = "The export as far as it is", body = ExportResponse),
        (status = 403, description = "It holds identifiers in full, which the role may not see"), (status = 404, description = "No such export, or its time is over")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let now = app.now();
    let export = store::exports::get(app.store()?, request.id("id")?, now).await?;
    if export.reveals_identifiers && !request.caller()?.user.role.may(Permission::VendorsReveal) {
        return Err(NOT_REVEALED);
    }
    let download = match export.file.clone() {
        Some(file) => {
            let url = objects::download_link(app, &file.key, &file.name, LINK_TTL)
                .await
                .map_err(ApiError::Internal)?;
            Some(DownloadResponse::new(file, url, now + LINK_TTL))
        }
        None => None,
    };
    respond::ok(&ExportResponse::new(export, download))
}
