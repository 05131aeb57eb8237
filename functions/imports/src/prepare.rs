//! `POST /api/v1/imports`.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ImportId;
use domain::import::{ImportMode, MAX_FILE_BYTES};
use domain::user::Permission;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, objects, respond};
use serde::{Deserialize, Serialize};
use store::imports::{Import, ImportState, NewImport, Settings};
use utoipa::ToSchema;

use crate::wire::{ImportResponse, sheet_name};
use crate::{files, upload};

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-prepare",
    Method::POST,
    "/api/v1/imports",
    Access::Requires(Permission::ImportsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName])
.idempotent();

const LINK_TTL: Duration = Duration::from_secs(3_600);

/// A file that is about to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrepareImportRequest {
    /// Its name.
    #[schema(example = "vendors.xlsx")]
    file_name: String,
    /// Its size in bytes, at most 50 MiB. The link takes exactly so many.
    #[schema(example = 1_048_576)]
    bytes: u64,
    /// Which vendors may be written.
    #[serde(default)]
    mode: ImportMode,
    /// The sheet of a workbook; without it, the first with a header that is known.
    #[serde(default)]
    sheet: Option<String>,
}

/// An import that waits for its file, and where to put it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreparedResponse {
    /// The import.
    #[serde(flatten)]
    import: ImportResponse,
    /// How to upload the file.
    upload: UploadResponse,
}

/// A request that stores the file.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadResponse {
    /// `PUT`.
    method: &'static str,
    /// Where to; it needs no token.
    url: String,
    /// The `Content-Type` to send.
    content_type: &'static str,
    /// Every header to send; they are signed. The link stores a file once and never over another.
    headers: BTreeMap<&'static str, &'static str>,
    /// Until when.
    expires_at: Timestamp,
}

/// Begins an import of a file of up to 50 MB and 100,000 rows, CSV or XLSX. Upload it with the answer's link, then ask for the dry
/// run with `analyse`. The link takes one file of exactly the announced size; sent again, it answers 412.
#[utoipa::path(post, path = "/api/v1/imports", operation_id = "imports-prepare", tag = "imports", request_body = PrepareImportRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Upload the file now", body = PreparedResponse)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: PrepareImportRequest = extract::json(&request)?;
    if body.bytes == 0 || body.bytes > MAX_FILE_BYTES {
        let message = "a file has 1 byte to 50 MiB: divide a larger one";
        return Err(invalid("bytes", &body.bytes.to_string(), "out_of_range", message));
    }
    let id = ImportId::from_ulid(app.new_ulid());
    let now = app.now();
    let import = Import::from(NewImport {
        id,
        file_name: upload::file_name(Some(&body.file_name)),
        source_key: files::source(id),
        state: ImportState::AwaitingUpload,
        settings: Settings {
            mode: body.mode,
            sheet: body.sheet.map(sheet_name).transpose()?,
            ..Settings::default()
        },
        run: app.new_ulid(),
        by: request.caller()?.id(),
        at: now,
    });
    store::imports::create(app.store()?, &import).await?;
    let url = objects::upload_link(app, &import.source_key, files::UPLOAD, body.bytes, LINK_TTL)
        .await
        .map_err(ApiError::Internal)?;
    let (location, version) = (format!("/api/v1/imports/{id}"), import.version);
    let upload = UploadResponse {
        method: "PUT",
        url,
        content_type: files::UPLOAD,
        headers: BTreeMap::from([("content-type", files::UPLOAD), ("if-none-match", "*")]),
        expires_at: now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(now),
    };
    let import = ImportResponse::new(import, None);
    respond::created(&PreparedResponse { import, upload }, &location, version)
}
