//! `PUT /api/v1/sync-sources/{id}`.

use domain::sync::SyncSource;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use store::sync_sources::Written;

use crate::wire::{SyncSourceRequest, SyncSourceResponse, folder_taken};
use crate::{create, run, timing};

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-update",
    Method::PUT,
    "/api/v1/sync-sources/{id}",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&NEEDS);

/// What the creation of a source needs, and the queue: enabling one begins with what lies in its folder.
const NEEDS: [Var; 6] = [
    create::NEEDS[0],
    create::NEEDS[1],
    create::NEEDS[2],
    create::NEEDS[3],
    create::NEEDS[4],
    Var::SyncQueueUrl,
];

/// Replaces a source's settings. What a reading under way finds is left to a person then: the settings it began with are not wanted any
/// more. A folder that is enabled again is looked through for the files that came meanwhile.
#[utoipa::path(put, path = "/api/v1/sync-sources/{id}", operation_id = "sync-update", tag = "sync", request_body = SyncSourceRequest,
    params(("id" = String, Path, description = "syn_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 200, description = "The source as it is now", body = SyncSourceResponse), (status = 404, description = "No such source"),
        (status = 409, description = "Another source has the folder"), (status = 412, description = "It changed since you read it"),
        (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let now = app.now();
    let settings = extract::json::<SyncSourceRequest>(&request)?.checked(app, now)?;
    let store = app.store()?;
    let seen = store::sync_sources::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    let keeps = seen.schedule.is_some() && settings.enabled && settings.timetable == seen.settings.timetable;
    let schedule = if keeps {
        seen.schedule
    } else {
        timing::make(app, seen.id, &settings).await?
    };
    let source = SyncSource {
        settings,
        schedule,
        updated_at: now,
        version: seen.version + 1,
        ..seen.clone()
    };
    match store::sync_sources::replace(store, &seen, &source).await? {
        Written::Done => {}
        Written::FolderTaken => return Err(folder_taken()),
        Written::Stale => return Err(ApiError::PreconditionFailed),
    }
    if let Some(old) = seen.schedule.filter(|_| !keeps) {
        timing::take_back(app, old).await;
    }
    let is_enabled_again = source.settings.enabled && !seen.settings.enabled;
    if is_enabled_again
        && source.settings.origin.folder().is_some()
        && let Err(error) = run::begin(app, &request, &source).await
    {
        // The settings are stored. Where the run is, too, it says that it was not begun.
        tracing::warn!(source_id = %source.id, ?error, "the folder is not looked through");
    }
    let last = crate::wire::last_run(app, source.id).await?;
    let version = source.version;
    respond::versioned(&SyncSourceResponse::new(source, last, now), version)
}
