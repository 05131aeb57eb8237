//! `POST /api/v1/responses/proposals/{id}/review`.

use domain::ProposalId;
use domain::user::Permission;
use http::Method;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use serde::Deserialize;
use store::proposals::{self, Proposal, ProposalState, Review};
use store::{Store, StoreError};
use utoipa::ToSchema;

use crate::wire::ProposalResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "responses-review-proposal",
    Method::POST,
    "/api/v1/responses/proposals/{id}/review",
    Access::Requires(Permission::ResponsesReview),
    |app, request| Box::pin(handle(app, request)),
);

const MAX_NOTE_CHARS: usize = 500;

/// What a person decides.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The number is right.
    Accept,
    /// The number is wrong, or not the vendor's.
    Reject,
}

/// A decision about a proposal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewProposalRequest {
    decision: Decision,
    /// Why; kept with your name and the time.
    #[serde(default)]
    #[schema(max_length = 500, example = "Matches the certificate the vendor sent by post")]
    note: Option<String>,
}

/// Records that somebody looked at a proposal, and what was decided; once, and for good. Accepting changes neither the vendor's
/// record nor its status: a message in a chat has no date, no class and no signature. A vendor's dated status changes only by the
/// declaration it signs.
#[utoipa::path(post, path = "/api/v1/responses/proposals/{id}/review", operation_id = "responses-review-proposal", tag = "responses",
    request_body = ReviewProposalRequest, params(("id" = String, Path, description = "prp_…")),
    responses((status = 200, description = "The proposal with the decision", body = ProposalResponse),
        (status = 404, description = "No such proposal"), (status = 409, description = "It was reviewed before: `detail` says by whom and when")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let ReviewProposalRequest { decision, note } = extract::json(&request)?;
    let id: ProposalId = request.id("id")?;
    let by = request.caller()?.id();
    let review = Review {
        state: match decision {
            Decision::Accept => ProposalState::Accepted,
            Decision::Reject => ProposalState::Rejected,
        },
        by,
        at: app.now(),
        note: written(note)?,
    };
    let store = app.store()?;
    let reviewed = match proposals::review(store, id, &review).await {
        Ok(reviewed) => reviewed,
        Err(StoreError::Conflict(_)) => return Err(reviewed_before(store, id).await?),
        Err(error) => return Err(error.into()),
    };
    tracing::info!(proposal = %id, %by, state = reviewed.state.as_str(), "proposal reviewed");
    let subjects = proposals::subjects(store, std::slice::from_ref(&reviewed)).await?;
    respond::ok(&ProposalResponse::new(reviewed, &subjects))
}

/// The note without space around it; an empty one is none.
fn written(note: Option<String>) -> Result<Option<String>, ApiError> {
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    match &note {
        Some(note) if note.chars().count() > MAX_NOTE_CHARS => {
            let message = format!("write at most {MAX_NOTE_CHARS} characters");
            Err(invalid("note", "", "too_long", &message))
        }
        _ => Ok(note),
    }
}

/// Says to the second reviewer what the first one decided.
async fn reviewed_before(store: &Store, id: ProposalId) -> Result<ApiError, StoreError> {
    let Proposal {
        state,
        reviewed_by,
        reviewed_at,
        ..
    } = proposals::get(store, id).await?;
    let by = reviewed_by.map(|by| format!(" by {by}")).unwrap_or_default();
    let at = reviewed_at.map(|at| format!(" at {at}")).unwrap_or_default();
    Ok(conflict(format!("the proposal was {} before{by}{at}, and that stands", state.as_str())))
}
