//! `POST /api/v1/files/import-vendors`.

use domain::ImportId;
use domain::import::ImportMode;
use domain::user::Permission;
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, objects, respond};
use store::imports::{Failure, Import, ImportState, NewImport, Settings};
use utoipa::ToSchema;

use crate::upload::Upload;
use crate::wire::ImportResponse;
use crate::{ImportMessage, Task, files, upload};

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-create",
    Method::POST,
    "/api/v1/files/import-vendors",
    Access::Requires(Permission::ImportsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName, Var::ImportQueueUrl])
.taking(MAX_BYTES)
.or_rather("a larger file, up to 50 MB, is uploaded by the link that POST /api/v1/imports answers with")
.idempotent();

/// Lambda is called with at most 6 MB, in which the body stands in base64, four bytes for three, beside the headers.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BYTES: usize = 4_500_000;

/// The form, for the documentation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the body is read as a stream of parts, never as this")]
struct UploadForm {
    /// CSV or XLSX with a header; the headers of common ERP exports are known.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `create_only` (default), `update_existing` or `create_and_update`.
    mode: Option<ImportMode>,
}

/// Takes a file of vendors, CSV or XLSX, and begins its dry run in the background. Nothing is stored until the import is confirmed.
///
/// Delimiter (comma, semicolon, tab, bar, `^`, `~`, colon) and encoding (UTF-8, UTF-16, Windows-1252) are recognised, and so are the headers of SAP,
/// Zoho, Tally and Oracle. Larger files, up to 50 MB, begin with `POST /api/v1/imports`.
#[utoipa::path(post, path = "/api/v1/files/import-vendors", operation_id = "imports-create", tag = "imports",
    request_body(content((UploadForm = "multipart/form-data"), (String = "text/csv"), (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer"),
        ("file_name" = Option<String>, Query, description = "Name of a file sent as the body itself"),
        ("mode" = Option<String>, Query, description = "`create_only` (default), `update_existing` or `create_and_update`")),
    responses((status = 202, description = "The dry run is queued; `Location` tells the progress", body = ImportResponse),
        (status = 413, description = "More than 4.5 MB: begin with `POST /api/v1/imports`"), (status = 415, description = "Neither a form nor a file of a known kind"),
        (status = 422, description = "An empty file, or a form with other fields")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let (caller, correlation_id) = (request.caller()?.id(), request.correlation_id.clone());
    let Upload { file_name, bytes, mode } = upload::read(request).await?;
    if bytes.is_empty() {
        return Err(invalid(
            "file",
            "",
            "empty",
            "the file is empty: upload a file with a header row and one row for each vendor",
        ));
    }
    let id = ImportId::from_ulid(app.new_ulid());
    let run = app.new_ulid();
    let import = Import::from(NewImport {
        id,
        file_name,
        source_key: files::source(id),
        state: ImportState::Queued,
        settings: Settings { mode, ..Settings::default() },
        run,
        by: caller,
        at: app.now(),
    });
    // File, job, message: each is there before what refers to it. A file without a job is deleted with the others in time.
    objects::put(app, &import.source_key, bytes, files::UPLOAD)
        .await
        .map_err(ApiError::Internal)?;
    store::imports::create(app.store()?, &import).await?;
    let message = ImportMessage::new(id, Task::Analyse { run });
    if let Err(error) = message.send(app, &correlation_id).await {
        // Nobody would ever work on it. If the message was taken after all, the worker finds the job over.
        let failure = Failure {
            code: "not_queued".to_owned(),
            message: "the import could not be queued: upload the file again".to_owned(),
        };
        store::imports::fail(app.store()?, &import, &failure, app.now()).await?;
        return Err(ApiError::Internal(error));
    }
    respond::accepted(&ImportResponse::new(import, None), &format!("/api/v1/imports/{id}"))
}
