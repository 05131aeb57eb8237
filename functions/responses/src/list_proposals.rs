//! `GET /api/v1/responses/proposals`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::proposals::{self, ProposalState};

use crate::wire::{ProposalResponse, ReviewState};

/// The route.
pub static ROUTE: Route = Route::new(
    "responses-list-proposals",
    Method::GET,
    "/api/v1/responses/proposals",
    Access::Requires(Permission::ResponsesRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists the Udyam numbers that vendors sent on WhatsApp, newest first, with the message each came in. They are proposals: none
/// changes a vendor's status. With a filter a page may be short although others follow: go on while there is a `next_cursor`.
#[utoipa::path(get, path = "/api/v1/responses/proposals", operation_id = "responses-list-proposals", tag = "responses",
    params(("state" = Option<ReviewState>, Query, description = "One state"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<ProposalResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let page = paging::page(app, &request).await?;
    let found = match state(&request)? {
        None => proposals::list(store, &page).await?,
        Some(state) => proposals::list_in_state(store, state, &page).await?,
    };
    let subjects = proposals::subjects(store, &found.items).await?;
    let next_cursor = paging::cursor(app, &request, found.next).await?;
    let items = found.items.into_iter();
    respond::ok(&List {
        items: items.map(|proposal| ProposalResponse::new(proposal, &subjects)).collect(),
        next_cursor,
        total: None,
    })
}

fn state(request: &Request) -> Result<Option<ProposalState>, ApiError> {
    let Some(text) = request.query("state") else { return Ok(None) };
    let states = [ProposalState::Proposed, ProposalState::Accepted, ProposalState::Rejected];
    let known = states.into_iter().find(|state| state.as_str() == text);
    known
        .map(Some)
        .ok_or_else(|| invalid("state", text, "unknown", "use proposed, accepted or rejected"))
}
