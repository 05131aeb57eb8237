//! `POST /api/v1/verifications`.

use domain::VerificationRunId;
use domain::segment::VendorFilter;
use domain::user::Permission;
use domain::verification::Kind;
use http::Method;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::verifications::{self, PAGE_VENDORS, Run, RunState, WorkPage};
use utoipa::ToSchema;

use crate::scope::{self, Scope};
use crate::wire::RunResponse;
use crate::{Task, VerificationMessage};

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-start",
    Method::POST,
    "/api/v1/verifications",
    Access::Requires(Permission::VendorsVerify),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::VerificationSecretArn, Var::VerificationQueueUrl])
.idempotent();

/// What to verify, of whom: exactly one of `segment_id`, `filter` and `vendor_ids`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Which identifiers to ask about.
    #[schema(example = json!(["udyam"]))]
    pub(crate) kinds: Vec<Kind>,
    /// The vendors of a segment, `seg_…`, as it is now.
    #[serde(default)]
    pub(crate) segment_id: Option<String>,
    /// The vendors this filter means; `{}` means every one.
    #[serde(default)]
    pub(crate) filter: Option<VendorFilter>,
    /// These vendors, `vnd_…`; at most 1,000.
    #[serde(default)]
    pub(crate) vendor_ids: Option<Vec<String>>,
}

/// Has the provider ask the registers about vendors' identifiers, each once whoever bears it, in the background.
///
/// Every answer is kept in the vendor's history. A Udyam registration that is in force and the vendor's own adds its classes to the
/// vendor's dated statuses; whatever differs from the record becomes a finding. Nothing else of the vendor changes.
#[utoipa::path(post, path = "/api/v1/verifications", operation_id = "verifications-start", tag = "verifications", request_body = StartRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "Begun; `preflight` says what it will ask, `Location` tells the progress", body = RunResponse),
        (status = 409, description = "Verification is not set up, with how to do that"), (status = 422, description = "A field is wrong, or there is nothing to ask about")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut body: StartRequest = extract::json(&request)?;
    body.kinds.sort_unstable();
    body.kinds.dedup();
    if body.kinds.is_empty() {
        return Err(invalid("kinds", "", "required", "name what to ask about: udyam, gstin, pan"));
    }
    let account = app.verification_account().await?;
    if account.credentials().is_none() {
        return Err(conflict(
            "verification is not set up: put client_id and client_secret of your Cashfree account into the secret that the stack's output VerificationSecretArn names",
        ));
    }
    if account.provider() != "cashfree" {
        return Err(conflict(format!(
            "verification is not set up: {} is no provider this stack knows; write cashfree as provider into the secret that the stack's output VerificationSecretArn names",
            account.provider()
        )));
    }
    let Scope { scope, named, estimate } = scope::read(app, &body).await?;
    if estimate.identifiers() == 0 {
        let message = "none of these vendors has such an identifier: there is nothing to ask about";
        return Err(invalid("kinds", "", "nothing_to_ask", message));
    }
    let (store, now) = (app.store()?, app.now());
    let id = VerificationRunId::from_ulid(app.new_ulid());
    let mut pages = None;
    if let Some(named) = named {
        let mut number = 0;
        for vendor_ids in named.chunks(PAGE_VENDORS) {
            number += 1;
            let page = WorkPage {
                number,
                vendor_ids: vendor_ids.to_vec(),
                done_at: None,
                passed_on: false,
            };
            verifications::put_page(store, id, page, now).await?;
        }
        pages = Some(number);
    }
    let mut run = Run::new(id, body.kinds, scope, estimate, pages, request.caller()?.id(), now);
    // Pages, run, message: each is there before what refers to it.
    verifications::create(store, &run).await?;
    let message = VerificationMessage {
        run_id: id,
        task: Task::Plan,
    };
    let message = Outgoing {
        body: message,
        delay_secs: 0,
    };
    if let Err(error) = runtime::send(app, Var::VerificationQueueUrl, &request.correlation_id, &[message]).await {
        tracing::error!(correlation_id = request.correlation_id, run_id = %id, %error, "verification not queued");
        // Nobody would ever work on it. If the message was taken after all, the worker finds the run over.
        let reason = "the run could not be queued: start another one";
        verifications::stop(store, id, RunState::Halted, Some(reason), app.now()).await?;
        run = verifications::get(store, id).await?;
    }
    tracing::info!(correlation_id = request.correlation_id, run_id = %id, requests = estimate.identifiers(), "verification begun");
    respond::accepted(&RunResponse::from(run), &format!("/api/v1/verifications/{id}"))
}
