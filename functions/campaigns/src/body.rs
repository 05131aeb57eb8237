//! Bodies that may be left out.

use runtime::{ApiError, Request, extract};
use serde::de::DeserializeOwned;

/// Reads the body as JSON; one that is left out is the default.
pub(crate) fn json_or_default<T: DeserializeOwned + Default>(request: &Request) -> Result<T, ApiError> {
    if request.body.is_empty() {
        return Ok(T::default());
    }
    extract::json(request)
}
