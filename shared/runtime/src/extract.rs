//! Reading requests.

use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use crate::guard::Caller;
use crate::problem::{ApiError, bad_request};

/// A request, as handlers see it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path as the client wrote it.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// Path parameters, decoded.
    pub path_parameters: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// The client's address as API Gateway saw it.
    pub source_ip: String,
    /// API Gateway's id of the request.
    pub request_id: String,
    /// Follows the request through queues and logs.
    pub correlation_id: String,
    /// Who is asking; set by the guard before the handler runs.
    pub caller: Option<Caller>,
}

impl Request {
    /// The authenticated caller.
    ///
    /// # Errors
    /// On a public route, which has none.
    pub fn caller(&self) -> Result<&Caller, ApiError> {
        self.caller.as_ref().ok_or(ApiError::Unauthorized("sign in first"))
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter; empty counts as absent.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name).filter(|value| !value.is_empty())
    }

    /// A path parameter as text.
    pub fn path_parameter(&self, name: &str) -> &str {
        find(&self.path_parameters, name).unwrap_or_default()
    }

    /// A path parameter as an id. One of another kind names nothing.
    ///
    /// # Errors
    /// 404.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, ApiError> {
        self.path_parameter(name)
            .parse()
            .map_err(|_| ApiError::NotFound("there is nothing by this name"))
    }

    /// The version the client saw, from `If-Match`; `current` where it sends none or `*`.
    ///
    /// # Errors
    /// 412 when the resource has moved on.
    pub fn if_match(&self, current: u64) -> Result<u64, ApiError> {
        match self.header("if-match").map(str::trim) {
            None | Some("*") => Ok(current),
            Some(tags)
                if tags
                    .split(',')
                    .any(|tag| tag.trim().trim_start_matches("W/") == crate::respond::etag(current)) =>
            {
                Ok(current)
            }
            Some(_) => Err(ApiError::PreconditionFailed),
        }
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Reads the body as JSON.
///
/// # Errors
/// 415 for another content type, 400 with the field and the place for what is not the expected JSON.
pub fn json<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(object(request)?);
    let body = named(serde_path_to_error::deserialize(&mut reader))?;
    reader.end().map_err(|error| not_expected(&error))?;
    Ok(body)
}

/// Reads the body as JSON without some fields, which the client may have sent back as it read them and may not change.
///
/// # Errors
/// As [`json`].
pub fn json_without<T: DeserializeOwned>(request: &Request, read_only: &[&str]) -> Result<T, ApiError> {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(object(request)?).map_err(|error| not_expected(&error))?;
    fields.retain(|name, _| !read_only.contains(&name.as_str()));
    named(serde_path_to_error::deserialize(serde_json::Value::Object(fields)))
}

/// The body, if it has the looks of a JSON object.
fn object(request: &Request) -> Result<&[u8], ApiError> {
    let content_type = request.header("content-type").unwrap_or_default();
    if !content_type.trim_start().to_ascii_lowercase().starts_with("application/json") {
        return Err(ApiError::UnsupportedMediaType("application/json"));
    }
    // Serde also reads a list as a struct, by position: a client would get away with fields it never named.
    if request.body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(bad_request("the body is not a JSON object"));
    }
    Ok(&request.body)
}

fn not_expected(error: &serde_json::Error) -> ApiError {
    bad_request(format!("the body is not the expected JSON: {error}"))
}

fn named<T>(read: Result<T, serde_path_to_error::Error<serde_json::Error>>) -> Result<T, ApiError> {
    read.map_err(|error| match error.path().to_string().as_str() {
        "." => not_expected(error.inner()),
        field => ApiError::Malformed {
            field: field.to_owned(),
            message: error.inner().to_string(),
        },
    })
}
