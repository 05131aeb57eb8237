//! `GET /docs`: Swagger UI, with every asset in the binary.

use std::sync::Arc;

use http::{Method, StatusCode};
use lambda_http::Body;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use utoipa_swagger_ui::Config;

/// The page.
pub static ROUTE: Route = Route::new("system-docs", Method::GET, "/docs", Access::Public, |app, request| {
    Box::pin(handle(app, request))
});

/// Its assets, by the same function.
pub static ASSETS: Route = Route::new("system-docs", Method::GET, "/docs/{proxy+}", Access::Public, |app, request| {
    Box::pin(handle(app, request))
});

// Swagger UI sets styles from scripts, so inline styles must be allowed; scripts come from here only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves Swagger UI.
///
/// # Errors
/// 404 for an asset there is not.
pub async fn handle(_app: &App, request: Request) -> Result<Response, ApiError> {
    let asset = request.path_parameter("proxy").trim_end_matches('/');
    if asset.is_empty() && !request.path.ends_with('/') {
        // Swagger UI names its assets relative to the page: without the slash they would be looked for beside it.
        let mut response = http::Response::new(Body::Empty);
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        return Ok(respond::with_header(response, "location", "/docs/"));
    }
    let asset = if asset.is_empty() { "index.html" } else { asset };
    let file = utoipa_swagger_ui::serve(asset, Arc::new(Config::from("/openapi.json")))
        .map_err(|error| ApiError::Internal(error.to_string().into()))?
        .ok_or(ApiError::NotFound("there is no such page"))?;
    let body = if file.content_type.starts_with("text/") || file.content_type.contains("javascript") || file.content_type.contains("json") {
        Body::Text(String::from_utf8_lossy(&file.bytes).into_owned())
    } else {
        Body::Binary(file.bytes.into_owned())
    };
    let response = respond::new(StatusCode::OK, &file.content_type, body);
    Ok(respond::with_header(
        respond::with_header(response, "content-security-policy", POLICY),
        "cache-control",
        "public, max-age=3600",
    ))
}
