//! `POST /api/v1/exports`.

use domain::segment::VendorFilter;
use domain::user::Permission;
use domain::{ExportId, SegmentId};
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, extract, respond};
use store::StoreError;
use store::exports::{self, Export, ExportFailure, ExportState, KEPT_DAYS};

use crate::ExportMessage;
use crate::wire::{CreateExportRequest, ExportResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "exports-create",
    Method::POST,
    "/api/v1/exports",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ExportQueueUrl])
.idempotent();

const NOT_REVEALED: ApiError = ApiError::Forbidden(
    "your role may not take identifiers out in full: export without reveal_identifiers, or ask an administrator or a campaign manager",
);

/// Has a file of vendors written in the background: of all, of those a filter means, or of a saved segment, in order of code.
///
/// The columns have the names an import reads, and what is exported with identifiers in full can be imported again as it is. Text a
/// spreadsheet program would take for a formula is written so that none does, and read back as it was.
#[utoipa::path(post, path = "/api/v1/exports", operation_id = "exports-create", tag = "exports", request_body = CreateExportRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "Queued; `Location` tells the progress", body = ExportResponse),
        (status = 403, description = "The role may not see identifiers in full"), (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let caller = request.caller()?;
    let asked: CreateExportRequest = extract::json(&request)?;
    asked.check()?;
    if asked.reveal_identifiers && !caller.user.role.may(Permission::VendorsReveal) {
        return Err(NOT_REVEALED);
    }
    let store = app.store()?;
    let (filter, segment_id) = meant(app, asked.filter, asked.segment_id.as_deref()).await?;
    let unknown = store::directory::unknown_campaigns(store, &filter).await?;
    if !unknown.is_empty() {
        return Err(unknown.into());
    }
    let now = app.now();
    let export = Export {
        id: ExportId::from_ulid(app.new_ulid()),
        format: asked.format.into(),
        filter,
        segment_id,
        columns: asked.columns,
        reveals_identifiers: asked.reveal_identifiers,
        state: ExportState::Queued,
        rows: 0,
        total: None,
        failure: None,
        file: None,
        created_by: caller.id(),
        created_at: now,
        completed_at: None,
        expires_at: now.as_second() + KEPT_DAYS * 86_400,
    };
    exports::create(store, &export).await?;
    let message = Outgoing {
        body: ExportMessage { export_id: export.id },
        delay_secs: 0,
    };
    if let Err(error) = runtime::send(app, Var::ExportQueueUrl, &request.correlation_id, &[message]).await {
        // Nobody would ever work on it. If the message was taken after all, the worker makes the file all the same.
        let failure = ExportFailure {
            reason: "the export could not be queued: ask for it again".to_owned(),
            retriable: true,
        };
        exports::fail(store, export.id, &failure, app.now()).await?;
        return Err(ApiError::Internal(error));
    }
    let location = format!("/api/v1/exports/{}", export.id);
    respond::accepted(&ExportResponse::new(export, None), &location)
}

/// The filter to go by: a segment's is copied, so that the file holds what was asked for.
async fn meant(app: &App, filter: Option<VendorFilter>, segment: Option<&str>) -> Result<(VendorFilter, Option<SegmentId>), ApiError> {
    let Some(segment) = segment else {
        return Ok((filter.unwrap_or_default().normalised(), None));
    };
    let unknown = || {
        invalid(
            "segment_id",
            segment,
            "unknown",
            "there is no such segment: list them with GET /api/v1/segments",
        )
    };
    let id: SegmentId = segment.parse().map_err(|_| unknown())?;
    match store::segments::get(app.store()?, id).await {
        Ok(segment) => Ok((segment.filter, Some(id))),
        Err(StoreError::NotFound) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
