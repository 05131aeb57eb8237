//! `POST /api/v1/verifications`.

use domain::VerificationRunId;
use domain::segment::VendorFilter;
use domain::user::Permission;
use domain::verification::Kind;
use http::Method;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::verifications::{self, Begun, Estimate, Limits, PAGE_VENDORS, Run, WorkPage};
use utoipa::ToSchema;

use crate::dry_run::DryRunResponse;
use crate::queue::enqueue;
use crate::scope::{self, Scope};
use crate::wire::RunResponse;
use crate::{account, dry_run};

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-start",
    Method::POST,
    "/api/v1/verifications",
    Access::Requires(Permission::VendorsVerify),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[
    Var::VerificationSecretArn,
    Var::VerificationQueueUrl,
    Var::VerificationPerMinute,
    Var::VerificationDailyLimit,
])
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
    /// What a register told of all its vendors within so many days is not asked, and not paid for, again; 0 asks about everything. At most
    /// 3,650; 30 unless it says otherwise.
    #[serde(default)]
    #[schema(example = 30)]
    pub(crate) not_asked_within_days: Option<u32>,
    /// The most identifiers to ask about, each counted once; the preflight's `requests` unless it says otherwise. Vendors that come into the
    /// scope meanwhile do not make a run dearer than was said.
    #[serde(default)]
    pub(crate) max_requests: Option<u32>,
    /// Only say what it would ask, how long it would take and what it would cost.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// A month: registers change, but seldom sooner.
const NOT_ASKED_WITHIN_DAYS: u32 = 30;

fn limits(request: &StartRequest, estimate: Estimate) -> Result<Limits, ApiError> {
    let days = request.not_asked_within_days.unwrap_or(NOT_ASKED_WITHIN_DAYS);
    if days > 3_650 {
        let message = "give a number of days up to 3650, or 0 to ask about everything";
        return Err(invalid("not_asked_within_days", &days.to_string(), "out_of_range", message));
    }
    if request.max_requests == Some(0) {
        return Err(invalid("max_requests", "0", "out_of_range", "leave it out, or give 1 or more"));
    }
    Ok(Limits {
        not_asked_within_days: days,
        max_requests: request.max_requests.unwrap_or(estimate.identifiers()),
    })
}

/// Whether a run was halted because it has asked as much as it may.
pub(crate) fn is_full(run: &Run) -> bool {
    run.reason.as_deref().is_some_and(|reason| reason.starts_with("max_requests"))
}

/// A 409 that names the run that is in the way.
pub(crate) fn another_runs(other: VerificationRunId) -> ApiError {
    conflict(format!(
        "the verification {other} is asking about the same vendors: wait for it, or cancel it with POST /api/v1/verifications/{other}/cancel"
    ))
}

/// Has the provider ask the registers about vendors' identifiers, each once whoever bears it, in the background.
///
/// With `dry_run` nothing is begun: the answer says what it would ask, how long it would take and what it would cost. Every answer is kept in the vendor's history. A Udyam registration that is in force and the vendor's own adds its classes to the
/// vendor's dated statuses; whatever differs from the record becomes a finding. Nothing else of the vendor changes.
#[utoipa::path(post, path = "/api/v1/verifications", operation_id = "verifications-start", tag = "verifications", request_body = StartRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 200, description = "What it would come to: `dry_run` was asked for", body = DryRunResponse),
        (status = 202, description = "Begun; `preflight` says what it will ask, `Location` tells the progress", body = RunResponse),
        (status = 409, description = "Verification is not set up, with how to do that, or another run asks about the same"), (status = 422, description = "A field is wrong, or there is nothing to ask about")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut body: StartRequest = extract::json(&request)?;
    body.kinds.sort_unstable();
    body.kinds.dedup();
    if body.kinds.is_empty() {
        return Err(invalid("kinds", "", "required", "name what to ask about: udyam, gstin, pan"));
    }
    let account = account::ready(app).await?;
    let Scope { scope, named, key, estimate } = scope::read(app, &body).await?;
    if estimate.identifiers() == 0 {
        let message = "none of these vendors has such an identifier: there is nothing to ask about";
        return Err(invalid("kinds", "", "nothing_to_ask", message));
    }
    let limits = limits(&body, estimate)?;
    if body.dry_run {
        return respond::ok(&dry_run::of(app, &account, estimate, limits)?);
    }
    let (store, now) = (app.store()?, app.now());
    let id = VerificationRunId::from_ulid(app.new_ulid());
    let mut pages = None;
    if let Some(named) = named {
        let mut number = 0;
        for vendor_ids in named.chunks(PAGE_VENDORS) {
            number += 1;
            verifications::put_page(store, id, WorkPage::new(number, vendor_ids.to_vec()), now).await?;
        }
        pages = Some(number);
    }
    let run = Run {
        pages,
        scope_key: key,
        ..Run::new(id, body.kinds, scope, estimate, limits, request.caller()?.id(), now)
    };
    // Pages, run, message: each is there before what refers to it.
    if let Begun::Busy(other) = verifications::create(store, &run).await? {
        return Err(another_runs(other));
    }
    let run = enqueue(app, &request.correlation_id, run).await?;
    tracing::info!(correlation_id = request.correlation_id, run_id = %id, requests = estimate.identifiers(), "verification begun");
    respond::accepted(&RunResponse::from(run), &format!("/api/v1/verifications/{id}"))
}
