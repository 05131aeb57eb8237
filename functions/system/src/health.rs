//! `GET /health`.

use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new("system-health", Method::GET, "/health", Access::Public, |app, request| {
    Box::pin(handle(app, request))
});

/// That the API answers.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
}

/// Says that the API answers. Looks at nothing else: a dependency that is down must not take every function out of service.
#[utoipa::path(get, path = "/health", operation_id = "system-health", tag = "system",
    responses((status = 200, description = "Alive", body = Health)))]
pub async fn handle(_app: &App, _request: Request) -> Result<Response, ApiError> {
    respond::ok(&Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}
