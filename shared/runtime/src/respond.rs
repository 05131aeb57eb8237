//! Responses.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use lambda_http::Body;
use serde::Serialize;

use crate::problem::ApiError;

/// An HTTP response.
pub type Response = http::Response<Body>;

/// A response with a body of some type.
pub fn new(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = status;
    with_header(response, "content-type", content_type)
}

/// Adds a header. A value that cannot be a header is left out: it would only come from our own mistakes.
pub fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_string(body).map_err(|error| ApiError::Internal(Box::new(error)))?;
    Ok(with_header(new(status, "application/json", text), "cache-control", "no-store"))
}

/// 200 with JSON.
///
/// # Errors
/// When the body cannot be serialised.
pub fn ok(body: &impl Serialize) -> Result<Response, ApiError> {
    json(StatusCode::OK, body)
}

/// 200 with JSON and the resource's version as `ETag`.
///
/// # Errors
/// When the body cannot be serialised.
pub fn versioned(body: &impl Serialize, version: u64) -> Result<Response, ApiError> {
    Ok(with_header(ok(body)?, "etag", &etag(version)))
}

/// 201 with JSON, `Location` and `ETag`.
///
/// # Errors
/// When the body cannot be serialised.
pub fn created(body: &impl Serialize, location: &str, version: u64) -> Result<Response, ApiError> {
    Ok(with_header(
        with_header(json(StatusCode::CREATED, body)?, "location", location),
        "etag",
        &etag(version),
    ))
}

/// 202 with JSON and where to look for progress.
///
/// # Errors
/// When the body cannot be serialised.
pub fn accepted(body: &impl Serialize, location: &str) -> Result<Response, ApiError> {
    Ok(with_header(json(StatusCode::ACCEPTED, body)?, "location", location))
}

/// 204.
pub fn no_content() -> Response {
    let mut response = http::Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An HTML page that loads nothing from elsewhere and may not be framed. `style_hash` is the base64 SHA-256 of the
/// page's one inline style sheet.
pub fn html(status: StatusCode, body: String, style_hash: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style_hash}'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let response = with_header(new(status, "text/html; charset=utf-8", body), "content-security-policy", &policy);
    // The address holds the vendor's personal token: it must not travel to another site, nor into a shared cache.
    with_header(with_header(response, "referrer-policy", "no-referrer"), "cache-control", "no-store")
}

/// The `ETag` of a version.
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}
