//! `GET /api/v1/verifications/{id}`.

use std::collections::BTreeMap;

use domain::user::Permission;
use domain::verification::Outcome;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::NOT_DONE;
use crate::wire::{ExampleResponse, RunDetailResponse, RunResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-get",
    Method::GET,
    "/api/v1/verifications/{id}",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Vendors shown of each end.
const EXAMPLES: u32 = 100;

/// The ends a vendor is looked up for.
const PROBLEMS: [&str; 6] = [
    Outcome::Mismatch.as_str(),
    Outcome::NotFound.as_str(),
    Outcome::InvalidInput.as_str(),
    Outcome::Timeout.as_str(),
    Outcome::ProviderError.as_str(),
    NOT_DONE,
];

/// Reads a verification, how far it is, and which vendors it came to no good end with.
#[utoipa::path(get, path = "/api/v1/verifications/{id}", operation_id = "verifications-get", tag = "verifications",
    params(("id" = String, Path, description = "ver_…")),
    responses((status = 200, description = "The verification", body = RunDetailResponse), (status = 404, description = "No such verification")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let run = store::verifications::get(store, request.id("id")?).await?;
    let mut examples = BTreeMap::new();
    for problem in PROBLEMS {
        let found = store::verifications::examples(store, run.id, problem, EXAMPLES).await?;
        if !found.is_empty() {
            examples.insert(problem.to_owned(), found.into_iter().map(ExampleResponse::from).collect());
        }
    }
    let run = RunResponse::from(run);
    respond::ok(&RunDetailResponse { run, examples })
}
