//! `POST /api/v1/sync-sources`.

use domain::SyncSourceId;
use domain::sync::SyncSource;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond, scheduler};
use store::sync_sources::Written;

use crate::timing;
use crate::wire::{SyncSourceRequest, SyncSourceResponse, folder_taken};

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-create",
    Method::POST,
    "/api/v1/sync-sources",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&NEEDS)
.idempotent();

/// What a function that writes sources must be given.
pub(crate) const NEEDS: [Var; 5] = [
    Var::OutboundPolicy,
    scheduler::CREATE_NEEDS[0],
    scheduler::CREATE_NEEDS[1],
    scheduler::CREATE_NEEDS[2],
    scheduler::CREATE_NEEDS[3],
];

/// Makes a source: a web address that is read on a schedule, or a folder of the bucket whose files are taken as they arrive.
///
/// Each reading is an import, with the same dry run and report; the policy says which are applied without a person. A header that
/// authorizes the reading is named here, its value is in the stack's secret of sync sources and never in an answer.
#[utoipa::path(post, path = "/api/v1/sync-sources", operation_id = "sync-create", tag = "sync", request_body = SyncSourceRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Made", body = SyncSourceResponse), (status = 409, description = "Another source has the folder"),
        (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let now = app.now();
    let settings = extract::json::<SyncSourceRequest>(&request)?.checked(app, now)?;
    let id = SyncSourceId::from_ulid(app.new_ulid());
    let source = SyncSource {
        id,
        schedule: timing::make(app, id, &settings).await?,
        settings,
        created_by: request.caller()?.id(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    match store::sync_sources::create(app.store()?, &source).await? {
        // A source with a new id is there already: our own earlier write, whose answer was lost.
        Written::Done | Written::Stale => {}
        Written::FolderTaken => return Err(folder_taken()),
    }
    let (location, version) = (format!("/api/v1/sync-sources/{id}"), source.version);
    respond::created(&SyncSourceResponse::new(source, None, now), &location, version)
}
