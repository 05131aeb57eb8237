//! `POST /api/v1/files/import-vendors`.

use domain::ImportId;
use domain::user::Permission;
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, respond};
use store::imports::{Import, ImportCounts, ImportState};
use utoipa::ToSchema;

use crate::sheet::Sheet;
use crate::wire::ImportResponse;
use crate::{ImportMessage, files, upload};

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
.idempotent();

const MAX_BYTES: usize = 5_000_000;

/// The form, for the documentation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the body is read as a stream of parts, never as this")]
struct UploadForm {
    /// CSV with a header: `vendor_code` and `company_name` at least; the headers of common ERP exports are known, too.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Takes a CSV file of vendors and imports it in the background.
///
/// Delimiter (comma, semicolon, tab, bar) and encoding (UTF-8, UTF-16, Windows-1252) are recognised. The file's header is
/// checked at once, the rows by a worker: good rows become vendors, the others are handed back with reasons.
#[utoipa::path(post, path = "/api/v1/files/import-vendors", operation_id = "imports-create", tag = "imports",
    request_body(content((UploadForm = "multipart/form-data"), (String = "text/csv"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer"),
        ("file_name" = Option<String>, Query, description = "Name of a file sent as text/csv")),
    responses((status = 202, description = "Queued; `Location` tells the progress", body = ImportResponse),
        (status = 413, description = "More than 5 MB"), (status = 415, description = "Neither a form nor text/csv"),
        (status = 422, description = "Not a CSV file of vendors: what was found and what is expected")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let (caller, correlation_id) = (request.caller()?.id(), request.correlation_id.clone());
    let upload = upload::read(request).await?;
    Sheet::parse(&upload.bytes).map_err(|error| invalid("file", "", error.code(), &error.to_string()))?;

    let id = ImportId::from_ulid(app.new_ulid());
    let mut import = Import {
        id,
        file_name: upload.file_name,
        source_key: files::source_key(id),
        rejects_key: None,
        state: ImportState::Queued,
        failure: None,
        counts: ImportCounts::default(),
        errors: Vec::new(),
        created_by: caller,
        created_at: app.now(),
        completed_at: None,
    };
    // File, job, message: each is there before what refers to it. A file without a job is deleted with the others in time.
    files::write(app, &import.source_key, upload.bytes).await.map_err(ApiError::Internal)?;
    store::imports::create(app.store()?, &import).await?;
    let message = Outgoing {
        body: ImportMessage { import_id: id },
        delay_secs: 0,
    };
    if let Err(error) = runtime::send(app, Var::ImportQueueUrl, &correlation_id, &[message]).await {
        // Nobody would ever work on it. If the message was taken after all, the worker finds the job over.
        import.state = ImportState::Failed;
        import.failure = Some("the import could not be queued: upload the file again".to_owned());
        import.completed_at = Some(app.now());
        store::imports::finish(app.store()?, &import).await?;
        return Err(ApiError::Internal(error));
    }
    respond::accepted(&ImportResponse::from(import), &format!("/api/v1/imports/{id}"))
}
