//! `PUT /api/v1/users/me`.

use domain::user::Permission;
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use serde::Deserialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::wire::ProfileResponse;

const LONGEST_NAME: usize = 120;

/// The route.
pub static ROUTE: Route = Route::new(
    "users-update-me",
    Method::PUT,
    "/api/v1/users/me",
    Access::Requires(Permission::OwnProfile),
    |app, request| Box::pin(handle(app, request)),
);

/// What users may change about themselves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateProfileRequest {
    /// Shown to colleagues; 1 to 120 characters.
    #[schema(min_length = 1, max_length = 120)]
    display_name: String,
}

/// Changes one's own profile.
#[utoipa::path(put, path = "/api/v1/users/me", operation_id = "users-update-me", tag = "users", request_body = UpdateProfileRequest,
    params(("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 200, description = "The profile as it is now", body = ProfileResponse),
        (status = 412, description = "It changed since you read it")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let UpdateProfileRequest { display_name } = extract::json(&request)?;
    let display_name = parse_name(&display_name)?;
    let caller = request.caller()?;
    let version = request.if_match(caller.user.version)?;
    let user = match store::users::rename(app.store()?, caller.id(), display_name, version, app.now()).await {
        // Another change came between the guard's look and ours.
        Err(StoreError::Conflict(_)) => return Err(ApiError::PreconditionFailed),
        result => result?,
    };
    let version = user.version;
    respond::versioned(&ProfileResponse::from(user), version)
}

fn parse_name(text: &str) -> Result<&str, ApiError> {
    let name = text.trim();
    if name.is_empty() {
        return Err(invalid("display_name", text, "required", "give a name"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(invalid("display_name", text, "too_long", "give a name of at most 120 characters"));
    }
    // Names are shown to others: nothing in them may move the text around.
    if name
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    {
        return Err(invalid("display_name", text, "character", "leave out line breaks and control characters"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_must_be_plain() {
        assert_eq!(parse_name("  Asha Rao ").ok(), Some("Asha Rao"));
        assert_eq!(parse_name("आशा राव").ok(), Some("आशा राव"));
        for wrong in ["", "  ", "a\nb", "a\u{202e}b", &"x".repeat(121)] {
            assert!(parse_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
