//! `POST /api/v1/campaigns/{id}/clone`.

use domain::CampaignId;
use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState};
use domain::user::Permission;
use http::Method;
use jiff::Timestamp;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Deserialize;
use store::campaigns;
use utoipa::ToSchema;

use crate::body::json_or_default;
use crate::wire::CampaignResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-clone",
    Method::POST,
    "/api/v1/campaigns/{id}/clone",
    Access::Requires(Permission::CampaignsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// The longest name of a campaign, in characters.
const MAX_NAME: usize = 120;

const SUFFIX: &str = " (copy)";

/// What the copy has of its own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloneRequest {
    /// The copy's name; the campaign's with "(copy)" behind it where left out.
    #[serde(default)]
    name: Option<String>,
    /// The copy's deadline; the campaign's where left out. Needed once that has passed.
    #[serde(default)]
    deadline: Option<Timestamp>,
}

/// Makes a new draft of a campaign in any state: templates, audience and rules are copied, recipients, answers and schedules are
/// not. Of a segment the copy asks whom the segment means when the copy starts.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/clone", operation_id = "campaigns-clone", tag = "campaigns", request_body = Option<CloneRequest>,
    params(("id" = String, Path, description = "cmp_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "A draft", body = CampaignResponse), (status = 404, description = "No such campaign"),
        (status = 422, description = "The deadline has passed and the body gives no other, or a field is wrong")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let CloneRequest { name, deadline } = json_or_default(&request)?;
    let (store, now) = (app.store()?, app.now());
    let original = campaigns::get(store, request.id("id")?).await?;
    let old = original.content.deadline;
    let deadline = match deadline {
        Some(deadline) => deadline,
        None if old > now => old,
        None => {
            return Err(invalid(
                "deadline",
                &old.to_string(),
                "required",
                "the campaign's deadline has passed: give the copy one of its own, at most a year ahead",
            ));
        }
    };
    let content = CampaignContent {
        name: name.unwrap_or_else(|| copy_of(&original.content.name)),
        deadline,
        audience: as_drafted(original.content.audience),
        ..original.content
    };
    let copy = Campaign {
        id: CampaignId::from_ulid(app.new_ulid()),
        content: content.checked(now)?,
        state: CampaignState::Draft,
        halt_reason: None,
        waived: Vec::new(),
        origin: None,
        chunks: 0,
        targeted: 0,
        created_by: request.caller()?.id(),
        created_at: now,
        updated_at: now,
        executed_at: None,
        planned_at: None,
        sent_at: None,
        completed_at: None,
        version: 1,
    };
    campaigns::create(store, &copy).await?;
    let (location, version) = (format!("/api/v1/campaigns/{}", copy.id), copy.version);
    respond::created(&CampaignResponse::from(copy), &location, version)
}

/// The audience as somebody would choose it: of a segment, not of what the segment meant when the campaign started.
fn as_drafted(audience: Audience) -> Audience {
    Audience {
        filter: audience.filter.filter(|_| audience.segment_id.is_none()),
        ..audience
    }
}

/// The name with its suffix, the end of a long one left out.
fn copy_of(name: &str) -> String {
    let kept: String = name.chars().take(MAX_NAME - SUFFIX.chars().count()).collect();
    format!("{}{SUFFIX}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copys_name_is_never_too_long() {
        assert_eq!(copy_of("Declarations"), "Declarations (copy)");
        let long = copy_of(&"é".repeat(120));
        assert_eq!(long.chars().count(), MAX_NAME);
        assert!(long.ends_with("é (copy)"));
    }
}
