//! `POST /api/v1/imports/{id}/cancel`.

use domain::ImportId;
use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::StoreError;
use store::imports::ImportState;

use crate::wire::ImportResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-cancel",
    Method::POST,
    "/api/v1/imports/{id}/cancel",
    Access::Requires(Permission::ImportsWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Stops an import for good. The batch of rows being stored is still stored; `applied` says what was, and it stays. Repeating it is
/// harmless.
#[utoipa::path(post, path = "/api/v1/imports/{id}/cancel", operation_id = "imports-cancel", tag = "imports",
    params(("id" = String, Path, description = "imp_…")),
    responses((status = 200, description = "It is cancelled", body = ImportResponse), (status = 404, description = "No such import"),
        (status = 409, description = "It is completed or failed")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let id: ImportId = request.id("id")?;
    let store = app.store()?;
    // Read first: the write could not tell a missing job from one that is over.
    let mut import = store::imports::get(store, id).await?;
    if !import.state.is_over() {
        import = match store::imports::cancel(store, id, app.now()).await {
            Ok(cancelled) => cancelled,
            Err(StoreError::Conflict(_)) => store::imports::get(store, id).await?,
            Err(error) => return Err(error.into()),
        };
    }
    if import.state != ImportState::Cancelled {
        return Err(conflict(format!(
            "the import is {}: there is nothing left to cancel",
            import.state.as_str()
        )));
    }
    let version = import.version;
    respond::versioned(&ImportResponse::new(import, None), version)
}
