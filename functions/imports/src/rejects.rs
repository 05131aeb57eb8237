//! `GET /api/v1/imports/{id}/rejects`.

use std::time::Duration;

use domain::user::Permission;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use runtime::objects::{self, FetchedBytes};
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use serde::Serialize;
use store::imports::{FILE_DAYS, ImportState};
use utoipa::ToSchema;

use crate::files;

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-rejects",
    Method::GET,
    "/api/v1/imports/{id}/rejects",
    // A file that leaves the system, with every identifier as it was given.
    Access::Requires(Permission::VendorsReveal),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName]);

/// Lambda answers with at most 6 MB of JSON, in which a quotation mark or a line break of the file takes two bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_INLINE_BYTES: u64 = 3_000_000;

const LINK_SECS: i64 = 300;
const LINK_TTL: Duration = Duration::from_secs(LINK_SECS.unsigned_abs());

/// Where a large file is.
#[derive(Serialize, ToSchema)]
struct RejectsLink {
    /// Where to download it from; it needs no token.
    url: String,
    /// Until when.
    expires_at: Timestamp,
}

/// The rejected rows as they came, CSV or XLSX: the cells as they were, and behind them what is wrong. Corrected, the file can be uploaded
/// as it is.
///
/// After the dry run these are the rows that would not be imported; at the end, those that were not. A workbook, and a CSV file of more
/// than 3 MB, is downloaded by a link: a script in a browser, which cannot follow a redirect to another origin with its token, asks for it
/// with `Accept: application/json`.
#[utoipa::path(get, path = "/api/v1/imports/{id}/rejects", operation_id = "imports-rejects", tag = "imports",
    params(("id" = String, Path, description = "imp_…")),
    responses((status = 200, description = "The file, or the link to it", content((String = "text/csv"), (RejectsLink = "application/json"))),
        (status = 303, description = "A workbook or a large file: download it from `Location` within five minutes; with `Accept: application/json` the link comes as JSON, with status 200"),
        (status = 404, description = "No such import, or no rejected rows (yet)"), (status = 410, description = "The file was deleted after 90 days")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let import = store::imports::get(app.store()?, request.id("id")?).await?;
    let key = match (import.state, import.rejects_key) {
        (ImportState::AwaitingUpload | ImportState::Queued | ImportState::Analysing, _) => {
            return Err(ApiError::NotFound("the dry run is not finished: ask again when the import is `ready`"));
        }
        (_, Some(key)) => key,
        (ImportState::Failed, None) => {
            return Err(ApiError::NotFound(
                "the file as a whole could not be imported: the import's `failure` says why",
            ));
        }
        (_, None) => return Err(ApiError::NotFound("no row of this import was rejected")),
    };
    // S3 answers 403 for a missing object to whoever may not list the bucket, so the date tells.
    let is_deleted = import
        .created_at
        .checked_add((FILE_DAYS * 24).hours())
        .is_ok_and(|deleted_at| deleted_at <= app.now());
    let wants_link = request.header("accept").is_some_and(|accept| accept.contains("application/json"));
    let found = match (is_deleted, files::extension(&key)) {
        (true, _) => FetchedBytes::Missing,
        (false, "csv") if !wants_link => objects::get(app, &key, MAX_INLINE_BYTES).await.map_err(ApiError::Internal)?,
        // Bytes that are no text go by a link.
        (false, _) => FetchedBytes::TooLarge,
    };
    let name = format!("{}-rejects.{}", import.id, files::extension(&key));
    match found {
        FetchedBytes::Missing => Err(ApiError::Gone("files of an import are deleted after 90 days")),
        FetchedBytes::TooLarge => {
            let link = objects::download_link(app, &key, &name, LINK_TTL).await.map_err(ApiError::Internal)?;
            if wants_link {
                let expires_at = app.now().saturating_add(SignedDuration::from_secs(LINK_SECS)).unwrap_or(app.now());
                return respond::ok(&RejectsLink { url: link, expires_at });
            }
            let mut response = respond::no_content();
            *response.status_mut() = StatusCode::SEE_OTHER;
            Ok(respond::with_header(response, "location", &link))
        }
        FetchedBytes::Whole(bytes) => {
            let text = String::from_utf8(bytes).map_err(|error| ApiError::Internal(Box::new(error)))?;
            let response = respond::new(StatusCode::OK, files::content_type(&key), text);
            Ok(respond::with_header(
                response,
                "content-disposition",
                &format!("attachment; filename=\"{name}\""),
            ))
        }
    }
}
