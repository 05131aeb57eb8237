//! `PUT /api/v1/sync-sources/{id}`.

use domain::sync::SyncSource;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use store::sync_sources::Written;

use crate::wire::{SyncSourceRequest, SyncSourceResponse, folder_taken};
use crate::{create, timing};

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-update",
    Method::PUT,
    "/api/v1/sync-sources/{id}",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&create::NEEDS);

/// Replaces a source's settings. Readings under way go on with the settings they began with.
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
    let last = crate::wire::last_run(app, source.id).await?;
    let version = source.version;
    respond::versioned(&SyncSourceResponse::new(source, last, now), version)
}
