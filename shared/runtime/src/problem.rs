//! Errors as the client sees them: RFC 9457 problem documents. The only place that knows status codes of failures.

use std::error::Error;

use domain::FieldError;
use http::StatusCode;
use serde_json::json;
use store::StoreError;

use crate::config::ConfigError;
use crate::respond::{self, Response};

/// A request that cannot be answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// 400: the request cannot be read.
    BadRequest(String),
    /// 400: a field of the body is of another type than it must be.
    Malformed {
        /// The field, as in `opt_ins[0].at`.
        field: String,
        /// What it should be.
        message: String,
    },
    /// 401: who is asking?
    Unauthorized(&'static str),
    /// 403: known, but not allowed.
    Forbidden(&'static str),
    /// 404: not there, or not for this caller.
    NotFound(&'static str),
    /// 409: not in this state, or not unique.
    Conflict(String),
    /// 410: it was there, its time is over.
    Gone(&'static str),
    /// 412: the resource changed since it was read.
    PreconditionFailed,
    /// 413: more bytes than the route takes, and what to do instead.
    TooLarge(usize, Option<&'static str>),
    /// 415: another content type than the route reads.
    UnsupportedMediaType(&'static str),
    /// 422: readable, but wrong in these fields.
    Invalid(Vec<FieldError>),
    /// 429: too many; try again after this many seconds.
    TooManyRequests(i64),
    /// 503: something is busy; the request may be repeated.
    Busy,
    /// 500: the reason is in the log.
    Internal(Box<dyn Error + Send + Sync>),
}

/// A 400 that says what to do.
pub fn bad_request(detail: impl Into<String>) -> ApiError {
    ApiError::BadRequest(detail.into())
}

/// A 409 that says why.
pub fn conflict(detail: impl Into<String>) -> ApiError {
    ApiError::Conflict(detail.into())
}

/// A 422 for one field.
pub fn invalid(field: &'static str, value: &str, code: &'static str, message: &str) -> ApiError {
    ApiError::Invalid(vec![FieldError::new(field, value, code, message)])
}

impl From<Vec<FieldError>> for ApiError {
    fn from(errors: Vec<FieldError>) -> Self {
        ApiError::Invalid(errors)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => ApiError::NotFound("there is nothing by this name"),
            StoreError::Conflict(detail) => ApiError::Conflict(detail.to_owned()),
            StoreError::Place => invalid(
                "cursor",
                "",
                "invalid",
                "the list cannot go on from here: start it again without a cursor",
            ),
            StoreError::Throttled => ApiError::Busy,
            StoreError::Corrupt { .. } | StoreError::Unavailable(_) => ApiError::Internal(Box::new(error)),
        }
    }
}

impl From<ConfigError> for ApiError {
    fn from(error: ConfigError) -> Self {
        ApiError::Internal(Box::new(error))
    }
}

impl ApiError {
    /// The status code.
    pub const fn status(&self) -> StatusCode {
        match self {
            ApiError::BadRequest(_) | ApiError::Malformed { .. } => StatusCode::BAD_REQUEST,
            ApiError::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            ApiError::Forbidden(_) => StatusCode::FORBIDDEN,
            ApiError::NotFound(_) => StatusCode::NOT_FOUND,
            ApiError::Conflict(_) => StatusCode::CONFLICT,
            ApiError::Gone(_) => StatusCode::GONE,
            ApiError::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            ApiError::TooLarge(..) => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ApiError::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn slug(&self) -> &'static str {
        match self {
            ApiError::BadRequest(_) | ApiError::Malformed { .. } => "bad-request",
            ApiError::Unauthorized(_) => "unauthorized",
            ApiError::Forbidden(_) => "forbidden",
            ApiError::NotFound(_) => "not-found",
            ApiError::Conflict(_) => "conflict",
            ApiError::Gone(_) => "gone",
            ApiError::PreconditionFailed => "precondition-failed",
            ApiError::TooLarge(..) => "too-large",
            ApiError::UnsupportedMediaType(_) => "unsupported-media-type",
            ApiError::Invalid(_) => "invalid",
            ApiError::TooManyRequests(_) => "too-many-requests",
            ApiError::Busy => "busy",
            ApiError::Internal(_) => "internal",
        }
    }

    fn detail(&self) -> String {
        match self {
            ApiError::BadRequest(detail) | ApiError::Conflict(detail) => detail.clone(),
            ApiError::Malformed { field, message } => format!("{field}: {message}"),
            ApiError::Unauthorized(detail) | ApiError::Forbidden(detail) | ApiError::NotFound(detail) | ApiError::Gone(detail) => {
                (*detail).to_owned()
            }
            ApiError::PreconditionFailed => {
                "the resource changed since it was read: read it again, then repeat the change with the new ETag".to_owned()
            }
            ApiError::TooLarge(most, None) => format!("the body may have at most {most} bytes"),
            ApiError::TooLarge(most, Some(instead)) => format!("the body may have at most {most} bytes: {instead}"),
            ApiError::UnsupportedMediaType(wanted) => format!("send the body as {wanted}"),
            ApiError::Invalid(errors) => match errors.as_slice() {
                [one] => format!("{}: {}", one.field, one.message),
                _ => format!("{} fields need a correction", errors.len()),
            },
            ApiError::TooManyRequests(seconds) => format!("too many requests: try again in {seconds} s"),
            ApiError::Busy => "the service is busy: repeat the request in a moment".to_owned(),
            ApiError::Internal(_) => "something went wrong on our side; the request id helps us find it".to_owned(),
        }
    }

    /// The problem document.
    pub(crate) fn into_response(self, instance: &str, request_id: &str) -> Response {
        let status = self.status();
        let errors = match &self {
            ApiError::Invalid(errors) => errors
                .iter()
                .map(|error| json!({ "field": error.field, "code": error.code, "message": error.message }))
                .collect(),
            ApiError::Malformed { field, message } => vec![json!({ "field": field, "code": "malformed", "message": message })],
            _ => Vec::new(),
        };
        let body = json!({
            "type": format!("urn:msme-campaign-central:problem:{}", self.slug()),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.detail(),
            "instance": instance,
            "request_id": request_id,
            "errors": errors,
        });
        let response = respond::new(status, "application/problem+json", body.to_string());
        match self {
            ApiError::TooManyRequests(seconds) => respond::with_header(response, "retry-after", &seconds.max(1).to_string()),
            ApiError::Busy => respond::with_header(response, "retry-after", "1"),
            ApiError::Unauthorized(_) => respond::with_header(response, "www-authenticate", "Bearer"),
            _ => response,
        }
    }
}
