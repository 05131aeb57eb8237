//! `GET /api/v1/imports/{id}/rejects`.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use domain::ImportId;
use domain::user::Permission;
use http::{Method, StatusCode};
use jiff::ToSpan as _;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use store::imports::{FILE_DAYS, ImportState};

use crate::files;

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-rejects",
    Method::GET,
    "/api/v1/imports/{id}/rejects",
    Access::Requires(Permission::ImportsRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName]);

/// Lambda answers with at most 6 MB of JSON, in which a quotation mark or a line break of the file takes two bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_INLINE_BYTES: usize = 3_000_000;

const LINK_TTL: Duration = Duration::from_secs(300);

/// The rejected rows as CSV: the cells as they were, and behind them what is wrong. Corrected, the file can be uploaded as it is.
#[utoipa::path(get, path = "/api/v1/imports/{id}/rejects", operation_id = "imports-rejects", tag = "imports",
    params(("id" = String, Path, description = "imp_…")),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 303, description = "A large file: download it from `Location` within five minutes"),
        (status = 404, description = "No such import, or no rejected rows (yet)"), (status = 410, description = "The file was deleted after 90 days")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let import = store::imports::get(app.store()?, request.id("id")?).await?;
    let key = match (import.state, import.rejects_key) {
        (ImportState::Completed, Some(key)) => key,
        (ImportState::Completed, None) => return Err(ApiError::NotFound("no row of this import was rejected")),
        (ImportState::Failed, _) => {
            return Err(ApiError::NotFound(
                "the file as a whole could not be imported: the import's `failure` says why",
            ));
        }
        (ImportState::Queued | ImportState::Running, _) => {
            return Err(ApiError::NotFound("the import is not finished: ask again when its state is `completed`"));
        }
    };
    // S3 answers 403 for a missing object to whoever may not list the bucket, so the date tells.
    let is_deleted = import
        .created_at
        .checked_add((FILE_DAYS * 24).hours())
        .is_ok_and(|deleted_at| deleted_at <= app.now());
    let file = if is_deleted {
        None
    } else {
        files::read(app, &key).await.map_err(ApiError::Internal)?
    };
    let Some(file) = file else {
        return Err(ApiError::Gone("files of an import are deleted after 90 days"));
    };
    if file.len() > MAX_INLINE_BYTES {
        return Ok(respond::with_header(
            empty(StatusCode::SEE_OTHER),
            "location",
            &link(app, import.id, &key).await?,
        ));
    }
    let text = String::from_utf8(file).map_err(|error| ApiError::Internal(Box::new(error)))?;
    let response = respond::new(StatusCode::OK, files::CONTENT_TYPE, text);
    Ok(respond::with_header(response, "content-disposition", &disposition(import.id)))
}

/// A link that needs no token, for a file that is too large to pass through.
async fn link(app: &App, import: ImportId, key: &str) -> Result<String, ApiError> {
    let internal = |error: Box<dyn std::error::Error + Send + Sync>| ApiError::Internal(error);
    let config = PresigningConfig::expires_in(LINK_TTL).map_err(|error| internal(error.into()))?;
    let request = app
        .s3()
        .get_object()
        .bucket(app.config().get(Var::BucketName)?)
        .key(key)
        .response_content_disposition(disposition(import));
    Ok(request.presigned(config).await.map_err(|error| internal(error.into()))?.uri().to_owned())
}

fn disposition(import: ImportId) -> String {
    format!("attachment; filename=\"{import}-rejects.csv\"")
}

fn empty(status: StatusCode) -> Response {
    let mut response = respond::no_content();
    *response.status_mut() = status;
    response
}
