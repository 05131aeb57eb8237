//! `GET /openapi.json`.

use http::{Method, StatusCode};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

/// The route.
pub static ROUTE: Route = Route::new("system-openapi", Method::GET, "/openapi.json", Access::Public, |app, request| {
    Box::pin(handle(app, request))
});

/// The OpenAPI 3.1 document. Generated from the handlers by `make openapi`; a test fails when it is not up to date.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Serves the API's description.
///
/// # Errors
/// None.
pub async fn handle(_app: &App, _request: Request) -> Result<Response, ApiError> {
    let response = respond::new(StatusCode::OK, "application/json", DOCUMENT);
    Ok(respond::with_header(response, "cache-control", "public, max-age=300"))
}
